from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit
from detection.settlement.sums import SumFitter
from hazard_db import connect, displacement, pgcopy
from hazard_db.errors import InputError, NotFoundError, RecordError
from ingest.displacement.load import DisplacementReport, ingest_displacement
from tests.displacement_files import write_mintpy, write_scatterers

FIRST = date(2018, 1, 6)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=12 * k) for k in range(count)]


def series(count: int, shape: tuple[int, int] = (6, 5), *, gaps: float = 0.1, seed: int = 3) -> Any:
    rng = np.random.default_rng(seed)
    t = np.arange(count)[:, None, None] * 12 / 365.25
    y = t * rng.normal(size=shape) * 20 + rng.normal(size=(count, *shape)) * 2 + 4 * np.sin(2 * np.pi * t)
    y[rng.random(y.shape) < gaps] = np.nan
    y[:, 0, 0] = t[:, 0, 0] * -25  # without a gap
    return y.astype(np.float32)


@pytest.fixture
def ingest(database: Any) -> Callable[..., DisplacementReport]:
    def run(path: Path, **options: Any) -> DisplacementReport:
        return ingest_displacement(database.app_engine, path, fitter=SumFitter(), actor="tester", **options)

    return run


def stored(database: Any, set_id: int) -> dict[str, Any]:
    with connect.transaction(database.engine) as conn:
        ids = conn.scalars(
            text("SELECT id FROM displacement_point WHERE set_id = :id ORDER BY code"), {"id": set_id}
        ).all()
        return {one["code"]: one for one in displacement.get_points(conn, ids)}


def same_as_refit(points: dict[str, Any], times: Any) -> None:
    y = np.array([one["series"] for one in points.values()], dtype=np.float32).T
    full = fit(design(times, seasonal_for(times)), y)
    for name, expected in (("velocity_mm_yr", full.velocity), ("velocity_std_mm_yr", full.velocity_std)):
        told = np.array([np.nan if one[name] is None else one[name] for one in points.values()])
        assert np.array_equal(np.isnan(told), np.isnan(expected))
        np.testing.assert_allclose(told, expected, rtol=2e-7, atol=2e-7)  # stored as real


def test_a_raster_is_stored_with_what_its_file_says(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path
) -> None:
    y = series(20)
    y[:, 2, 2] = np.nan
    y[:, 2, 3] = 0.0
    report = ingest(write_mintpy(tmp_path / "timeseries.h5", y, days(20)))
    assert (report.status, report.points, report.masked, report.new_dates) == ("stored", 28, 2, 20)
    with connect.transaction(database.engine) as conn:
        about = displacement.get_set(conn, report.set_id)
    assert (about["unit_in_file"], about["component"]) == ("m", "line of sight")
    assert about["reference"] == "pixel in row 1, column 2"
    assert about["look_up"] == pytest.approx(np.cos(np.radians(39.0)))
    assert about["dates"] == days(20)
    points = stored(database, report.set_id)
    np.testing.assert_allclose(points["1-4"]["series"], y[:, 1, 4], atol=1e-4)
    same_as_refit(points, np.array(about["times_yr"]))


def test_a_set_reads_back_as_the_product_that_it_was(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path
) -> None:
    y = series(16)
    raster = ingest(write_mintpy(tmp_path / "a.h5", y, days(16)))
    table = ingest(write_scatterers(tmp_path / "b.csv", y, days(16)))
    with connect.transaction(database.engine) as conn:
        one = displacement.open_set(conn, raster.set_id, tmp_path)
        other = displacement.open_set(conn, table.set_id, tmp_path)
    np.testing.assert_allclose(one.read(0, 6), y, atol=1e-4)
    np.testing.assert_allclose(one.read(2, 4), y[:, 2:4], atol=1e-4)
    np.testing.assert_allclose(other.read(0, 30), y.reshape(16, -1), atol=1e-3)


@pytest.mark.parametrize(("before", "after"), [(8, 20), (40, 41), (15, 60)])
def test_new_epochs_give_what_a_full_refit_gives(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path, before: int, after: int
) -> None:
    y = series(after)
    first = ingest(write_mintpy(tmp_path / "track.h5", y[:before], days(before)))
    later = y[before - 3 :] - np.nan_to_num(y[before - 3])  # another date is its zero
    (tmp_path / "more").mkdir()
    again = ingest(write_mintpy(tmp_path / "more" / "track.h5", later, days(after)[before - 3 :]))
    assert (again.status, again.set_id, again.new_dates) == ("appended", first.set_id, after - before)
    assert again.disagreement_mm == pytest.approx(0.0, abs=1e-3)
    points = stored(database, first.set_id)
    with connect.transaction(database.engine) as conn:
        about = displacement.get_set(conn, first.set_id)
    assert about["dates"] == days(after)
    assert len(about["files"]) == 2
    together = np.array([points[f"{r}-{c}"]["series"] for r in range(6) for c in range(5)]).T.reshape(after, 6, 5)
    np.testing.assert_allclose(together, y, atol=2e-3)
    same_as_refit(points, np.array(about["times_yr"]))


