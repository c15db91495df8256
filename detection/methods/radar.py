"""Backscatter before and after: how much it changed, how sure that is, and where the radar cannot see the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi

from detection.arrays import RADAR_BANDS, Acquisition, Block, BoolArray, FloatArray, NotEnoughDataError, Terrain

LOWEST_DB = -30.0
"""Below it there is water, shadow or noise [@Handwerger2022]."""
LOOKS = 4.4
"""Equivalent number of looks of a Sentinel-1 IW ground-range product [@ESA_S1PSD]."""
SCALES_PX = (1.0, 1.7, 2.9)
"""Speckle is averaged over neighbourhoods of small, middle and large slides."""
BACKGROUND_PX = 61
"""What changes over so much ground is weather: soil moisture, leaves, snow."""
CLIP = 2.5
CURVATURE_M = 40.0
HALO_PX = BACKGROUND_PX + 4 * 3


@dataclass(frozen=True)
class Change:
    """How the backscatter of a block changed, freed of what changed all around."""

    noise: FloatArray
    """(rows, cols), brightening (+) or darkening (-) in standard deviations of speckle; 0 where not seen."""
    seen: BoolArray
    background_db: FloatArray
    """(rows, cols), change of the surroundings, dB, after minus before."""


def change(block: Block, looks: float = LOOKS) -> Change:
    """Return the change of backscatter, mean over the orbits that saw a pixel before and after.

    Difference of medians over dates in dB, by orbit, then the mean of the orbits, after [@Handwerger2022]. Its standard
    deviation 4.34 sqrt(1/(L n_before) + 1/(L n_after)) dB is that of gamma-distributed speckle, chapter 4 of [@Oliver2004].

    Raises
    ------
    NotEnoughDataError
        No orbit has dates before and after in a common band.
    """
    total, variance, count = (np.zeros(block.shape, dtype=np.float32) for _ in range(3))
    for before, after, bands in _orbits(block):
        hidden = unseen(block.terrain, before[0]) if block.terrain is not None else None
        old, n_old = _median(before, bands)
        new, n_new = _median(after, bands)
        seen = (n_old > 0) & (n_new > 0)
        if hidden is not None:
            seen &= ~hidden
        per_look = 1 / (looks * np.maximum(n_old, 1)) + 1 / (looks * np.maximum(n_new, 1))
        total += np.where(seen, new - old, 0)
        variance += np.where(seen, 4.34**2 * per_look / len(bands), 0).astype(np.float32)
        count += seen
    seen = count > 0
    sigma_db = np.sqrt(variance) / np.maximum(count, 1)
    sigma_db[~seen] = 1
    x = np.where(seen, total / np.maximum(count, 1) / sigma_db, 0).astype(np.float32)
    around = background(x, seen)
    x = (x - around) * seen
    return Change(x, seen, (around * sigma_db).astype(np.float32))


def _orbits(block: Block) -> list[tuple[list[Acquisition], list[Acquisition], tuple[str, ...]]]:
    found = []
    for orbit in sorted({one.orbit for one in block.before}):
        before, after = ([one for one in dates if one.orbit == orbit] for dates in (block.before, block.after))
        bands = tuple(name for name in RADAR_BANDS if all(name in one.bands for one in (*before, *after)))
        if after and bands:
            found.append((before, after, bands))
    if not found:
        raise NotEnoughDataError("no orbit has radar pictures before and after in a common band (vh, vv)")
    return found


def _median(dates: Sequence[Acquisition], bands: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return the mean over bands of the median over dates, dB, and of how many dates it is; both (rows, cols)."""
    stack = np.stack([one.reflectance[[one.bands.index(name) for name in bands]] for one in dates])
    good: BoolArray = np.stack([one.usable for one in dates]) & (stack > LOWEST_DB).all(axis=1)
    count = good.sum(axis=0).astype(np.float32)
    stack = np.sort(np.where(good[:, None], stack, np.inf), axis=0)
    low, high = (np.maximum((count + shift) // 2 - 1, 0).astype(np.intp) for shift in (1, 2))
    picked = (np.take_along_axis(stack, at[None, None], axis=0)[0].mean(axis=0) for at in (low, high))
    middle = np.add(*picked) / 2
    return np.where(count > 0, middle, 0).astype(np.float32), count


def background(x: FloatArray, seen: BoolArray) -> FloatArray:
    """Return the masked mean over BACKGROUND_PX, deaf to single strong changes: clipped around a first mean."""
    weight = ndi.uniform_filter(seen.astype(np.float32), BACKGROUND_PX, mode="nearest")
    weight = np.maximum(weight, 1e-3)
    first = ndi.uniform_filter(np.clip(x, -2 * CLIP, 2 * CLIP) * seen, BACKGROUND_PX, mode="nearest") / weight
    rest = np.clip(x - first, -CLIP, CLIP) * seen
    return np.asarray(first + ndi.uniform_filter(rest, BACKGROUND_PX, mode="nearest") / weight, dtype=np.float32)


def smooth(x: FloatArray, seen: BoolArray, sigma_px: float) -> FloatArray:
    """Return the masked Gaussian mean of values, 0 where nothing near was seen."""
    weight = ndi.gaussian_filter(seen.astype(np.float32), sigma_px, truncate=4.0)
    return np.asarray(ndi.gaussian_filter(x * seen, sigma_px, truncate=4.0) / np.maximum(weight, 0.05), np.float32)


def unseen(terrain: Terrain, one: Acquisition) -> BoolArray | None:
    """Return where slopes lie in layover or shadow, (rows, cols); None where the look is not told.

    With a = arctan(tan S cos(aspect - direction to the radar)), a slope that faces the radar is in layover from
    a = incidence on, one that faces away in shadow below a = incidence - 90°, section 2 of [@Notti2014].
    """
    if one.incidence_deg is None or one.look_azimuth_deg is None:
        return None
    towards = np.radians(terrain.aspect_deg - (one.look_azimuth_deg + 180.0))
    tilt = np.degrees(np.arctan(np.tan(np.radians(terrain.slope_deg)) * np.cos(towards)))
    return np.asarray((tilt >= one.incidence_deg) | (tilt <= one.incidence_deg - 90.0))


def curvature(terrain: Terrain, pixel_m: tuple[float, float]) -> FloatArray:
    """Return the Laplacian of the elevation, 1/m: negative on ridges, positive in hollows.

    Smoothed to the size of the ridges that disturb: at 10 m every boulder has a curvature beyond any threshold.
    """
    wide = [CURVATURE_M / size for size in pixel_m]
    level = ndi.gaussian_filter(np.nan_to_num(terrain.elevation_m, nan=0.0), wide)
    (down, _), (_, across) = (np.gradient(part, *pixel_m) for part in np.gradient(level, *pixel_m))
    return np.asarray(down + across, dtype=np.float32)
