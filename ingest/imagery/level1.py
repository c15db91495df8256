"""Products that are recognised so that they can be refused: their numbers are not surface reflectance."""

from __future__ import annotations

import re
from typing import NoReturn

from hazard_db.errors import RasterError
from ingest.imagery.bundle import Bundle
from ingest.imagery.source import Options

_LANDSAT = re.compile(r"(L[COTEM]0\d)_(L1\w{2})_(\d{6})_(\d{8})(?:_\d{8}_(0[12])_\w\w)?")
_SENTINEL2 = "MTD_MSIL1C.xml"
_SENTINEL1 = re.compile(r"s1[a-d]-(?:iw|ew|s\d)\d?-(grd|slc)-", re.IGNORECASE)


def claims(bundle: Bundle) -> bool:
    """Return whether these are top-of-atmosphere or uncalibrated numbers."""
    return (
        _landsat(bundle) is not None
        or any(name.endswith(_SENTINEL2) for name in bundle.members)
        or _sentinel1(bundle) is not None
    )


def read(bundle: Bundle, options: Options) -> NoReturn:
    """Refuse.

    Raises
    ------
    RasterError
        Always: comparing such numbers over time would report haze and sun as change.
    """
    del options
    if radar := _sentinel1(bundle):
        raise RasterError(
            f"{bundle.label}: Sentinel-1 {radar[1].upper()} is neither calibrated nor corrected for terrain; "
            "get the RTC product of the same time (gamma nought, in power or dB)"
        )
    found = _landsat(bundle)
    if found is None:
        raise RasterError(
            f"{bundle.label}: Sentinel-2 Level-1C is top-of-atmosphere, not surface reflectance; "
            "get the Level-2A product of the same time and tile"
        )
    sensor, level, place, day, collection = found.groups()
    raise RasterError(
        f"{bundle.label}: Landsat {'Collection ' + collection.lstrip('0') + ' ' if collection else ''}Level-1 ({level}) "
        f"holds sensor numbers, not surface reflectance; get Collection 2 Level-2 ({sensor}_L2SP_{place}_{day}_...)"
    )


def _sentinel1(bundle: Bundle) -> re.Match[str] | None:
    names = (name.rpartition("/")[2] for name in bundle.members)
    return next((match for name in names if (match := _SENTINEL1.match(name))), None)


def _landsat(bundle: Bundle) -> re.Match[str] | None:
    names = (bundle.root.name, *(name.rpartition("/")[2] for name in bundle.members))
    return next((match for name in names if (match := _LANDSAT.match(name))), None)