def test_points_that_come_and_go_are_kept(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path
) -> None:
    y = series(20, gaps=0.0)
    first, second = y[:15].copy(), y[12:].copy()
    first[:, 5, 4], second[:, 0, 1] = np.nan, np.nan
    one = ingest(write_mintpy(tmp_path / "s.h5", first, days(15)))
    two = ingest(write_mintpy(tmp_path / "s2.h5", second, days(20)[12:]), name="s")
    assert (one.points, two.points, two.new_points, two.missing_points) == (29, 30, 1, 1)
    points = stored(database, one.set_id)
    assert np.isnan(points["0-1"]["series"][15:]).all()
    assert np.isnan(points["5-4"]["series"][:12]).all()
    np.testing.assert_allclose(points["5-4"]["series"][12:], y[12:, 5, 4], atol=1e-4)
    with connect.transaction(database.engine) as conn:
        same_as_refit(points, np.array(displacement.get_set(conn, one.set_id)["times_yr"]))


def test_the_same_file_changes_nothing(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path
) -> None:
    path = write_scatterers(tmp_path / "points.csv", series(10), days(10))
    first, again = ingest(path), ingest(path)
    assert (first.status, again.status, again.set_id) == ("stored", "unchanged", first.set_id)
    with connect.transaction(database.engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM displacement_point")) == 30
        logged = conn.scalars(text("SELECT DISTINCT table_name FROM audit_log WHERE actor = 'tester'")).all()
    assert set(logged) == {"displacement_set", "displacement_file"}


@pytest.mark.parametrize(
    ("count", "start", "message"),
    [(10, 0, "no epoch after"), (30, 12, "shares no date"), (24, 0, "made anew")],
)
def test_what_does_not_go_on_from_a_set_is_refused(
    ingest: Callable[..., DisplacementReport], database: Any, tmp_path: Path, count: int, start: int, message: str
) -> None:
    y = series(30, gaps=0.0)
    ingest(write_mintpy(tmp_path / "a.h5", y[:12], days(12)))
    other = series(30, gaps=0.0, seed=9) if message == "made anew" else y * 1.0001
    with pytest.raises(InputError, match=message):
        ingest(write_mintpy(tmp_path / "b.h5", other[start:count], days(30)[start:count]), name="a")
    with connect.transaction(database.engine) as conn:
        assert displacement.list_sets(conn)[0]["n_dates"] == 12


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"REF_X": "1"}, "measured against"), ({"HEADING": "-167.0"}, "another side")],
)
def test_what_looks_from_or_counts_from_elsewhere_is_not_appended(
    ingest: Callable[..., DisplacementReport], tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    y = series(30, gaps=0.0)
    ingest(write_mintpy(tmp_path / "a.h5", y[:12], days(12)))
    with pytest.raises(InputError, match=message):
        ingest(write_mintpy(tmp_path / "b.h5", y, days(30), **changed), name="a")


def test_another_unit_sign_or_order_of_points_is_not_appended(
    ingest: Callable[..., DisplacementReport], database: Any, tmp_path: Path
) -> None:
    y = 0.1 * series(30, gaps=0.0)  # quiet ground: differences alone do not tell
    ingest(write_scatterers(tmp_path / "a.csv", y[:12], days(12)))
    mirrored = write_scatterers(tmp_path / "mirrored.csv", y, days(30))
    head, *rows = mirrored.read_text().splitlines()
    names = [row.split(",", 1)[0] for row in rows]
    rest = [row.split(",", 1)[1] for row in reversed(rows)]
    mirrored.write_text("\n".join([head, *(",".join(pair) for pair in zip(names, rest, strict=True))]))
    metres = write_scatterers(tmp_path / "metres.csv", y, days(30), factor=0.001)
    turned = write_scatterers(tmp_path / "turned.csv", -y, days(30))
    for path, message in ((metres, "give --unit"), (turned, "other sign"), (mirrored, "lies elsewhere")):
        with pytest.raises(InputError, match=message):
            ingest(path, name="a")
    assert ingest(metres, name="a", unit="m").new_dates == 18
    with connect.transaction(database.engine) as conn:
        assert displacement.list_sets(conn)[0]["n_dates"] == 30


def test_the_same_file_twice_at_once_is_one_set(
    ingest: Callable[..., DisplacementReport], database: Any, tmp_path: Path
) -> None:
    path = write_scatterers(tmp_path / "points.csv", series(10), days(10))
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda name: ingest(path, name=name), "abab"))
    assert sorted(one.status for one in told) == ["stored", "unchanged", "unchanged", "unchanged"]
    assert len({one.set_id for one in told}) == 1


def test_dates_to_come_are_refused(ingest: Callable[..., DisplacementReport], tmp_path: Path) -> None:
    later = [*days(11), date(2099, 1, 1)]
    with pytest.raises(InputError, match="to come"):
        ingest(write_mintpy(tmp_path / "a.h5", series(12, gaps=0.0), later))


