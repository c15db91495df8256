"""Which pixels show the ground: quality layers of the products, and snow by its own colour. True = usable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import BoolArray, FloatArray

SCL_DROPPED = (0, 1, 2, 3, 8, 9, 10, 11)
"""No data, saturated, dark, cloud shadow, cloud of medium and high probability, cirrus, snow [@ESA_S2PSD]."""
SCL_GROWN = (3, 8, 9, 10, 11)
"""Of these also the neighbourhood: the classification misses thin edges."""
QA_DROPPED_BITS = (0, 1, 2, 3, 4, 5)
"""Fill, dilated cloud, cirrus, cloud, cloud shadow, snow [@USGS_LSDS1619]."""
QA_GROWN_BITS = (2, 3, 4, 5)
SCL_SNOW, QA_SNOW_BIT = (2, 11), 5
"""What hides a slope but is itself the subject where ice and lakes are looked for: dark ground, snow."""
GROWTH_PX = 2
SNOW_NDSI, SNOW_NIR = 0.4, 0.11
"""Snow: NDSI and near infrared above these; the second keeps water out [@Dozier1989; @Riggs1994]."""


def scl_usable(scl: npt.NDArray[Any], growth_px: int = GROWTH_PX, *, snow_is_ground: bool = False) -> BoolArray:
    """Return where Sentinel-2's scene classification lets the ground be seen, (rows, cols)."""
    kept = SCL_SNOW if snow_is_ground else ()
    dropped, grown = ([code for code in codes if code not in kept] for codes in (SCL_DROPPED, SCL_GROWN))
    return ~(np.isin(scl, dropped) | _grown(np.isin(scl, grown), growth_px))


def qa_usable(qa: npt.NDArray[Any], growth_px: int = GROWTH_PX, *, snow_is_ground: bool = False) -> BoolArray:
    """Return where Landsat's QA_PIXEL lets the ground be seen, (rows, cols)."""
    kept = (QA_SNOW_BIT,) if snow_is_ground else ()
    dropped, grown = (tuple(bit for bit in bits if bit not in kept) for bits in (QA_DROPPED_BITS, QA_GROWN_BITS))
    return ~(_any_bit(qa, dropped) | _grown(_any_bit(qa, grown), growth_px))


def quality_usable(
    name: str, values: npt.NDArray[Any], growth_px: int = GROWTH_PX, *, snow_is_ground: bool = False
) -> BoolArray:
    """Return where a quality layer, `scl` or `qa_pixel`, lets the ground be seen; with or without what snow covers."""
    usable = scl_usable if name == "scl" else qa_usable
    return usable(values, growth_px, snow_is_ground=snow_is_ground)


def snow(reflectance: Mapping[str, FloatArray]) -> BoolArray | None:
    """Return where there is snow, (rows, cols); None where green, nir and swir1 are not all there."""
    if not {"green", "nir", "swir1"} <= reflectance.keys():
        return None
    green, nir, swir = (reflectance[name] for name in ("green", "nir", "swir1"))
    with np.errstate(invalid="ignore"):
        # (g - s) / (g + s) > t without the division; reflectance is positive where it matters
        return np.asarray((green - swir > SNOW_NDSI * (green + swir)) & (nir > SNOW_NIR))


def _any_bit(values: npt.NDArray[Any], bits: tuple[int, ...]) -> BoolArray:
    return np.asarray(values & np.array(sum(1 << bit for bit in bits), dtype=values.dtype) != 0)


def _grown(flagged: BoolArray, growth_px: int) -> BoolArray:
    """Return the flagged pixels and those within growth_px of them (steps to eight neighbours)."""
    if not growth_px or not flagged.any():
        return flagged
    return np.asarray(ndi.maximum_filter(flagged, size=2 * growth_px + 1), dtype=np.bool_)
