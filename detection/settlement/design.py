"""Design matrices: what a displacement series may be made of."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Seasonal = Literal["none", "annual", "half-year"]

VELOCITY = 1
"""Column of the velocity in every design."""
_ANNUAL_YEARS, _ANNUAL_DATES = 1.5, 12
_HALF_YEARS, _HALF_DATES = 2.0, 24


def seasonal_for(times_yr: Float) -> Seasonal:
    """Return the seasonal terms that the dates can tell from a trend.

    In less than one and a half years a season looks like a trend: the velocity would follow from the wrong one.
    """
    span, count = float(np.ptp(times_yr)), len(times_yr)
    if span >= _HALF_YEARS and count >= _HALF_DATES:
        return "half-year"
    return "annual" if span >= _ANNUAL_YEARS and count >= _ANNUAL_DATES else "none"


def design(times_yr: Float, seasonal: Seasonal = "none") -> Float:
    """Return G = [1, t, cos 2 pi t, sin 2 pi t, cos 4 pi t, sin 4 pi t] as far as wanted, (dates, parameters).

    Time counts from its mean, which keeps the normal equations well conditioned and the velocity the same.
    """
    t = times_yr - times_yr.mean()
    columns = [np.ones_like(t), t, *season(times_yr, seasonal)]
    return np.column_stack(columns)


def season(times_yr: Float, seasonal: Seasonal) -> list[Float]:
    """Return the seasonal columns, two a frequency."""
    frequencies = {"none": (), "annual": (1,), "half-year": (1, 2)}[seasonal]
    return [wave(2 * np.pi * f * times_yr) for f in frequencies for wave in (np.cos, np.sin)]


def hinges(times_yr: Float, margin: int) -> tuple[Float, Float]:
    """Return the bank of changes of velocity max(0, t - t_k), (dates, k), and t_k in years, (k,).

    Parameters
    ----------
    margin
        Dates that a candidate has at least on each side.
    """
    onsets = times_yr[margin - 1 : len(times_yr) - margin]
    return np.maximum(0.0, times_yr[:, None] - onsets[None, :]), onsets


def steps(times_yr: Float, margin: int) -> tuple[Float, Float]:
    """Return the bank of sudden displacements H(t - t_k), (dates, k), and t_k in years, (k,), midway between two dates."""
    onsets = (times_yr[margin - 1 : len(times_yr) - margin] + times_yr[margin : len(times_yr) - margin + 1]) / 2
    return (times_yr[:, None] > onsets[None, :]).astype(np.float64), onsets
