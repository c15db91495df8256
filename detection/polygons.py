"""Pixels -> polygons on the Earth, with their area."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import shapes
from shapely.geometry import MultiPolygon, Polygon, mapping, shape
from shapely.geometry.base import BaseGeometry

from detection.grids import WGS84, Grid

PRECISION_DEG = 1e-7
"""About a centimetre."""


def outline(rows: npt.NDArray[np.int32], cols: npt.NDArray[np.int32], grid: Grid) -> Polygon | MultiPolygon:
    """Return the outline of pixels along their edges: valid, EPSG:4326, outer rings counter-clockwise."""
    top, left = int(rows.min()), int(cols.min())
    pixels = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), dtype=np.uint8)
    pixels[rows - top, cols - left] = 1
    place = grid.transform @ type(grid.transform).translation(left, top)
    parts = [shape(part) for part, _ in shapes(pixels, mask=pixels > 0, connectivity=4, transform=place)]
    return to_lonlat(shapely.union_all(parts), grid)


def to_lonlat(area: BaseGeometry, grid: Grid) -> Polygon | MultiPolygon:
    """Return an area of the grid's CRS in EPSG:4326: valid, rounded to PRECISION_DEG, right-hand rule of [@RFC7946]."""
    moved = shapely.transform(area, lambda xy: np.column_stack(grid.to_lonlat.transform(xy[:, 0], xy[:, 1])))
    rounded = shapely.set_precision(shapely.make_valid(moved), PRECISION_DEG)
    parts = [
        part
        for part in shapely.get_parts(shapely.get_parts(rounded))
        if part.geom_type == "Polygon" and not part.is_empty
    ]
    oriented = [shapely.geometry.polygon.orient(part) for part in parts]
    return oriented[0] if len(oriented) == 1 else MultiPolygon(oriented)


def area_m2(area: Polygon | MultiPolygon) -> float:
    """Return the area on the spheroid of an EPSG:4326 polygon."""
    return abs(float(WGS84.geometry_area_perimeter(area)[0]))


def perimeter_m(area: Polygon | MultiPolygon) -> float:
    """Return the length of all rings on the spheroid of an EPSG:4326 polygon."""
    return float(sum(WGS84.geometry_length(ring) for ring in shapely.get_rings(shapely.get_parts(area))))


def area_uncertainty_m2(area: Polygon | MultiPolygon, pixel_m: tuple[float, float]) -> float:
    """Return the uncertainty of an area drawn along pixels: half a pixel all along the perimeter."""
    return perimeter_m(area) * float(np.sqrt(pixel_m[0] * pixel_m[1])) / 2


def geojson(area: Polygon | MultiPolygon) -> dict[str, Any]:
    """Return a GeoJSON geometry with coordinates of 7 decimals."""
    geometry: dict[str, Any] = _rounded(mapping(area))
    return geometry


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
