"""Least squares of many series at once, gaps and all, with errors that know that neighbours in time are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.settlement.design import VELOCITY, Float

BLOCK = 2048
"""Series fitted together: a block of 150 dates in float64 stays in the processor's cache."""
SPARE = 3
"""Dates that a series has at least beyond the parameters; with fewer its error would be a guess."""
SINGULAR = 1e-10
"""Share of a pivot that must be left once the parameters before it are taken out."""
_RANGE = (-0.5, 0.95)
"""Autocorrelation that is believed; at 1 the error would be infinite."""


@dataclass(frozen=True)
class Fit:
    """What a design explains of each series."""

    parameters: Float
    """(parameters, series), mm and years; NaN where there are too few dates."""
    velocity_std: Float
    """(series,), mm/yr, one sigma, widened for autocorrelation."""
    rss: Float
    """(series,), mm^2: sum of squared residuals."""
    dates: npt.NDArray[np.int64]
    """(series,): dates that were measured."""
    autocorrelation: Float
    """(series,): lag-1, freed from what the fit itself takes out."""

    @property
    def velocity(self) -> Float:
        """(series,), mm/yr."""
        velocity: Float = self.parameters[VELOCITY]
        return velocity

    @property
    def inflation(self) -> Float:
        """(series,): how much wider than for white noise the variance of a trend is, (1 + r1) / (1 - r1)."""
        widened: Float = (1 + self.autocorrelation) / (1 - self.autocorrelation)
        return widened


def fit(G: Float, y: npt.NDArray[np.floating]) -> Fit:
    """Return the least-squares fit of series, with gaps as NaN.

    C_m = s^2 (G'G)^-1 with s^2 = e'e / (N - P) [@Fattahi2015], times (1 + r1) / (1 - r1), as residuals of one
    date are like those of the date before: the variance of a trend under an AR(1) process [@Bartlett1935].

    Parameters
    ----------
    G
        (dates, parameters).
    y
        (dates, series), mm.
    """
    count = y.shape[1]
    found = Fit(
        np.empty((G.shape[1], count)), np.empty(count), np.empty(count), np.empty(count, np.int64), np.empty(count)
    )
    for at in range(0, count, BLOCK):
        part = _fit_block(G, np.asarray(y[:, at : at + BLOCK], dtype=np.float64))
        for target, value in zip(vars(found).values(), vars(part).values(), strict=True):
            target[..., at : at + BLOCK] = value
    return found


def _fit_block(G: Float, y: Float) -> Fit:
    """Return the fit of one block; only blocks with gaps pay for them."""
    n, p = G.shape
    known = np.isfinite(y)
    if known.all():
        inverse = np.linalg.inv(G.T @ G)
        parameters = (inverse @ G.T) @ y
        residual = y - G @ parameters
        count = np.full(y.shape[1], n)
        last = min(VELOCITY, p - 1)
        return judge(G, parameters, *_squares(residual), variance=inverse[last, last], count=count, scarcity=1.0)
    count = known.sum(axis=0)
    filled = np.where(known, y, 0.0)
    parameters, variance = solve(G, known.astype(np.float64), G.T @ filled)
    residual = np.where(known, filled - G @ parameters, 0.0)
    # residuals side by side, as often as there are dates: what gaps take away is made up for
    pairs = (known[1:] & known[:-1]).sum(axis=0)
    scarcity = (count - 1) / np.maximum(pairs, 1)
    return judge(G, parameters, *_squares(residual), variance=variance, count=count, scarcity=scarcity)


def _squares(residual: Float) -> tuple[Float, Float]:
    """Return the sum of squares of residuals and of the products of those side by side, both (series,)."""
    return np.einsum("ij,ij->j", residual, residual), np.einsum("ij,ij->j", residual[1:], residual[:-1])


def solve(G: Float, weight: Float, right: Float) -> tuple[Float, Float]:
    """Return the parameters and the variance of the velocity (for unit variance of the data) of each series.

    The normal equations of all series are one matrix product; Cholesky's method runs over all of them at once, the
    velocity last, whose variance is then the last pivot. A series whose dates cannot tell the parameters has NaN.
    """
    p = G.shape[1]
    last = min(VELOCITY, p - 1)  # a design of the mean alone has no velocity
    order = [*(k for k in range(p) if k != last), last]
    lower = [(i, j) for i in range(p) for j in range(i + 1)]
    products = np.array([G[:, order[i]] * G[:, order[j]] for i, j in lower]) @ weight
    factor = dict(zip(lower, products, strict=True))
    diagonal = [factor[i, i].copy() for i in range(p)]
    solution = [right[k] for k in order]
    with np.errstate(divide="ignore", invalid="ignore"):
        for j in range(p):
            for k in range(j):
                factor[j, j] = factor[j, j] - factor[j, k] ** 2
                solution[j] = solution[j] - factor[j, k] * solution[k]
            factor[j, j] = np.sqrt(np.where(factor[j, j] > SINGULAR * diagonal[j], factor[j, j], np.nan))
            solution[j] = solution[j] / factor[j, j]
            for i in range(j + 1, p):
                for k in range(j):
                    factor[i, j] = factor[i, j] - factor[i, k] * factor[j, k]
                factor[i, j] = factor[i, j] / factor[j, j]
    for j in reversed(range(p)):
        for i in range(j + 1, p):
            solution[j] = solution[j] - factor[i, j] * solution[i]
        solution[j] = solution[j] / factor[j, j]
    parameters = np.empty_like(right)
    parameters[order] = solution
    return parameters, factor[p - 1, p - 1] ** -2


def judge(
    G: Float,
    parameters: Float,
    rss: Float,
    lagged: Float,
    *,
    variance: Float | float,
    count: npt.NDArray[np.int64],
    scarcity: Float | float,
) -> Fit:
    """Return the fit with its errors.

    Parameters
    ----------
    rss, lagged
        (series,): sum of squared residuals, and of the products of residuals side by side.
    scarcity
        How much rarer such pairs are than dates: gaps take more of them.
    """
    p = G.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        r1 = np.clip(np.where(rss > 0, lagged * scarcity / rss, 0.0) - _taken_out(G), *_RANGE)
        std = np.sqrt(variance * rss / np.maximum(count - p, 1) * (1 + r1) / (1 - r1))
    short = count < p + SPARE
    parameters[:, short] = np.nan
    std[short] = np.nan
    return Fit(parameters, std, rss, count, r1)


def _taken_out(G: Float) -> float:
    """Return the lag-1 autocorrelation that fitting G gives to the residuals of white noise.

    For residuals (I - H) e it is the sum of the elements of -H beside the diagonal over N - P.
    """
    n, p = G.shape
    hat = np.einsum("ip,pq,iq->", G[1:], np.linalg.inv(G.T @ G), G[:-1])
    return float(-hat / max(n - p, 1))
