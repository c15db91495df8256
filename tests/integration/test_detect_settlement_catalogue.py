from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from sqlalchemy import text

from alerts.run import review_change
from api.passes import DetectionSettings
from api.settlement import SettlementReport, detect_settlement
from detection.settlement.sums import SumFitter
from hazard_db import connect, corridor, deformation, displacement, evidence, risk, seed
from hazard_db.errors import ConflictError
from ingest.displacement.load import ingest_displacement
from tests.displacement_files import write_mintpy

SIDE, PIXEL_M = 50, 40.0
FIRST = date(2023, 1, 5)
DATES = [FIRST + timedelta(days=12 * k) for k in range(80)]
ASCENDING = {"HEADING": "-13.0", "CENTER_INCIDENCE_ANGLE": "39.0"}
DESCENDING = {"HEADING": "-167.0", "CENTER_INCIDENCE_ANGLE": "39.0"}


def corner(km: float) -> tuple[float, float]:
    """Return easting and northing of the upper left corner of a scene around a kilometre, EPSG:32643."""
    x, y = Transformer.from_crs(4326, 32643, always_xy=True).transform(*km_place(km))
    return round(x - SIDE * PIXEL_M / 2), round(y + SIDE * PIXEL_M / 2)


PLACES: dict[float, tuple[float, float]] = {}


def km_place(km: float) -> tuple[float, float]:
    return PLACES[km]


@pytest.fixture
def road(database: Any) -> Any:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        place = corridor.locate_km(conn, 657.0)
        PLACES[657.0] = (place.lon, place.lat)
    return database


