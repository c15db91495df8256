"""What hides the ground: quality layers of the products, and snow by its own colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import BoolArray, FloatArray
from detection.hiding import CLOUD, CLOUD_SHADOW, DARK, NO_DATA, SEEN, SNOW, UNCLEAR, Codes

SCL_HIDDEN = {0: NO_DATA, 1: UNCLEAR, 2: DARK, 3: CLOUD_SHADOW, 8: CLOUD, 9: CLOUD, 10: CLOUD, 11: SNOW}
"""No data, saturated, dark, cloud shadow, cloud of medium and high probability, cirrus, snow [@ESA_S2PSD]."""
SCL_GROWN = (3, 8, 9, 10, 11)
"""Of these also the neighbourhood: the classification misses thin edges."""
QA_HIDDEN = {0: NO_DATA, 1: CLOUD, 2: CLOUD, 3: CLOUD, 4: CLOUD_SHADOW, 5: SNOW}
"""Bits: fill, dilated cloud, cirrus, cloud, cloud shadow, snow [@USGS_LSDS1619]."""
QA_GROWN_BITS = (2, 3, 4, 5)
SCL_SNOW, QA_SNOW_BIT = (2, 11), 5
"""What hides a slope but is itself the subject where ice and lakes are looked for: dark ground, snow."""
GROWTH_PX = 2
SNOW_NDSI, SNOW_NIR = 0.4, 0.11
"""Snow: NDSI and near infrared above these; the second keeps water out [@Dozier1989; @Riggs1994]."""


def quality_hidden(
    name: str, values: npt.NDArray[Any], growth_px: int = GROWTH_PX, *, snow_is_ground: bool = False
) -> Codes:
    """Return what hides the ground by a quality layer, `scl` or `qa_pixel`: codes of `detection.hiding`, (rows, cols)."""
    codes, grown = _SCL[snow_is_ground] if name == "scl" else _QA[snow_is_ground]
    index = np.minimum(values, len(codes) - 1) if name == "scl" else values & (len(codes) - 1)
    hidden: Codes = codes[index]
    if growth_px and (spreading := grown[index]).any():
        np.maximum(hidden, ndi.maximum_filter(spreading, size=2 * growth_px + 1), out=hidden)
    return hidden


def snow(reflectance: Mapping[str, FloatArray]) -> BoolArray | None:
    """Return where there is snow, (rows, cols); None where green, nir and swir1 are not all there."""
    if not {"green", "nir", "swir1"} <= reflectance.keys():
        return None
    green, nir, swir = (reflectance[name] for name in ("green", "nir", "swir1"))
    with np.errstate(invalid="ignore"):
        # (g - s) / (g + s) > t without the division; reflectance is positive where it matters
        return np.asarray((green - swir > SNOW_NDSI * (green + swir)) & (nir > SNOW_NIR))


def _scl_codes(*, snow_is_ground: bool) -> tuple[Codes, Codes]:
    """Return class -> what hides the ground, and -> what also hides the ground around."""
    codes, grown = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    for one, code in SCL_HIDDEN.items():
        if not (snow_is_ground and one in SCL_SNOW):
            codes[one], grown[one] = code, code if one in SCL_GROWN else SEEN
    return codes, grown


def _qa_codes(*, snow_is_ground: bool) -> tuple[Codes, Codes]:
    """Return the lowest six bits -> what hides the ground, and -> what also hides the ground around."""
    every = np.arange(64)
    codes, grown = np.zeros(64, np.uint8), np.zeros(64, np.uint8)
    for bit, code in QA_HIDDEN.items():
        if not (snow_is_ground and bit == QA_SNOW_BIT):
            told = np.where(every >> bit & 1, code, SEEN).astype(np.uint8)
            codes = np.maximum(codes, told)
            grown = np.maximum(grown, told) if bit in QA_GROWN_BITS else grown
    return codes, grown


_SCL = {white: _scl_codes(snow_is_ground=white) for white in (False, True)}
_QA = {white: _qa_codes(snow_is_ground=white) for white in (False, True)}
