"""What a fit needs of a series, as sums over its dates: new epochs are added to them, and the series is not read again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detection.settlement.design import Float, Seasonal, design, season, seasonal_for
from detection.settlement.fitting import BLOCK, Fit, judge, solve

COLUMNS = 6
"""[1, t, annual, half-yearly]: kept of every series from the first date on, as seasons may show themselves later."""
SIZE = 2 * COLUMNS + 2
"""Numbers a series: G'y, y'y, the products of neighbours y_t y_t-1, and g_t y_t-1 + g_t-1 y_t."""


def sums(times_yr: Float, y: npt.NDArray[np.floating], before: npt.NDArray[np.floating] | None = None) -> Float:
    """Return the sums of series over their dates, (SIZE, series), float64.

    They are linear or quadratic in y, so those of later dates add to those of earlier ones. The lag-1 product of residuals
    e_t e_t-1 = (y_t - g_t m)(y_t-1 - g_t-1 m) needs three of them, whatever the parameters m turn out to be.

    Parameters
    ----------
    times_yr
        (dates,), years since the first date of the whole series; with `before` its date comes first.
    y
        (dates, series), mm, NaN = not measured.
    before
        (series,): the value before the first of y, which the first pair is made with.
    """
    G = _all_columns(times_yr)
    start, whole = G, y if before is None else np.vstack([before, y])
    # what is not measured adds nothing, neither alone nor as one of a pair
    filled = np.nan_to_num(whole.astype(np.float64), posinf=0.0, neginf=0.0)
    if before is not None:
        start = np.vstack([np.zeros(COLUMNS), G[1:]])  # its own terms are in the earlier sums
    out = np.empty((SIZE, filled.shape[1]))
    out[:COLUMNS] = start.T @ filled
    own = filled if before is None else filled[1:]
    out[COLUMNS] = np.einsum("ij,ij->j", own, own)
    known = np.isfinite(whole)
    both = None if known.all() else known[1:] & known[:-1]
    later, sooner = (part if both is None else np.where(both, part, 0.0) for part in (filled[1:], filled[:-1]))
    out[COLUMNS + 1] = np.einsum("ij,ij->j", later, sooner)
    out[COLUMNS + 2 :] = G[1:].T @ sooner + G[:-1].T @ later
    return out


def fit_sums(times_yr: Float, state: Float, known: npt.NDArray[np.bool_] | None = None) -> tuple[Fit, Seasonal]:
    """Return the fit that `fitting.fit` makes of the series themselves, and the seasonal terms it has.

    Parameters
    ----------
    times_yr
        (dates,), of all dates.
    state
        (SIZE, series), of all dates.
    known
        (dates, series): which dates were measured; None = all.
    """
    seasonal = seasonal_for(times_yr)
    count = state.shape[1]
    p = design(times_yr, seasonal).shape[1]
    found = Fit(np.empty((p, count)), np.empty(count), np.empty(count), np.empty(count, np.int64), np.empty(count))
    for at in range(0, count, BLOCK):
        part = slice(at, at + BLOCK)
        fitted = _fit(times_yr, state[:, part], None if known is None else known[:, part], p)
        for target, value in zip(vars(found).values(), vars(fitted).values(), strict=True):
            target[..., part] = value
    return found, seasonal


def _fit(times_yr: Float, state: Float, known: npt.NDArray[np.bool_] | None, p: int) -> Fit:
    G = _all_columns(times_yr - times_yr[0])[:, :p]
    right, power = state[:p], state[COLUMNS]
    pairs, crossed = state[COLUMNS + 1], state[COLUMNS + 2 : COLUMNS + 2 + p]
    if known is None or known.all():
        normal, lagged_normal = G.T @ G, G[1:].T @ G[:-1]
        inverse = np.linalg.inv(normal)
        m = inverse @ right
        own, lagged = (np.einsum("pk,pq,qk->k", m, matrix, m) for matrix in (normal, lagged_normal))
        count, variance, scarcity = np.full(state.shape[1], len(G)), inverse[1, 1], np.float64(1.0)
    else:
        weight = known.astype(np.float64)
        m, variance = solve(G, weight, right.copy())
        told = np.where(known, G @ m, 0.0)
        own, lagged = np.einsum("ik,ik->k", told, told), np.einsum("ik,ik->k", told[1:], told[:-1])
        count = known.sum(axis=0)
        scarcity = (count - 1) / np.maximum((known[1:] & known[:-1]).sum(axis=0), 1)
    rss = np.maximum(power - 2 * np.einsum("pk,pk->k", m, right) + own, 0.0)
    side_by_side = pairs - np.einsum("pk,pk->k", m, crossed) + lagged
    return judge(G, m, rss, side_by_side, variance=variance, count=count, scarcity=scarcity)


def _all_columns(since_first_yr: Float) -> Float:
    """Return G = [1, t, cos, sin, cos, sin] with time from the first date, which later dates do not move."""
    return np.column_stack([np.ones_like(since_first_yr), since_first_yr, *season(since_first_yr, "half-year")])


class SumFitter:
    """Velocities from sums, as the catalogue stores and extends them."""

    size = SIZE

    def sums(
        self, times_yr: Float, series: npt.NDArray[np.floating], before: npt.NDArray[np.floating] | None = None
    ) -> Float:
        """Return the sums of series, (SIZE, series); see `sums`."""
        return sums(times_yr, series, before)

    def velocities(
        self, times_yr: Float, state: Float, known: npt.NDArray[np.bool_] | None
    ) -> tuple[Float, Float, Seasonal]:
        """Return velocity, its standard deviation (mm/yr) and the seasonal terms."""
        fitted, seasonal = fit_sums(times_yr, state, known)
        return fitted.velocity, fitted.velocity_std, seasonal