def ground(count: int, change_mm_yr: float = 0.0, seed: int = 4) -> Any:
    """Return series of a bowl of -30 mm/yr that may change its rate 140 days before the end of DATES."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    bowl = np.exp(-((rows - 25) ** 2 + (cols - 25) ** 2) / (2 * 4.0**2))
    t = np.array([(day - FIRST).days for day in DATES[:count]]) / 365.25
    late = t > t[-1] - 140 / 365.25
    motion = -30.0 * t + change_mm_yr * np.where(late, t - t[-1] + 140 / 365.25, 0.0)
    return motion[:, None, None] * bowl + rng.normal(size=(count, SIDE, SIDE)) * 0.8


def write(path: Path, y: Any, **look: str) -> Path:
    west, north = corner(657.0)
    place = {"X_FIRST": str(west), "Y_FIRST": str(north), "X_STEP": str(PIXEL_M), "Y_STEP": str(-PIXEL_M)}
    return write_mintpy(path, y, DATES[: len(y)], **{**ASCENDING, **look, **place})


def write_dem(path: Path) -> Path:
    """Write a plane that falls 25 degrees to the west, around the scene."""
    west, north = corner(657.0)
    size = 200
    east = (np.arange(size) + 0.5) * PIXEL_M
    elevation = np.broadcast_to(2000 + np.tan(np.radians(25)) * east, (size, size)).astype(np.float32)
    shift = (size - SIDE) / 2 * PIXEL_M
    with rasterio.open(
        path, "w", driver="GTiff", height=size, width=size, count=1, dtype="float32", crs="EPSG:32643",
        transform=Affine(PIXEL_M, 0, west - shift, 0, -PIXEL_M, north + shift),
    ) as raster:  # fmt: skip
        raster.write(elevation, 1)
    return path


def ingest(database: Any, path: Path, name: str) -> int:
    return ingest_displacement(database.app_engine, path, fitter=SumFitter(), name=name, actor="tester").set_id


def detect(database: Any, home: Path, dem: Path | None = None) -> SettlementReport:
    settings = DetectionSettings(dem=dem)
    return detect_settlement(database.app_engine, home, since=date(2023, 1, 1), actor_name="tester", settings=settings)


def test_areas_with_slopes_and_what_the_radar_sees(road: Any, tmp_path: Path) -> None:
    set_id = ingest(road, write(tmp_path / "a.h5", ground(60)), "track 27")
    report = detect(road, tmp_path, write_dem(tmp_path / "dem.tif"))
    assert (report.runs, report.areas, len(report.new_changes), report.alerts) == (1, 1, 1, ())
    with connect.transaction(road.engine) as conn:
        (one,) = deformation.list_areas(conn, include_unreviewed=True, set_id=set_id)
        views = deformation.segment_views(conn, 656.0, 658.0)
        assert deformation.list_areas(conn, include_unreviewed=False) == []
        assert risk.show(conn, 656.0, 658.0)[0].contributions
    assert one["motion"] == "linear"
    assert one["velocity_mm_yr"] < -8
    assert one["chainage_km"] == pytest.approx(657.0, abs=0.6)
    assert one["slope_deg"] == pytest.approx(25.0, abs=0.5)
    assert one["aspect_deg"] == pytest.approx(270.0, abs=1.0)
    # the satellite of an ascending pass stands in the west, which this slope faces
    level = np.sin(np.radians(39))
    look = np.array([level * np.sin(np.radians(-103)), level * np.cos(np.radians(-103)), np.cos(np.radians(39))])
    down = np.array([-np.cos(np.radians(25)), 0, -np.sin(np.radians(25))])
    assert one["slope_sensitivity"] == pytest.approx(down @ look, abs=0.01)
    assert one["slope_velocity_mm_yr"] == pytest.approx(one["velocity_mm_yr"] / (down @ look), rel=0.03)
    assert deformation.kind_of(one) == "settlement"  # it sinks: along the slope that would be upwards
    assert one["visibility"] == pytest.approx(np.sin(np.radians(39 - 24.4)), abs=0.02)
    (view,) = [one for one in views if one["km_from"] <= 656.9 < one["km_to"]] or views[:1]
    assert view["foreshortened_share"] == pytest.approx(1.0, abs=0.05)
    assert view["seen_share"] + view["foreshortened_share"] + view["layover_share"] + view[
        "shadow_share"
    ] == pytest.approx(1.0)


def test_the_same_epochs_are_looked_at_once_and_later_ones_are_the_same_area(road: Any, tmp_path: Path) -> None:
    set_id = ingest(road, write(tmp_path / "a.h5", ground(60)), "track 27")
    first, again = detect(road, tmp_path), detect(road, tmp_path)
    assert (again.runs, again.skipped) == (0, 1)
    more = ground(80)[55:]
    west, north = corner(657.0)
    place = {"X_FIRST": str(west), "Y_FIRST": str(north), "X_STEP": str(PIXEL_M), "Y_STEP": str(-PIXEL_M)}
    more[:5] = ground(60)[55:]
    ingest(road, write_mintpy(tmp_path / "b.h5", more, DATES[55:], **ASCENDING, **place), "track 27")
    third = detect(road, tmp_path)
    assert (third.runs, third.areas, third.new_changes, third.seen_again) == (1, 1, (), 1)
    with connect.transaction(road.engine) as conn:
        (area,) = deformation.list_areas(conn, include_unreviewed=True, set_id=set_id)
        assert [one["last_date"] for one in deformation.get_area(conn, area["id"])["seen"]] == [DATES[59], DATES[79]]
        assert area["change_id"] == first.new_changes[0]


def test_a_change_of_trend_is_an_alert_once_and_steady_motion_none(road: Any, tmp_path: Path) -> None:
    ingest(road, write(tmp_path / "steady.h5", ground(80)), "steady")
    assert detect(road, tmp_path).alerts == ()
    ingest(road, write(tmp_path / "fast.h5", ground(80, change_mm_yr=-60.0), **DESCENDING), "fast")
    report = detect(road, tmp_path)
    assert report.trend_changes == 1
    assert len(report.alerts) == 1
    assert detect(road, tmp_path).alerts == ()
    with connect.transaction(road.engine) as conn:
        alert = conn.execute(text("SELECT kind, state, scope, evidence FROM alert")).one()
    assert (alert.kind, alert.scope) == ("settlement", "Restricted")
    assert "differs by -" in str(alert.evidence)


def test_two_looks_tell_east_from_up(road: Any, tmp_path: Path) -> None:
    level = np.sin(np.radians(39.0))
    up = np.cos(np.radians(39.0))
    east = {"up": level * np.sin(np.radians(-103.0)), "down": level * np.sin(np.radians(103.0))}
    bowl = ground(60, seed=1) / -30.0  # of 1 mm/yr, with noise
    noise = np.random.default_rng(5).normal(size=bowl.shape) * 0.5
    # it moves 20 mm/yr west and sinks 30 mm/yr
    shape = np.where(np.abs(bowl) > 0.05, bowl, 0.0)
    ingest(road, write(tmp_path / "a.h5", shape * (-20 * east["up"] - 30 * up) + noise), "ascending")
    ingest(
        road, write(tmp_path / "d.h5", shape * (-20 * east["down"] - 30 * up) + noise[::-1], **DESCENDING), "descending"
    )
    detect(road, tmp_path)
    with connect.transaction(road.engine) as conn:
        found = deformation.list_areas(conn, include_unreviewed=True)
    both = [one for one in found if one["east_mm_yr"] is not None]
    assert both
    assert all(one["east_mm_yr"] < 0 and one["up_mm_yr"] < 0 for one in both)
    assert both[0]["up_mm_yr"] / both[0]["east_mm_yr"] == pytest.approx(1.5, rel=0.15)


def test_an_area_becomes_a_site_after_review(road: Any, tmp_path: Path) -> None:
    ingest(road, write(tmp_path / "a.h5", ground(60)), "track 27")
    detect(road, tmp_path)
    with connect.transaction(road.app_engine) as conn:
        (area,) = deformation.list_areas(conn, include_unreviewed=True)
        conn.execute(text("UPDATE deformation_area SET slope_velocity_mm_yr = 24.0"))
        code = deformation.promote(conn, area["id"])
        assert deformation.promote(conn, area["id"]) == code
        site = conn.execute(text("SELECT kind, activity, source FROM site WHERE code = :code"), {"code": code}).one()
        assert (code[:7], site.kind, site.activity) == ("KKH-LS-", "landslide", "active")
        told = conn.scalars(text("SELECT attribute FROM claim WHERE source LIKE 'track 27%' ORDER BY 1")).all()
        assert told == ["rate along the line of sight", "rate down the slope"]
        review_change(conn, area["change_id"], "false_alarm", "tester")
        with pytest.raises(ConflictError):
            deformation.promote(conn, area["id"], site_code="KKH-LS-0001")
        review_change(conn, area["change_id"], "confirmed", "tester")
        assert deformation.promote(conn, area["id"], site_code="KKH-LS-0001") == "KKH-LS-0001"
        assert conn.scalar(text("SELECT count(*) FROM evidence WHERE change_id = :id"), {"id": area["change_id"]}) == 2
    with connect.transaction(road.public_engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM published.deformation_areas")) == 1
    assert evidence.LETTERS["settlement"] == "SE"
    with connect.transaction(road.engine) as conn:
        assert displacement.list_sets(conn)[0]["areas"] == 1
