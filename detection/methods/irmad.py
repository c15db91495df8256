"""A peer to compare with: iteratively re-weighted multivariate alteration detection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import chdtr, chdtrc

from detection.arrays import Acquisition, Block, Candidate, FloatArray, NotEnoughDataError, Score
from detection.methods.objects import Rules, by_score, last_seen
from detection.methods.pixels import common_bands, median

Array = npt.NDArray[np.float64]
SAMPLES = 300_000
LEAST_UNCHANGED = 0.05
"""Where less of the scene counts as unchanged, iterating on would only fit a handful of pixels ever more exactly."""


@dataclass(frozen=True)
class Variates:
    """Canonical variates of two pictures."""

    bands: tuple[str, ...]
    correlations: Array
    """(bands,), canonical correlations, falling."""
    before: Array
    after: Array
    """(bands, variates), coefficients of either side, each of unit variance."""
    before_mean: Array
    after_mean: Array


class IrMad(BaseModel):
    """IR-MAD of [@Nielsen2007]: chi-squared of all canonical differences, blind to what kind of change it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: float = Field(8.0, gt=0)
    """Score that an object exceeds somewhere; the score is the standard normal quantile of chi-squared."""
    low: float = Field(5.0, gt=0)
    """Score that all of it exceeds."""
    min_area_px: int = Field(6, ge=1)
    min_slope_deg: float = Field(15.0, ge=0, le=90)
    iterations: int = Field(50, ge=1)
    tolerance: float = Field(1e-3, gt=0)
    """Largest change of a correlation at which the iteration ends."""

    @property
    def halo_px(self) -> int:
        """No neighbours are needed."""
        return 0

    def fit(self, blocks: Iterable[Block]) -> Variates:
        """Return the canonical variates of a bounded sample of the scene."""
        rng = np.random.default_rng(0)
        bands: tuple[str, ...] | None = None
        parts: list[FloatArray] = []
        for block in blocks:
            bands = bands or common_bands(block)
            both = pictures(block, bands)
            pixels = both[:, :, np.isfinite(both).all(axis=(0, 1))]
            chosen = rng.random(pixels.shape[2]) < SAMPLES / max(pixels.shape[2], SAMPLES)
            parts.append(pixels[:, :, chosen])
        every = np.concatenate(parts, axis=2) if parts else np.zeros((2, 1, 0), dtype=np.float32)
        if every.shape[2] > SAMPLES:
            every = every[:, :, rng.choice(every.shape[2], SAMPLES, replace=False)]
        if bands is None or every.shape[2] < 100:
            raise NotEnoughDataError(f"only {every.shape[2]} clear pixels to learn from; 100 are needed")
        return irmad(every[0].T, every[1].T, bands, self.iterations, self.tolerance)

    def score(self, block: Block, model: Variates) -> Score:
        """Return the normal quantile of chi-squared of the MAD variates."""
        both = pictures(block, model.bands)
        bands, rows, cols = both.shape[1:]
        seen = np.asarray(np.isfinite(both).all(axis=(0, 1)))
        chi = chi_squared(both[0][:, seen].T, both[1][:, seen].T, model)
        z = np.full((rows, cols), np.nan, dtype=np.float32)
        # Wilson and Hilferty: the cube root of chi-squared over its degrees of freedom is nearly normal
        share = 2 / (9 * bands)
        z[seen] = ((chi / bands) ** (1 / 3) - (1 - share)) / np.sqrt(share)
        first = np.where(np.nan_to_num(z) > self.low, 0, -1).astype(np.int16)
        return Score(z, seen, first, last_seen(block.before, (rows, cols)))

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return objects; the confidence only grows with the score and is not calibrated."""
        return by_score(score, block, Rules(self.high, self.low, 0.0, self.min_area_px, self.min_slope_deg))


def pictures(block: Block, bands: tuple[str, ...]) -> FloatArray:
    """Return the medians before and after, (2, bands, rows, cols), NaN where not seen."""
    return np.stack([_middle(dates, bands) for dates in (block.before, block.after)])


def _middle(dates: Sequence[Acquisition], bands: tuple[str, ...]) -> FloatArray:
    values = [one.reflectance[[one.bands.index(name) for name in bands]] for one in dates]
    seen = np.stack([one.usable & np.isfinite(value).all(axis=0) for one, value in zip(dates, values, strict=True)])
    return np.where(seen.any(axis=0), median(values, seen), np.float32(np.nan))


def irmad(
    x: FloatArray, y: FloatArray, bands: tuple[str, ...], iterations: int = 50, tolerance: float = 1e-3
) -> Variates:
    """Return the canonical variates of two samples (pixels, bands), changed pixels weighted down.

    Canonical correlations solve S12 S22^-1 S21 a = rho^2 S11 a of [@Nielsen2007]; pixels weigh as much
    as it is probable that a chi-squared so large comes from no change.
    """
    weight = np.ones(len(x))
    first, second = x.astype(np.float64), y.astype(np.float64)
    variates = canonical(first, second, weight, bands)
    for _ in range(iterations - 1):
        last = variates.correlations
        weight = chdtrc(len(bands), chi_squared(first, second, variates))
        if weight.sum() < LEAST_UNCHANGED * len(x):
            break
        variates = canonical(first, second, weight, bands)
        if np.max(np.abs(variates.correlations - last)) < tolerance:
            break
    return variates


def canonical(x: Array, y: Array, weight: Array, bands: tuple[str, ...]) -> Variates:
    """Return the canonical variates of two weighted samples (pixels, bands)."""
    share = weight / weight.sum()
    x_mean, y_mean = share @ x, share @ y
    both = np.concatenate([x - x_mean, y - y_mean], axis=1)
    return of_moments(x_mean, y_mean, (both * share[:, None]).T @ both, bands)


def of_moments(x_mean: Array, y_mean: Array, covariance: Array, bands: tuple[str, ...]) -> Variates:
    """Return the canonical variates of two pictures whose means and joint covariance, (2 bands, 2 bands), are known."""
    number = len(bands)
    own, cross, other = covariance[:number, :number], covariance[:number, number:], covariance[number:, number:]
    left, right = (
        scipy.linalg.cholesky(part + 1e-12 * np.trace(part) * np.eye(number), lower=True) for part in (own, other)
    )
    middle = scipy.linalg.solve_triangular(left, cross, lower=True)
    middle = scipy.linalg.solve_triangular(right, middle.T, lower=True).T
    u, correlations, vt = np.linalg.svd(middle)
    before = scipy.linalg.solve_triangular(left.T, u, lower=False)
    after = scipy.linalg.solve_triangular(right.T, vt.T, lower=False)
    return Variates(bands, np.minimum(correlations, 1.0), before, after, x_mean, y_mean)


def chi_squared(x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], variates: Variates) -> Array:
    """Return the sum of squared MAD variates over their variances 2 (1 - rho), (pixels,)."""
    difference = (x - variates.before_mean) @ variates.before - (y - variates.after_mean) @ variates.after
    return np.asarray((difference**2 / np.maximum(2 * (1 - variates.correlations), 1e-9)).sum(axis=1))


def no_change(x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], variates: Variates) -> Array:
    """Return the probability of no change, (pixels,); pixels above 0.95 serve to normalise radiometry."""
    return np.asarray(1 - chdtr(x.shape[1], chi_squared(x, y, variates)))
