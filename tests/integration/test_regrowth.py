"""Plants on a known landslide are a sighting of it: once, in whatever order scenes come, and never an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import mapping
from sqlalchemy import text

from api.landslides import DetectionReport, detect_landslides
from hazard_db import changes, connect, seed
from hazard_db.alerts.facts import changes_of_run
from ingest.imagery.load import ingest_scene
from tests.detection_rasters import write_acquisition
from tests.regrowing import FELL, OUTLINE, days, shot

pytestmark = pytest.mark.integration
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SINCE = date(2025, 6, 1)
PLANTS = {2021: 1.0, 2022: 0.0, 2023: 0.2, 2025: 1.0}
SLIDE = changes.ChangeRecord(
    "landslide", mapping(OUTLINE), 0.8, 6.0, 20_000.0, 900.0, 31.0, 1.0, FELL[0], FELL[1], {}
)  # fmt: skip


@pytest.fixture
def slide(database: Any) -> int:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        (number,) = store(conn, SLIDE).new
    return number


def store(conn: connect.Connection, change: changes.ChangeRecord) -> changes.StoredChanges:
    run = changes.RunRecord("landslide", "matched_filter", "1", {}, [], "known", "test", NOW, NOW, 0.9, {}, None)
    return changes.store_run(conn, run, [change], [])


def ingest(database: Any, folder: Path, *years: int) -> None:
    for year in years:
        for day in days(year):
            path = write_acquisition(folder / f"{day}.tif", shot(day, PLANTS[year]))
            ingest_scene(database.app_engine, [path], home=folder / "home", actor="tester")


def look(database: Any, folder: Path, since: date = SINCE) -> DetectionReport:
    return detect_landslides(database.app_engine, folder / "home", since=since, actor_name="tester")


def shown(database: Any, number: int) -> dict[str, Any]:
    with connect.transaction(database.engine) as conn:
        return changes.get_change(conn, number, include_unreviewed=True)


def developments(database: Any, number: int) -> list[str]:
    return [one["development"] for one in shown(database, number)["sightings"]]


@pytest.mark.parametrize("years", [(2021, 2022, 2023, 2025), (2025, 2023, 2022, 2021)], ids=["in order", "backwards"])
def test_a_known_slide_is_noted_overgrown_once(
    database: Any, slide: int, tmp_path: Path, years: tuple[int, ...]
) -> None:
    known = shown(database, slide)
    reports = []
    for year in years:
        ingest(database, tmp_path, year)
        reports.append(look(database, tmp_path))
    again = look(database, tmp_path)
    assert [one.overgrown for one in reports] == [(), (), (), (slide,)]
    assert again.overgrown == ()
    assert all(one.new_changes == one.alerts == () for one in (*reports, again))
    now = shown(database, slide)
    assert {name: now[name] for name in known if name != "sightings"} == {
        name: known[name] for name in known if name != "sightings"
    }
    first, seen = now["sightings"]
    assert (first["development"], seen["development"]) == ("new", "revegetated")
    assert (seen["first_date"], seen["last_date"]) == (days(2025)[0], days(2025)[-1])
    assert seen["method"] == "regrowth"
    assert seen["magnitude"] == pytest.approx(1.0, abs=0.05)
    with connect.transaction(database.engine) as conn:
        assert changes_of_run(conn, seen["run_id"]) == []
        assert conn.scalar(text("SELECT count(*) FROM alert")) == 0


def test_a_bare_slide_and_a_false_alarm_are_not_noted(database: Any, slide: int, tmp_path: Path) -> None:
    ingest(database, tmp_path, 2021, 2022, 2023)
    assert look(database, tmp_path, date(2023, 6, 1)).overgrown == ()
    with connect.transaction(database.engine) as conn:
        changes.review(conn, slide, "false_alarm", "tester")
    ingest(database, tmp_path, 2025)
    assert look(database, tmp_path).overgrown == ()
    assert developments(database, slide) == ["new"]
    with connect.transaction(database.engine) as conn:
        changes.review(conn, slide, "confirmed", "tester")
    assert look(database, tmp_path).overgrown == (slide,)


def test_movement_after_plants_is_a_reactivation_that_may_overgrow_again(
    database: Any, slide: int, tmp_path: Path
) -> None:
    ingest(database, tmp_path, 2021, 2022, 2025)
    assert look(database, tmp_path).overgrown == (slide,)
    later = {**vars(SLIDE), "first_date": days(2025)[-1] + timedelta(30), "last_date": date(2026, 6, 20)}
    with connect.transaction(database.engine) as conn:
        assert store(conn, changes.ChangeRecord(**later)).seen_again == (slide,)
    assert developments(database, slide) == ["new", "revegetated", "reactivated"]
    assert look(database, tmp_path).overgrown == (), "what was green before it moved again is no news"
    late = {**vars(SLIDE), "last_date": FELL[1] + timedelta(10)}
    with connect.transaction(database.engine) as conn:
        store(conn, changes.ChangeRecord(**late))
    assert developments(database, slide) == ["new", "same", "revegetated", "reactivated"]
