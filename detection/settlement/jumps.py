"""Unwrapping errors: whole cycles that single series jump by, and their neighbours do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.settlement.bank import bank, search
from detection.settlement.design import Float, design
from detection.settlement.fitting import fit

WAVELENGTH_MM = 55.465763
"""Sentinel-1; a product that tells its own is taken at its word."""
TOLERANCE = 0.3
"""Share of half a wavelength by which a jump may miss a whole number of cycles."""
_GAP = 3
"""Dates that a jump lasts at least."""
_BESIDE = 6
"""Dates just before and just after a jump."""
_LARGEST = 3
"""Cycles; more is not an unwrapping error of one point."""
_SUSPECT = 0.6
"""Share of a cycle from which on a step is looked at closely."""


@dataclass(frozen=True)
class Repair:
    """What was done to a block of series."""

    series: npt.NDArray[np.intp]
    """Which series were repaired."""
    offsets: npt.NDArray[np.float32]
    """(dates, repaired), mm: to be subtracted."""


def repair(
    y: npt.NDArray[np.float32],
    neighbours: npt.NDArray[np.intp],
    *,
    near: int,
    times_yr: Float,
    cycle_mm: float,
    rounds: int = 2,
) -> Repair:
    """Return the cycles to take off series that jump by them against their neighbours.

    Only a jump that neither the wide nor the close neighbourhood shares is one: a small bowl that drops by half a
    wavelength differs from the ground 150 m away, not from the pixel beside it.

    Parameters
    ----------
    y
        (dates, series), mm.
    neighbours
        (candidates, n): candidate itself first, then its neighbours by distance; -1 = none.
    near
        How many of the neighbours are close.
    cycle_mm
        Half a wavelength.
    """
    own = neighbours[:, 0]
    around = np.where(neighbours[None, :, 1:] >= 0, y[:, neighbours[:, 1:]], np.nan)
    wide, close = _median(around), _median(around[:, :, :near])
    total = np.zeros((y.shape[0], len(own)), dtype=np.float32)
    for _ in range(rounds):
        offset = _jump(y[:, own] - total - wide, y[:, own] - total - close, times_yr, cycle_mm)
        if not offset.any():
            break
        total += offset
    hit = total.any(axis=0)
    return Repair(own[hit], total[:, hit])


def candidates(difference: npt.NDArray[np.float32], times_yr: Float, cycle_mm: float) -> npt.NDArray[np.bool_]:
    """Return which series may jump, (series,), from their difference to the mean of their surroundings, (dates, series)."""
    return np.abs(_step(difference, times_yr)[0]) > _SUSPECT * cycle_mm


def _median(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the median over the last axis, NaN aside; 0 where all is NaN."""
    ordered = np.sort(values, axis=-1)  # NaN come last
    count = np.isfinite(values).sum(axis=-1)
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    middle = [
        np.take_along_axis(ordered, pick[..., None], axis=-1)[..., 0]
        for pick in (low, np.minimum(high, values.shape[-1] - 1))
    ]
    return np.asarray(np.nan_to_num((middle[0] + middle[1]) / 2), dtype=np.float32)


def _jump(
    wide: npt.NDArray[np.float32], close: npt.NDArray[np.float32], times_yr: Float, cycle_mm: float
) -> npt.NDArray[np.float32]:
    """Return the one jump of each series, (dates, series), mm; 0 where there is none.

    The step beside a trend must be whole cycles, and so must the change from just before to just after, against the
    wide and against the close neighbourhood.
    """
    size, onset = _step(wide, times_yr)
    after = times_yr[:, None] > onset[None]
    split = after.argmax(axis=0)
    beside = np.abs(np.arange(len(times_yr))[:, None] + 0.5 - split[None]) < _BESIDE
    local = [_contrast(np.where(beside, part, np.float32(np.nan)), after) for part in (wide, close)]
    cycles = np.rint(size / cycle_mm)
    wanted = (np.abs(cycles) >= 1) & (np.abs(cycles) <= _LARGEST)
    for value in (size, *local):
        wanted &= np.abs(value - cycles * cycle_mm) < TOLERANCE * cycle_mm
    return (np.where(wanted, cycles * cycle_mm, 0.0) * after).astype(np.float32)


def _step(difference: npt.NDArray[np.float32], times_yr: Float) -> tuple[Float, Float]:
    """Return the best single step of each series beside a steady trend: size, mm, and when, years."""
    G = design(times_yr)
    tried = bank(times_yr, G, margin=_GAP, kinds=("step",))
    if tried is None:
        return np.zeros(difference.shape[1]), np.full(difference.shape[1], times_yr[-1])
    rest = difference - (G @ fit(G, difference).parameters).astype(np.float32)
    best = search(tried, rest)[1]
    return best.size, best.onset_yr


def _contrast(values: npt.NDArray[np.float32], after: npt.NDArray[np.bool_]) -> Float:
    """Return the difference of the means after and before, (series,)."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    late, early = after & known, ~after & known
    difference: Float = (filled * late).sum(axis=0) / np.maximum(late.sum(axis=0), 1) - (filled * early).sum(
        axis=0
    ) / np.maximum(early.sum(axis=0), 1)
    return difference
