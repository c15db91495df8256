"""Places and dated events of any table or GIS file, once it is known which column is which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import InputError
from hazard_db.inventory import EventRecord
from hazard_db.inventory_sites import SiteRecord
from ingest.inventories.classes import CODES, classify
from ingest.inventories.source import FIRST_YEAR, Bad, Inventory, Options
from ingest.rejects import dataset_of
from ingest.survey import angles, fields, texts
from ingest.survey.kinds import kind_of
from ingest.survey.moments import moment
from ingest.survey.places import Place, Places
from ingest.survey.source import Raw, Source

NAMES = {
    "id": "id fid objectid source_id 编号 统一编号",
    "class": "class landslide_type movement_type type kind category lclass 类型 灾害类型",
    "activity": "activity state activity_state status 活动状态",
    "name": "name 名称 نام",
    "year": "year 年份 年",
    "date": "date event_date occurred_on 日期 发生日期 发生时间 تاریخ",
    "accuracy_m": "accuracy_m accuracy 精度",
    "note": "note notes remark remarks comment description 备注 说明",
    "trigger": "trigger 诱因",
    "fatalities": "fatalities deaths 死亡人数",
    "injuries": "injuries injured 受伤人数",
}
"""Our field -> the names its column may have, the likeliest first."""
ACTIVITIES = ("active", "suspended", "dormant", "stabilised", "relict", "unknown")


@dataclass
class Reading:
    """How the records of one file are read."""

    source: Source
    dataset: str
    options: Options
    places: Places
    label: str
    found: dict[tuple[str, ...], tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)
    """Names of columns -> our columns, those of the position; in some formats each record has its own."""
    seen: dict[tuple[int | None, str], int] = field(default_factory=dict)

    def sites(self) -> Iterator[tuple[SiteRecord | Bad, float]]:
        """Yield the records as places."""
        yield from self._read(self._site)

    def events(self) -> Iterator[tuple[EventRecord | Bad, float]]:
        """Yield the records as dated events."""
        yield from self._read(self._event)

    def _read(self, make: Callable[[Raw], Any]) -> Iterator[tuple[Any, float]]:
        for number, raw in enumerate(self.source.records, start=1):
            self._columns(raw)
            if any(str(raw.values.get(column)) != wanted for column, wanted in self.options.where.items()):
                continue
            try:
                if raw.problem is not None:
                    raise ValueError(raw.problem)
                item = make(raw)
            except ValueError as error:
                item = Bad(raw.label, str(error), raw.values)
            yield item, number / max(self.source.total, number)
        _require(self.label, self.options, {name for names in self.found for name in names})

    def _columns(self, raw: Raw) -> tuple[dict[str, str], dict[str, str]]:
        names = self.source.columns or tuple(raw.values)
        if names not in self.found:
            ours = {name: column for name, column in self.options.columns.items() if name in NAMES}
            others = {name: column for name, column in self.options.columns.items() if name in fields.PLACES}
            positions = {name: column for name, column in fields.found(names, others).items() if name in fields.PLACES}
            self.found[names] = _found(names, ours), positions
        return self.found[names]

    def _site(self, raw: Raw) -> SiteRecord:
        year = self._year(raw)
        identifier = self._identifier(raw, year)
        told = texts.text(self._cell(raw, "class"), "class")
        known = classify(told) if told else None
        kind = known.kind if known else (told and kind_of(told)) or self.options.kind or "landslide"
        place = self._place(raw)
        word = (told or kind).replace("_", " ")
        return SiteRecord(
            source_id=identifier, kind=kind, letters=CODES.get(kind, "OT"), year=year, told_class=told,
            name=texts.text(self._cell(raw, "name"), "name") or f"{word[:1].upper()}{word[1:]} {identifier} of {self.dataset}",
            geom=_drawn(raw, place), repaired=place.repaired,
            varnes_class=known.varnes if known else None, chinese_class=known.chinese if known else None,
            activity=self._activity(raw), accuracy_m=self._accuracy(raw), note=self._note(raw), attributes=self._rest(raw),
        )  # fmt: skip

    def _event(self, raw: Raw) -> EventRecord:
        day, precision = self._day(raw)
        identifier = self._identifier(raw, None)
        told = texts.text(self._cell(raw, "class"), "class")
        known = classify(told) if told else None
        kind = known.kind if known else (told and kind_of(told)) or self.options.kind or "landslide"
        place = self._place(raw)
        return EventRecord(
            source_id=identifier, kind=kind, occurred_on=day, precision=precision, accuracy_m=self._accuracy(raw),
            name=texts.text(self._cell(raw, "name"), "name") or f"{(told or kind).replace('_', ' ').capitalize()} {identifier}",
            geom=_drawn(raw, place), trigger=texts.text(self._cell(raw, "trigger"), "trigger"),
            fatalities=self._count(raw, "fatalities"), injuries=self._count(raw, "injuries"), impacts=self._rest(raw),
            note=self._note(raw),
        )  # fmt: skip

    def _place(self, raw: Raw) -> Place:
        if raw.geometry is not None:
            return self.places.of_geometry(raw.geometry)
        return self.places.of_columns(self._columns(raw)[1], raw.values)

    def _cell(self, raw: Raw, name: str) -> Any:
        column = self._columns(raw)[0].get(name)
        return None if column is None else raw.values.get(column)

    def _identifier(self, raw: Raw, year: int | None) -> str:
        """Return the record's own id, else its place in the file; one that was there before in the mapping is numbered."""
        told = texts.text(self._cell(raw, "id"), "id")
        name = told or raw.label
        count = self.seen[year, name] = self.seen.get((year, name), 0) + 1
        return name if count == 1 else f"{name} ({count})"

    def _year(self, raw: Raw) -> int | None:
        """Return the year of the record, of its layer's name, or of the options."""
        told = texts.text(self._cell(raw, "year"), "year")
        match = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", raw.label.partition(" feature ")[0])
        found = told or (match[0] if match and raw.label.startswith("layer ") else None) or self.options.year
        if found is None:
            return None
        number = re.fullmatch(r"(\d{4})(?:\.0)?", str(found))
        if number is None or not FIRST_YEAR <= int(number[1]) <= datetime.now(UTC).year:
            raise ValueError(
                f"year {str(found)[:40]!r} is none between {FIRST_YEAR} and now; correct it or give --year"
            )
        return int(number[1])

    def _day(self, raw: Raw) -> tuple[date, str]:
        cell = self._cell(raw, "date")
        if cell is None:
            year = self._year(raw)
            if year is None:
                raise ValueError("has no date; name its column with --map date=COLUMN")
            return date(year, 1, 1), "year"
        return moment(cell, UTC).at.date(), "day"

    def _activity(self, raw: Raw) -> str:
        told = (texts.text(self._cell(raw, "activity"), "activity") or "unknown").casefold()
        told = {"stabilized": "stabilised", "inactive": "dormant"}.get(told, told)
        if told not in ACTIVITIES:
            raise ValueError(
                f"activity {told[:40]!r} is none of {', '.join(ACTIVITIES)}; correct it or map another column"
            )
        return told

    def _accuracy(self, raw: Raw) -> float | None:
        cell = self._cell(raw, "accuracy_m")
        if cell is None:
            return None
        value = angles.metres(cell, "accuracy_m")
        if value < 0:
            raise ValueError(f"accuracy_m {value:g} is negative; give metres")
        return value

    def _count(self, raw: Raw, name: str) -> int | None:
        cell = self._cell(raw, name)
        if cell is None:
            return None
        value = angles.metres(cell, name)
        if value < 0 or value != int(value):
            raise ValueError(f"{name} {value:g} is no number of people; leave it empty where it is not known")
        return int(value)

    def _note(self, raw: Raw) -> str | None:
        return texts.text(self._cell(raw, "note"), "note", longest=texts.LONGEST_NOTE)

    def _rest(self, raw: Raw) -> dict[str, Any]:
        ours, positions = self._columns(raw)
        used = {*ours.values(), *(() if raw.geometry is not None else positions.values())}
        return texts.attributes({name: value for name, value in raw.values.items() if name not in used})


