"""What stored numbers mean as reflectance: every scale and offset applied exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hazard_db.errors import RasterError

QUANTIFICATION = 1e-4
"""Unscaled integers are reflectance x 10000, as Sentinel-2 stores it [@ESA_S2PSD]."""
LANDSAT_SCALE, LANDSAT_OFFSET = 2.75e-5, -0.2
"""Landsat Collection 2 Level-2 surface reflectance [@USGS_LSDS1619]."""
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True)
class Scaling:
    """reflectance = number * scale + offset."""

    scale: float
    offset: float
    note: str = ""
    """What had to be decided, empty where the file says all."""


def scaling_of(
    label: str, dtype: str, scale: float, offset: float, tags: Mapping[str, str], *, landsat_surface: bool
) -> Scaling:
    """Return how the numbers of a band become reflectance.

    Parameters
    ----------
    scale, offset
        Of the band as GDAL tells them; 1 and 0 where the file has none.
    tags
        Of the file; `BOA_ADD_OFFSET` (also per band, `BOA_ADD_OFFSET_B2`) and `boa_offset_applied` are heeded.
    landsat_surface
        The band is named as Landsat Collection 2 names surface reflectance.

    Raises
    ------
    RasterError
        The numbers cannot be reflectance.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iuf":
        raise RasterError(f"{label}: numbers of type {dtype} are not reflectance; give integers x 10000 or floats 0-1")
    if not np.isfinite([scale, offset]).all() or scale <= 0:
        raise RasterError(f"{label}: its scale {scale} and offset {offset} are not usable; correct the tags")
    if offset != 0.0:  # whatever else the tags tell has gone into these
        return Scaling(scale, offset)
    if scale == 1.0:
        if kind.kind == "f":
            return Scaling(1.0, 0.0)
        if kind.itemsize == 1:
            raise RasterError(
                f"{label}: 8-bit numbers are a picture, not reflectance; give the product it was made from, "
                "or set the scale tag if it is truly reflectance"
            )
        if landsat_surface:
            return Scaling(LANDSAT_SCALE, LANDSAT_OFFSET)
        scale = QUANTIFICATION
    added = _add_offset(label, tags)
    if not added:
        return Scaling(scale, 0.0)
    return Scaling(scale, added * scale, f"{label}: offset of {added:+g} taken from the tag BOA_ADD_OFFSET")


def _add_offset(label: str, tags: Mapping[str, str]) -> float:
    """Return the offset in stored numbers that is still to be added, 0 where none is or it is in them already."""
    lower = {name.lower(): value.strip().lower() for name, value in tags.items()}
    # A colon in a tag's name comes back from TIFF as `earthsearch` = `boa_offset_applied=...`.
    applied = lower.get("boa_offset_applied") or lower.get("earthsearch", "").rpartition("=")[2]
    if applied in _YES:
        return 0.0
    values = {value for name, value in lower.items() if name.startswith("boa_add_offset")}
    if not values:
        if applied in _NO:
            raise RasterError(
                f"{label}: its tags say that an offset is still to be added, but not which; "
                "set scale and offset (`gdal_edit.py -scale 0.0001 -offset -0.1`)"
            )
        return 0.0
    try:
        offsets = {float(value) for value in values}
    except ValueError as error:
        raise RasterError(
            f"{label}: its tag BOA_ADD_OFFSET is not a number; correct it, or set scale and offset"
        ) from error
    if len(offsets) > 1:
        raise RasterError(f"{label}: its tags BOA_ADD_OFFSET differ; set scale and offset of each band instead")
    return offsets.pop()
