"""How much a pixel looks like ice: the band ratio, what feigns it, and composites that no passing snow spoils."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.ndimage as ndi

from detection.arrays import Acquisition, BoolArray, FloatArray

RATIO_BANDS = ("red", "swir1")
LOWEST, HIGHEST = -1.2, 2.6
"""Log ratios beyond these tell nothing more: dry soil, clean ice."""
ICE_RATIO = 2.0
"""Ice and snow have more than this times as much red as short-wave infrared [@Paul2013]."""
WATER_NDWI, WATER_NIR = 0.30, 0.15
DARK_NIR, DARK_RED = 0.045, 0.05
"""Darker than both is shadow, where the ratio is that of the sky."""
SNOW_NIR, SNOW_OVER_ICE = 0.45, 1.35
"""New snow, which hides what it covers, is brighter in the near infrared than this and this many times the ice's own."""
CLOUD_SWIR, CLOUD_RED = 0.33, 0.38
"""No ground is as bright in both: clouds that the scene's own mask missed."""


def measurable(one: Acquisition) -> bool:
    """Return whether a date has the bands that tell ice from rock."""
    return set(RATIO_BANDS) <= set(one.bands)


def ice_index(one: Acquisition, lit: BoolArray | None = None) -> FloatArray:
    """Return log(red / swir1), (rows, cols): above log 2 is ice or snow; open water counts as bare ground; NaN unseen.

    Parameters
    ----------
    lit
        (rows, cols), True outside cast shadow; None = unknown, then darkness tells.
    """
    band = dict(zip(one.bands, one.reflectance, strict=True))
    red, swir = band["red"], band["swir1"]
    with np.errstate(invalid="ignore"):
        index = np.log(np.maximum(red, 1e-3) / np.maximum(swir, 4e-3))
        np.clip(index, LOWEST, HIGHEST, out=index)
        index[(swir > CLOUD_SWIR) & (red > CLOUD_RED)] = np.nan
        if "nir" in band:
            nir = band["nir"]
            index[(nir < DARK_NIR) & (red < DARK_RED)] = np.nan
            if "green" in band:
                green = band["green"]
                index[(green - nir > WATER_NDWI * (green + nir)) & (nir < WATER_NIR)] = 0.0
    if lit is not None:
        index[~lit] = np.nan
    index[~one.usable] = np.nan
    return np.asarray(index, dtype=np.float32)


def without_snow(index: FloatArray, nir: FloatArray, inside: BoolArray, rim_px: tuple[int, int] = (1, 1)) -> FloatArray:
    """Return the index with new snow as unseen; (..., rows, cols), of several dates of one glacier.

    Parameters
    ----------
    inside
        True on the glacier as last mapped, whose own brightness tells what is too bright for ice.
    rim_px
        So far around new snow, down and across, pixels are mixed with it.
    """
    icy = np.nan_to_num(index, nan=LOWEST) > np.log(ICE_RATIO)
    on_glacier = icy & inside & np.isfinite(nir)
    own = float(np.quantile(nir[on_glacier], 0.3)) if on_glacier.any() else 0.0
    snow = icy & (nir > max(SNOW_NIR, SNOW_OVER_ICE * own))
    # at its rim snow covers pixels in part, which then look like ice
    snow = ndi.binary_dilation(
        snow, np.ones((1,) * (index.ndim - 2) + (2 * rim_px[0] + 1, 2 * rim_px[1] + 1), dtype=bool)
    )
    return np.asarray(np.where(snow, np.nan, index), dtype=np.float32)


def surface_channels(one: Acquisition) -> FloatArray:
    """Return what tells rubble on ice from rubble beside it: log ratios of neighbouring bands, (bands - 1, rows, cols)."""
    logs = np.log(np.maximum(one.reflectance, 2e-3))
    return np.asarray(np.where(one.usable, np.diff(logs, axis=0), np.nan), dtype=np.float32)


def composite(dates: FloatArray, snowy: bool) -> FloatArray:
    """Return one picture of several dates, (dates, ...) -> (...): the median, or what passing snow cannot raise.

    Snow only ever raises the index, so that where it comes and goes the lowest of the dates is bare ground or ice.
    """
    if len(dates) == 1:
        only: FloatArray = dates[0]
        return only
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # never seen: NaN is the answer
        one = np.nanmin(dates, axis=0) if snowy else np.nanmedian(dates, axis=0)
    return np.asarray(one, dtype=np.float32)
