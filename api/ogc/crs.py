"""Reference systems in which features are told and asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hazard_db.errors import InputError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


@dataclass(frozen=True)
class Crs:
    """A reference system."""

    uri: str
    srid: int
    flipped: bool = False
    """Latitude or northing comes first."""


KNOWN: Mapping[str, Crs] = {
    CRS84: Crs(CRS84, 4326),
    f"{EPSG}4326": Crs(f"{EPSG}4326", 4326, flipped=True),
    f"{EPSG}3857": Crs(f"{EPSG}3857", 3857),
    f"{EPSG}32643": Crs(f"{EPSG}32643", 32643),
}


def named(uri: str | None, parameter: str) -> Crs:
    """Return the reference system of a URI; CRS84 where none is named.

    Raises
    ------
    InputError
        It is not one of those offered.
    """
    if uri is None:
        return KNOWN[CRS84]
    found = KNOWN.get(uri.strip("<>[]").replace("https://", "http://"))
    if found is None:
        raise InputError(f"{parameter}={uri[:100]} is not offered; use one of {', '.join(KNOWN)}")
    return found
