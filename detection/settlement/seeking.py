"""Where something moves: maps of how sure and how much, at several widths, and the regions that stand out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from detection.settlement.bank import Bank, search, sup_f
from detection.settlement.design import Float
from detection.settlement.field import Field
from detection.settlement.fitting import fit

BAND = 48
"""Rows smoothed and fitted together: memory does not grow with the scene."""
_REACH = 4
_FINEST_MM, _FINEST_MM_YR = 0.1, 0.05
"""No series is better than this, however smooth it looks: products without noise are simulated or smoothed."""
SADDLE = 0.6
_LOW = 0.5
"""Score down to which an area reaches."""
SPENT = 2
"""Degrees of freedom that the search for a change and the autocorrelation cost."""
_SUPPORT = 0.05
"""Share of a full window that must hold points."""


@dataclass(frozen=True)
class Limits:
    """What counts as motion."""

    widths_px: tuple[float, ...]
    """Standard deviations of the smoothing that is tried, in cells."""
    velocity_sigma: float
    """Velocity against the spread of quiet ground."""
    change_sigma: float
    """Square root of sup-F against its spread on quiet ground."""
    min_velocity_mm_yr: float
    min_step_mm: float
    keep: float
    """Share of its own peak that all of an area exceeds."""
    fewest: int
    """Points of the smallest area."""


@dataclass(frozen=True)
class Maps:
    """What one width shows, all (rows, cols), NaN = not measured."""

    velocity_t: Float
    """Velocity over its standard error."""
    velocity: Float
    root_f: Float
    """Square root of the largest F of all changes."""
    change_mm: Float
    """Displacement that the best change explains until the last date."""


def maps(field: Field, G: Float, changes: Bank | None, times_yr: Float, width_px: float) -> Maps:
    """Return the maps of series that are averages over a Gaussian window."""
    rows = field.shape[0]
    halo = int(np.ceil(_REACH * width_px))
    found = np.full((4, *field.shape), np.nan)
    for top in range(0, rows, BAND):
        bottom = min(top + BAND, rows)
        first, last = max(top - halo, 0), min(bottom + halo, rows)
        total, count = field.band(first, last)
        solid = _support(count, width_px)[top - first : bottom - first]
        smooth = [
            ndi.gaussian_filter(part, (0, width_px, width_px), mode="constant", truncate=_REACH)[
                :, top - first : bottom - first
            ]
            for part in (total, count)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            series = (smooth[0] / smooth[1]).reshape(len(total), -1)
        series[smooth[1].reshape(len(total), -1) < 1e-4] = np.nan
        pick = np.flatnonzero(solid.reshape(-1))
        part = np.full((4, series.shape[1]), np.nan)
        part[:, pick] = _measure(series[:, pick], G, changes, times_yr)
        found[:, top:bottom] = part.reshape(4, bottom - top, -1)
    return Maps(*found)


def _support(count: npt.NDArray[np.float32], width_px: float) -> npt.NDArray[np.bool_]:
    """Return the cells that have enough points in or around them, (rows, cols)."""
    present = (count > 0).mean(axis=0) > 0.5
    share = ndi.gaussian_filter(present.astype(np.float32), width_px, mode="constant")
    return np.asarray(present | (share > max(_SUPPORT, 0.3 / (2 * np.pi * width_px**2))))


def _measure(series: npt.NDArray[np.float32], G: Float, changes: Bank | None, times_yr: Float) -> Float:
    """Return velocity over error, velocity, root of sup-F and the displacement of the best change, (4, series)."""
    found = fit(G, series)
    measured = np.zeros((4, series.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        measured[0] = found.velocity / np.maximum(found.velocity_std, _FINEST_MM_YR)
    measured[1] = found.velocity
    if changes is None:
        return measured
    residual = series - (G @ found.parameters).astype(np.float32)
    hinge, step = search(changes, residual)
    better = hinge.gain > step.gain
    gain = np.where(better, hinge.gain, step.gain)
    # a change that the design does not explain looks like memory: what others around show is the memory of the noise
    memory = np.minimum(found.inflation, np.nanmedian(found.inflation)) if found.inflation.size else found.inflation
    rss = found.rss + _FINEST_MM**2 * found.dates
    measured[2] = np.sqrt(sup_f(gain, rss, found.dates, G.shape[1], memory))
    until_end = hinge.size * (times_yr[-1] - hinge.onset_yr)
    measured[3] = np.where(better, until_end, step.size)
    return measured


def spread(values: npt.NDArray[np.floating], expected: float) -> tuple[float, float]:
    """Return middle and standard deviation of quiet ground from the values of all of it.

    From the median and the median distance to it, which what moves hardly shifts while it is less than half; where more
    moves, the deviation is held to three times what theory expects.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, expected
    middle = float(np.median(known))
    deviation = 1.4826 * float(np.median(np.abs(known - middle)))
    return middle, float(np.clip(deviation, expected, 3 * expected))


