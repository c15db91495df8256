"""Places and events of GIS files and tables: which column is which, classes, years, repairs, refusals."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from hazard_db.errors import InputError, UnknownFormatError
from hazard_db.inventory import EventRecord
from hazard_db.inventory_sites import SiteRecord
from ingest.inventories.classes import classify
from ingest.inventories.registry import FORMATS, recognise
from ingest.inventories.source import Bad, Options

BOWTIE = shapely.Polygon([(75, 36), (75.01, 36.01), (75.01, 36), (75, 36.01)])
SPIKE = shapely.Polygon([(75, 36), (75.01, 36.01), (75, 36)])
SQUARE = shapely.box(75, 36, 75.01, 36.01)


def zipped(folder: Path, layers: Mapping[str, Any], crs: str = "EPSG:4326") -> Path:
    """Write a zip of Shapefiles: name -> (geometries, {column: values})."""
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    for name, (geometries, columns) in layers.items():
        pyogrio.raw.write(
            parts / f"{name}.shp", shapely.to_wkb(np.array(geometries, dtype=object)), [np.array(v) for v in columns.values()],
            list(columns), geometry_type="Polygon", crs=crs,
        )  # fmt: skip
    target = folder / "inventory.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for part in sorted(parts.iterdir()):
            archive.write(part, f"inventory/{part.name}")
    return target


def items(path: Path, **options: Any) -> list[SiteRecord | EventRecord | Bad]:
    asked = Options(**options)
    inventory = FORMATS[recognise(path, None)].read(path, asked)
    return [item for item, _ in (inventory.events if asked.as_events else inventory.sites) or ()]


def table(folder: Path, text: str) -> Path:
    path = folder / "places.csv"
    path.write_text(text, encoding="utf8")
    return path


def test_shapefiles_of_several_years_are_read_in_one(tmp_path: Path) -> None:
    path = zipped(
        tmp_path, {"2013": ([SQUARE], {"ID": [4]}), "old": ([SQUARE, BOWTIE], {"ID": [1, 1], "Year": [2009, 2009]})}
    )
    found = items(path)
    assert [(one.year, one.source_id) for one in found if isinstance(one, SiteRecord)] == [
        (2013, "4"), (2009, "1"), (2009, "1 (2)"),
    ]  # fmt: skip


def test_a_broken_outline_is_repaired_and_said_to_be(tmp_path: Path) -> None:
    whole, mended, lost = items(zipped(tmp_path, {"2013": ([SQUARE, BOWTIE, SPIKE], {"ID": [1, 2, 3]})}))
    assert isinstance(whole, SiteRecord)
    assert whole.repaired is None
    assert isinstance(mended, SiteRecord)
    assert mended.geom.is_valid
    assert mended.geom.area == pytest.approx(0.5e-4)
    assert mended.repaired == "Self-intersection"
    assert isinstance(lost, Bad)
    assert str(lost).startswith("layer 2013 feature 3: its geometry is invalid")


def test_metres_without_a_crs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = table(tmp_path, "id,x,y\n1,713887.7,9558536.7\n")
    (bad,) = items(path)
    assert isinstance(bad, Bad)
    assert "--crs" in str(bad)
    (site,) = items(path, crs="EPSG:32717")
    assert isinstance(site, SiteRecord)
    assert (round(site.geom.centroid.x, 2), round(site.geom.centroid.y, 2)) == (-79.07, -3.99)


def test_columns_are_found_or_named_and_records_chosen(tmp_path: Path) -> None:
    path = table(
        tmp_path, "nr,lon,lat,movement,wet,Slope\n7,74.5,36.1,Rock Fall,TRUE,31.5\n8,74.6,36.1,Debris slide,FALSE,20\n"
    )
    (site,) = items(path, columns={"id": "nr", "class": "movement"}, where={"wet": "TRUE"})
    assert isinstance(site, SiteRecord)
    assert (site.source_id, site.kind, site.letters, site.varnes_class) == ("7", "rockfall", "RF", "rock fall")
    assert site.chinese_class == "崩塌"
    assert site.told_class == "Rock Fall"
    assert site.attributes["Slope"] == "31.5"
    for wrong in ({"columns": {"id": "number"}}, {"columns": {"colour": "nr"}}, {"where": {"dry": "TRUE"}}):
        with pytest.raises(InputError, match="there is no such"):
            items(path, **wrong)


def test_dated_records_are_events_where_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "id,date,lon,lat,class,deaths\n1,2016-04-02,73.2,35.2,debris flow,16\n2,,73.2,35.2,slide,\n")
    event, bad = items(path, as_events=True)
    assert isinstance(event, EventRecord)
    assert (event.occurred_on, event.precision, event.kind, event.fatalities) == (
        date(2016, 4, 2),
        "day",
        "debris_flow",
        16,
    )
    assert isinstance(bad, Bad)
    assert "has no date" in str(bad)
    yearly = items(path, as_events=True, year=2016)[1]
    assert isinstance(yearly, EventRecord)
    assert (yearly.occurred_on, yearly.precision) == (date(2016, 1, 1), "year")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("1,74.5,36.1,asleep,,", "activity 'asleep' is none of active"),
        ("1,74.5,36.1,,1492,", "year '1492' is none between 1900 and now"),
        ("1,74.5,36.1,,soon,", "year 'soon' is none between"),
        ("1,74.5,36.1,,,-5", "accuracy_m -5 is negative"),
        ("1,36.1,74.5,,,", "look swapped"),
        ("1,,36.1,,,", "has no position"),
        ("1,0,0,,,", "latitude 0, longitude 0"),
    ],
)
def test_a_bad_record_says_what_is_wrong(tmp_path: Path, row: str, why: str) -> None:
    (bad,) = items(table(tmp_path, f"id,lon,lat,activity,year,accuracy_m\n{row}\n"))
    assert isinstance(bad, Bad)
    assert str(bad).startswith("line 2: ")
    assert why in str(bad)


@pytest.mark.parametrize(
    ("told", "kind", "varnes"),
    [
        ("Complex", "landslide", "complex"), ("rock falls", "rockfall", "rock fall"), ("debris_slide", "landslide", "debris slide"),
        ("Unstable slope", "landslide", "slope deformation"),
        ("glacier movement", "glacier", None), ("泥石流", "debris_flow", "debris flow"),
    ],
)  # fmt: skip
def test_classes_of_others_in_our_words(told: str, kind: str, varnes: str | None) -> None:
    known = classify(told)
    assert known is not None
    assert (known.kind, known.varnes) == (kind, varnes)
    assert known.chinese
    assert classify("moon rock") is None


def test_what_is_no_inventory_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 not one")
    with pytest.raises(UnknownFormatError, match="is a photo"):
        recognise(path, None)
    with pytest.raises(UnknownFormatError, match="known are nasa-glc, Shapefile"):
        recognise(path, "excel")
