"""Figures of a result beside a truth, worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.evaluation import Objects, Rule, Tally, calibration_error, report, tally

DAY = date(2023, 7, 10)


def boxes(*placed: tuple[int, int, int, int], shape: tuple[int, int] = (20, 40)) -> npt.NDArray[np.int32]:
    labels = np.zeros(shape, dtype=np.int32)
    for number, (top, left, rows, cols) in enumerate(placed, start=1):
        labels[top : top + rows, left : left + cols] = number
    return labels


def everywhere(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    return np.ones(labels.shape, dtype=bool)


def test_figures_by_hand() -> None:
    truth = boxes((0, 0, 4, 5), (10, 0, 4, 5), (0, 20, 2, 3))  # 20, 20 and 6 px
    marked = boxes((0, 0, 4, 2), (0, 20, 2, 5), (15, 30, 4, 5), (10, 4, 3, 3))  # 8, 10, 20 and 9 px
    result = Objects(marked, {1: 0.9, 2: 0.8, 3: 0.6, 4: 0.5})
    counts = tally(Objects(truth), result, everywhere(truth))
    assert (counts.both_px, counts.result_px, counts.truth_px) == (8 + 6 + 3, 8 + 10 + 20 + 9, 46)
    assert (counts.wanted, counts.found) == (2, 1)  # the first is covered by 40 %, the second by 15 %
    assert (counts.marked, counts.right) == (2, 1)  # of 10 px or more; a small true slide makes the first of them right
    assert counts.judged == ((0.8, True), (0.6, False))
    figures = report(counts, Rule())
    assert figures["object"]["f1"] == 0.5
    assert figures["pixel"]["precision"] == round(17 / 47, 4)
    assert figures["calibration"]["expected_error"] == round((0.2 + 0.6) / 2, 4)
    assert [row["objects"] for row in figures["calibration"]["classes"]] == [0, 1, 1, 0]


def test_what_was_not_observed_does_not_count() -> None:
    truth = boxes((0, 0, 4, 5), (10, 0, 4, 5))
    observed = everywhere(truth)
    observed[10:, :4] = False
    counts = tally(Objects(truth), Objects(boxes((0, 0, 4, 5))), observed)
    assert (counts.wanted, counts.found, counts.unseen) == (1, 1, 1)
    assert counts.truth_px == 20 + 4
    assert report(counts, Rule())["observed_share"] == round(1 - 40 / 800, 4)


def test_dates_of_the_object_below() -> None:
    truth = boxes((0, 0, 4, 5), (10, 0, 4, 5), (10, 20, 4, 5))
    dates = {1: (DAY, DAY), 2: (DAY, DAY)}
    spans = {
        1: (date(2023, 7, 1), DAY),
        2: (date(2023, 7, 11), date(2023, 7, 20)),
        3: (date(2023, 1, 1), date(2023, 2, 1)),
    }
    counts = tally(Objects(truth, dates=dates), Objects(truth.copy(), dates=spans), everywhere(truth))
    assert counts.dated == (True, False)  # the third has no date in the truth


def test_nothing_at_all() -> None:
    empty = Objects(boxes())
    figures = report(tally(empty, empty, everywhere(empty.labels)), Rule())
    assert figures["pixel"]["f1"] is None
    assert figures["calibration"]["expected_error"] is None


def test_nothing_right_is_zero() -> None:
    counts = tally(Objects(boxes((0, 0, 4, 5))), Objects(boxes((10, 10, 4, 5))), everywhere(boxes()))
    assert report(counts, Rule())["object"]["f1"] == 0.0


def test_calibration_error_of_a_perfect_and_a_boasting_forecast() -> None:
    assert calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == 0.0
    assert calibration_error([(1.0, False)] * 5) == 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 1))
def test_truth_beside_itself_is_perfect_and_counts_add_up(seed: int, overlap: float) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.integers(0, 4, (4, 6)), np.ones((4, 4))).astype(np.int32)
    observed = rng.random(labels.shape) < 0.8
    rule = Rule(smallest_px=5, overlap=overlap)
    same = tally(Objects(labels), Objects(labels.copy()), observed, rule)
    assert (same.both_px, same.found, same.right) == (same.truth_px, same.wanted, same.marked)
    twice = same + same
    assert report(twice, rule)["object"]["f1"] == report(same, rule)["object"]["f1"]
    assert same + Tally() == same


@pytest.mark.parametrize("overlap", [0.3, 0.5])
def test_the_rule_is_told(overlap: float) -> None:
    assert f"{overlap:.0%}" in report(Tally(), Rule(overlap=overlap))["rule"]
