"""The terminus: change-points, their joining, composites, centrelines, trends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import numpy as np
import pytest
import shapely

from detection.methods.centreline import derive, half_width_m, length_m, swath
from detection.methods.glaciertrend import course
from detection.methods.icecover import composite
from detection.methods.terminus import Front, NotSeen, TerminusRules, best_path, change_gain, locate
from detection.methods.tongue import Measure, _spikes

RULES = TerminusRules()
START = datetime(2018, 8, 15, tzinfo=UTC)


def test_gain_is_what_two_levels_explain() -> None:
    rng = np.random.default_rng(0)
    share = rng.random((3, 30)).astype(np.float32)
    share[1, 4:9] = np.nan
    gain = change_gain(share)
    for row, values in enumerate(share):
        for cut in range(30):
            one, other = (part[np.isfinite(part)] for part in (values[:cut], values[cut:]))
            whole = values[np.isfinite(values)]
            expected = 0.0
            if min(one.size, other.size) >= 3 and one.mean() > other.mean():
                expected = whole.var() * whole.size - one.var() * one.size - other.var() * other.size
            assert gain[row, cut] == pytest.approx(expected, abs=1e-5)


def test_path_is_the_best_of_all() -> None:
    gain = np.random.default_rng(1).random((4, 6)) * 3
    best = max(
        product(range(6), repeat=4),
        key=lambda path: (
            -np.inf
            if max(abs(a - b) for a, b in pairwise(path)) > 2
            else sum(gain[row, cut] for row, cut in enumerate(path)) - sum((a - b) ** 2 / 2 for a, b in pairwise(path))
        ),
    )
    assert tuple(best_path(gain, 1.0, 2)) == best


@pytest.mark.parametrize("where", [412.0, 413.7, 487.2])
def test_front_to_a_fraction_of_a_sample(where: float) -> None:
    """A blurred edge under noise is found where half the ice is gone."""
    along = np.arange(0.0, 1000.0, 5.0)
    rng = np.random.default_rng(2)
    clean = 1 / (1 + np.exp((along - where) / 6))
    share = (clean + 0.08 * rng.standard_normal((31, along.size))).astype(np.float32)
    front = locate(share, along, RULES)
    assert isinstance(front, Front)
    assert front.mean_m == pytest.approx(where, abs=1.0)


@pytest.mark.parametrize("level", [0.0, 1.0, np.nan])
def test_no_edge_no_answer(level: float) -> None:
    share = np.full((21, 200), level, np.float32) + np.random.default_rng(3).normal(0, 0.05, (21, 200)).astype(
        np.float32
    )
    assert isinstance(locate(share, np.arange(0, 1000.0, 5.0), RULES), NotSeen)


def test_composite_shuns_passing_snow() -> None:
    dates = np.zeros((4, 2, 2), np.float32)
    dates[0] = dates[1] = dates[2] = 1.0
    dates[3, 0, 0] = np.nan
    dates[:, 1, 1] = np.nan
    lowest = composite(dates, snowy=True)
    assert lowest[0, 1] == 0
    assert lowest[0, 0] == 1
    assert np.isnan(lowest[1, 1])
    assert composite(dates, snowy=False)[0, 1] == 1


def test_swath_follows_a_bend_and_runs_on() -> None:
    angle = np.linspace(0, np.pi / 2, 200)
    line = 1000 * np.column_stack([np.sin(angle), 1 - np.cos(angle)])
    assert length_m(line) == pytest.approx(1571, rel=0.01)
    grid = swath(line, 0, 1900, 100, (5, 10))
    radius = np.hypot(grid.places_m[..., 0], grid.places_m[..., 1] - 1000)
    inner = grid.along_m < 1500
    assert np.allclose(radius[:, inner], (1000 - grid.across_m)[:, None], atol=3) or np.allclose(
        radius[:, inner], (1000 + grid.across_m)[:, None], atol=3
    )
    assert abs(radius[10, -1] - 1000) < 40  # the bend goes on for a while
    assert np.allclose(np.diff(grid.places_m[10], axis=0)[-20:].__pow__(2).sum(-1) ** 0.5, 5, atol=0.1)


def test_centreline_of_an_outline_runs_down_its_middle() -> None:
    rows, cols = np.mgrid[0:120, 0:60]
    inside = (np.abs(cols - 30) < np.where(rows < 50, 20, 10)) & (rows > 5) & (rows < 110)
    line = derive(inside, None, (10.0, 10.0))
    assert line is not None
    assert line[0, 0] < line[-1, 0]  # the wide end is the head
    assert abs(line[20:-20, 1].mean() - 305) < 25
    uphill = derive(inside, (rows * 10.0).astype(np.float32), (10.0, 10.0))
    assert uphill is not None
    assert uphill[0, 0] > uphill[-1, 0]
    upright = shapely.box(100, 60, 1000, 400)
    assert half_width_m(np.array([[100.0, 230.0], [1000.0, 230.0]]), upright) == pytest.approx(170)
    assert derive(np.zeros((5, 5), bool), None, (10.0, 10.0)) is None


def measures(lengths: list[float], days: float = 365.25, sigma: float = 3.0) -> list[Measure]:
    dates = [START + timedelta(days=days * number) for number in range(len(lengths))]
    line = np.zeros(3)
    return [Measure(one, sigma, line, "clean_ice", 1.0, 1.0, at, at, 1) for one, at in zip(lengths, dates, strict=True)]


@pytest.mark.parametrize(
    ("lengths", "trend"),
    [
        ([3000, 2960, 2921, 2880], "retreat"),
        ([3000, 3002, 2999, 3001], "stable"),
        ([3000, 3021, 3040, 3062], "advance"),
        ([3000, 3002, 2999, 3350, 3700], "surge"),
        ([3000, 3070, 3140, 3210], "advance"),
        ([3000], "not_measurable"),
        ([], "not_measurable"),
    ],
)
def test_trends(lengths: list[float], trend: str) -> None:
    series = measures(lengths)
    found = course(series)
    assert found.at(series[-1].last if series else START) == trend


def test_a_surge_counts_from_the_date_that_shows_it() -> None:
    series = measures([3000, 3002, 2999, 3001, 3060, 3130, 3200], days=16)
    found = course(series)
    assert found.surge_from == series[5].last
    assert found.at(series[4].last) == "stable"


def test_one_mistake_is_no_surge() -> None:
    assert course(measures([3000, 3002, 2999, 3300, 3001, 3000], days=16)).surge_from is None


def test_a_spike_is_dropped_and_the_start_of_a_surge_is_not() -> None:
    assert [one.length_m for one in _spikes(measures([3000, 3100, 3001, 2999], days=20))] == [3100]
    assert _spikes(measures([3000, 2995, 3075, 3230], days=16)) == []
