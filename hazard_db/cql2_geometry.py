"""Geometries that a filter in CQL2 writes out, as GeoJSON that the database reads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hazard_db.errors import InputError


def literal(node: Mapping[str, Any], *, degrees: bool, flipped: bool) -> dict[str, Any]:
    """Return a geometry or a box of a filter as GeoJSON; a box over the antimeridian has two parts.

    Parameters
    ----------
    degrees
        Whether its coordinates are longitude and latitude; those beyond 180 and 90 degrees are refused.
    flipped
        Whether latitude or northing comes first.

    Raises
    ------
    InputError
        It is no geometry, or lies outside the world.
    """
    made = _box(node["bbox"], degrees=degrees, flipped=flipped) if "bbox" in node else dict(node)
    for position in _positions(made):
        first, second = position[:2]
        lon, lat = (second, first) if flipped else (first, second)
        if degrees and (abs(lon) > 180.0 or abs(lat) > 90.0):
            raise InputError(
                f"the filter holds the position {lon:g} {lat:g}, which is outside of longitude and latitude"
            )
    return made


def _positions(node: Mapping[str, Any]) -> Iterator[Sequence[float]]:
    parts = node.get("geometries", [])
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, Mapping):
            raise InputError("a collection of geometries in the filter holds something else")
        yield from _positions(part)
    yield from _flat(node.get("coordinates", []))


def _flat(node: Any) -> Iterator[Sequence[float]]:
    if isinstance(node, list) and len(node) >= 2 and all(_number(one) for one in node):
        yield node
    elif isinstance(node, list) and not any(_number(one) for one in node):
        for one in node:
            yield from _flat(one)
    else:
        raise InputError("a geometry in the filter has positions that are no pairs of numbers")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _box(corners: Any, *, degrees: bool, flipped: bool) -> dict[str, Any]:
    numbers = corners if isinstance(corners, list) and all(_number(one) for one in corners) else []
    if len(numbers) not in (4, 6):
        raise InputError("bbox in the filter has 4 or 6 numbers")
    half = len(numbers) // 2
    (x1, y1), (x2, y2) = numbers[:2], numbers[half : half + 2]
    if flipped:
        x1, y1, x2, y2 = y1, x1, y2, x2
    spans = [(x1, 180.0), (-180.0, x2)] if degrees and x1 > x2 else [(x1, x2)]
    rings = [[[west, y1], [east, y1], [east, y2], [west, y2], [west, y1]] for west, east in spans]
    if flipped:
        rings = [[[y, x] for x, y in ring] for ring in rings]
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]} if len(rings) > 1 else {
        "type": "Polygon", "coordinates": rings,
    }  # fmt: skip