def test_bad_rows_are_written_down_where_asked(
    ingest: Callable[..., DisplacementReport], database: Any, tmp_path: Path
) -> None:
    path = write_scatterers(tmp_path / "points.csv", series(10), days(10))
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[-1], "x")
    lines[5] = lines[5][: len(lines[5]) // 3]
    lines.append(lines[1])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordError, match="row 3"):
        ingest(path)
    with connect.transaction(database.engine) as conn:
        assert displacement.list_sets(conn) == []
    report = ingest(path, skip_bad=True)
    assert (report.points, report.rejected) == (28, 3)
    assert report.rejects is not None
    assert len(report.rejects.read_text("utf-8-sig").splitlines()) == 4


def test_public_eyes_see_points_and_sets_without_series(
    database: Any, ingest: Callable[..., DisplacementReport], tmp_path: Path
) -> None:
    report = ingest(write_scatterers(tmp_path / "points.csv", series(10), days(10)))
    with connect.transaction(database.public_engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM published.displacement_points")) == 30
        assert conn.scalar(text("SELECT n_dates FROM published.displacement_sets")) == 10
    with connect.transaction(database.engine) as conn, pytest.raises(NotFoundError):
        displacement.get_points(conn, [report.points + 10**6])


def test_texts_and_gaps_of_any_length_come_back(database: Any) -> None:
    rng = np.random.default_rng(0)
    codes = ["", "a", "日本", "x" * 300, "b", "'\\\t\""]
    height = np.array([1.0, np.nan, np.nan, 4.0, 5.0, np.nan])
    speed = np.array([np.nan, np.nan, 3.0, 4.0, np.nan, 6.0])
    series = rng.normal(size=(6, 3)).astype(np.float32)
    with connect.transaction(database.app_engine) as conn:
        conn.execute(text("CREATE TEMPORARY TABLE t (number int, height real, speed float8, series real[], code text)"))
        columns = {
            "number": pgcopy.numbers(np.arange(6), "i4"), "height": pgcopy.numbers(height, "f4"),
            "speed": pgcopy.numbers(speed, "f8"), "series": pgcopy.array(series, "f4"),
        }  # fmt: skip
        pgcopy.write(conn, "t", columns, ("code", codes), ("height", "speed"))
        rows = conn.execute(text("SELECT * FROM t ORDER BY number")).all()
        back = pgcopy.read(conn, "SELECT number, series FROM t ORDER BY number", {"n": ("i4", 0), "s": ("f4", 3)})
        empty = pgcopy.read(conn, "SELECT number, series FROM t WHERE false", {"n": ("i4", 0), "s": ("f4", 3)})
    assert [row.code for row in rows] == codes
    assert [row.height for row in rows] == [None if np.isnan(value) else value for value in height]
    assert [row.speed for row in rows] == [None if np.isnan(value) else value for value in speed]
    assert np.array_equal(back["s"], series)
    assert len(empty) == 0


def test_a_tile_from_afar_uses_the_index_of_the_few(database: Any, ingest: Any, tmp_path: Path) -> None:
    ingest(write_scatterers(tmp_path / "points.csv", series(10, (40, 40)), days(10)))
    with connect.transaction(database.engine) as conn:
        conn.execute(text("ANALYZE displacement_point"))
        conn.execute(text("SET LOCAL enable_seqscan = off"))
        plan = conn.scalars(
            text("""EXPLAIN SELECT * FROM published.displacement_points
                    WHERE geom && ST_MakeEnvelope(70, 30, 80, 40, 4326) AND min_zoom <= 7""")
        ).all()
    assert any("idx_displacement_point_far" in line for line in plan)


def test_points_go_with_their_set(database: Any, ingest: Any, tmp_path: Path) -> None:
    report = ingest(write_scatterers(tmp_path / "points.csv", series(10), days(10)))
    with pytest.raises(DBAPIError), connect.transaction(database.app_engine) as conn:
        conn.execute(text("DELETE FROM displacement_set"))
    with connect.transaction(database.engine) as conn:
        conn.execute(text("DELETE FROM displacement_set WHERE id = :id"), {"id": report.set_id})
        assert conn.scalar(text("SELECT count(*) FROM displacement_point")) == 0


def test_west_texas_batch_is_stored_without_its_truncated_file(
    database: Any, ingest: Callable[..., DisplacementReport], shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "displacement" / "disp_s1_westtexas_2016" / "geotiffs"
    folder = tmp_path / "westtexas"
    folder.mkdir()
    for file in source.glob("displacement_*.tif"):
        shutil.copyfile(file, folder / file.name)
    victim = folder / "displacement_20160708_20161012.tif"
    victim.write_bytes(victim.read_bytes()[:60_000])
    report = ingest(folder)
    assert (report.status, report.new_dates, report.unit_in_file) == ("stored", 8, "m")
    assert any(victim.name in note for note in report.notes)
    assert report.points + report.masked == 357 * 362
    with connect.transaction(database.engine) as conn:
        about = displacement.get_set(conn, report.set_id)
        fastest, slowest = conn.execute(
            text("SELECT min(v), max(v) FROM displacement_point, unnest(series) AS v WHERE v <> 'NaN'")
        ).one()
    assert date(2016, 10, 12) not in about["dates"]
    assert "258" in about["reference"]
    assert -60 < fastest < slowest < 47