def read(path: Path, options: Options, source: Source, format: str) -> Inventory:
    """Return the places or events of an opened file.

    Raises
    ------
    InputError
        A column or coordinate system that the caller names does not exist.
    """
    for name in options.columns:
        if name not in NAMES and name not in fields.PLACES:
            raise InputError(f"--map {name}: there is no such field (fields: {', '.join([*NAMES, *fields.PLACES])})")
    if source.columns:
        _require(path.name, options, set(source.columns))
    places = Places(options.crs, source.crs)
    dataset = options.dataset or dataset_of(path)
    reading = Reading(source, dataset, options, places, path.name)
    if options.as_events:
        return Inventory(format, dataset, places.name, events=reading.events(), notes=source.notes)
    return Inventory(format, dataset, places.name, sites=reading.sites(), notes=source.notes)


def _drawn(raw: Raw, place: Place) -> BaseGeometry:
    """Return what is drawn; of a repaired outline its areas alone, without the threads that hung on it.

    Raises
    ------
    ValueError
        An outline encloses nothing.
    """
    shape = place.point if place.shape is None else place.shape
    if place.repaired is None or raw.geometry is None or shapely.get_dimensions(raw.geometry) < 2:
        return shape
    areas = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    if not areas:
        raise ValueError(
            f"its geometry is invalid ({place.repaired}) and no area is left when it is repaired; redraw it"
        )
    return areas[0] if len(areas) == 1 else shapely.MultiPolygon(areas)


def _require(label: str, options: Options, columns: set[str]) -> None:
    """Return quietly where every column that the caller names is among those seen."""
    named = {f"--map {name}={column}": column for name, column in options.columns.items()}
    for told, column in (named | {f"--where {column}": column for column in options.where}).items():
        if column not in columns:
            raise InputError(f"{label}: {told}: there is no such column")


def _found(names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    """Return our field -> column: what was given, then the likeliest name."""
    chosen = {name: column for name, column in given.items() if column in names}
    left = {fields.normal(name): name for name in reversed(names) if name not in chosen.values()}
    for name, wanted in NAMES.items():
        match = next((one for one in map(fields.normal, wanted.split()) if one in left), None)
        if name not in chosen and match is not None:
            chosen[name] = left.pop(match)
    return chosen
