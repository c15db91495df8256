"""Series too short, empty, masked or jumping: what can be said is said exactly, and nothing is made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from detection.settlement import areas as areas_module
from detection.settlement import atmosphere, jumps
from detection.settlement.analysis import analyse, drop_blank, fit_field
from detection.settlement.areas import areas, filled
from detection.settlement.bank import bank
from detection.settlement.classes import NAMES, classify, modelled, motion, scaled
from detection.settlement.design import design
from detection.settlement.field import Field
from detection.settlement.fitting import fit
from detection.settlement.run import LIMITS
from detection.settlement.seeking import Maps, Region, score, seek, spread
from detection.settlement.trend import trend_change
from detection.simulate.settlement import Air, simulate_settlement

T = np.arange(60) * 12 / 365.25
RNG = np.random.default_rng(8)


def field(y: Any, shape: tuple[int, int], cell: Any = None) -> Field:
    return Field(np.asarray(y, dtype=np.float32), shape, (50.0, 50.0), cell)


def region(*pixels: tuple[int, int]) -> Region:
    rows, cols = np.array(pixels, dtype=np.int32).T
    return Region(rows, cols, 2.0)


# One series


@pytest.mark.parametrize("dates", [0, 1, 4])
def test_too_few_dates_have_no_motion(dates: int) -> None:
    y = np.full(60, np.nan)
    y[:dates] = 1.0
    assert motion(T, y, "none") is None
    assert modelled(T, y, "none") is None
    assert trend_change(T, y, "none") is None


def test_short_series_are_rest_or_motion_and_no_change_is_looked_for() -> None:
    short = T[:7]
    told = motion(short, -20 * short + 0.01 * RNG.standard_normal(7), "none")
    assert told is not None
    assert told.kind == "linear"
    assert told.velocity == pytest.approx(-20, abs=0.5)
    rest = motion(short, np.array([1.0, -1, 1, -1, 1, -1, 1]), "none")
    assert rest is not None
    assert (rest.kind, rest.velocity) == ("stable", 0.0)


@pytest.mark.parametrize(("curve", "kind", "velocity"), [
    (lambda t: -25 * t, "linear", -25.0),
    (lambda t: -40 * np.maximum(0, t - 1.0), "hinge", -40.0),
    (lambda t: -30 * (t > 1.0), "step", 0.0),
    (lambda t: -15 * (t - t.mean()) ** 2, "accelerating", 0.0),
    (lambda t: 8 * np.sin(2 * np.pi * t), "seasonal", 0.0),
])  # fmt: skip
def test_the_model_is_drawn_where_it_was_measured(curve: Any, kind: str, velocity: float) -> None:
    y = curve(T) + 0.2 * RNG.standard_normal(60)
    y[5:9] = y[51:55] = np.nan
    found = modelled(T, y, "annual")
    assert found is not None
    told, drawn, scatter = found
    assert (told.kind, told) == (kind, motion(T, y, "annual"))
    assert told.velocity == pytest.approx(velocity, abs=1.5)
    assert (np.isfinite(drawn) == np.isfinite(y)).all()
    assert np.nanmax(np.abs(drawn - curve(T))) < 0.8
    assert scatter == pytest.approx(0.2, abs=0.08)
    double = scaled(told, 2.0)
    assert double.velocity == pytest.approx(2 * told.velocity)
    assert (double.step_mm is None) == (kind != "step")
    assert (double.onset_yr, double.kind) == (told.onset_yr, told.kind)


def test_many_series_at_once_are_classed_as_one_by_one() -> None:
    curves = [0 * T, -25 * T, 8 * np.sin(2 * np.pi * T), -40 * np.maximum(0, T - 1.0), -30.0 * (T > 1.0)]
    y = np.column_stack([curve + 0.3 * RNG.standard_normal(60) for curve in curves] + [np.full(60, np.nan)])
    G = design(T, "annual")
    told = classify(G, T, y, fit(G, y), bank(T, G))
    alone = [motion(T, column, "annual") for column in y.T]
    assert [NAMES[k] if k >= 0 else None for k in told] == [one and one.kind for one in alone]
    without = classify(G, T, y, fit(G, y), None)
    assert [NAMES[k] for k in without[:3]] == ["stable", "linear", "seasonal"]
    plain = design(T)
    assert [NAMES[k] for k in classify(plain, T, y[:, :2], fit(plain, y[:, :2]), None)] == ["stable", "linear"]


def test_what_was_before_an_earlier_change_says_nothing_of_the_trend() -> None:
    t = np.arange(120) * 12 / 365.25
    y = -60 * np.maximum(0, 1.5 - t) - 5 * t + 0.2 * RNG.standard_normal(120)
    told, naive = trend_change(t, y, "none", 1.5), trend_change(t, y, "none")
    assert told is not None
    assert naive is not None
    assert abs(told.delta_mm_yr) < 5 < abs(naive.delta_mm_yr)
    assert trend_change(t, y, "annual", t[-1] - 0.45) is None  # too little is left since then
    assert trend_change(t, y, "annual", -1.0) == trend_change(t, y, "annual")


# A scene


def test_a_scene_that_is_all_gaps_is_read_to_its_end() -> None:
    scene = field(np.full((60, 16), np.nan), (4, 4))
    found = analyse(
        scene, T, seasonal="none", limits=LIMITS, filtering=None, cycle_mm=None, tell=lambda text, share: None
    )
    assert found.regions == []
    assert not np.isfinite(found.fit.velocity).any()
    assert (found.repaired, found.blank, found.filtered) == (0, 0, False)


def test_masked_zeros_are_found_while_a_scene_is_read() -> None:
    y = RNG.normal(0, 2, (60, 100)).astype(np.float32)
    y[:, [3, 50, 51]] = 0.0
    scene = field(y, (10, 10))
    found = analyse(
        scene, T, seasonal="none", limits=LIMITS, filtering=False, cycle_mm=None, tell=lambda text, share: None
    )
    assert found.blank == 3
    assert np.flatnonzero(~np.isfinite(found.fit.velocity)).tolist() == [3, 50, 51]
    lone = field(np.where(np.arange(100) == 3, 0, RNG.normal(0, 2, (60, 100))), (10, 10))
    assert drop_blank(lone, fit_field(lone, design(T))) == 0


def test_sums_of_points_are_sums_of_their_cells() -> None:
    cell = np.array([0, 2, 2, 5, 2])
    points = field(RNG.normal(size=(3, 5)), (2, 3), cell)
    values = np.array([1.0, 2.0, np.nan, 4.0, 8.0])
    total, count = points.sums(values)
    assert total.tolist() == [[1, 0, 10], [0, 0, 4]]
    assert count.tolist() == [[1, 0, 2], [0, 0, 1]]
    assert points.points_per_cell.tolist() == [[1, 0, 3], [0, 0, 1]]
    assert points.at_points(np.arange(6.0).reshape(2, 3)).tolist() == [0, 2, 2, 5, 2]
    raster = field(np.zeros((3, 6)), (2, 3))
    total, count = raster.sums(np.array([1.0, np.nan, 3, 4, 5, 6]))
    assert total.tolist() == [[1, 0, 3], [4, 5, 6]]
    assert count.tolist() == [[1, 0, 1], [1, 1, 1]]
    bands = [points.band(0, 2), replace(points, y=points.y).band(1, 2)]
    assert bands[1][0].tolist() == bands[0][0][:, 1:].tolist()


def test_air_over_ground_of_which_none_is_quiet_is_left() -> None:
    y = RNG.normal(0, 2, (12, 400)).astype(np.float32)
    scene = field(y.copy(), (20, 20))
    atmosphere.remove(scene, np.zeros(400, dtype=bool), design(T[:12]), cutoff_m=200.0)
    assert (scene.y == y).all()


def test_air_that_follows_height_is_taken_off_with_it_and_a_date_without_values_stays_empty() -> None:
    height = RNG.uniform(1500, 3500, 900)
    delay = RNG.normal(0, 5, 12)[:, None] * (height - np.median(height))[None] / 1000
    y = delay.astype(np.float32) + 0.05 * RNG.standard_normal((12, 900)).astype(np.float32)
    y[7] = np.nan
    with_height, without = field(y.copy(), (30, 30)), field(y.copy(), (30, 30))
    for scene, told in ((with_height, height), (without, None)):
        atmosphere.remove(scene, np.ones(900, dtype=bool), design(T[:12]), told, cutoff_m=300.0)
    assert np.nanstd(with_height.y) < 0.1 < np.nanstd(without.y)
    assert np.isnan(with_height.y[7]).all()


def test_series_without_a_value_are_filled_with_nothing_and_gaps_along_time() -> None:
    t = np.array([0.0, 1.0, 3.0, 4.0])
    y = np.array([[1.0, np.nan, 2], [np.nan, np.nan, 2], [4.0, np.nan, 2], [5.0, np.nan, np.nan]])
    assert filled(t, y).T.tolist() == [[1, 2, 4, 5], [0, 0, 0, 0], [2, 2, 2, 2]]


def test_areas_of_stable_or_missing_series_are_left_out() -> None:
    y = np.stack([-30 * T, -30 * T, 0 * T, np.full(60, np.nan)], axis=1) + 0.1 * RNG.standard_normal((60, 4))
    scene = field(y, (2, 2))
    velocity = fit_field(scene, design(T)).velocity
    found = areas(scene, [region((0, 0), (0, 1)), region((1, 0)), region((1, 1))], velocity, T, "none")
    assert [one.points.tolist() for one in found] == [[0, 1]]
    assert found[0].motion.velocity == pytest.approx(-30, abs=0.5)
    assert found[0].peak_velocity == pytest.approx(-30, abs=0.5)


def test_a_region_of_points_that_go_apart_weighs_all_alike() -> None:
    mean = np.zeros(60)
    assert areas_module._strength(RNG.normal(size=(60, 3)), mean).tolist() == [1, 1, 1]


# Jumps


def test_a_jump_of_a_cycle_is_taken_off_and_no_other_offset() -> None:
    y = 0.5 * RNG.standard_normal((60, 12)).astype(np.float32)
    y[30:, 0] += 27.73
    y[30:, 1] += 15.0
    neighbours = np.array([[own, *(other for other in range(2, 12) if other != own)][:10] for own in (0, 1)])
    told = jumps.repair(y, neighbours, near=4, times_yr=T, cycle_mm=27.73)
    assert told.series.tolist() == [0]
    assert np.unique(told.offsets) == pytest.approx([0.0, 27.73])
    assert (told.offsets[:, 0] > 0).sum() == 30


def test_two_jumps_of_one_series_are_taken_off_one_after_the_other() -> None:
    t = np.arange(120) * 12 / 365.25
    y = 0.3 * RNG.standard_normal((120, 12)).astype(np.float32)
    y[30:, 0] += 2 * 27.73
    y[60:, 0] += 27.73
    told = jumps.repair(y, np.array([[0, *range(2, 11)]]), near=4, times_yr=t, cycle_mm=27.73, rounds=2)
    assert told.series.tolist() == [0]
    assert told.offsets[[29, 30, 59, 60, 119], 0] == pytest.approx(27.73 * np.array([0, 2, 2, 3, 3]))


def test_series_too_short_for_a_step_have_none() -> None:
    y = RNG.normal(size=(4, 3)).astype(np.float32)
    assert not jumps.candidates(y, T[:4], 27.73).any()


# What exceeds the limits


def test_the_spread_of_nothing_is_what_theory_expects() -> None:
    assert spread(np.array([np.nan, np.nan]), 0.45) == (0.0, 0.45)
    middle, deviation = spread(np.append(RNG.normal(3, 1, 999), [500.0]), 0.5)
    assert middle == pytest.approx(3, abs=0.15)
    assert deviation == pytest.approx(1, abs=0.1)


def test_where_most_of_a_scene_moves_what_it_refers_to_is_rest() -> None:
    rate = np.where(np.arange(400) % 2, -40.0, 40.0).reshape(20, 20)
    moving = Maps(rate / 0.5, rate, np.zeros((20, 20)), np.zeros((20, 20)))
    assert (score(moving, LIMITS, 50) > 1).all()
    unseen = Maps(*(np.full((20, 20), np.nan) for _ in range(4)))
    assert np.isnan(score(unseen, LIMITS, 50)).all()


def test_an_area_of_fewer_points_than_asked_for_is_none() -> None:
    y = 0.3 * RNG.standard_normal((60, 900)).astype(np.float32)
    y[:, 30 * 15 + 15] -= (200 * T).astype(np.float32)
    scene, G = field(y, (30, 30)), design(T)
    few = seek(scene, G, None, T, replace(LIMITS, fewest=1))
    assert any(15 in one.rows and 15 in one.cols for one in few)
    assert seek(scene, G, None, T, replace(LIMITS, fewest=500)) == []


# The simulator


def test_a_scene_too_small_for_a_bowl_has_none_and_a_full_one_as_many_as_fit() -> None:
    none = simulate_settlement(3, shape=(8, 8), n_dates=20, bowls=2, air=Air.none())
    assert none.bowls == ()
    assert np.nanmax(np.abs(none.y)) == 0.0
    full = simulate_settlement(3, shape=(40, 40), n_dates=20, bowls=30, air=Air.none())
    assert 0 < len(full.bowls) < 30
    assert full.dates[0] == date(2019, 1, 5)
