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
GROWTH_PX = 2
SNOW_NDSI, SNOW_NIR = 0.4, 0.11
"""Snow: NDSI and near infrared above these; the second keeps water out [@Dozier1989; @Riggs1994]."""


def scl_usable(scl: npt.NDArray[Any], growth_px: int = GROWTH_PX) -> BoolArray:
    """Return where Sentinel-2's scene classification lets the ground be seen, (rows, cols)."""
    return ~(np.isin(scl, SCL_DROPPED) | _grown(np.isin(scl, SCL_GROWN), growth_px))


def qa_usable(qa: npt.NDArray[Any], growth_px: int = GROWTH_PX) -> BoolArray:
    """Return where Landsat's QA_PIXEL lets the ground be seen, (rows, cols)."""
    return ~(_any_bit(qa, QA_DROPPED_BITS) | _grown(_any_bit(qa, QA_GROWN_BITS), growth_px))


def quality_usable(name: str, values: npt.NDArray[Any], growth_px: int = GROWTH_PX) -> BoolArray:
    """Return where a quality layer, `scl` or `qa_pixel`, lets the ground be seen."""
    return (scl_usable if name == "scl" else qa_usable)(values, growth_px)


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
