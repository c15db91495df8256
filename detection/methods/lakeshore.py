"""Where a lake's shore lies to half a pixel: by brightness between water and land, or by the likeliest in speckle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.special import ndtr

from detection.arrays import EIGHT, BoolArray, FloatArray

RESOLUTION_M = 6.0
"""Standard deviation of the blur of power in Sentinel-1 IW, of 20 m resolution in amplitude."""
LAND_PX = 9.0
"""Land so far from the shore tells what the land at the shore is like."""
REACH_PX = 4.0
"""The shore is looked for so far from where the level of half power has it."""
SURE = 8.0
"""No pixel speaks for water or land by more than this log likelihood: it may be neither."""
OFFSETS_PX = np.arange(-2.5, 2.51, 0.1)
LESSONS = 2
Values = npt.NDArray[np.float64]


def shore(mask: BoolArray, dark: FloatArray, other: BoolArray) -> BoolArray:
    """Return a lake to where pixels are half water: between its own infrared brightness and that of the land around.

    Thresholds of a ratio put the shore where land and water happen to make that ratio, not at half.
    """
    core, ring = ndi.binary_erosion(mask, EIGHT), ndi.binary_dilation(mask, EIGHT, iterations=4)
    land = ring & ~ndi.binary_dilation(mask, EIGHT, iterations=2) & ~other & np.isfinite(dark)
    if core.sum() < 9 or land.sum() < 9:
        return mask
    water, level = float(np.nanmedian(dark[core])), _local_mean(dark, land)
    edge = ndi.binary_dilation(mask, EIGHT, iterations=2) & ~core & ~other
    with np.errstate(invalid="ignore"):
        wet = np.where(edge & np.isfinite(dark), dark < 0.5 * (water + level), mask)
    labels, count = ndi.label(wet, EIGHT)
    keep = np.unique(labels[core & wet])
    return np.asarray(wet & np.isin(labels, keep[keep > 0]), dtype=np.bool_) if count else mask


def speckled_shore(mask: BoolArray, power: FloatArray, other: BoolArray, pixel_m: float) -> BoolArray:
    """Return a lake in radar to its likeliest shore; as given where it or its land is too small to tell.

    Smoothing speckle away before the shore is looked for takes what is narrow with it, and half of a bright and noisy
    level is passed on the land's side more often. So the shape comes from what each pixel as it is says, by the
    likelihood of multi-look speckle [@Oliver2004] beside water and the land around, and then the whole shore is moved to
    where the blurred picture of the lake is likeliest: one unknown, out of all pixels.

    Parameters
    ----------
    mask
        (rows, cols), the lake by the level of half power.
    power
        (bands, rows, cols), not smoothed; NaN = not seen.
    other
        (rows, cols), water of other lakes.
    """
    usable = np.isfinite(power).all(axis=0) & ~ndi.binary_dilation(other, EIGHT, iterations=3)
    for _ in range(LESSONS):
        told = _levels(mask, power, usable)
        if told is None:
            return mask
        mask = _reshaped(mask, power, usable, told)
    told = _levels(mask, power, usable)
    return mask if told is None else _moved(mask, power, usable, told, RESOLUTION_M / pixel_m)


def _levels(mask: BoolArray, power: FloatArray, usable: BoolArray) -> list[tuple[float, Values]] | None:
    """Return the power of the water, and of the land around every pixel, (rows, cols), for every band."""
    far = _distance(mask)
    land, deep = usable & (far < -2) & (far > -LAND_PX), usable & (far > 2)
    if deep.sum() < 9:
        deep = usable & (far > 1)
    if deep.sum() < 5 or land.sum() < 30:
        return None
    told = []
    for band in power:
        water = float(band[deep].mean())
        told.append((water, np.maximum(_local_mean(band, land).astype(np.float64), 1.2 * water)))
    return told


def _reshaped(mask: BoolArray, power: FloatArray, usable: BoolArray, told: list[tuple[float, Values]]) -> BoolArray:
    """Return the lake of the pixels that water explains better than land does, neighbours having a say."""
    gain = np.zeros(mask.shape)
    for band, (water, land) in zip(power, told, strict=True):
        value = np.where(usable, band, water)
        gain += value / land + np.log(land) - value / water - np.log(water)
    wet = ndi.gaussian_filter(np.where(usable, np.clip(gain, -SURE, SURE), 0), 0.6) > 0
    labels, _ = ndi.label(np.where((np.abs(_distance(mask)) < REACH_PX) & usable, wet, mask), EIGHT)
    sizes = np.bincount(labels[mask])
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), dtype=np.bool_) if sizes.any() else mask


def _moved(
    mask: BoolArray, power: FloatArray, usable: BoolArray, told: list[tuple[float, Values]], blur_px: float
) -> BoolArray:
    """Return the lake grown or shrunk to where its blurred picture is likeliest."""
    far = _distance(mask)
    near = usable & (np.abs(far) < REACH_PX)
    share = ndtr((far[near] + OFFSETS_PX[:, None]) / max(blur_px, 0.3))
    likelihood = np.zeros(len(OFFSETS_PX))
    for band, (water, land) in zip(power, told, strict=True):
        expected = water * share + land[near] * (1 - share)
        likelihood -= (band[near] / expected + np.log(expected)).sum(axis=1)
    return np.asarray(far > -OFFSETS_PX[likelihood.argmax()], dtype=np.bool_)


def _distance(mask: BoolArray) -> Values:
    """Return how far pixels lie inside the shore, negative outside, (rows, cols), pixels."""
    wide = np.pad(mask, 1)
    inside, outside = ndi.distance_transform_edt(wide), ndi.distance_transform_edt(~wide)
    return np.asarray((inside - outside - np.where(wide, 0.5, -0.5))[1:-1, 1:-1], dtype=np.float64)


def _local_mean(values: FloatArray, where: BoolArray) -> FloatArray:
    """Return the mean of some pixels around every pixel, Gaussian weights of four pixels."""
    weight = ndi.gaussian_filter(where.astype(np.float32), 4.0)
    total = ndi.gaussian_filter(np.where(where, values, 0).astype(np.float32), 4.0)
    usual = np.float32(np.median(values[where]))
    return np.asarray((total + 1e-4 * usual) / (weight + 1e-4), dtype=np.float32)
