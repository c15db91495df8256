"""Lakes and glaciers on the catalogue's scenes: ids that last, nothing twice, whatever comes late or again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import shape
from sqlalchemy import text

from api.ice import IceReport, detect_ice
from api.passes import DetectionSettings
from detection.lakes import run_lake
from detection.simulate.glacier import GlacierScene, Motion, simulate_glacier
from detection.simulate.lakes import LakeScene, simulate_lakes
from detection.simulate.radarlakes import simulate_radar_lakes
from detection.simulate.summer import Sky
from hazard_db import connect, lakes, seed, termini
from ingest.imagery.load import ingest_scene
from ingest.inventories.glaciers import ingest_glaciers
from tests.acceptance.test_detect_lake_radar import write_dem, write_radar
from tests.glacier_rasters import write_dates, write_vectors

pytestmark = pytest.mark.integration
DATES = tuple(datetime(2022, 6, 20, 5, 48, tzinfo=UTC) + timedelta(days=12 * number) for number in range(5))
SINCE = date(2022, 6, 1)
SURGE = datetime(2022, 6, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene() -> LakeScene:
    return simulate_lakes(700, DATES, spectra="test", shape=(200, 200), lakes=4, sky=Sky(clouds=False))


@pytest.fixture(scope="module")
def files(scene: LakeScene, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    return write_dates(tmp_path_factory.mktemp("lakes"), scene.dates, scene.terrain)


@pytest.fixture
def home(database: Any, tmp_path: Path) -> Path:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    return tmp_path / "home"


def ingest(database: Any, home: Path, *paths: Path) -> None:
    for path in paths:
        ingest_scene(database.app_engine, [path], home=home, actor="tester")


def look(database: Any, home: Path, kind: str, dem: Path, since: date = SINCE) -> IceReport:
    return detect_ice(
        database.app_engine, home, kind, since=since, actor_name="tester", settings=DetectionSettings(dem=dem)
    )


def rows(database: Any, statement: str) -> list[Any]:
    with connect.transaction(database.engine) as conn:
        return list(conn.execute(text(statement)))


def standing(database: Any) -> list[tuple[Any, ...]]:
    """Return what the catalogue tells of all lakes, whichever run told it."""
    return [
        tuple(row)
        for row in rows(
            database,
            """SELECT l.lake_id, o.observed_on, o.state, round(o.area_m2) FROM lake_outline AS o
               JOIN glacial_lake AS l ON l.id = o.lake WHERE o.superseded_at IS NULL ORDER BY 1, 2""",
        )
    ]


def test_lakes_keep_their_ids_and_stand_once_a_day(
    database: Any, home: Path, scene: LakeScene, files: tuple[list[Path], Path]
) -> None:
    paths, dem = files
    ingest(database, home, *paths[:3])
    first = look(database, home, "lake", dem)
    assert (first.runs, first.messages) == (1, ())
    assert first.measured > 0
    assert look(database, home, "lake", dem).skipped == 1
    before = standing(database)
    ingest(database, home, *paths[3:])
    second = look(database, home, "lake", dem)
    assert second.runs == 1
    after = standing(database)
    assert {row[0] for row in before} <= {row[0] for row in after}
    assert len({row[:2] for row in after}) == len(after)
    assert {row[1] for row in after} == {at.date() for at in DATES}
    areas = {row[:2]: row[3] for row in after}
    common = [(row[3], areas[row[:2]]) for row in before if row[:2] in areas]
    assert (
        len(common) >= len(before) - 1
    )  # with its fuller extent known, a lake may turn out to be half hidden on a day
    assert all(new == pytest.approx(old, rel=0.03) for old, new in common)
    (runs,) = rows(database, "SELECT count(*) FROM detection_run WHERE kind = 'lake'")
    assert runs[0] == 2
    truth = scene.lakes[0].area_m2[-1]
    nearest = min(rows(database, "SELECT area_m2 FROM published.lakes"), key=lambda row: abs(row[0] - truth))
    assert nearest[0] == pytest.approx(truth, rel=0.06)


def test_a_scene_that_comes_late_makes_the_same_catalogue(
    database: Any, home: Path, files: tuple[list[Path], Path], cluster: Path
) -> None:
    paths, dem = files
    for path in [paths[4], paths[0], paths[3], paths[1], paths[2]]:
        ingest(database, home, path)
        look(database, home, "lake", dem)
    late = {row[1:] for row in standing(database)}
    from tests.postgis import _clone

    with _clone(cluster) as other:
        with connect.transaction(other.engine) as conn:
            seed.load(conn)
        ingest(other, home.parent / "other", *paths)
        look(other, home.parent / "other", "lake", dem)
        at_once = {row[1:] for row in standing(other)}
    assert late == at_once


def test_a_filling_lake_is_a_change_with_what_it_gained(
    database: Any, home: Path, scene: LakeScene, files: tuple[list[Path], Path]
) -> None:
    paths, dem = files
    ingest(database, home, *paths)
    report = look(database, home, "lake", dem)
    filling = scene.lakes[0]
    assert filling.ice_dammed
    gained = filling.area_m2[-1] - filling.area_m2[0]
    found = rows(
        database,
        "SELECT area_m2, area_uncertainty_m2, first_date, last_date, properties FROM change WHERE kind = 'lake'",
    )
    own = min(found, key=lambda row: abs(row.area_m2 - gained))
    assert abs(own.area_m2 - gained) < 2 * own.area_uncertainty_m2
    assert own.properties["event"] == "growth"
    assert own.properties["days"] == (own.last_date - own.first_date).days
    assert len(report.new_changes) == len(rows(database, "SELECT id FROM change"))


@pytest.fixture(scope="module")
def surging() -> GlacierScene:
    days = [datetime(2022, month, day, 5, 48, tzinfo=UTC) for month in (6, 7, 8, 9) for day in (2, 18)]
    quiet = [datetime(year, 8, 10, 5, 48, tzinfo=UTC) for year in (2020, 2021)]
    return simulate_glacier(
        905, motion=Motion(-10.0, SURGE, 4.0, 80.0), dates=tuple(quiet + days), spectra="test", shape=(300, 220)
    )


def test_termini_and_a_surge_on_the_catalogue(database: Any, home: Path, surging: GlacierScene, tmp_path: Path) -> None:
    paths, dem = write_dates(tmp_path / "glacier", surging.dates, surging.terrain)
    outlines, _ = write_vectors(tmp_path / "glacier", surging)
    ingest(database, home, *paths[:-1])
    nothing = look(database, home, "glacier", dem)
    assert "kkh ingest glaciers" in nothing.messages[0]
    ingest_glaciers(database.app_engine, outlines)
    first = look(database, home, "glacier", dem)
    assert first.measured == len(paths) - 1
    ingest(database, home, paths[-1])
    look(database, home, "glacier", dem)
    with connect.transaction(database.engine) as conn:
        told = termini.series(conn, "RGI60-14.00001")
    assert [row["observed_on"] for row in told] == [one.acquired_at.date() for one in surging.dates]
    found = np.array([row["length_m"] for row in told])
    truth = surging.length_m(0.6)
    assert np.ptp((found - truth)[np.isfinite(found)]) < 40
    (surge,) = rows(database, "SELECT kind, properties, area_m2 FROM change")
    assert surge.properties["event"] == "surge"
    assert surge.properties["advance_m"] == pytest.approx(320, abs=40)
    (published,) = rows(database, "SELECT trend, surge_on, length_m FROM published.glaciers")
    assert published.trend == "surge"
    assert published.length_m == pytest.approx(found[-1])


def test_a_lake_of_one_date_is_not_published(database: Any, home: Path, files: tuple[list[Path], Path]) -> None:
    paths, dem = files
    ingest(database, home, paths[0])
    assert look(database, home, "lake", dem).measured > 0
    assert rows(database, "SELECT * FROM published.lakes") == []
    with connect.transaction(database.engine) as conn:
        assert all(shape(lake["geometry"]).area > 0 for lake in lakes.find(conn))


def test_radar_scenes_of_the_catalogue_tell_what_the_files_tell(database: Any, home: Path, tmp_path: Path) -> None:
    scene = simulate_radar_lakes(710, kind="test", repeats=2, lakes=5, size=240)
    paths = [write_radar(tmp_path / f"radar{number}.tif", one) for number, one in enumerate(scene.dates)]
    dem = write_dem(tmp_path / "dem.tif", scene.terrain)
    ingest(database, home, *paths)
    since = scene.dates[0].acquired_at.date()
    report = look(database, home, "lake", dem, since)
    assert report.messages == ()
    told = standing(database)
    of_files = run_lake(paths, tmp_path / "lakes.geojson", dem=dem).features
    wanted = [
        (own["lake_id"], date.fromisoformat(own["date"]), own["state"], round(own["area_m2"]))
        for own in (one["properties"] for one in of_files)
    ]
    assert {day for _, day, _, _ in wanted} <= {one.acquired_at.date() for one in scene.dates}
    assert len({row[0] for row in wanted}) >= 2
    assert [row for row in told if row[2] != "dry"] == sorted(wanted)
    assert (again := look(database, home, "lake", dem, since)).skipped == 1
    assert (again.runs, again.measured, again.new_changes) == (0, 0, ())
    assert standing(database) == told