def for_few(sigma: float, free: int) -> float:
    """Return the limit of a t-score that is exceeded as seldom as `sigma` by a normal one, equation (1) of [@Wallace1959].

    The error of a short series is uncertain itself: with 7 degrees of freedom 17 is as rare as 5 with many.
    """
    free = max(free, 1)
    stretched = sigma * (8 * free + 3) / (8 * free + 1)
    return float(np.sqrt(free * np.expm1(min(stretched**2 / free, 100.0))))


def score(one: Maps, limits: Limits, free: int) -> Float:
    """Return how far each cell exceeds the limits, (rows, cols): 1 = just; NaN = not measured.

    Parameters
    ----------
    free
        Degrees of freedom of a series.
    """
    level, _ = spread(one.velocity, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(one.velocity_t != 0, np.abs(one.velocity / one.velocity_t), _FINEST_MM_YR)
    t = (one.velocity - level) / error
    _, wide = spread(t, 1.0)
    by_rate = np.abs(t) / wide / for_few(limits.velocity_sigma, free)
    by_rate = np.where(np.abs(one.velocity - level) >= limits.min_velocity_mm_yr, by_rate, np.minimum(by_rate, 0.99))
    middle, noise = spread(one.root_f, 0.45)
    by_change = (one.root_f - middle) / noise / for_few(limits.change_sigma, free)
    by_change = np.where(np.abs(one.change_mm) >= limits.min_step_mm, by_change, np.minimum(by_change, 0.99))
    return np.fmax(by_rate, by_change)


@dataclass(frozen=True)
class Region:
    """Cells that move together."""

    rows: npt.NDArray[np.int32]
    cols: npt.NDArray[np.int32]
    peak: float
    """Score; 1 = just over the limits."""


def seek(field: Field, G: Float, changes: Bank | None, times_yr: Float, limits: Limits) -> list[Region]:
    """Return the regions that move."""
    free = len(times_yr) - G.shape[1] - SPENT
    scores = [score(maps(field, G, changes, times_yr, width), limits, free) for width in limits.widths_px]
    whole, finest = np.fmax.reduce(scores), np.nan_to_num(scores[0])
    per_cell = field.points_per_cell
    basins = separate(whole)
    found = []
    for index, box in enumerate(ndi.find_objects(basins), start=1):
        rows, cols = np.nonzero(basins[box] == index)
        rows, cols = rows + box[0].start, cols + box[1].start
        values = whole[rows, cols]
        peak = float(values.max())
        if peak < 1.0:
            continue
        # a wide window carries motion beyond its border; the finest one tells where the border is
        core = values >= max(_LOW, limits.keep * peak)
        inside = core & (finest[rows, cols] >= max(0.4, 0.5 * limits.keep * peak))
        if per_cell[rows[inside], cols[inside]].sum() < limits.fewest:
            inside = core
        inside &= per_cell[rows, cols] > 0
        if per_cell[rows[inside], cols[inside]].sum() >= limits.fewest:
            found.append(Region(rows[inside].astype(np.int32), cols[inside].astype(np.int32), peak))
    return found


def separate(whole: Float) -> npt.NDArray[np.int32]:
    """Return which hill of the score each cell belongs to, (rows, cols), 0 = none.

    Two tops are two areas where the saddle between them lies below SADDLE times the lower one: bowls side by side meet in
    the blur of the wide windows. Watershed from the tops that reconstruction leaves [@Vincent1993].
    """
    height = np.log(np.maximum(np.nan_to_num(whole), 1e-3))
    above = height > np.log(_LOW)
    lower = reconstruction(height + np.log(SADDLE), height)  # type: ignore[no-untyped-call]
    tops = height - lower >= -np.log(SADDLE) - 1e-9
    markers = ndi.label(tops & above, np.ones((3, 3)))[0]
    basins = watershed(-height, markers, mask=above)  # type: ignore[no-untyped-call]
    return np.asarray(basins, dtype=np.int32)
