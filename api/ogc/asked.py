"""What a reader asks of a collection: the parameters of its address as a page of features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.datastructures import QueryParams

from api.ogc.crs import Crs, named
from hazard_db import cql2
from hazard_db.errors import InputError
from hazard_db.published import Collection, Condition, Page

MOST, USUAL = 10_000, 10
COMMON = frozenset({"f", "lang"})
ITEMS = frozenset(
    {
        "limit",
        "offset",
        "bbox",
        "bbox-crs",
        "crs",
        "datetime",
        "filter",
        "filter-lang",
        "filter-crs",
        "sortby",
        "properties",
    }
)


@dataclass(frozen=True)
class Asked:
    """A page of features and the reference system they are told in."""

    page: Page
    crs: Crs


def only(params: QueryParams, known: Iterable[str]) -> dict[str, str]:
    """Return the parameters by name.

    Raises
    ------
    InputError
        One is unknown, or given twice.
    """
    allowed = COMMON | set(known)
    given: dict[str, str] = {}
    for name, value in params.multi_items():
        if name not in allowed:
            raise InputError(f"there is no parameter {name[:60]!r} here; there are {', '.join(sorted(allowed))}")
        if name in given:
            raise InputError(f"the parameter {name!r} is given twice")
        given[name] = value
    return given


def items(params: QueryParams, collection: Collection) -> Asked:
    """Return what is asked of the items of a collection.

    Raises
    ------
    InputError
        A parameter is unknown or cannot be read.
    """
    named_properties = [one.name for one in collection.columns if one.name not in ITEMS | COMMON]
    given = only(params, [*ITEMS, *named_properties])
    crs = named(given.get("crs"), "crs")
    page = Page(
        where=where(given, collection, named_properties),
        order=tuple(_order(given.get("sortby"), collection)),
        properties=properties(given.get("properties"), collection),
        srid=crs.srid,
        flipped=crs.flipped,
        limit=min(MOST, whole(given, "limit", USUAL, 1)),
        offset=whole(given, "offset", 0, 0),
    )
    return Asked(page, crs)


def download(params: QueryParams, collection: Collection) -> tuple[Page, str]:
    """Return which features are asked for as a file, and the kind of file.

    Raises
    ------
    InputError
        A parameter is unknown or cannot be read.
    """
    named_properties = [one.name for one in collection.columns if one.name not in ITEMS | COMMON]
    given = only(params, [*(ITEMS - {"limit", "offset", "sortby", "crs"}), *named_properties])
    page = Page(
        where=where(given, collection, named_properties), properties=properties(given.get("properties"), collection)
    )
    return page, given.get("f", "geojson")


def where(given: Mapping[str, str], collection: Collection, properties: Iterable[str] = ()) -> tuple[Condition, ...]:
    """Return the conditions that the parameters make.

    Raises
    ------
    InputError
        A parameter cannot be read.
    """
    made = [_equal(collection, name, given[name], number) for number, name in enumerate(properties) if name in given]
    if "bbox" in given:
        crs = named(given.get("bbox-crs"), "bbox-crs")
        made.append(box(given["bbox"], crs) if collection.geometry else Condition("false"))
    if "datetime" in given:
        made.append(during(given["datetime"], collection.interval))
    if "filter" in given:
        language = given.get("filter-lang", "cql2-text")
        if language not in {"cql2-text", "cql2-json"}:
            raise InputError("filter-lang is cql2-text or cql2-json")
        crs = named(given.get("filter-crs"), "filter-crs")
        encoded = language == "cql2-json"
        made.append(
            cql2.condition(collection, given["filter"], json_encoded=encoded, srid=crs.srid, flipped=crs.flipped)
        )
    return tuple(made)


def _equal(collection: Collection, name: str, text: str, number: int) -> Condition:
    column = collection.column(name)
    assert column is not None  # the names come from the collection
    value: Any = text
    try:
        if column.kind in {"integer", "number"}:
            value = float(text)
        elif column.kind == "boolean":
            value = {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        elif column.kind in {"date", "timestamp"}:
            value = cql2.moment(text)
    except (ValueError, KeyError):
        raise InputError(f"{name}={text[:60]} does not suit a property of type {column.kind}") from None
    plain = column.kind in {"integer", "number", "boolean", "date", "timestamp"}
    return Condition(f"{column.sql if plain else f'CAST({column.sql} AS text)'} = %(p{number})s", {f"p{number}": value})


def box(text: str, crs: Crs) -> Condition:
    """Return the condition that a feature meets a box; raises InputError where it is none."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(abs(one) <= 1e9 for one in numbers):
        raise InputError("bbox is west,south,east,north (or with heights between), for example 74.5,36.2,75,36.6")
    half = len(numbers) // 2
    (x1, y1), (x2, y2) = numbers[:2], numbers[half : half + 2]
    if crs.flipped:
        x1, y1, x2, y2 = y1, x1, y2, x2
    if y1 > y2 or (x1 > x2 and crs.srid != 4326):
        raise InputError("bbox has its lower corner first")
    boxes = [(x1, y1, x2, y2)] if x1 <= x2 else [(x1, y1, 180.0, y2), (-180.0, y1, x2, y2)]  # over the antimeridian
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, corners in enumerate(boxes):
        names = [f"box{number}{letter}" for letter in "wsen"]
        values |= dict(zip(names, corners, strict=True))
        envelope = f"ST_MakeEnvelope({', '.join(f'%({name})s' for name in names)}, {crs.srid})"
        envelope = envelope if crs.srid == 4326 else f"ST_Transform({envelope}, 4326)"
        parts.append(f"ST_Intersects(t.geom, {envelope})")
    return Condition(" OR ".join(parts), values)


