"""A simulated glacier and the lake that it dams, for the demonstration: prescribed shapes on the days of the simulated scenes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TypeVar

import numpy as np
import shapely
from pyproj import Geod, Transformer
from shapely.geometry.base import BaseGeometry

from api.demo_data import CENTRE_KM, COLLECTION, UTM
from hazard_db import cascades, changes, corridor, glaciers, lakes, scenes, termini
from hazard_db.connect import Connection
from hazard_db.glacier_file import OutlineRecord

GLACIER_ID, LAKE_ID = "SIMULATED-GLACIER", "SIMULATED-LAKE"
NAME = "SIMULATED glacier"
METHOD = "SIMULATED: prescribed, not measured"
FROM_ROAD_M = 6_000.0
"""The lake lies this far north of the road."""
LAKE_M, GLACIER_M, HALF_WIDTH_M = 300.0, 5_000.0, 500.0
"""Radius of the lake when first seen, length and half the width of the glacier."""
GROWTH_M, ADVANCE_M = 15.0, 10.0
"""From one scene to the next."""
PIXEL_M = 10.0
FALL_M = (2_900.0, 2_350.0)
"""Heights at the lake and at the road."""
Shape = TypeVar("Shape", bound=BaseGeometry)
GEOD = Geod(ellps="WGS84")
TO_DEGREES = Transformer.from_crs(UTM, 4326, always_xy=True).transform
TO_METRES = Transformer.from_crs(4326, UTM, always_xy=True).transform


def add_ice(conn: Connection, now: datetime) -> None:
    """Store glacier, lake and the way of its water to the road, once for the scenes that there are."""
    seen = scenes.find(conn, collection=COLLECTION)
    ids = [scene.id for scene in seen]
    sha = hashlib.sha256(f"{METHOD} {sorted(ids)}".encode()).hexdigest()
    if changes.find_run(conn, sha, version("kkh-hazard-watch")) is not None:
        return
    days = [scene.acquired_at.astimezone(UTC).date() for scene in seen]
    road = corridor.locate_km(conn, CENTRE_KM)
    east, north = TO_METRES(road.lon, road.lat)
    middle = (east, north + FROM_ROAD_M)
    covered = _degrees(shapely.Point(middle).buffer(GLACIER_M + FROM_ROAD_M))
    run = changes.RunRecord(
        "lake", METHOD, "1", {"simulated": True}, [{"scene": one} for one in ids], sha, version("kkh-hazard-watch"), now, now, None, {},
        shapely.to_wkb(shapely.MultiPolygon([covered])),
    )  # fmt: skip
    number = changes.store_run(conn, run, [], []).run_id
    _add_glacier(conn, number, middle, list(zip(ids, days, strict=True)))
    views = tuple(_view(one, day, middle, step) for step, (one, day) in enumerate(zip(ids, days, strict=True)))
    lakes.store(
        conn,
        number,
        [lakes.LakeRecord(LAKE_ID, True, 0.3, views)],
        scene_ids=ids,
        footprint_wkb=shapely.to_wkb(covered),
    )
    heights = np.linspace(*FALL_M, 12)
    # a little beyond the road, so that the way crosses it
    course = np.column_stack(TO_DEGREES(np.full(12, east), np.linspace(middle[1], north - 200, 12)))
    line = shapely.LineString(np.column_stack([course, heights]))
    (here,) = [one.id for one in cascades.origins(conn, "lake") if one.area.intersects(_degrees(shapely.Point(middle)))]
    cascades.store(conn, [cascades.Path("lake", here, line, PIXEL_M)], dem="SIMULATED", dem_sha256=sha)


def _view(scene_id: str, day: date, middle: tuple[float, float], step: int) -> lakes.View:
    radius = LAKE_M + GROWTH_M * step
    shape = _degrees(shapely.Point(middle).buffer(radius))
    area = abs(GEOD.geometry_area_perimeter(shape)[0])
    return lakes.View(scene_id, day, "water", area, 2 * np.pi * radius * PIXEL_M / 2, 1.0, outline=shape)


def _add_glacier(conn: Connection, run: int, lake: tuple[float, float], looks: Sequence[tuple[str, date]]) -> None:
    """Store an outline north of the lake, and an end that advances towards it."""
    east, end = lake[0], lake[1] + LAKE_M
    outline = _degrees(shapely.box(east - HALF_WIDTH_M, end, east + HALF_WIDTH_M, end + GLACIER_M))
    record = OutlineRecord(GLACIER_ID, NAME, looks[0][1], "day", "SIMULATED", outline)
    glaciers.store_outlines(conn, [record], dataset="SIMULATED", pixel_m=PIXEL_M)
    years = [(day - looks[0][1]).days / 365.25 for _, day in looks]
    found = []
    for step, (scene_id, day) in enumerate(looks):
        moved = ADVANCE_M * step
        measured = {
            "trend": "stable", "length_m": GLACIER_M + moved, "length_uncertainty_m": PIXEL_M, "change_m": moved,
            "change_uncertainty_m": PIXEL_M * 2**0.5, "rate_m_yr": moved / years[step] if step else None,
            "rate_uncertainty_m_yr": PIXEL_M * 2**0.5 / years[step] if step else None,
            "area_m2": 2 * HALF_WIDTH_M * (GLACIER_M + moved), "area_uncertainty_m2": 2 * HALF_WIDTH_M * PIXEL_M, "surge_on": None,
            "surface": "clean_ice", "centreline": "given", "reason": "SIMULATED", "confidence": 1.0,
        }  # fmt: skip
        line = _degrees(shapely.LineString([(east - HALF_WIDTH_M, end - moved), (east + HALF_WIDTH_M, end - moved)]))
        found.append(termini.TerminusRecord(GLACIER_ID, scene_id, day, measured, shapely.geometry.mapping(line)))
    termini.store(conn, run, found)


def _degrees(shape: Shape) -> Shape:
    """Return a shape of the plane in degrees."""
    return shapely.transform(shape, lambda places: np.column_stack(TO_DEGREES(*places.T)))
