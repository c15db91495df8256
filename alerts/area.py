"""The outline of an alert as CAP polygons: few vertices, closed, latitude first, five decimals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

METRES_PER_DEGREE = 111_320.0
MAX_VERTICES = 100
MARGIN_M = 15.0
"""Points and lines become areas of this reach; it also keeps small outlines from collapsing when rounded."""
DECIMALS = 5
"""About a metre: two decimals, as some tools write, would be a kilometre."""


def polygons(geometry: Mapping[str, Any], limit: int = MAX_VERTICES) -> list[str]:
    """Return CAP polygons (`lat,lon lat,lon ...`, closed) that cover a GeoJSON geometry, `limit` vertices in all.

    Raises
    ------
    ValueError
        The geometry is empty.
    """
    given = shape(dict(geometry))
    if given.is_empty:
        raise ValueError("an alert without a place cannot be sent")
    lat0 = float(given.centroid.y)
    stretch = max(0.01, math.cos(math.radians(lat0)))
    metric = shapely.transform(given, lambda xy: xy * [METRES_PER_DEGREE * stretch, METRES_PER_DEGREE])
    simple = _within(metric.buffer(MARGIN_M, quad_segs=2), limit)
    back = shapely.transform(simple, lambda xy: xy / [METRES_PER_DEGREE * stretch, METRES_PER_DEGREE])
    return [_ring(part) for part in _parts(back)]


def _within(area: BaseGeometry, limit: int) -> BaseGeometry:
    """Return an area of at most `limit` vertices that covers the given one: coarser outlines, then joined, then one hull."""
    tolerance = 2.0
    while tolerance < 1000:
        outline = _solid(area)
        # buffering by the tolerance first keeps every point of the original inside what simplification leaves
        coarse = _solid(outline.buffer(tolerance, quad_segs=2).simplify(tolerance * 0.9))
        if not coarse.is_empty and coarse.is_valid and _count(coarse) <= limit and coarse.covers(area):
            return coarse
        tolerance *= 2
    hull = area.convex_hull
    while _count(hull) > limit:
        hull = hull.buffer(tolerance, quad_segs=1).simplify(tolerance).convex_hull
        tolerance *= 2
    return hull if hull.covers(area) else area.envelope


def _solid(area: BaseGeometry) -> BaseGeometry:
    """Return an area without its holes, which CAP cannot express."""
    return shapely.union_all([shapely.Polygon(part.exterior) for part in _parts(area)])


def _parts(area: BaseGeometry) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(area) if isinstance(part, shapely.Polygon) and not part.is_empty]


def _count(area: BaseGeometry) -> int:
    return sum(len(part.exterior.coords) for part in _parts(area))


def _ring(part: shapely.Polygon) -> str:
    pairs = [f"{lat:.{DECIMALS}f},{lon:.{DECIMALS}f}" for lon, lat in part.exterior.coords]
    return " ".join([*pairs[:-1], pairs[0]])
