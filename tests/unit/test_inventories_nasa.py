"""Rows of the NASA catalogue as dated events."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hazard_db.errors import InputError, UnknownFormatError
from hazard_db.inventory import EventRecord
from ingest.inventories import nasa
from ingest.inventories.registry import FORMATS, recognise
from ingest.inventories.source import Bad, Options

HEADER = (
    "event_id,event_date,event_time,location_description,location_accuracy,landslide_category,landslide_trigger,"
    "landslide_size,fatality_count,injury_count,source_link,longitude,latitude"
)
GOOD = '1864,5/15/2010 0:00,,"Atabad, Hunza Valley",1km,landslide,downpour,large,0,,http://a.example/1,74.8219,36.3085'


def items(tmp_path: Path, *rows: str, header: str = HEADER) -> list[EventRecord | Bad]:
    path = tmp_path / "catalogue.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf8")
    return [item for item, _ in nasa.read(path, Options()).events or ()]


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    (event,) = items(tmp_path, GOOD)
    assert isinstance(event, EventRecord)
    assert (event.source_id, event.kind, event.occurred_on) == ("1864", "landslide", date(2010, 5, 15))
    assert (event.geom.x, event.geom.y) == (74.8219, 36.3085)
    assert event.accuracy_m == 1000
    assert event.trigger == "downpour"
    assert event.fatalities == 0
    assert event.injuries is None, "not told is not zero"
    assert event.name == "Landslide, Atabad, Hunza Valley"
    assert event.note == "Atabad, Hunza Valley; http://a.example/1"
    assert event.impacts == {
        "category": "landslide", "size": "large", "link": "http://a.example/1", "accuracy_class": "1km",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "metres"), [("exact", 100), ("5km", 5e3), ("250km", 2.5e5), ("unknown", None), ("", None)]
)
def test_accuracy_is_kept_and_unknown_is_not_exact(tmp_path: Path, told: str, metres: float | None) -> None:
    (event,) = items(tmp_path, GOOD.replace("1km", told))
    assert isinstance(event, EventRecord)
    assert event.accuracy_m == metres
    assert event.impacts["accuracy_class"] == (told or "unknown")


@pytest.mark.parametrize(
    ("category", "kind"),
    [("mudslide", "debris_flow"), ("rock_fall", "rockfall"), ("snow_avalanche", "avalanche"), ("creep", "landslide")],
)
def test_categories_have_a_kind_here(tmp_path: Path, category: str, kind: str) -> None:
    (event,) = items(tmp_path, GOOD.replace(",landslide,", f",{category},"))
    assert isinstance(event, EventRecord)
    assert event.kind == kind
    assert event.impacts["category"] == category


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("5/15/2010 0:00", "15/5/2010", "event_date"),
        ("5/15/2010 0:00", "5/15/2999", "event_date"),
        ("5/15/2010 0:00", "", "event_date"),
        ("36.3085", "96.3085", "longitude, latitude"),
        ("36.3085", "nan", "longitude, latitude"),
        ("36.3085", "", "longitude, latitude"),
        ("1km", "near", "location_accuracy"),
        (",0,,http", ",-3,,http", "fatality_count"),
        (",0,,http", ",0,many,http", "injury_count"),
        ("1864", "", "event_id"),
    ],
)
def test_a_bad_row_says_line_field_and_what_to_do(tmp_path: Path, old: str, new: str, field: str) -> None:
    first, bad = items(tmp_path, GOOD.replace("1864", "7"), GOOD.replace(old, new))
    assert isinstance(first, EventRecord)
    assert isinstance(bad, Bad)
    assert str(bad).startswith(f"line 3: {field}: ")


def test_an_identifier_comes_once(tmp_path: Path) -> None:
    _, bad = items(tmp_path, GOOD, GOOD.replace("landslide", "mudslide"))
    assert str(bad) == "line 3: event_id: 1864 is also on line 2; leave one of them out"


def test_the_older_edition_is_understood(tmp_path: Path) -> None:
    header = "id,date,time,location_description,latitude,longitude,landslide_type,landslide_size,trigger,injuries,fatalities,source_link"
    (event,) = items(
        tmp_path, "34,03/02/2007,Night,Cherry Hills,38.6,-90.3,Landslide,Small,Rain,,3,http://x.example", header=header
    )
    assert isinstance(event, EventRecord)
    assert (event.source_id, event.occurred_on, event.fatalities) == ("34", date(2007, 3, 2), 3)
    assert event.trigger == "rain"
    assert event.accuracy_m is None


def test_content_decides_whether_a_row_changed(tmp_path: Path) -> None:
    first, same, other = (items(tmp_path, row)[0] for row in (GOOD, GOOD, GOOD.replace(",0,,http", ",2,,http")))
    assert isinstance(first, EventRecord)
    assert isinstance(same, EventRecord)
    assert isinstance(other, EventRecord)
    assert first.content_sha256 == same.content_sha256 != other.content_sha256


def test_formats_are_found_out_or_forced(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n")
    assert recognise(path, None) == nasa.NAME
    with pytest.raises(UnknownFormatError, match="known are nasa-glc, Shapefile"):
        recognise(path, "excel")
    assert recognise(path, nasa.NAME) in FORMATS


def test_forced_on_another_file_it_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column event_id, event_date"):
        nasa.read(path, Options())
