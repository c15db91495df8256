"""Where slopes fail, learnt from where they did: models, and how well they do on ground that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from threadpoolctl import threadpool_limits

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
PLAIN = "logistic regression"
FOLDS, REPEATS = 5, 10
SEED = 0


def models() -> dict[str, Any]:
    """Return the models that are compared, by name; the first is the plain one.

    Splines of each factor make the logistic regression a generalised additive model as in [@Goetz2015]; the mean is of their
    probabilities.
    """
    plain = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=1.0, max_iter=2000))
    smooth = make_pipeline(
        SimpleImputer(), StandardScaler(), SplineTransformer(n_knots=5, degree=3, extrapolation="linear", knots="quantile"),
        LogisticRegression(C=0.1, max_iter=5000),
    )  # fmt: skip
    boosted = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=120,
        max_leaf_nodes=6,
        min_samples_leaf=15,
        l2_regularization=5.0,
        random_state=SEED,
    )
    mean = VotingClassifier([("smooth", smooth), ("boosted", boosted)], voting="soft")
    return {PLAIN: plain, "additive logistic regression": smooth, "gradient boosting": boosted, "mean of both": mean}


@dataclass(frozen=True)
class Score:
    """How a model does on blocks that it has not seen."""

    auc: float
    """Mean over all folds of all repeats."""
    auc_std: float
    brier: float
    calibration_slope: float
    """Of the log odds: 1 = as sure as it should be, below 1 = too sure."""
    calibration_intercept: float
    reliability: tuple[tuple[float, float, int], ...]
    """(mean probability, share that failed, number) by tenths of probability, first repeat."""


def spatial_folds(xy_m: Array, folds: int = FOLDS, seed: int = SEED) -> Labels:
    """Return the fold of each place, (n,): neighbours stay together, in `folds` groups around centres by k-means [@Brenning2012].

    Parameters
    ----------
    xy_m
        (n, 2), metres.
    """
    return np.asarray(KMeans(folds, n_init=1, random_state=seed).fit_predict(xy_m), dtype=np.int64)


def cross_validate(
    features: Array, failed: Labels, xy_m: Array, *, folds: int = FOLDS, repeats: int = REPEATS
) -> Mapping[str, Score]:
    """Return how each model does, all on the same folds.

    Parameters
    ----------
    features
        (n, factors), NaN = unknown.
    failed
        (n,), 1 = a slope that failed, 0 = one that did not.

    Raises
    ------
    ValueError
        No fold holds both.
    """
    aucs: dict[str, list[float]] = {name: [] for name in models()}
    told: dict[str, Array] = {name: np.full((repeats, failed.size), np.nan) for name in models()}
    with threadpool_limits(limits=1):  # small fits: threads would wait for each other
        for repeat in range(repeats):
            fold = spatial_folds(xy_m, folds, SEED + repeat)
            for number in range(folds):
                test = fold == number
                if len(np.unique(failed[test])) < 2 or len(np.unique(failed[~test])) < 2:
                    continue
                for name, model in models().items():
                    told[name][repeat, test] = model.fit(features[~test], failed[~test]).predict_proba(features[test])[
                        :, 1
                    ]
                    aucs[name].append(float(roc_auc_score(failed[test], told[name][repeat, test])))
    if not aucs[PLAIN]:
        raise ValueError("no block of ground holds both slopes that failed and slopes that did not")
    return {name: _score(np.array(aucs[name]), told[name], failed) for name in aucs}


def fit(name: str, features: Array, failed: Labels, out_of_fold: Score) -> Any:
    """Return a function from features (n, factors) to probabilities (n,), fitted on everything and made as sure as it should be.

    The log odds are moved by what the blocks that a model had not seen say of its sureness [@Platt1999].
    """
    model = models()[name].fit(features, failed)
    slope, intercept = out_of_fold.calibration_slope, out_of_fold.calibration_intercept

    def probability(wanted: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-(intercept + slope * _log_odds(model.predict_proba(wanted)[:, 1])))))

    return probability


def importances(features: Array, failed: Labels, name: str, names: list[str]) -> dict[str, float]:
    """Return by how much the AUC falls when one factor is shuffled, on the ground it was fitted on."""
    model = models()[name].fit(features, failed)
    with threadpool_limits(limits=1):
        found = permutation_importance(model, features, failed, scoring="roc_auc", n_repeats=5, random_state=SEED)
    return dict(sorted(zip(names, found["importances_mean"].round(4).tolist(), strict=True), key=lambda pair: -pair[1]))


def _score(aucs: Array, told: Array, failed: Labels) -> Score:
    known = np.isfinite(told)
    labels = np.broadcast_to(failed, told.shape)[known]
    line = LogisticRegression(C=1e6).fit(_log_odds(told[known])[:, None], labels)
    return Score(
        float(aucs.mean()), float(aucs.std()), float(brier_score_loss(labels, told[known])), float(line.coef_[0, 0]),
        float(line.intercept_[0]), _reliability(told[0][known[0]], failed[known[0]]),
    )  # fmt: skip


def _reliability(told: Array, failed: Labels) -> tuple[tuple[float, float, int], ...]:
    tenth = np.minimum((told * 10).astype(int), 9)
    return tuple(
        (round(float(told[tenth == n].mean()), 3), round(float(failed[tenth == n].mean()), 3), int((tenth == n).sum()))
        for n in range(10)
        if (tenth == n).any()
    )


def _log_odds(probability: Array) -> Array:
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))
