"""The filters that every list takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Depends, Query

from api.stretch import read_stretch
from hazard_db.errors import InputError
from hazard_db.fieldbook import Window

MOST = 1000


def window(
    *,
    km: Annotated[str | None, Query(description="Stretch of road, A-B in kilometres.")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees.")] = None,
    kind: Annotated[str | None, Query(max_length=100, description="Kind of hazard.")] = None,
    since: Annotated[date | None, Query(description="Since this day.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Window:
    """Return which records are asked for.

    Raises
    ------
    InputError
        A filter cannot be read.
    """
    km_from, km_to = read_stretch(km) if km else (None, None)
    moment = datetime(since.year, since.month, since.day, tzinfo=UTC) if since else None
    return Window(km_from, km_to, _box(bbox) if bbox else None, kind, moment, limit, offset)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError("bbox is west,south,east,north in degrees, for example 74.5,36.2,75,36.6") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InputError("bbox is west,south,east,north: longitudes from -180 to 180, latitudes from -90 to 90")
    return west, south, east, north


Asked = Annotated[Window, Depends(window)]
