"""What fresh ground looks like, and what it does to a pixel: the bank of the matched filter."""

from __future__ import annotations

import numpy as np

from detection.arrays import BANDS, BoolArray, FloatArray

COLOURS: dict[str, tuple[float, ...]] = {
    "grey rock": (0.76, 0.83, 0.88, 1.0, 1.12, 1.02),
    "brown soil": (0.38, 0.54, 0.74, 1.0, 1.30, 1.10),
    "damp debris": (0.45, 0.60, 0.75, 1.0, 1.00, 0.80),
}
"""Reflectance beside that of near infrared, in the order of BANDS: broken rock, oxidised soil, and either of them wet."""
BRIGHTNESS = (0.35, 0.20, 0.10)
TARGETS = {
    f"{name} {nir:.2f}": tuple(nir * part for part in colour) for name, colour in COLOURS.items() for nir in BRIGHTNESS
}
"""Reflectance of fresh scars and deposits: three colours from dark to bright in round figures, none of them a spectrum of the
simulator. What lies between two of them falls little short of either."""
VISIBLE_TARGETS = ("grey rock 0.35", "grey rock 0.20", "brown soil 0.20", "damp debris 0.10")
"""Those looked for in visible bands alone: more would hold the directions of cloud and shadow too."""
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
    known = TARGETS if {"nir", "swir1", "swir2"} & set(bands) else {name: TARGETS[name] for name in VISIBLE_TARGETS}
    return [_mixed(inverse, bands, spectrum, SHARE) for spectrum in known.values()]


def _mixed(inverse: FloatArray, bands: tuple[str, ...], spectrum: tuple[float, ...], share: float) -> FloatArray:
    chosen = np.array([spectrum[BANDS.index(name)] for name in bands], dtype=np.float32)
    mixed: FloatArray = np.float32(share) * chosen[:, None] * inverse
    mixed += np.float32(1 - share)
    np.log(mixed, out=mixed)
    return mixed