def during(text: str, interval: tuple[str, str] | None) -> Condition:
    """Return the condition that a feature's time meets an instant, a day or an interval; without a time it always does.

    Raises
    ------
    InputError
        It is none of these.
    """
    first, slash, last = text.partition("/")
    ends = [None if part in ("", "..") else part for part in ((first, last) if slash else (first, first))]
    if ends == [None, None] and not slash:
        raise InputError("datetime is an instant or an interval: 2022-05-07, 2022-01-01/2022-12-31, ../2022-05-07")
    moments = [None if end is None else cql2.moment(end) for end in ends]
    # a day ends when the next one begins
    day = ends[1] is not None and len(ends[1]) == 10
    if moments[1] is not None and day:
        moments[1] += timedelta(days=1) - timedelta(microseconds=1)
    if moments[0] and moments[1] and moments[0] > moments[1]:
        raise InputError("datetime has its earlier end first")
    if interval is None:
        return Condition()
    begin, end = interval
    parts = [f"({begin} IS NULL OR ({{}}))"]
    tests = ([f"{end} >= %(after)s"] if moments[0] else []) + ([f"{begin} <= %(before)s"] if moments[1] else [])
    values = {name: moment for name, moment in zip(("after", "before"), moments, strict=True) if moment}
    return Condition(parts[0].format(" AND ".join(tests) or "true"), values)


def _order(text: str | None, collection: Collection) -> Iterable[tuple[str, bool]]:
    for part in (text or "").split(",") if text else ():
        name = part.strip().lstrip("+-")
        if collection.column(name) is None:
            raise InputError(f"sortby={name[:60]}: there is no such property")
        yield name, part.strip().startswith("-")


def properties(text: str | None, collection: Collection) -> tuple[str, ...] | None:
    """Return the properties to be told, None = all; raises InputError where one is unknown."""
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if collection.column(name) is None:
            raise InputError(f"properties={name[:60]}: there is no such property")
    return names


def whole(given: Mapping[str, str], name: str, usual: int, least: int) -> int:
    """Return a parameter that is a whole number from `least`; `usual` where it is not given.

    Raises
    ------
    InputError
        It is no such number.
    """
    text = given.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) >= least):
        raise InputError(f"{name} is a whole number from {least}")
    return int(text)
