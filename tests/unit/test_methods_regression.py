"""The expectation: right where it can be known, unmoved by what changed."""

from __future__ import annotations

import numpy as np
import pytest

from detection.arrays import NotEnoughDataError
from detection.methods.regression import fit_expectation, mahalanobis, whitening


def sample(pixels: int = 6000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns, true coefficients and noisy observations of three bands."""
    rng = np.random.default_rng(3)
    columns = np.concatenate([np.ones((1, pixels)), rng.normal(size=(4, pixels))]).astype(np.float32)
    truth = rng.normal(size=(5, 3)).astype(np.float32)
    seen = truth.T @ columns + 0.02 * rng.normal(size=(3, pixels))
    return columns, truth, seen.astype(np.float32)


def test_coefficients_come_out() -> None:
    columns, truth, seen = sample()
    found = fit_expectation(columns, seen, np.zeros(4, np.float32))
    assert np.allclose(found.weights, truth, atol=0.003)
    assert np.allclose(found.deviation, 0.02, rtol=0.05)


def test_a_tenth_of_changed_pixels_hardly_moves_them() -> None:
    columns, truth, seen = sample()
    seen[:, ::10] += np.array([[1.0], [1.5], [2.0]], dtype=np.float32)
    robust = fit_expectation(columns, seen, np.zeros(4, np.float32)).weights
    plain = np.linalg.lstsq(columns.T, seen.T, rcond=None)[0]
    assert np.abs(robust - truth).max() < 0.03
    assert np.abs(plain - truth).max() > 0.1


def test_too_few_pixels_are_refused() -> None:
    columns, _, seen = sample(80)
    with pytest.raises(NotEnoughDataError, match="80 clear pixels"):
        fit_expectation(columns, seen, np.zeros(4, np.float32))


def test_whitening_makes_the_covariance_one() -> None:
    rng = np.random.default_rng(4)
    spread = rng.normal(size=(4, 4))
    covariance = spread @ spread.T + np.eye(4)
    white = whitening(covariance)
    assert np.allclose(white @ covariance @ white.T, np.eye(4), atol=2e-3)
    values = rng.normal(size=(4, 9)).astype(np.float32)
    direct = np.einsum("ip,ij,jp->p", values, np.linalg.inv(covariance), values)
    assert np.allclose(mahalanobis(values, covariance), direct, rtol=5e-3)
