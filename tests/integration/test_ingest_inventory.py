"""Inventories of others in the catalogue: dated events, and places over the years."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hazard_db import seed
from hazard_db.connect import transaction
from hazard_db.errors import RecordError
from ingest.inventories.load import InventoryReport, ingest_inventory
from ingest.inventories.source import Options

pytestmark = pytest.mark.integration

HEADER = "event_id,event_date,location_description,location_accuracy,landslide_category,landslide_trigger,fatality_count,longitude,latitude"
ROWS = [
    "1,1/4/2010 0:00,Attabad village,1km,landslide,unknown,19,74.87,36.33",
    "2,4/3/2016 0:00,Kohistan,50km,landslide,rain,23,73.32,35.31",
    "3,6/5/2017 0:00,Dubrovnik,exact,landslide,rain,0,18.09,42.65",
    "4,6/5/2017 0:00,Dubrovnik airport road,exact,landslide,rain,0,18.09,42.651",
]


def catalogue_csv(folder: Path, rows: list[str] = ROWS) -> Path:
    path = folder / "glc.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf8")
    return path


def ingest(database: Any, path: Path, **options: Any) -> InventoryReport:
    """Ingest as the role that the application uses."""
    return ingest_inventory(database.app_engine, path, actor="tester", **options)


def rows(database: Any, statement: str) -> list[Any]:
    with transaction(database.engine) as conn:
        return [tuple(row) for row in conn.execute(text(statement))]


@pytest.fixture
def seeded(database: Any) -> Any:
    with transaction(database.engine) as conn:
        seed.load(conn)
    return database


@pytest.fixture
def nasa_csv(shared_data: Path) -> Path:
    folder = shared_data / "inventories/nasa_global_landslide_catalog/full_2018_11032rows"
    return folder / "Global_Landslide_Catalog_Export.csv"


def test_the_whole_nasa_catalogue(seeded: Any, nasa_csv: Path) -> None:
    told: list[float] = []
    report = ingest(seeded, nasa_csv, progress=lambda _, share: told.append(share))
    assert (report.records, report.new, report.rejected) == (11_032, 11_032, 0)
    assert told == sorted(told)
    assert len(told) > 10
    assert 0 <= told[0] <= told[-1] <= 1
    assert rows(seeded, "SELECT count(*) FROM event WHERE source = 'NASA Global Landslide Catalog'") == [(11_032,)]
    near = rows(seeded, "SELECT count(*) FROM event WHERE source LIKE 'NASA%' AND chainage_km IS NOT NULL")
    assert near == [(report.near_road,)]
    assert report.near_road > 50
    classes = rows(
        seeded, "SELECT accuracy_m, count(*) FROM event WHERE source LIKE 'NASA%' GROUP BY 1 ORDER BY 1 NULLS LAST"
    )
    assert classes == [
        (100, 1386), (1e3, 2185), (5e3, 3178), (1e4, 1434), (2.5e4, 1470), (5e4, 794), (1e5, 25), (2.5e5, 16), (None, 544),
    ]  # fmt: skip
    assert rows(seeded, "SELECT sum(fatalities) FROM event WHERE source LIKE 'NASA%'")[0][0] > 30_000
    again = ingest(seeded, nasa_csv)
    assert (again.status, again.new, again.unchanged) == ("unchanged", 0, 11_032)
    near_only = ingest(seeded, nasa_csv, within_km=50)
    assert (near_only.new, near_only.updated) == (0, 0), "records come once, however the file is read"
    assert near_only.outside > 10_000


def test_the_same_day_and_place_is_kept_and_marked(seeded: Any, tmp_path: Path) -> None:
    report = ingest(seeded, catalogue_csv(tmp_path))
    assert (report.new, report.possible_duplicates) == (4, 3)
    marks = rows(
        seeded, """SELECT e.source_id, c.value FROM claim AS c JOIN event AS e ON e.id = c.event_id
                   WHERE c.attribute = 'possible_duplicate_of' ORDER BY 1"""
    )  # fmt: skip
    assert marks == [
        ("1", "public record: attabad-2010"),
        ("2", "doi 10.1007/s11069-021-04549-4: besham-chilas-2016"),
        ("4", "NASA Global Landslide Catalog: 3"),
    ]
    assert rows(seeded, "SELECT fatalities FROM event WHERE source_id = '1'") == [(19,)]


def test_a_corrected_row_is_updated_and_the_old_one_is_in_the_audit_log(seeded: Any, tmp_path: Path) -> None:
    ingest(seeded, catalogue_csv(tmp_path))
    report = ingest(seeded, catalogue_csv(tmp_path, [ROWS[0].replace(",19,", ",20,"), *ROWS[1:]]))
    assert (report.new, report.updated, report.unchanged) == (0, 1, 3)
    assert report.possible_duplicates == 0, "marked once"
    kept = rows(
        seeded, "SELECT before ->> 'fatalities', after ->> 'fatalities' FROM audit_log WHERE action = 'update' AND table_name = 'event'"
    )  # fmt: skip
    assert kept == [("19", "20")]
    assert rows(seeded, "SELECT created_by FROM event WHERE source_id = '1'") == [("tester",)]


def test_a_dry_run_tells_all_and_stores_nothing(seeded: Any, tmp_path: Path) -> None:
    before = rows(seeded, "SELECT count(*) FROM event")
    report = ingest(seeded, catalogue_csv(tmp_path), dry_run=True)
    assert (report.status, report.new, report.possible_duplicates) == ("dry run", 4, 3)
    assert rows(seeded, "SELECT count(*) FROM event") == before
    assert rows(seeded, "SELECT count(*) FROM source_file") == [(0,)]


def test_a_bad_row_stops_the_file_or_goes_to_the_rejects(seeded: Any, tmp_path: Path) -> None:
    path = catalogue_csv(tmp_path, [*ROWS, "5,40/40/2017,nowhere,1km,landslide,rain,0,18,42"])
    with pytest.raises(RecordError, match=r"^glc\.csv, line 6, event_date: '40/40/2017' is no date; write MM/DD/YYYY"):
        ingest(seeded, path)
    assert rows(seeded, "SELECT count(*) FROM event WHERE source LIKE 'NASA%'") == [(0,)]
    report = ingest(seeded, path, skip_bad=True, rejects=tmp_path / "bad.csv")
    assert (report.new, report.rejected) == (4, 1)
    assert (tmp_path / "bad.csv").read_text().splitlines()[1].startswith("line 6,")
    assert rows(seeded, "SELECT records, rejected, room FROM source_file") == [(4, 1, "inventory")]


def test_only_what_is_near_the_road(seeded: Any, tmp_path: Path) -> None:
    report = ingest(seeded, catalogue_csv(tmp_path), within_km=20)
    assert (report.new, report.outside, report.near_road) == (2, 2, 2)


def test_a_dataset_of_another_name_is_another_source(seeded: Any, tmp_path: Path) -> None:
    ingest(seeded, catalogue_csv(tmp_path))
    report = ingest(seeded, catalogue_csv(tmp_path), options=Options(dataset="copy"))
    assert (report.new, report.possible_duplicates) == (4, 4)


KILLED = """
import os, sys
from pathlib import Path
from hazard_db import inventory
from hazard_db.connect import engine
from ingest.inventories.load import ingest_inventory
path, url, moment = sys.argv[1:]
def die(*args, **kwargs):
    os.kill(os.getpid(), 9)
setattr(inventory, moment, die)
ingest_inventory(engine(url), Path(path), actor="x")
"""


@pytest.mark.parametrize("moment", ["store_events", "_flag_duplicates", "close_file"])
def test_a_killed_ingest_leaves_nothing_and_the_next_completes_it(seeded: Any, tmp_path: Path, moment: str) -> None:
    path = catalogue_csv(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), seeded.app_url, moment], check=False, capture_output=True
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert rows(seeded, "SELECT count(*) FROM event WHERE source LIKE 'NASA%'") == [(0,)]
    assert rows(seeded, "SELECT count(*) FROM source_file") == [(0,)]
    assert ingest(seeded, path).new == 4
