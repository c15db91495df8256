from __future__ import annotations

import math
from typing import Any

import pytest
import shapely
from shapely.geometry import mapping

from alerts.area import MAX_VERTICES, polygons


def parsed(rings: list[str]) -> list[shapely.Polygon]:
    pairs = [[tuple(map(float, pair.split(","))) for pair in ring.split(" ")] for ring in rings]
    return [shapely.Polygon([(lon, lat) for lat, lon in ring]) for ring in pairs]


def jagged(lon: float, lat: float, size: float, corners: int) -> shapely.Polygon:
    angles = [2 * math.pi * step / corners for step in range(corners)]
    return shapely.Polygon(
        [
            (lon + size * (1 + 0.3 * (step % 2)) * math.cos(a), lat + size * (1 + 0.3 * (step % 2)) * math.sin(a))
            for step, a in enumerate(angles)
        ]
    )


@pytest.mark.parametrize(
    "geometry",
    [
        jagged(74.87, 36.33, 0.002, 8),
        jagged(74.87, 36.33, 0.01, 4000),
        shapely.union_all([jagged(74.8 + 0.004 * step, 36.33, 0.001, 40) for step in range(30)]),
        shapely.union_all([jagged(74.0 + 0.03 * step, 36.0 + 0.02 * (step % 7), 0.001, 12) for step in range(60)]),
        shapely.Point(74.87, 36.33),
        shapely.LineString([(74.87, 36.33), (74.88, 36.34)]),
        shapely.Polygon(
            [(74, 36), (74.1, 36), (74.1, 36.1), (74, 36.1)], [[(74.01, 36.01), (74.09, 36.01), (74.05, 36.09)]]
        ),
        shapely.Polygon([(74.87, 36.33), (74.870001, 36.33), (74.870001, 36.330001)]),
        shapely.GeometryCollection([shapely.Point(74.87, 36.33), jagged(74.9, 36.33, 0.001, 9)]),
    ],
    ids=["small", "4000 corners", "row", "scattered", "point", "line", "hole", "tiny", "mixed"],
)
def test_few_vertices_closed_and_nothing_left_out(geometry: shapely.Geometry) -> None:
    rings = polygons(mapping(geometry))
    shapes = parsed(rings)
    assert sum(ring.count(",") for ring in rings) <= MAX_VERTICES
    for ring, outline in zip(rings, shapes, strict=True):
        pairs = ring.split(" ")
        assert pairs[0] == pairs[-1]
        assert len(pairs) >= 4
        assert all(len(part.partition(".")[2]) == 5 for pair in pairs for part in pair.split(","))
        assert outline.is_valid
    whole = shapely.union_all(shapes)
    assert whole.buffer(1e-5).covers(geometry)
    west, south, east, north = whole.bounds
    assert 73 < west <= east < 77
    assert 35 < south <= north < 38, "latitude comes first"


def test_a_simple_outline_stays_close() -> None:
    square = shapely.box(74.87, 36.33, 74.88, 36.34)
    (outline,) = parsed(polygons(mapping(square)))
    assert outline.area < square.area * 1.1


def test_no_place_no_alert() -> None:
    empty: dict[str, Any] = {"type": "GeometryCollection", "geometries": []}
    with pytest.raises(ValueError, match="without a place"):
        polygons(empty)


def test_an_alert_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="without a place cannot be sent"):
        polygons({"type": "Polygon", "coordinates": []})
