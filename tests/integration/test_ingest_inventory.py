"""Inventories of others in the catalogue: dated events, and places over the years."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from sqlalchemy import text

from hazard_db import corridor, rechaining, register, seed
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
    with transaction(seeded.engine) as conn:  # as a new alignment does, with the audit of what changed
        conn.execute(text("SET LOCAL statement_timeout = '20s'"))
        rechaining.rechain(conn)
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
    with pytest.raises(RecordError, match=r"^glc\.csv, line 6: event_date: '40/40/2017' is no date; write MM/DD/YYYY"):
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


def test_the_same_file_twice_at_once_is_stored_once(seeded: Any, tmp_path: Path) -> None:
    path = catalogue_csv(tmp_path)
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: ingest(seeded, path), range(3)))
    assert sorted(report.status for report in reports) == ["stored", "unchanged", "unchanged"]
    assert sum(report.new for report in reports) == 4
    assert rows(seeded, "SELECT count(*) FROM source_file") == [(1,)]


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


def zipped(folder: Path, name: str, layers: Mapping[str, Sequence[Any]]) -> Path:
    """Write a zip of Shapefiles: year -> outlines, EPSG:4326."""
    parts = folder / name
    parts.mkdir()
    for year, shapes in layers.items():
        pyogrio.raw.write(
            parts / f"{year}.shp", shapely.to_wkb(np.array(shapes, dtype=object)), [np.arange(1, len(shapes) + 1)], ["ID"],
            geometry_type="Polygon", crs="EPSG:4326",
        )  # fmt: skip
    target = folder / f"{name}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for part in sorted(parts.iterdir()):
            archive.write(part, part.name)
    return target


def patch(x: float, y: float, width: float = 0.004) -> Any:
    """Return a square beside the road at Attabad, sides in degrees."""
    return shapely.box(74.9 + x, 36.33 + y, 74.9 + x + width, 36.33 + y + 0.004)


def test_a_slide_keeps_its_code_over_the_years(seeded: Any, tmp_path: Path) -> None:
    calm, growing, sleeping = patch(0, 0), patch(0.01, 0), patch(0.02, 0)
    path = zipped(
        tmp_path, "hunza",
        {
            "2009": [calm, growing, sleeping],
            "2013": [calm, patch(0.01, 0, 0.006)],
            "2017": [calm, patch(0.021, 0, 0.002), patch(0.03, 0)],
        },
    )  # fmt: skip
    report = ingest(seeded, path)
    assert report.evolution == {"mapped": 3, "continued": 2, "enlarged": 1, "reactivated": 1, "new": 1}
    assert (report.new, report.near_road) == (4, 4)
    sites = rows(
        seeded, """SELECT code, activity, attributes -> 'mapped' -> 'hunza', round(CAST(ST_XMax(geom) - ST_XMin(geom) AS numeric), 4)
                   FROM site WHERE source = 'hunza' ORDER BY code"""
    )  # fmt: skip
    assert [(code, activity, mapped, float(width)) for code, activity, mapped, width in sites] == [
        ("KKH-LS-0100", "unknown", [2009, 2013, 2017], 0.004),
        ("KKH-LS-0101", "dormant", [2009, 2013], 0.006),
        ("KKH-LS-0102", "active", [2009, 2017], 0.004),
        ("KKH-LS-0103", "active", [2017], 0.004),
    ]
    happened = rows(
        seeded, """SELECT s.code, e.occurred_on, e.occurred_to, e.precision, v.note FROM event AS e JOIN site AS s ON s.id = e.site_id
                   JOIN evidence AS v ON v.event_id = e.id AND v.site_id = s.id ORDER BY e.occurred_on, s.code"""
    )  # fmt: skip
    assert happened == [
        ("KKH-LS-0101", date(2009, 1, 1), date(2013, 12, 31), "year", "enlarged by 2013"),
        ("KKH-LS-0102", date(2013, 1, 1), date(2017, 12, 31), "year", "reactivated by 2017"),
        ("KKH-LS-0103", date(2013, 1, 1), date(2017, 12, 31), "year", "new by 2017"),
    ]
    areas = rows(
        seeded, """SELECT c.source, CAST(c.value AS float8) FROM claim AS c JOIN site AS s ON s.id = c.site_id
                   WHERE s.code = 'KKH-LS-0101' AND c.attribute = 'area' ORDER BY 1"""
    )  # fmt: skip
    assert [source for source, _ in areas] == ["hunza 2009 #2", "hunza 2013 #2"]
    assert areas[1][1] == pytest.approx(1.5 * areas[0][1], rel=0.01)
    assert rows(seeded, "SELECT count(*) FROM claim WHERE attribute = 'outline'") == [(8,)]
    with transaction(seeded.engine) as conn:
        told = register.get_site(conn, "KKH-LS-0101")
    assert [event["name"] for event in told["events"]] == ["KKH-LS-0101 enlarged by 2013"]
    assert {claim["attribute"] for claim in told["claims"]} == {"area"}
    again = ingest(seeded, path, options=Options(kind="landslide"))
    assert (again.new, again.updated, again.unchanged, again.evolution) == (0, 0, 8, {})


def test_a_year_that_comes_later_in_another_file_goes_on(seeded: Any, tmp_path: Path) -> None:
    named = Options(dataset="hunza")
    ingest(seeded, zipped(tmp_path, "a", {"2009": [patch(0, 0)]}), options=named)
    report = ingest(seeded, zipped(tmp_path, "b", {"2013": [patch(0, 0, 0.008)]}), options=named)
    assert report.evolution == {"enlarged": 1}
    late = ingest(seeded, zipped(tmp_path, "c", {"2011": [patch(0, 0)]}), options=named)
    assert late.evolution == {"earlier": 1}
    other = ingest(seeded, zipped(tmp_path, "d", {"2020": [patch(0, 0, 0.02)]}))
    assert other.evolution == {"known": 1}, "another dataset knows the same place: a claim, no new site"
    assert rows(seeded, "SELECT code, activity, ST_XMax(geom) < 74.91 FROM site WHERE source = 'hunza'") == [
        ("KKH-LS-0100", "active", True)
    ]


def test_a_corrected_outline_draws_the_site_anew(seeded: Any, tmp_path: Path) -> None:
    named = Options(dataset="hunza")
    ingest(seeded, zipped(tmp_path, "a", {"2009": [patch(0, 0), patch(0.01, 0)]}), options=named)
    report = ingest(seeded, zipped(tmp_path, "b", {"2009": [patch(0, 0, 0.002), patch(0.01, 0)]}), options=named)
    assert (report.new, report.updated, report.unchanged) == (0, 1, 1)
    width = rows(seeded, "SELECT ST_XMax(geom) - ST_XMin(geom) FROM site WHERE code = 'KKH-LS-0100'")[0][0]
    assert width == pytest.approx(0.002)


def test_outlines_that_cannot_be_repaired_stop_the_file_or_are_rejected(seeded: Any, tmp_path: Path) -> None:
    spike = shapely.Polygon([(74.9, 36.3), (74.91, 36.31), (74.9, 36.3)])
    bowtie = shapely.Polygon([(74.9, 36.3), (74.91, 36.31), (74.91, 36.3), (74.9, 36.31)])
    path = zipped(tmp_path, "a", {"2009": [patch(0, 0), bowtie, spike]})
    with pytest.raises(RecordError, match=r"^a\.zip, layer 2009 feature 3: its geometry is invalid .* redraw it"):
        ingest(seeded, path)
    assert rows(seeded, "SELECT count(*) FROM site WHERE source = 'a'") == [(0,)]
    report = ingest(seeded, path, skip_bad=True)
    assert (report.new, report.repaired, report.rejected) == (2, 1, 1)
    assert report.rejects == tmp_path / "a.rejects.csv"
    assert rows(seeded, "SELECT count(*) FROM site WHERE source = 'a' AND NOT ST_IsValid(geom)") == [(0,)]


def test_papua_new_guinea_over_four_years(seeded: Any, shared_data: Path) -> None:
    report = ingest(seeded, shared_data / "inventories/multitemporal/PNG.zip")
    assert (report.records, report.repaired, report.rejected) == (1732, 6, 0)
    assert sum(report.evolution.values()) == report.new + report.evolution["continued"] + sum(
        report.evolution.get(name, 0) for name in ("enlarged", "reactivated")
    )
    assert report.evolution["mapped"] == 95
    assert rows(seeded, "SELECT count(*), bool_and(ST_IsValid(geom)) FROM site WHERE source = 'PNG'") == [
        (report.new, True)
    ]
    assert rows(seeded, "SELECT count(*) FROM claim WHERE attribute = 'outline'") == [(1732,)]
    total = rows(seeded, "SELECT sum(CAST(value AS float8)) / 1e6 FROM claim WHERE attribute = 'area'")[0][0]
    drawn = rows(seeded, "SELECT sum(ST_Area(CAST(geom AS geography))) / 1e6 FROM site WHERE source = 'PNG'")[0][0]
    assert 0.9 * total < drawn <= total


def test_points_of_another_zone(seeded: Any, shared_data: Path) -> None:
    path = shared_data / "inventories/ecuador_landslides/lsl.csv"
    options = Options(
        crs="EPSG:32717", columns={"easting": "x", "northing": "y"}, where={"lslpts": "TRUE"}, dataset="Ecuador"
    )
    report = ingest(seeded, path, options=options)
    assert (report.new, report.near_road) == (175, 0)
    assert rows(
        seeded, "SELECT min(code), count(*), count(attributes ->> 'slope') FROM site WHERE source = 'Ecuador'"
    ) == [("ECUADOR-LS-0100", 175, 175)]
    box = rows(seeded, "SELECT ST_Extent(geom) FROM site WHERE source = 'Ecuador'")[0][0]
    assert box.startswith("BOX(-79.")


KKH_2017 = {"complex": 57, "rock fall": 126, "debris slide": 167, "unstable slope": 412, "glacier movement": 40}


def test_the_published_inventory_of_the_whole_road_fits_in(seeded: Any, tmp_path: Path) -> None:
    """762 landslides and 40 glacier movements of 0.0017-10.63 km² along 806 km; the outlines are made up."""
    random = np.random.default_rng(7)
    told = [name for name, count in KKH_2017.items() for _ in range(count)]
    areas_m2 = np.geomspace(1_700, 10_630_000, len(told))
    random.shuffle(areas_m2)
    with transaction(seeded.engine) as conn:
        kms = np.linspace(70, 800, len(told))
        places = [corridor.locate_km(conn, float(km)) for km in kms]
    features = []
    for number, (name, area, place) in enumerate(zip(told, areas_m2, places, strict=True), start=1):
        radius = np.sqrt(area / np.pi) / 111_000
        scale = np.cos(np.radians(place.lat))
        circle = shapely.transform(
            shapely.Point(0, 0).buffer(radius), lambda xy, p=place, s=scale: xy / [s, 1] + [p.lon, p.lat]
        )
        features.append(
            {
                "type": "Feature",
                "properties": {"id": number, "class": name},
                "geometry": shapely.geometry.mapping(circle),
            }
        )
    path = tmp_path / "kkh2017.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    report = ingest(seeded, path, options=Options(year=2017, dataset="KKH 2017"))
    assert (report.new, report.near_road) == (802, 802)
    counts = rows(seeded, "SELECT attributes ->> 'class', count(*) FROM site WHERE source = 'KKH 2017' GROUP BY 1")
    assert dict(counts) == KKH_2017
    grouped = rows(
        seeded, """SELECT kind = 'glacier', count(*), min(a), max(a) FROM (SELECT kind, ST_Area(CAST(geom AS geography)) / 1e6 AS a
                   FROM published.sites WHERE source = 'KKH 2017') AS s GROUP BY 1 ORDER BY 1"""
    )  # fmt: skip
    assert [row[1] for row in grouped] == [762, 40]
    assert min(row[2] for row in grouped) == pytest.approx(0.0017, rel=0.02)
    assert max(row[3] for row in grouped) == pytest.approx(10.63, rel=0.02)
    classes = rows(
        seeded, "SELECT varnes_class, chinese_class, count(*) FROM published.sites WHERE source = 'KKH 2017' GROUP BY 1, 2 ORDER BY 3"
    )  # fmt: skip
    assert classes == [
        (None, "冰川运动", 40), ("complex", "复合型滑坡", 57), ("rock fall", "崩塌", 126), ("debris slide", "碎屑滑坡", 167),
        ("slope deformation", "不稳定斜坡", 412),
    ]  # fmt: skip
    marks = rows(
        seeded, "SELECT DISTINCT c.value FROM claim AS c WHERE c.attribute = 'possible_duplicate_of' ORDER BY 1"
    )
    assert [code for (code,) in marks] == ["KKH-LS-0001", "KKH-LS-0002"], "the register's own points on the road"
