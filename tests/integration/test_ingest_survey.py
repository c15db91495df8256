"""Survey files into the catalogue: whole or not at all, once, whatever happens meanwhile."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hazard_db import corridor, fieldbook, seed
from hazard_db.connect import actor, transaction
from hazard_db.errors import HazardError, InputError, RecordError
from ingest import load
from ingest.load import SurveyReport, ingest_survey
from tests.survey_files import HEADER, feature, row, write_csv, write_geojson

pytestmark = pytest.mark.integration


def ingest(database: Any, path: Path, **options: Any) -> SurveyReport:
    """Ingest as the role that the application uses."""
    return ingest_survey(database.app_engine, path, actor="tester", **options)


def stored(database: Any, what: str, table: str = "observation", order: str = "source_id") -> list[tuple[Any, ...]]:
    with transaction(database.engine) as conn:
        return [tuple(one) for one in conn.exec_driver_sql(f"SELECT {what} FROM {table} ORDER BY {order}")]


def count(database: Any, table: str = "observation") -> int:
    return int(stored(database, "count(*)", table, "1")[0][0])


def load_road(database: Any) -> None:
    with transaction(database.engine) as conn:
        corridor.load(
            conn, seed.FOLDER / "alignment.geojson", name="Karakoram Highway", version=seed.VERSION,
            valid_from=date(2017, 1, 1), calibration=seed.FOLDER / "calibration_points.csv", source=seed.SOURCE,
        )  # fmt: skip


def test_every_field_arrives_with_its_kilometre(database: Any, tmp_path: Path) -> None:
    load_road(database)
    path = write_csv(
        tmp_path / "hunza.csv", [*row(), "rain"], [*row(id="far", latitude="10"), ""], header=[*HEADER, "weather"]
    )
    report = ingest(database, path)
    assert (report.status, report.format, report.dataset, report.new) == ("stored", "CSV", "hunza", 2)
    assert "1 records lie more than 50 km from the road and have no kilometre" in report.notes
    near, far = stored(
        database,
        "kind, observer, accuracy_m, note, attributes, source_record, dataset, ST_X(geom), ST_Y(geom), created_by, chainage_km, offset_m",
    )
    assert near[:10] == (
        "rockfall", "A. Geologist", 5.0, "blocks on the road", {"weather": "rain"}, "line 2", "hunza", 74.8702, 36.3201, "tester",
    )  # fmt: skip
    assert 600 < near[10] < 720
    assert near[11] < 10_000
    assert far[10:] == (None, None)
    ((name, sha256, records, rejected, notes),) = stored(
        database, "name, sha256, records, rejected, notes", "source_file", "id"
    )
    assert (name, len(sha256), records, rejected) == ("hunza.csv", 64, 2, 0)
    assert notes[0] == "read with timezone=Asia/Karachi"


def test_lines_keep_their_shape(database: Any, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[74.87, 36.32], [74.89, 36.32]]}
    ingest(database, write_geojson(tmp_path / "a.geojson", feature(line, kind="滑坡")))
    assert stored(database, "kind, ST_AsText(geom), ST_AsText(shape)") == [
        ("landslide", "POINT(74.88 36.32)", "LINESTRING(74.87 36.32,74.89 36.32)")
    ]


def test_the_same_file_again_is_unchanged(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row(), row(id="", note="no id"))
    assert ingest(database, path).new == 2
    again = ingest(database, path)
    assert (again.status, again.records, again.unchanged) == ("unchanged", 2, 2)
    other = write_csv(tmp_path / "b.csv", row(), row(id="", note="no id"), row(id="3"))
    report = ingest(database, other, dataset="a")
    assert (report.status, report.new, report.unchanged, report.revised) == ("stored", 1, 2, 0)
    assert count(database, "observation_revision") == 0
    assert {revision for (revision,) in stored(database, "revision")} == {1}


def test_the_same_file_read_differently_is_not_the_same(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row())
    ingest(database, path)
    report = ingest(database, path, crs="GCJ-02")
    assert (report.status, report.revised, report.crs) == ("stored", 1, "GCJ-02")
    assert "1 records were converted from GCJ-02 to EPSG:4326" in report.notes
    ((lon, attributes),) = stored(database, "ST_X(geom), attributes")
    assert 1e-4 < abs(lon - 74.8702) < 1e-2
    assert attributes == {"source_crs": "GCJ-02"}
    assert stored(database, "crs, records", "source_file", "id") == [("GCJ-02", 1)]


def test_a_changed_record_is_a_new_revision(database: Any, tmp_path: Path) -> None:
    ingest(database, write_csv(tmp_path / "a.csv", row(), row(id="2")))
    report = ingest(database, write_csv(tmp_path / "b.csv", row(note="grown"), row(id="2")), dataset="a")
    assert (report.new, report.revised, report.unchanged) == (0, 1, 1)
    assert stored(database, "note, revision") == [("grown", 2), ("blocks on the road", 1)]
    ((content, by),) = stored(database, "content, changed_by", "observation_revision", "id")
    assert (content["note"], by) == ("blocks on the road", "tester")


def test_what_a_person_reviewed_is_not_changed_by_a_file(database: Any, tmp_path: Path) -> None:
    ingest(database, write_csv(tmp_path / "a.csv", row(), row(id="2")))
    ((identifier,), _) = stored(database, "id")
    with transaction(database.app_engine) as conn:
        actor(conn, "reviewer")
        fieldbook.review_observation(conn, identifier, "accepted", note="seen it")
    changed = write_csv(tmp_path / "b.csv", row(note="grown"), row(id="2", note="grown"))
    with pytest.raises(RecordError, match=r"b\.csv: line 2: id '1' was accepted by a reviewer"):
        ingest(database, changed, dataset="a")
    assert stored(database, "note") == [("blocks on the road",)] * 2
    report = ingest(database, changed, dataset="a", skip_bad=True)
    assert (report.revised, report.rejected) == (1, 1)
    assert stored(database, "note, review_status") == [("blocks on the road", "accepted"), ("grown", "submitted")]
    same = write_csv(tmp_path / "c.csv", row(), row(id="2", note="grown"), row(id="3"))
    assert ingest(database, same, dataset="a").unchanged == 2


def test_many_revisions_after_a_first_small_one(database: Any, tmp_path: Path) -> None:
    # The audit trail's plan is kept by the session: made for one row, it must still be good for thousands.
    rows = [row(id=str(number)) for number in range(3000)]
    ingest(database, write_csv(tmp_path / "a.csv", *rows))
    rows[0] = row(id="0", note="grown")
    assert ingest(database, write_csv(tmp_path / "b.csv", *rows), dataset="a").revised == 1
    started = time.perf_counter()
    changed = write_csv(tmp_path / "c.csv", *(row(id=str(number), note="shrunk") for number in range(3000)))
    assert ingest(database, changed, dataset="a").revised == 3000
    assert time.perf_counter() - started < 60


def test_whole_or_not_at_all(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOST_BATCH", 2)
    path = write_csv(tmp_path / "a.csv", *(row(id=str(number)) for number in range(5)), row(id="5", latitude="95"))
    with pytest.raises(RecordError, match=r"a\.csv: line 7: .*out of range"):
        ingest(database, path)
    assert (count(database), count(database, "source_file"), count(database, "audit_log")) == (0, 0, 0)


def test_ids_that_occur_twice_are_refused_records_said_twice_are_stored_once(database: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"line 3: id '1' occurs twice"):
        ingest(database, write_csv(tmp_path / "a.csv", row(), row(note="other")))
    report = ingest(database, write_csv(tmp_path / "b.csv", row(id=""), row(id=""), row(id="", note="other")))
    assert report.new == 2
    assert "1 records say the same as an earlier one of the file and were stored once" in report.notes


def test_bad_records_can_be_mended_and_read_again(database: Any, tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "may.csv", row(), row(id="2", latitude="95"), row(id="1", note="twice"), row(id="4", observed_at="x")
    )
    report = ingest(database, path, skip_bad=True)
    assert (report.status, report.new, report.rejected, report.rejects) == (
        "stored",
        1,
        3,
        tmp_path / "may.rejects.csv",
    )
    assert report.rejects is not None
    with report.rejects.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["record", "reason", *HEADER]
    assert rows[1][:2] == ["line 3", rows[1][1]]
    assert rows[1][2:] == row(id="2", latitude="95")
    rows[1][6], rows[2][2], rows[3][4] = "36.4", "3", "2026-05-01"
    with report.rejects.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    mended = ingest(database, report.rejects)
    assert (mended.dataset, mended.new, mended.rejected) == ("may", 3, 0)
    assert [one for (one,) in stored(database, "source_id")] == ["1", "2", "3", "4"]
    assert stored(database, "attributes")[1] == ({},)


def test_rejects_of_drawn_records_keep_their_geometry(database: Any, tmp_path: Path) -> None:
    path = write_geojson(
        tmp_path / "a.geojson", feature((74.8, 36.3)), feature((74.8, 36.3), observed_at="x"), feature((74.8, 95))
    )
    target = tmp_path / "bad.csv"
    report = ingest(database, path, skip_bad=True, rejects=target)
    assert (report.rejected, report.rejects) == (2, target)
    with target.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [one["geometry_wkt"] for one in rows] == ["POINT (74.8 36.3)", "POINT (74.8 95)"]


def test_a_file_without_one_good_record_is_refused(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row(latitude="95"))
    with pytest.raises(InputError, match="none of its records can be stored, the first: line 2"):
        ingest(database, path, skip_bad=True)
    with pytest.raises(InputError, match="holds no record"):
        ingest(database, write_csv(tmp_path / "b.csv"))
    assert count(database, "source_file") == 0
    assert not list(tmp_path.glob("*.rejects*"))


def test_rejects_never_replace_a_file_unasked(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", row(), row(id="2", latitude="95"))
    (tmp_path / "a.rejects.csv").write_text("being mended")
    assert ingest(database, path, skip_bad=True).rejects == tmp_path / "a.rejects-2.csv"
    other = write_csv(tmp_path / "b.csv", row(), row(id="2", latitude="96"))
    with pytest.raises(InputError, match="is the survey itself"):
        ingest(database, other, skip_bad=True, rejects=other)
    with pytest.raises(InputError, match="cannot be written"):
        ingest(database, other, skip_bad=True, rejects=tmp_path / "missing" / "x.csv")
    assert count(database, "source_file") == 1


def test_a_dry_run_stores_nothing(database: Any, tmp_path: Path) -> None:
    ingest(database, write_csv(tmp_path / "a.csv", row(), row(id="2")))
    before = [count(database, table) for table in ("observation", "source_file", "audit_log", "observation_revision")]
    path = write_csv(tmp_path / "b.csv", row(note="grown"), row(id="2"), row(id="3"), row(id="4", latitude="95"))
    report = ingest(database, path, dataset="a", dry_run=True, skip_bad=True)
    assert (report.status, report.new, report.revised, report.unchanged, report.rejected) == ("dry run", 1, 1, 1, 1)
    assert report.rejects is None
    assert [one["note"] for one in report.preview] == ["grown", "blocks on the road", "blocks on the road"]
    assert [
        count(database, table) for table in ("observation", "source_file", "audit_log", "observation_revision")
    ] == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_two_at_once_store_each_record_once(database: Any, tmp_path: Path) -> None:
    rows = [row(id="", note=str(number)) for number in range(500)]
    paths = [
        write_csv(tmp_path / f"{name}.csv", *order) for name, order in [("a", rows), ("b", rows[::-1]), ("c", rows)]
    ]
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda path: ingest(database, path), [*paths, paths[0]]))
    assert sum(report.new for report in reports) == 500
    assert sorted(report.status for report in reports) == ["stored", "stored", "unchanged", "unchanged"]
    assert count(database) == 500


SLOW = """
import sys, time
from pathlib import Path
from hazard_db.connect import engine
from ingest import load
load.MOST_BATCH = 10
def progress(text, share):
    if share > 0:
        print(text, flush=True)
        time.sleep(0.2)
