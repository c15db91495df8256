"""What a date after should look like, given the dates before, the light and the relief: robust ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.arrays import FloatArray, NotEnoughDataError
from detection.methods.pixels import View, plant_index

ITERATIONS = 4
RIDGE = 1e-4
_CHUNK_PX = 1 << 13


@dataclass(frozen=True)
class Expectation:
    """Coefficients of a date after."""

    center: FloatArray
    """(bands,), mean logarithm before: keeps the squares well conditioned."""
    weights: FloatArray
    """(columns, bands)."""
    deviation: FloatArray
    """(bands,), robust standard deviation of what is left."""


def design(view: View, date: int, center: FloatArray, pixels: slice | npt.NDArray[np.intp]) -> FloatArray:
    """Return the explanatory columns of some pixels (flat indices), (columns, pixels)."""
    bands = len(view.bands)
    before = view.before.reshape(bands, -1)[:, pixels]
    plain, lit = 3 + 2 * bands, view.light_before is not None
    columns = np.empty((plain + lit * (6 + 2 * bands), before.shape[1]), dtype=np.float32)  # joining parts costs twice
    columns[0] = 1
    x = np.subtract(before, center[:, None], out=columns[1 : 1 + bands])
    np.multiply(x, x, out=columns[1 + bands : 1 + 2 * bands])
    columns[plain - 2] = plants = plant_index(before, view.bands)
    np.multiply(plants, plants, out=columns[plain - 1])
    if view.light_before is not None and view.light_after is not None and view.upright is not None:
        light = columns[plain:]
        light[0] = first = view.light_before.reshape(-1)[pixels]
        light[1] = second = view.light_after[date].reshape(-1)[pixels]
        for place, (one, other) in enumerate([(first, first), (second, second), (first, second)], start=2):
            np.multiply(one, other, out=light[place])
        light[5] = view.upright.reshape(-1)[pixels]
        np.multiply(x, first, out=light[6 : 6 + bands])
        np.multiply(x, second, out=light[6 + bands :])
    return columns


def fit_expectation(columns: FloatArray, seen: FloatArray, center: FloatArray) -> Expectation:
    """Return the coefficients that predict `seen` (bands, pixels) from `columns` (columns, pixels).

    Ridge regression, re-weighted by w = (1 + d²/6)**-1.5 with d the Mahalanobis length of the residual over all
    bands, as for a multivariate t distribution [@Lange1989]: what changed pulls little.

    Raises
    ------
    NotEnoughDataError
        There are fewer pixels than twenty per column.
    """
    if columns.shape[1] < 20 * columns.shape[0]:
        raise NotEnoughDataError(
            f"only {columns.shape[1]} clear pixels to learn from; {20 * columns.shape[0]} are needed"
        )
    weight = np.ones(columns.shape[1], dtype=np.float32)
    ridge = np.eye(columns.shape[0])
    for _ in range(ITERATIONS):
        weighted = columns * weight
        normal = (weighted @ columns.T).astype(np.float64)
        ridge_here = ridge * RIDGE * np.trace(normal) / len(normal)
        coefficients = np.linalg.solve(normal + ridge_here, (weighted @ seen.T).astype(np.float64)).astype(np.float32)
        residual = seen - coefficients.T @ columns
        covariance = (residual * weight) @ residual.T / weight.sum()
        distance = mahalanobis(residual, covariance)
        length = np.asarray(distance / max(float(np.median(distance)), 1e-6) * len(seen), dtype=np.float32)
        weight = np.asarray((1 + length / 6) ** np.float32(-1.5), dtype=np.float32)
    deviation = 1.4826 * np.median(np.abs(seen - coefficients.T @ columns), axis=1)
    return Expectation(center, coefficients, deviation.astype(np.float32))


def mahalanobis(residual: FloatArray, covariance: npt.NDArray[np.floating]) -> FloatArray:
    """Return the squared Mahalanobis length of each column of (bands, pixels)."""
    white = whitening(covariance) @ residual
    return np.asarray((white * white).sum(axis=0), dtype=np.float32)


def whitening(covariance: npt.NDArray[np.floating]) -> FloatArray:
    """Return a matrix W with W covariance W' = 1, by Cholesky decomposition."""
    steady = np.asarray(covariance, dtype=np.float64)
    steady = steady + np.eye(len(steady)) * (1e-9 + 1e-4 * np.trace(steady) / len(steady))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(steady)), dtype=np.float32)


def residuals(view: View, date: int, expectation: Expectation, out: FloatArray | None = None) -> FloatArray:
    """Return what a date after shows less what was to be expected, (bands, rows, cols); 0 where not seen.

    Parameters
    ----------
    out
        Where to put it, contiguous; may be what is seen, `view.after[date]`, itself. None = a new array.
    """
    shape = view.before.shape
    seen = view.after[date].reshape(shape[0], -1)
    result = np.empty_like(seen) if out is None else out.reshape(shape[0], -1)
    both = (view.seen_before & view.seen_after[date]).reshape(-1)
    for start in range(0, both.size, _CHUNK_PX):
        part = slice(start, start + _CHUNK_PX)
        expected = expectation.weights.T @ design(view, date, expectation.center, part)
        np.subtract(seen[:, part], expected, out=result[:, part])
        result[:, part] *= both[part]
    return result.reshape(shape)
