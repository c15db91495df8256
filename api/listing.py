"""The filters that every list takes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BeforeValidator, Field

from api.storage import reading
from api.stretch import read_stretch
from hazard_db import search
from hazard_db.errors import InputError
from hazard_db.placenames import place_of
from hazard_db.search import Around, Window

MOST = 1000
EMPTY = BeforeValidator(lambda value: value or None)
"""Forms send the fields that were left empty too."""
Kilometres = Annotated[float, Field(ge=0.001, le=500)]
"""From a metre: distances near the least number there is would underflow in the database."""
LONLAT = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[,，、 ]\s*(-?\d+(?:\.\d+)?)\s*")


def window(
    request: Request,
    *,
    km: Annotated[str | None, Query(description="Stretch of road, A-B in kilometres.")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees.")] = None,
    kind: Annotated[str | None, Query(max_length=100, description="Kind of hazard.")] = None,
    since: Annotated[date | None, EMPTY, Query(description="Since this day; sites: entered since.")] = None,
    until: Annotated[date | None, EMPTY, Query(description="Up to this day.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words that the record holds.")] = None,
    place: Annotated[
        str | None, Query(max_length=200, description="Name of a place, code of a site, or latitude, longitude.")
    ] = None,
    within_km: Annotated[Kilometres | None, EMPTY, Query(description="Distance from the place; 10.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Window:
    """Return which records are asked for; a filter that is left empty filters nothing.

    Raises
    ------
    InputError
        A filter cannot be read, or nothing is known of the place.
    """
    km_from, km_to = read_stretch(km) if km else (None, None)
    around = _around(request, place, within_km or 10) if place and place.strip() else None
    return Window(
        km_from, km_to, _box(bbox) if bbox else None, kind or None, _moment(since),
        _moment(until + timedelta(days=1) if until else None), (q or "").strip() or None, around, limit, offset,
    )  # fmt: skip


def stretch_window(
    *,
    km: Annotated[str | None, Query(description="Stretch of road, A-B in kilometres.")] = None,
    kind: Annotated[str | None, Query(max_length=100, description="Kind of hazard.")] = None,
    since: Annotated[date | None, EMPTY, Query(description="Since this day.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Window:
    """Return which records are asked for, of those that are filtered by kilometre, kind and day alone.

    Raises
    ------
    InputError
        A filter cannot be read.
    """
    km_from, km_to = read_stretch(km) if km else (None, None)
    return Window(km_from, km_to, None, kind or None, _moment(since), limit=limit, offset=offset)


def _moment(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def _around(request: Request, place: str, within_km: float) -> Around:
    """Return where a place is: given as latitude, longitude, or known by its name."""
    if told := LONLAT.fullmatch(place):
        lat, lon = float(told[1]), float(told[2])
        if abs(lat) > 90 or abs(lon) > 180:
            raise InputError("place is latitude, longitude in degrees, for example 36.337, 74.868")
        return Around(lon, lat, within_km * 1000)
    with reading(request) as conn:
        found = search.find_place(conn, place_of(place))
    if found is None:
        raise InputError(
            f"no place {place.strip()[:60]!r} is known along the road; give a place such as Passu, or latitude, longitude"
        )
    return Around(*found, within_km * 1000)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError("bbox is west,south,east,north in degrees, for example 74.5,36.2,75,36.6") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError("bbox is west,south,east,north: longitudes from -180 to 180, latitudes from -90 to 90")
    return west, south, east, north


Asked = Annotated[Window, Depends(window)]
AskedByStretch = Annotated[Window, Depends(stretch_window)]
