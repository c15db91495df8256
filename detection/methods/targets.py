"""What fresh ground looks like, and what it does to a pixel: the bank of the matched filter."""

from __future__ import annotations

import numpy as np

from detection.arrays import BANDS, BoolArray, FloatArray

TARGETS: dict[str, tuple[float, ...]] = {
    "bright rock": (0.24, 0.28, 0.31, 0.35, 0.39, 0.35),
    "grey debris": (0.16, 0.185, 0.21, 0.24, 0.28, 0.26),
    "brown soil": (0.09, 0.13, 0.18, 0.25, 0.35, 0.30),
    "wet dark": (0.06, 0.07, 0.08, 0.10, 0.11, 0.09),
}
"""Reflectance of fresh scars and deposits in round figures of our own choice, none of them a spectrum of the simulator."""
DIFFUSE_SHARE = {"blue": 0.25, "green": 0.19, "red": 0.14, "nir": 0.09, "swir1": 0.05, "swir2": 0.04}
"""Light from a clear sky on level ground; order of magnitude, the regression takes up the difference."""
SHARE = 0.5
"""Of the pixel that the scar is taken to cover; the direction hardly depends on it."""


SNOW = (0.85, 0.84, 0.82, 0.73, 0.14, 0.10)
SNOW_SHARE = 0.15
LEAST_SNOW_RATIO = -0.1
"""Logarithm of green over short-wave infrared; nearly all bare ground and plants have less."""
CLOUD = (0.50, 0.50, 0.50, 0.52, 0.42, 0.33)
CLOUD_SHARE = 0.3


def cloud_signature(inverse: FloatArray, bands: tuple[str, ...]) -> FloatArray:
    """Return the change of log reflectance, (bands, pixels), under a thin cloud."""
    return _mixed(inverse, bands, CLOUD, CLOUD_SHARE)


def snow_signature(inverse: FloatArray, bands: tuple[str, ...]) -> FloatArray | None:
    """Return the change of log reflectance, (bands, pixels), by a little snow; None where no band tells it from rock."""
    if "swir1" not in bands and "swir2" not in bands:
        return None
    return _mixed(inverse, bands, SNOW, SNOW_SHARE)


def snow_like(before: FloatArray, change: FloatArray, bands: tuple[str, ...]) -> BoolArray:
    """Return where green is so bright beside short-wave infrared, before or after, that a little snow may lie there.

    Parameters
    ----------
    before, change
        Logarithm of reflectance on evenly lit ground and its change, (bands, pixels).
    """
    swir = bands.index("swir1" if "swir1" in bands else "swir2") if {"swir1", "swir2"} & set(bands) else None
    if swir is None or "green" not in bands:
        return np.zeros(before.shape[1], dtype=np.bool_)
    green = bands.index("green")
    ratio, turn = before[green] - before[swir], change[green] - change[swir]
    return np.asarray(ratio + np.maximum(turn, 0) > LEAST_SNOW_RATIO)


def shade_signature(bands: tuple[str, ...]) -> FloatArray:
    """Return the change of log reflectance, (bands, 1), when half of the direct light goes; the sky stays."""
    share = np.array([DIFFUSE_SHARE[name] for name in bands], dtype=np.float32)[:, None]
    return np.asarray(np.log((1 - share) / 2 + share), dtype=np.float32)


def signatures(inverse: FloatArray, bands: tuple[str, ...]) -> list[FloatArray]:
    """Return per target the change of log reflectance, (bands, pixels), when it covers half of what was there.

    Parameters
    ----------
    inverse
        One over the reflectance on evenly lit ground, (bands, pixels).
    """
    return [_mixed(inverse, bands, spectrum, SHARE) for spectrum in TARGETS.values()]


def _mixed(inverse: FloatArray, bands: tuple[str, ...], spectrum: tuple[float, ...], share: float) -> FloatArray:
    chosen = np.array([spectrum[BANDS.index(name)] for name in bands], dtype=np.float32)
    mixed: FloatArray = np.float32(share) * chosen[:, None] * inverse
    mixed += np.float32(1 - share)
    np.log(mixed, out=mixed)
    return mixed
