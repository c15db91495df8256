"""IR-MAD against the plain eigenvalue problem and its own theory."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from detection.arrays import NotEnoughDataError
from detection.methods.irmad import IrMad, canonical, chi_squared, irmad, no_change
from detection.simulate import simulate_landslide

BANDS = ("green", "red", "nir", "swir1")


def pictures(changed: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return two correlated samples, a share of whose pixels changed."""
    rng = np.random.default_rng(7)
    signal = rng.normal(size=(20_000, 4)) @ rng.normal(size=(4, 4))
    x = signal + 0.2 * rng.normal(size=signal.shape)
    y = signal @ rng.normal(size=(4, 4)) + 0.2 * rng.normal(size=signal.shape) + 5
    y[: int(changed * len(y))] += 8.0
    return x.astype(np.float32), y.astype(np.float32)


def naive(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return canonical correlations from S12 S22^-1 S21 a = rho^2 S11 a as it stands."""
    joint = np.cov(np.concatenate([x, y], axis=1).astype(np.float64).T, aweights=weight, bias=True)
    own, cross, other = joint[:4, :4], joint[:4, 4:], joint[4:, 4:]
    squares = scipy.linalg.eigh(cross @ np.linalg.inv(other) @ cross.T, own, eigvals_only=True)
    return np.sqrt(squares)[::-1]


def test_correlations_equal_the_eigenvalue_problem() -> None:
    x, y = pictures()
    weight = np.random.default_rng(1).random(len(x))
    found = canonical(x.astype(float), y.astype(float), weight, BANDS)
    assert np.allclose(found.correlations, naive(x, y, weight), atol=1e-6)


def test_iteration_equals_the_naive_one() -> None:
    x, y = pictures(0.05)
    weight = np.ones(len(x))
    last = np.full(4, 9.0)
    for _ in range(50):
        variates = canonical(x.astype(float), y.astype(float), weight, BANDS)
        rho = naive(x, y, weight)
        if np.abs(rho - last).max() < 1e-3:
            break
        last, weight = rho, no_change(x, y, variates)
    assert np.allclose(irmad(x, y, BANDS).correlations, rho, atol=1e-4)


def test_chi_squared_of_unchanged_ground_has_its_mean() -> None:
    x, y = pictures()
    variates = canonical(x.astype(float), y.astype(float), np.ones(len(x)), BANDS)
    assert chi_squared(x, y, variates).mean() == pytest.approx(4, rel=0.01)


def test_any_linear_change_of_units_leaves_it_unmoved() -> None:
    x, y = pictures(0.05)
    mixed = (y @ np.random.default_rng(2).normal(size=(4, 4)) - 3).astype(np.float32)
    one, other = irmad(x, y, BANDS), irmad(x, mixed, BANDS)
    assert np.allclose(one.correlations, other.correlations, atol=1e-4)
    assert np.allclose(chi_squared(x, y, one), chi_squared(x, mixed, other), rtol=0.02, atol=0.05)


def test_changed_pixels_lose_their_weight() -> None:
    x, y = pictures(0.05)
    likely = no_change(x, y, irmad(x, y, BANDS))
    assert np.median(likely[:1000]) < 1e-6
    assert np.median(likely[1000:]) > 1e3 * np.median(likely[:1000])


def test_a_scene_without_common_pixels_is_refused() -> None:
    block = simulate_landslide(1, shape=(60, 60), n_before=1, n_after=1, slides=0).block
    block.after[0].usable[:] = False
    with pytest.raises(NotEnoughDataError):
        IrMad().fit([block])
