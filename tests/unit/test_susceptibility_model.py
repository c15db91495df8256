"""Models of where slopes fail: folds apart in space, known signal found, chance told as chance, odds as sure as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from detection.methods import susceptibility
from detection.methods.susceptibility import PLAIN, Score, cross_validate, fit, importances, spatial_folds

RNG = np.random.default_rng(11)
COUNT = 240
PLACES_M = RNG.uniform(0, 10_000, (COUNT, 2))
SLOPE, CHANCE = RNG.normal(size=COUNT), RNG.normal(size=COUNT)
FEATURES = np.column_stack([SLOPE, CHANCE])
ODDS = 2.0 * SLOPE
FAILED = (RNG.random(COUNT) < 1 / (1 + np.exp(-ODDS))).astype(np.int64)


@pytest.fixture(autouse=True)
def plain_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain model alone: the others take seconds and are tried on real ground elsewhere."""
    plain = susceptibility.models()[PLAIN]
    monkeypatch.setattr(susceptibility, "models", lambda: {PLAIN: clone(plain)})


def test_folds_are_groups_of_neighbours() -> None:
    fold = spatial_folds(PLACES_M)
    assert set(fold) == set(range(5))
    centres = np.array([PLACES_M[fold == number].mean(axis=0) for number in range(5)])
    distance = np.hypot(*(PLACES_M[:, None] - centres[None]).transpose(2, 0, 1))
    assert (distance.argmin(axis=1) == fold).mean() > 0.98


def test_a_known_signal_is_found_and_chance_is_not() -> None:
    told = cross_validate(FEATURES, FAILED, PLACES_M, repeats=2)[PLAIN]
    assert 0.75 < told.auc < 0.95
    assert 0.6 < told.calibration_slope < 1.5
    assert abs(told.calibration_intercept) < 0.5
    assert sum(number for _, _, number in told.reliability) == COUNT
    blind = cross_validate(CHANCE[:, None], FAILED, PLACES_M, repeats=2)[PLAIN]
    assert 0.35 < blind.auc < 0.65
    assert told.brier < blind.brier


def test_what_is_not_known_is_filled_in() -> None:
    holed = FEATURES.copy()
    holed[::7, 1] = np.nan
    assert cross_validate(holed, FAILED, PLACES_M, repeats=1)[PLAIN].auc > 0.7


def test_ground_whose_blocks_hold_one_kind_each_is_refused() -> None:
    west = (PLACES_M[:, 0] < 5000).astype(np.int64)
    far = PLACES_M + np.column_stack([west * -1e6, np.zeros(COUNT)])
    with pytest.raises(ValueError, match="no block of ground holds both"):
        cross_validate(FEATURES, west, far, folds=2, repeats=1)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -1.0)])
def test_odds_are_moved_by_what_unseen_blocks_said(slope: float, intercept: float) -> None:
    def odds(probability: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return np.log(probability / (1 - probability))

    as_fitted, moved = (
        fit(PLAIN, FEATURES, FAILED, Score(0.8, 0.1, 0.2, one, other, ()))(FEATURES)
        for one, other in ((1.0, 0.0), (slope, intercept))
    )
    assert odds(moved) == pytest.approx(intercept + slope * odds(as_fitted), abs=1e-6)
    assert ((as_fitted > 0) & (as_fitted < 1)).all()
    steps = np.diff(as_fitted[np.argsort(SLOPE)])
    assert (steps > -0.1).all()


def test_the_factor_that_matters_is_named_first() -> None:
    told = importances(FEATURES, FAILED, PLAIN, ["slope", "chance"])
    assert list(told) == ["slope", "chance"]
    assert told["slope"] > 0.2 > abs(told["chance"])


def test_odds_of_certainty_are_finite() -> None:
    assert np.isfinite(susceptibility._log_odds(np.array([0.0, 1.0]))).all()
