"""How good a result is beside a truth: counts that add up over pictures, and the figures made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from detection.arrays import BoolArray

Labels = npt.NDArray[np.int32]
Interval = tuple[date, date]

OVERLAP = 0.3
SMALLEST_PX = 10
BINS = 10
CLASSES = (("unlikely", 0.0, 0.5), ("possible", 0.5, 0.7), ("probable", 0.7, 0.9), ("near certain", 0.9, 1.0))
"""Name, and confidence from and to; the upper end belongs to the next class, but for the last."""


@dataclass(frozen=True)
class Objects:
    """Labelled objects on a grid, and what is told of each."""

    labels: Labels
    """(rows, cols), 0 = none."""
    confidence: Mapping[int, float] = field(default_factory=dict)
    """Probability 0-1 by label, where it is told."""
    dates: Mapping[int, Interval] = field(default_factory=dict)
    """First and last day between which it came about, by label, where it is told."""


@dataclass(frozen=True)
class Rule:
    """When an object of the result and one of the truth are the same."""

    smallest_px: float = SMALLEST_PX
    overlap: float = OVERLAP

    def __str__(self) -> str:
        """Return the rule in words."""
        return (
            f"Only what was observed counts. A true object of {self.smallest_px:g} px or more (observed) is found if "
            f"{self.overlap:.0%} of it or more are marked; a marked object of {self.smallest_px:g} px or more is right if "
            f"{self.overlap:.0%} of it or more belong to true objects of any size. One object may match several. "
            "Calibration: expected calibration error over ten equal classes of confidence. Dates: a right object "
            "with dates hits if its interval shares a day with that of the true object it overlaps most."
        )


@dataclass(frozen=True)
class Tally:
    """Counts of one picture or of many."""

    both_px: int = 0
    result_px: int = 0
    truth_px: int = 0
    right: int = 0
    marked: int = 0
    found: int = 0
    wanted: int = 0
    unseen: int = 0
    """True objects that nobody could find: less than the smallest size of them was observed."""
    observed_px: int = 0
    area_px: int = 0
    judged: tuple[tuple[float, bool], ...] = ()
    """Confidence of marked objects, and whether each is right."""
    dated: tuple[bool, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        """Return the counts of both."""
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def tally(
    truth: Objects,
    result: Objects,
    observed: BoolArray,
    rule: Rule | None = None,
    area_px: int | None = None,
) -> Tally:
    """Return the counts of a result beside a truth on one grid.

    Parameters
    ----------
    observed
        (rows, cols), True where the result could say something and the truth is known.
    area_px
        Pixels that were to be looked at; None = all of the grid.
    """
    rule = rule or Rule()
    true, marked = np.where(observed, truth.labels, 0), np.where(observed, result.labels, 0)
    wanted, found = _covered(true, marked > 0, rule)
    made, right = _covered(marked, true > 0, rule)
    return Tally(
        both_px=int(((true > 0) & (marked > 0)).sum()),
        result_px=int((marked > 0).sum()),
        truth_px=int((true > 0).sum()),
        right=int(right.sum()),
        marked=len(made),
        found=int(found.sum()),
        wanted=len(wanted),
        unseen=_unseen(truth.labels, wanted, rule),
        observed_px=int(observed.sum()),
        area_px=observed.size if area_px is None else area_px,
        judged=tuple(
            (result.confidence[label], bool(good))
            for label, good in zip(made.tolist(), right, strict=True)
            if label in result.confidence
        ),
        dated=tuple(_dated(truth, result, true, marked, made[right].tolist())),
    )


def _covered(labels: Labels, by: BoolArray, rule: Rule) -> tuple[npt.NDArray[np.intp], BoolArray]:
    """Return the labels of objects that are large enough, and whether the other side covers enough of each."""
    sizes = np.bincount(labels.ravel())
    hits = np.bincount(labels[by], minlength=sizes.size)
    sizes[0] = 0
    large = np.flatnonzero((sizes >= rule.smallest_px) & (sizes > 0))
    return large, np.asarray(hits[large] >= rule.overlap * sizes[large])


def _unseen(labels: Labels, wanted: npt.NDArray[np.intp], rule: Rule) -> int:
    """Return how many objects are large enough by themselves, but not in what was observed of them."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return int(((sizes >= rule.smallest_px) & (sizes > 0)).sum()) - len(wanted)


def _dated(truth: Objects, result: Objects, true: Labels, marked: Labels, right: Sequence[int]) -> list[bool]:
    """Return for each right object with dates whether they agree with those of the true object below it."""
    wanted = [label for label in right if label in result.dates]
    if not wanted or not truth.dates:
        return []
    both = (true > 0) & np.isin(marked, wanted)
    pairs, counts = np.unique(np.stack([marked[both], true[both]]), axis=1, return_counts=True)
    below = {int(pairs[0, at]): int(pairs[1, at]) for at in np.argsort(counts, kind="stable")}
    return [
        _meet(result.dates[label], truth.dates[below[label]])
        for label in wanted
        if below.get(label) in truth.dates
    ]  # fmt: skip


def _meet(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def report(counts: Tally, rule: Rule) -> dict[str, Any]:
    """Return the figures as they are shown; what cannot be said (nothing marked, no dates) is None."""
    return {
        "rule": str(rule),
        "pixel": {
            **_scores(counts.both_px, counts.result_px, counts.both_px, counts.truth_px),
            "both_px": counts.both_px, "result_px": counts.result_px, "truth_px": counts.truth_px,
        },
        "object": {
            **_scores(counts.right, counts.marked, counts.found, counts.wanted),
            "smallest_px": rule.smallest_px, "result": counts.marked, "right": counts.right,
            "truth": counts.wanted, "found": counts.found, "truth_not_observed": counts.unseen,
        },
        "calibration": {
            "expected_error": calibration_error(counts.judged),
            "objects": len(counts.judged),
            "classes": _table(counts.judged),
        },
        "observed_share": _share(counts.observed_px, counts.area_px),
        "dates": {"compared": len(counts.dated), "hit_rate": _share(sum(counts.dated), len(counts.dated))},
    }  # fmt: skip


def _scores(right: int, marked: int, found: int, wanted: int) -> dict[str, float | None]:
    precision, recall = _share(right, marked), _share(found, wanted)
    f1 = None
    if precision is not None and recall is not None:
        f1 = round(2 * precision * recall / (precision + recall), 4) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def calibration_error(judged: Sequence[tuple[float, bool]]) -> float | None:
    """Return the expected calibration error over BINS equal classes, equation (3) of [@Guo2017]; None without objects."""
    if not judged:
        return None
    likely, right = (np.array(part, dtype=np.float64) for part in zip(*judged, strict=True))
    place = np.minimum((likely * BINS).astype(np.intp), BINS - 1)
    return round(float(np.abs(np.bincount(place, likely - right)).sum() / len(judged)), 4)


def _table(judged: Sequence[tuple[float, bool]]) -> list[dict[str, Any]]:
    """Return per class of confidence how likely objects were said to be, and how many are right."""
    rows = []
    for name, low, high in CLASSES:
        mine = [(likely, right) for likely, right in judged if low <= likely < high or likely == high == 1.0]
        rows.append({
            "class": name, "from": low, "to": high, "objects": len(mine),
            "mean_confidence": round(sum(likely for likely, _ in mine) / len(mine), 4) if mine else None,
            "share_right": _share(sum(right for _, right in mine), len(mine)),
        })  # fmt: skip
    return rows
