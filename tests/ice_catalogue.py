"""A catalogue with a lake that fills and drains, a glacier that surges, and the ways from both to the road at Hassanabad."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import shapely
from sqlalchemy import text

from hazard_db import cascades, changes, connect, glaciers, lakes, seed, termini
from hazard_db.connect import Engine
from hazard_db.glacier_file import OutlineRecord

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SHISPER = (74.61, 36.40)
GLACIER = "RGI60-14.04411"
LAKE = "L36.400N074.610E"


def fill_ice(engine: Engine) -> None:
    """Store the lake on nine dates, the glacier on twelve with outlines of two years, and both ways."""
    run = changes.RunRecord("lake", "ndwi", "1", {}, [], "ice", "test", NOW, NOW, None, {}, None)
    with connect.transaction(engine) as conn:
        seed.load(conn)
        days = [date(2025, 9, 1) + timedelta(days=30 * number) for number in range(12)]
        for day in days:
            conn.execute(
                text("""INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets,
                                           checksum, geom)
                        VALUES (:id, 'c', 's', :at, 32643, 50, 150, '{}', :id, ST_Multi(ST_MakeEnvelope(74, 36, 75, 37, 4326)))"""),
                {"id": f"s{day}", "at": datetime(day.year, day.month, day.day, tzinfo=UTC)},
            )
        number = changes.store_run(conn, run, [], []).run_id
        _lake(conn, number, days)
        _glacier(conn, number, days)
        paths = _ways(conn)
        cascades.store(conn, paths, dem="srtm.tif", dem_sha256="x")


def _lake(conn: Any, run: int, days: list[date]) -> None:
    views = []
    for number, day in enumerate(days[:9]):
        size = 0.0012 + 0.0003 * number
        area = shapely.Point(SHISPER).buffer(size)
        state = "dry" if number == 8 else "frozen" if number in (3, 4) else "water"
        shape = None if state == "dry" else area
        views.append(
            lakes.View(
                f"s{day}",
                day,
                state,
                0.0 if shape is None else area.area * 9.9e9,
                4000.0,
                0.9,
                120_000.0,
                9_000.0,
                shape,
            )
        )
    lakes.store(
        conn, run, [lakes.LakeRecord(LAKE, True, 0.3, tuple(views))], scene_ids=[],
        footprint_wkb=shapely.to_wkb(shapely.box(74, 36, 75, 37)),
    )  # fmt: skip


def _glacier(conn: Any, run: int, days: list[date]) -> None:
    for year, reach in ((2000, 0.10), (2019, 0.09)):
        outline = shapely.box(SHISPER[0] - 0.015, SHISPER[1], SHISPER[0] + 0.015, SHISPER[1] + reach)
        record = OutlineRecord(GLACIER, "Shisper", date(year, 9, 9), "day", "RGI 6", outline)
        glaciers.store_outlines(conn, [record], dataset=f"RGI {year}", pixel_m=30)
    records = []
    for number, day in enumerate(days):
        advance = 60.0 * max(0, number - 6)
        measured = {
            "trend": "surge" if number > 7 else "stable", "length_m": 15_000 + advance, "length_uncertainty_m": 6.0,
            "change_m": advance, "change_uncertainty_m": 8.0, "rate_m_yr": 4.0, "rate_uncertainty_m_yr": 3.0, "area_m2": 26e6,
            "area_uncertainty_m2": 3e5, "surge_on": days[8].isoformat(), "surface": "clean_ice", "centreline": "given", "reason": None,
            "confidence": 0.9,
        }  # fmt: skip
        y = SHISPER[1] - advance / 111_000
        line = {"type": "LineString", "coordinates": [[SHISPER[0] - 0.004, y], [SHISPER[0] + 0.004, y - 0.0005]]}
        records.append(termini.TerminusRecord(GLACIER, f"s{day}", day, measured, line))
    termini.store(conn, run, records)


def _ways(conn: Any) -> list[cascades.Path]:
    """Return straight ways from both down to the road, falling 520 m."""
    x, y = conn.execute(text("SELECT ST_X(p), ST_Y(p) FROM point_at_chainage(634, current_alignment()) AS p")).one()
    found = []
    for kind in ("lake", "glacier"):
        origin = min(cascades.origins(conn, kind), key=lambda one: one.area.distance(shapely.Point(SHISPER)))
        line = np.column_stack(
            [np.linspace(SHISPER[0], x, 12), np.linspace(SHISPER[1], y - 0.002, 12), np.linspace(2600, 2080, 12)]
        )
        found.append(cascades.Path(kind, origin.id, shapely.LineString(line), 30.0))
    return found
