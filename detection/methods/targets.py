"""What fresh ground looks like, and what it does to a pixel: the bank of the matched filter."""

from __future__ import annotations

import numpy as np

from detection.arrays import BANDS, FloatArray

TARGETS: dict[str, tuple[float, ...]] = {
    "bright rock": (0.24, 0.28, 0.31, 0.35, 0.39, 0.35),
    "grey debris": (0.16, 0.185, 0.21, 0.24, 0.28, 0.26),
    "brown soil": (0.09, 0.13, 0.18, 0.25, 0.35, 0.30),
    "wet dark": (0.06, 0.07, 0.08, 0.10, 0.11, 0.09),
}
"""Reflectance of fresh scars and deposits, round figures after the classes of [@Stumpf2011]."""
SHARE = 0.5
"""Of the pixel that the scar is taken to cover; the direction hardly depends on it."""


SNOW = (0.85, 0.84, 0.82, 0.73, 0.14, 0.10)
SNOW_SHARE = 0.15


def snow_signature(before: FloatArray, bands: tuple[str, ...]) -> FloatArray | None:
    """Return the change of log reflectance, (bands, pixels), by a little snow; None where no band tells it from rock."""
    if "swir1" not in bands and "swir2" not in bands:
        return None
    chosen = np.array([SNOW[BANDS.index(name)] for name in bands], dtype=np.float32)
    return np.asarray(np.log((1 - SNOW_SHARE) + SNOW_SHARE * chosen[:, None] * np.exp(-before)), dtype=np.float32)


def signatures(before: FloatArray, bands: tuple[str, ...]) -> list[FloatArray]:
    """Return per target the change of log reflectance, (bands, pixels), when it covers half of what was there.

    Parameters
    ----------
    before
        Logarithm of reflectance on evenly lit ground, (bands, pixels).
    """
    inverse = np.exp(-before)
    result = []
    for spectrum in TARGETS.values():
        chosen = np.array([spectrum[BANDS.index(name)] for name in bands], dtype=np.float32)
        result.append(np.log((1 - SHARE) + SHARE * chosen[:, None] * inverse))
    return result
