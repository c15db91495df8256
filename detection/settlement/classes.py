"""What kind of motion a series shows: stable, linear, accelerating, hinge, step or seasonal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from detection.settlement.bank import MARGIN, Bank, search
from detection.settlement.design import Float, Seasonal, hinges, season, steps
from detection.settlement.fitting import Fit, fit

Class = Literal["stable", "linear", "accelerating", "hinge", "step", "seasonal"]
NAMES: tuple[Class, ...] = ("stable", "seasonal", "linear", "accelerating", "hinge", "step")
STRONG = 10.0
"""Difference of BIC from which on the richer model is taken: very strong evidence in the words of [@Kass1995]."""


@dataclass(frozen=True)
class Motion:
    """The model that tells one series best."""

    kind: Class
    velocity: float
    """mm/yr: of a hinge after its onset, of acceleration the mean, else over all dates."""
    velocity_std: float
    velocity_before: float | None = None
    """Of a hinge, before its onset."""
    step_mm: float | None = None
    acceleration: float | None = None
    """mm/yr^2."""
    onset_yr: float | None = None


@dataclass(frozen=True)
class _Model:
    """One candidate: its design, and how a unit of each parameter adds to the velocity."""

    kind: Class
    G: Float
    rate: Float
    """(parameters,): velocity = rate . parameters."""
    before: Float | None = None
    size: int | None = None
    """Parameter that is the step, or half the acceleration."""
    onset_yr: float | None = None
    searched: int = 0
    """Parameters found by search: the date of a change."""


def motion(times_yr: Float, y: npt.NDArray[np.floating], seasonal: Seasonal) -> Motion | None:
    """Return the model of a series with the least BIC, NaN = not measured; None where there are too few dates.

    BIC = n ln(RSS / n) + p ln n [@Schwarz1978] with n the number of independent dates, N (1 - r1) / (1 + r1): neighbours in
    time say the same thing twice. Without strong evidence it stays with the simplest, as in the classes of [@Berti2013].
    """
    best = _best(times_yr, y, seasonal)
    return None if best is None else _told(best[0], best[1], times_yr[np.isfinite(y)], best[2])


def modelled(times_yr: Float, y: npt.NDArray[np.floating], seasonal: Seasonal) -> tuple[Motion, Float, float] | None:
    """Return what `motion` does, its model on each measured date (NaN elsewhere), and the scatter about it, all mm."""
    best = _best(times_yr, y, seasonal)
    if best is None:
        return None
    model, values, r1 = best
    known = np.isfinite(y)
    curve = np.full(len(y), np.nan)
    curve[known] = model.G @ np.linalg.lstsq(model.G, values, rcond=None)[0]
    rest = values - curve[known]
    scatter = float(np.sqrt(rest @ rest / max(len(values) - model.G.shape[1], 1)))
    return _told(model, values, times_yr[known], r1), curve, scatter


def _best(times_yr: Float, y: npt.NDArray[np.floating], seasonal: Seasonal) -> tuple[_Model, Float, float] | None:
    """Return the chosen model, the measured values, and their autocorrelation; None where there are too few dates."""
    known = np.isfinite(y)
    t, values = times_yr[known], y[known].astype(np.float64)
    if not len(t):
        return None
    models = list(_models(t, seasonal))
    if len(t) < models[1].G.shape[1] + 3:
        return None
    rss = np.array([_rss(model.G, values) for model in models])
    richest = models[int(rss.argmin())]
    r1 = float(fit(richest.G, values[:, None]).autocorrelation[0])
    independent = max(len(t) * (1 - max(r1, 0.0)) / (1 + max(r1, 0.0)), 3.0)
    size = np.array([model.G.shape[1] + model.searched for model in models])
    floor = 1e-12 * max(float(values @ values), 1e-12)
    bic = independent * np.log(np.maximum(rss, floor) / len(t)) + size * np.log(independent)
    return models[_choice([model.kind for model in models], bic)], values, r1


def _choice(kinds: list[Class], bic: Float) -> int:
    """Return which model to take: the simplest kind that no richer one beats by strong evidence."""
    chosen = kinds.index("stable")
    for kinds_of_rank in (("seasonal", "linear"), ("accelerating", "hinge", "step")):
        rank = [k for k, kind in enumerate(kinds) if kind in kinds_of_rank]
        best = min(rank, key=lambda k: float(bic[k]), default=chosen)
        if bic[best] < bic[chosen] - STRONG:
            chosen = best
    return chosen


def _models(t: Float, seasonal: Seasonal) -> Iterator[_Model]:
    """Yield the candidates; changes from rest are tried beside changes of a motion."""
    centred = t - t.mean()
    one, waves = np.ones_like(t), season(t, seasonal)

    def model(kind: Class, columns: list[Float], rate: list[float], **more: Any) -> _Model:
        return replace(_Model(kind, np.column_stack([one, *columns, *waves]), _padded(rate, len(waves))), **more)

    yield _Model("stable", one[:, None], np.zeros(1))
    yield model("linear", [centred], [1])
    if waves:
        yield model("seasonal", [], [])
    if len(t) < 2 * MARGIN:
        return
    yield model("accelerating", [centred, centred**2], [1, 0], size=2)
    for column, onset in zip(*_bank(hinges(t, MARGIN)), strict=True):
        yield model("hinge", [column], [1], before=_padded([0], len(waves)), onset_yr=onset, searched=1)
        yield model("hinge", [centred, column], [1, 1], before=_padded([1, 0], len(waves)), onset_yr=onset, searched=1)
    for column, onset in zip(*_bank(steps(t, MARGIN)), strict=True):
        yield model("step", [column], [0], size=1, onset_yr=onset, searched=1)
        yield model("step", [centred, column], [1, 0], size=2, onset_yr=onset, searched=1)


def _bank(made: tuple[Float, Float]) -> tuple[list[Float], list[float]]:
    return list(made[0].T), [float(onset) for onset in made[1]]


def _padded(rate: list[float], waves: int) -> Float:
    return np.array([0.0, *rate, *[0.0] * waves])


def _rss(G: Float, y: Float) -> float:
    rest = y - G @ np.linalg.lstsq(G, y, rcond=None)[0]
    return float(rest @ rest)


def _told(model: _Model, y: Float, t: Float, r1: float) -> Motion:
    """Return the chosen model in words of the field."""
    G = model.G
    if model.kind == "step" and model.size == 1:
        # that the ground rested beside the step is what the data say, not what they were told: its rate has an error
        G, model = _beside_trend(model, t)
    n, p = G.shape
    parameters = np.linalg.lstsq(G, y, rcond=None)[0]
    covariance = np.linalg.pinv(G.T @ G) * _rss(G, y) / max(n - p, 1) * (1 + r1) / (1 - r1)
    size = None if model.size is None else float(parameters[model.size])
    return Motion(
        kind=model.kind,
        velocity=float(model.rate @ parameters),
        velocity_std=float(np.sqrt(max(model.rate @ covariance @ model.rate, 0.0))),
        velocity_before=None if model.before is None else float(model.before @ parameters),
        step_mm=size if model.kind == "step" else None,
        acceleration=2 * size if model.kind == "accelerating" and size is not None else None,
        onset_yr=model.onset_yr,
    )


def scaled(one: Motion, factor: float) -> Motion:
    """Return a motion whose displacements are multiplied by a factor."""
    sizes = ("velocity", "velocity_std", "velocity_before", "step_mm", "acceleration")
    known = {name: value * factor for name in sizes if (value := getattr(one, name)) is not None}
    return replace(one, **known)


def _beside_trend(model: _Model, t: Float) -> tuple[Float, _Model]:
    """Return a step from rest as a step beside a trend."""
    G = np.insert(model.G, 1, t - t.mean(), axis=1)
    return G, replace(model, G=G, rate=np.eye(G.shape[1])[1], size=2)


def classify(
    G: Float, times_yr: Float, y: npt.NDArray[np.floating], fitted: Fit, changes: Bank | None
) -> npt.NDArray[np.intp]:
    """Return the class of each of many series as an index into NAMES; -1 where there are too few dates.

    As `motion`, with the changes of the bank, all series at once.
    """
    p = G.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        trend = fitted.rss + (fitted.velocity / fitted.velocity_std) ** 2 * fitted.inflation * fitted.rss / np.maximum(
            fitted.dates - p, 1
        )
    centred = times_yr - times_yr.mean()
    options: list[tuple[int, Float, int]] = [(0, fit(G[:, :1], y).rss, 1), (2, fitted.rss, p)]
    if p > 2:
        options.append((1, trend, p - 1))
    if changes is not None:
        options.append((3, fit(np.column_stack([G, centred**2]), y).rss, p + 1))
        rest = y - (G @ np.nan_to_num(fitted.parameters)).astype(np.float32)
        hinge, step = search(changes, rest)
        options += [(4, fitted.rss - hinge.gain, p + 2), (5, fitted.rss - step.gain, p + 2)]
    return _cheapest(options, _independent(G, y, fitted, np.min([value for _, value, _ in options], axis=0)), fitted)


def _independent(G: Float, y: npt.NDArray[np.floating], fitted: Fit, least: Float) -> Float:
    """Return the number of independent dates of each series, N (1 - r1) / (1 + r1).

    r1 = 1 - var(difference) / (2 var): differences from date to date hardly feel a change that the trend does not
    explain, which the residuals' own autocorrelation would take for memory.
    """
    rest = np.diff(y - (G @ np.nan_to_num(fitted.parameters)).astype(np.float32), axis=0)
    known = np.isfinite(rest)
    power = np.square(np.where(known, rest, 0)).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    variance = least / np.maximum(fitted.dates - G.shape[1], 1)
    r1 = np.clip(1 - power / np.maximum(2 * variance, 1e-12), 0.0, 0.95)
    return np.asarray(np.maximum(fitted.dates * (1 - r1) / (1 + r1), 3.0))


def _cheapest(options: list[tuple[int, Float, int]], independent: Float, fitted: Fit) -> npt.NDArray[np.intp]:
    kinds = np.array([kind for kind, _, _ in options])
    rss = np.array([np.maximum(value, 1e-9) for _, value, _ in options])
    size = np.array([[parameters] for _, _, parameters in options])
    bic = independent * np.log(rss / np.maximum(fitted.dates, 1)) + size * np.log(independent)
    columns = np.arange(bic.shape[1])
    chosen = np.zeros(bic.shape[1], dtype=np.intp)
    for rank in ((1, 2), (3, 4, 5)):
        rows = np.flatnonzero(np.isin(kinds, rank))
        if len(rows):
            best = rows[np.argmin(bic[rows], axis=0)]
            chosen = np.where(bic[best, columns] < bic[chosen, columns] - STRONG, best, chosen)
    return np.where(np.isfinite(fitted.velocity), kinds[chosen], -1)
