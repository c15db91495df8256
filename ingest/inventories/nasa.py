"""NASA Global Landslide Catalog: one dated event a row, with a class of how well its place is known [@Kirschbaum2015]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from shapely.geometry import Point

from hazard_db.errors import InputError
from hazard_db.inventory import EventRecord
from ingest.inventories.classes import NASA_KINDS
from ingest.inventories.source import FIRST_YEAR, Bad, Inventory, Options, line_count
from ingest.tables import Table, read_csv

NAME = "nasa-glc"
DATASET = "NASA Global Landslide Catalog"
ACCURACY_M = {
    "exact": 100.0, "1km": 1e3, "5km": 5e3, "10km": 1e4, "25km": 2.5e4, "50km": 5e4, "100km": 1e5, "250km": 2.5e5,
    "unknown": None, "": None,
}  # fmt: skip
"""Class -> metres; `exact` is a slide that was found in imagery, its point anywhere on it."""

COLUMNS = {
    "source_id": ("event_id", "id"),
    "day": ("event_date", "date"),
    "time": ("event_time", "time"),
    "place": ("location_description",),
    "accuracy": ("location_accuracy",),
    "category": ("landslide_category", "landslide_type"),
    "trigger": ("landslide_trigger", "trigger"),
    "size": ("landslide_size",),
    "setting": ("landslide_setting",),
    "fatalities": ("fatality_count", "fatalities"),
    "injuries": ("injury_count", "injuries"),
    "storm": ("storm_name",),
    "country": ("country_name",),
    "nearest_place": ("gazeteer_closest_point", "city/town"),
    "reported_by": ("source_name",),
    "link": ("source_link",),
    "longitude": ("longitude",),
    "latitude": ("latitude",),
}
"""Our field -> the name it has in the editions of the catalogue."""
NEEDED = ("source_id", "day", "category", "trigger", "longitude", "latitude")
KEPT = ("category", "size", "setting", "storm", "country", "nearest_place", "reported_by", "link", "time")
"""What goes along as it stands, under `impacts`."""


def recognises(path: Path) -> bool:
    """Return whether the file is a CSV with the catalogue's columns."""
    return path.suffix.lower() == ".csv" and set(NEEDED) <= set(_present(read_csv(path).columns))


def read(path: Path, options: Options) -> Inventory:
    """Return the catalogue's events, world-wide.

    Raises
    ------
    InputError
        The columns are not those of the catalogue.
    """
    table = read_csv(path)
    missing = [COLUMNS[name][0] for name in NEEDED if name not in _present(table.columns)]
    if missing:
        raise InputError(f"{path.name}: has no column {', '.join(missing)}; this is not the catalogue of NASA")
    return Inventory(
        NAME, options.dataset or DATASET, "EPSG:4326", events=_items(table, line_count(path)), notes=table.notes
    )


def _items(table: Table, lines: int) -> Iterator[tuple[EventRecord | Bad, float]]:
    names = _present(table.columns)
    seen: dict[str, str] = {}
    for row in table.rows:
        record = f"line {row.number}"
        values = {name: (row.values[column] or "").strip() for name, column in names.items()}
        item = (
            Bad(record, row.problem, row.values)
            if row.problem
            else _once(_event(record, values, row.values), record, seen)
        )
        yield item, min(1.0, row.number / lines)


def _present(header: Sequence[str]) -> dict[str, str]:
    """Return our field -> column for the columns of this edition."""
    return {name: column for name, aliases in COLUMNS.items() for column in aliases if column in header}


def _once(item: EventRecord | Bad, record: str, seen: dict[str, str]) -> EventRecord | Bad:
    if isinstance(item, EventRecord):
        first = seen.setdefault(item.source_id, record)
        if first != record:
            return Bad(record, f"event_id: {item.source_id} is also on {first}; leave one of them out")
    return item


def _event(record: str, row: Mapping[str, str], told: Mapping[str, Any]) -> EventRecord | Bad:
    name = ""
    try:
        name = "event_id"
        if not row["source_id"]:
            raise ValueError("is empty; every event needs its number")
        name = "location_accuracy"
        accuracy_m = _accuracy(row.get("accuracy", ""))
        name = "event_date"
        day = _day(row["day"])
        name = "longitude, latitude"
        point = _point(row["longitude"], row["latitude"])
        name = "fatality_count"
        fatalities = _count(row.get("fatalities", ""))
        name = "injury_count"
        injuries = _count(row.get("injuries", ""))
    except ValueError as error:
        return Bad(record, f"{name}: {error}", told)
    kept = {key: row[key] for key in KEPT if row.get(key) not in {None, "", "unknown"}}
    category, trigger = ("_".join(row[name].casefold().split()) for name in ("category", "trigger"))
    return EventRecord(
        source_id=row["source_id"], kind=NASA_KINDS.get(category, "landslide"), name=_name(category or "unknown", row),
        occurred_on=day, geom=point, accuracy_m=accuracy_m, trigger=trigger or None, fatalities=fatalities,
        injuries=injuries, impacts=kept | {"accuracy_class": row.get("accuracy") or "unknown"},
        note="; ".join(row[key] for key in ("place", "link") if row.get(key)) or None,
    )  # fmt: skip


def _name(category: str, row: Mapping[str, str]) -> str:
    word = {"other": "landslide", "unknown": "landslide"}.get(category, category).replace("_", " ").capitalize()
    where = row.get("place") or row.get("nearest_place") or row.get("country")
    return f"{word}, {where}" if where else word


def _accuracy(value: str) -> float | None:
    try:
        return ACCURACY_M[value.lower()]
    except KeyError:
        known = ", ".join(name for name in ACCURACY_M if name)
        raise ValueError(f"{value!r} is no class of the catalogue ({known})") from None


def _day(value: str) -> date:
    """Return the local day; the catalogue's times are rough and told apart."""
    for form in ("%m/%d/%Y", "%Y-%m-%d"):
        try:
            day = datetime.strptime(value.replace("T", " ").partition(" ")[0], form).date()
        except ValueError:
            continue
        if day.year < FIRST_YEAR or day > date.today():
            raise ValueError(f"{value!r} lies before {FIRST_YEAR} or in the future; correct it")
        return day
    raise ValueError(f"{value!r} is no date; write MM/DD/YYYY")


def _point(longitude: str, latitude: str) -> Point:
    try:
        lon, lat = float(longitude), float(latitude)
    except ValueError:
        raise ValueError(f"{longitude!r}, {latitude!r} are no numbers; give degrees") from None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"{longitude}, {latitude} is not on the Earth; give degrees, longitude first")
    return Point(lon, lat)


def _count(value: str) -> int | None:
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or int(value) > 1_000_000:
        raise ValueError(f"{value!r} is no number of people; leave it empty where it is not known")
    return int(value)
