"""What a reader asks of a STAC API, by address or by body, as a search of the catalogue."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from api.ogc import asked
from api.ogc.crs import CRS84, KNOWN
from hazard_db import cql2, stac
from hazard_db.cql2_geometry import literal
from hazard_db.errors import InputError
from hazard_db.published import Condition

USUAL, MOST, LONGEST_LIST = 10, 1_000, 1_000
PARAMETERS = (
    "limit", "bbox", "datetime", "intersects", "ids", "collections", "token", "filter", "filter-lang", "filter-crs",
)  # fmt: skip
OF_ITEMS = ("limit", "bbox", "datetime", "token", "filter", "filter-lang", "filter-crs")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
SHAPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")


def from_address(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of an address as the body of a search would have them.

    Raises
    ------
    InputError
        One cannot be read.
    """
    read: Mapping[str, Callable[[str], Any]] = {
        "limit": int, "intersects": json.loads, "ids": _parts, "collections": _parts,
        "bbox": lambda text: [float(part) for part in text.split(",")],
    }  # fmt: skip
    made: dict[str, Any] = {}
    for name in PARAMETERS:
        if name in given:
            try:
                made[name] = read.get(name, str)(given[name])
            except (ValueError, RecursionError):
                raise InputError(f"{name}={given[name][:60]} cannot be read") from None
    if "filter" in made:
        made.setdefault("filter-lang", "cql2-text")
    return made


def search(body: Any) -> stac.Search:
    """Return a search.

    Raises
    ------
    InputError
        The body names what there is not, or has values that cannot be.
    """
    if not isinstance(body, dict):
        raise InputError("a search is a JSON object")
    if unknown := set(body) - set(PARAMETERS):
        raise InputError(f"a search has no {sorted(unknown)[0][:60]!r}; it has {', '.join(PARAMETERS)}")
    given = {name: value for name, value in body.items() if value is not None}
    if "bbox" in given and "intersects" in given:
        raise InputError("a search has bbox or intersects, not both")
    where = [
        *_named(given, "ids", "id"),
        *_named(given, "collections", "collection"),
        *([_box(given["bbox"])] if "bbox" in given else ()),
        *([_meets(given["intersects"])] if "intersects" in given else ()),
        *([_during(given["datetime"])] if "datetime" in given else ()),
        *([_filter(given)] if "filter" in given else ()),
    ]
    token = given.get("token")
    if token is not None and not isinstance(token, str):
        raise InputError("token is a text")
    return stac.Search(tuple(where), _limit(given.get("limit", USUAL)), token)


def _parts(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _limit(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError("limit is a whole number from 1")
    return min(MOST, value)


def _named(given: Mapping[str, Any], parameter: str, column: str) -> list[Condition]:
    values = given.get(parameter)
    if values is None or values == []:
        return []
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values) or len(values) > LONGEST_LIST:
        raise InputError(f"{parameter} is a list of up to {LONGEST_LIST} names")
    return [Condition(f"t.{column} = ANY(%(of_{parameter})s)", {f"of_{parameter}": values})]


def _box(value: Any) -> Condition:
    finite = isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in value
    )
    if not finite or len(value) not in (4, 6):
        raise InputError("bbox is a list of 4 or 6 numbers: west, south, east, north")
    if len(value) == 6 and value[2] > value[5]:
        raise InputError("bbox has its lower corner first")
    return asked.box(",".join(map(str, value)), KNOWN[CRS84])


def _meets(value: Any) -> Condition:
    if not isinstance(value, dict) or value.get("type") not in SHAPES:
        raise InputError(f"intersects is a geometry of GeoJSON: {', '.join(SHAPES)}")
    shape = json.dumps(literal(value, degrees=True, flipped=False))
    return Condition("ST_Intersects(t.geom, ST_SetSRID(ST_GeomFromGeoJSON(%(shape)s), 4326))", {"shape": shape})


def _during(value: Any) -> Condition:
    """Return the condition of an instant or interval, stricter than that of features: no days, no doubly open ends."""
    ends = value.upper().split("/") if isinstance(value, str) else []
    opened = [end in ("", "..") for end in ends]
    read = all(no or RFC3339.fullmatch(end) for no, end in zip(opened, ends, strict=True))
    if len(ends) not in (1, 2) or all(opened) or not read:
        raise InputError(
            "datetime is an instant of RFC 3339 or an interval of two: 2022-05-07T00:00:00Z, 2022-05-07T00:00:00Z/.."
        )
    return asked.during("/".join(ends), ("t.start_datetime", "t.end_datetime"))


def _filter(given: Mapping[str, Any]) -> Condition:
    value = given["filter"]
    language = given.get("filter-lang", "cql2-text" if isinstance(value, str) else "cql2-json")
    if language not in ("cql2-text", "cql2-json"):
        raise InputError("filter-lang is cql2-text or cql2-json")
    if given.get("filter-crs", CRS84) != CRS84:
        raise InputError(f"filter-crs is {CRS84}")
    text = value if isinstance(value, str) else json.dumps(value)
    return cql2.condition(stac.QUERYABLE, text, json_encoded=language == "cql2-json")