load.ingest_survey(engine(sys.argv[1]), Path(sys.argv[2]), actor="killed", progress=progress)
"""


def test_killed_in_the_middle_nothing_is_stored_and_the_next_run_completes(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", *(row(id=str(number)) for number in range(200)))
    command = [sys.executable, "-c", SLOW, database.app_url, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert "records" in process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    assert (count(database), count(database, "source_file")) == (0, 0)
    assert ingest(database, path).new == 200
    assert count(database) == 200


def test_the_report_tells_how_columns_were_understood(database: Any, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", ["崩塌", 36.3, 74.8, 1], header=["类型", "lat", "longitude", "体积"])
    assert ingest(database, path, dry_run=True).notes == ("columns: kind is '类型', latitude is 'lat'",)


def test_progress_rises_to_its_end(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOST_BATCH", 10)
    shares: list[float] = []
    path = write_csv(tmp_path / "a.csv", *(row(id=str(number)) for number in range(100)))
    ingest(database, path, progress=lambda text, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.8 < shares[-1] <= 1.0


def test_a_uuid_from_a_phone_is_the_same_observation(database: Any, tmp_path: Path) -> None:
    identifier = uuid.uuid4()
    ingest(database, write_csv(tmp_path / "a.csv", row(id=f"uuid:{identifier}")))
    assert stored(database, "id, source_id") == [(identifier, f"uuid:{identifier}")]


def real_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in {".gpx", ".kml", ".kmz", ".tcx"})


def test_every_real_gpx_and_kml_goes_in_or_is_refused_with_one_line(database: Any, shared_data: Path) -> None:
    folder = shared_data / "field" / "gpx_kml"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    refused, records = {}, 0
    for path in real_files(folder):
        try:
            report = ingest(database, path)
        except HazardError as error:
            refused[path.name] = str(error)
            assert len(str(error).splitlines()) == 1
            assert str(error).startswith(f"{path.name}: ")
            continue
        records += report.records
        assert ingest(database, path).status == "unchanged"
    assert records == 283
    told = {name: line.partition(": ")[2] for name, line in refused.items() if not name.endswith(".tcx")}
    assert set(told) == {
        "addresses.kml", "bad.gpx", "bad.kml", "custom_schema_locations.gpx", "default_schema_locations.gpx", "empty_trk.gpx",
        "ground_overlay.kml", "ground_overlay_quad.kml", "networklink.kml", "nogeomplacemark.kml", "null_geometry.kml",
        "selfclosing.kml", "timespan.kml", "trek_no_rtept.gpx", "unicode2.gpx",
    }  # fmt: skip


def test_forms_photos_and_other_real_files_give_no_traceback(database: Any, shared_data: Path) -> None:
    folder = shared_data / "field"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    stored_files = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "gpx_kml" not in path.parts:
            try:
                stored_files += ingest(database, path).status == "stored"
            except HazardError as error:
                assert len(str(error).splitlines()) == 1
    assert stored_files > 8
