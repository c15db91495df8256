"""Lengths out of pictures of exact fronts: what moves within weeks, what stands, what nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detection.arrays import Acquisition
from detection.methods.centreline import derive, length_m
from detection.methods.glaciertrend import course
from detection.methods.icecover import HIGHEST, LOWEST, ice_index, without_snow
from detection.methods.line import weighted_line
from detection.methods.terminus import NotSeen, TerminusRules
from detection.methods.tongue import BARE, ICE, Measure, Tongue, measure

RULES = TerminusRules()
START = datetime(2018, 8, 1, tzinfo=UTC)
ALONG_M = np.arange(RULES.along_step_m / 2, 4000.0, RULES.along_step_m)
ACROSS = 24


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def tongue(
    fronts: Sequence[tuple[float, float | None]], *, end_m: float = 2000.0, colours: int = 1, contrast: float = 0.0
) -> Tongue:
    """Return pictures, (day, where the ice ends in metres); None = cloud everywhere.

    Colours differ by `contrast` between what lies before and behind `end_m`.
    """
    rng = np.random.default_rng(5)
    shape = (len(fronts), ACROSS, ALONG_M.size)
    index = np.empty(shape, dtype=np.float32)
    for picture, (_, end) in zip(index, fronts, strict=True):
        picture[:] = np.nan if end is None else np.where(end > ALONG_M, ICE, BARE)
    index += 0.02 * rng.standard_normal(shape).astype(np.float32)
    paint = 0.05 * rng.standard_normal((shape[0], colours, *shape[1:])).astype(np.float32)
    paint[:, 0] += np.where(end_m > ALONG_M, contrast, 0).astype(np.float32)
    nir = np.full(shape, 0.3, dtype=np.float32)
    return Tongue(tuple(day(one) for one, _ in fronts), ALONG_M, index, nir, lambda: paint, end_m, 10.0)


def lengths(one: Tongue) -> list[float | str]:
    return [told.reason if isinstance(told, NotSeen) else told.length_m for told in measure(one, RULES).by_date]


def test_every_date_has_the_length_of_its_front() -> None:
    fronts = [(365.0 * year, 2000.0 - 30.0 * year) for year in range(5)]
    told = measure(tongue(fronts), RULES)
    assert [one.length_m for one in told.by_date if isinstance(one, Measure)] == pytest.approx(
        [end for _, end in fronts], abs=2.0
    )
    assert len(told.by_epoch) == 5
    assert {one.basis for one in told.by_epoch} == {"clean_ice"}


def test_a_date_under_cloud_has_the_length_of_its_epoch_and_an_epoch_under_cloud_has_none() -> None:
    fronts = [(0.0, 2000.0), (20.0, None), (400.0, None), (800.0, 2000.0)]
    told = lengths(tongue(fronts))
    assert told[0] == pytest.approx(2000.0, abs=2.0)
    assert told[1] == pytest.approx(2000.0, abs=2.0)
    assert told[2] == "cloud or shadow"
    assert measure(tongue(fronts), RULES).by_date[1] != NotSeen("cloud or shadow")


def test_a_snout_that_moves_within_weeks_is_measured_date_by_date() -> None:
    surge = [(10.0 * number, 2000.0 + 60.0 * number) for number in range(5)]
    told = lengths(tongue(surge))
    assert told == pytest.approx([end for _, end in surge], abs=3.0)


def test_a_surge_that_begins_between_pictures_is_not_smoothed_away() -> None:
    fronts = [(0.0, 2000.0), (12.0, 2000.0), (24.0, 2000.0), (36.0, 2140.0), (48.0, 2150.0)]
    assert lengths(tongue(fronts)) == pytest.approx([end for _, end in fronts], abs=3.0)


def test_a_date_under_cloud_while_the_snout_moves_has_no_length() -> None:
    fronts = [(0.0, 2000.0), (15.0, 2000.0), (30.0, None), (75.0, 2300.0), (90.0, 2330.0), (400.0, 2500.0)]
    assert lengths(tongue(fronts))[2] == "not seen while the snout moved"


def test_a_length_that_goes_and_returns_is_a_mistake() -> None:
    fronts = [(365.0 * year, 1800.0 if year == 2 else 2000.0) for year in range(5)]
    told = measure(tongue(fronts), RULES)
    assert told.by_date[2] == NotSeen("contradicts the dates before and after")
    assert [one.length_m for one in told.by_epoch] == pytest.approx([2000.0] * 4, abs=2.0)


def test_debris_that_differs_from_the_ground_is_followed_to_its_end() -> None:
    fronts = [(365.0 * year, 800.0) for year in range(3)]
    told = measure(tongue(fronts, end_m=2500.0, colours=2, contrast=0.5), RULES)
    assert [one.basis for one in told.by_epoch] == ["debris"] * 3
    assert [one.length_m for one in told.by_epoch] == pytest.approx([2500.0] * 3, abs=10.0)


@pytest.mark.parametrize(("colours", "contrast"), [(1, 0.5), (2, 0.0)])
def test_debris_that_does_not_differ_or_has_no_colours_is_said_to_be_so(colours: int, contrast: float) -> None:
    told = lengths(tongue([(0.0, 800.0), (365.0, 800.0)], end_m=2500.0, colours=colours, contrast=contrast))
    assert told == ["debris that does not differ from the ground before it"] * 2


def test_no_ice_and_no_ground_beside_the_snout_is_nothing_to_learn_from() -> None:
    fronts = [(0.0, 200.0), (365.0, 200.0)]
    told = lengths(tongue(fronts, end_m=3990.0, colours=2, contrast=0.5))
    assert told == ["debris that does not differ from the ground before it"] * 2


# Trends


def measured(at: float, metres: float, sigma: float = 5.0) -> Measure:
    return Measure(metres, sigma, np.full(3, metres), "clean_ice", 1.0, 1.0, day(at), day(at), 1)


def test_a_single_length_has_no_trend_nor_have_several_of_one_moment() -> None:
    assert course([]).trend == course([measured(0, 1000)]).trend == "not_measurable"
    same = course([measured(0, 1000), measured(0, 1010)])
    assert (same.trend, same.rate_m_yr) == ("not_measurable", None)


def test_a_surge_right_after_the_first_length_leaves_no_rate() -> None:
    told = course([measured(0, 1000), measured(100, 1400), measured(130, 1500)])
    assert (told.trend, told.rate_m_yr, told.surge_from) == ("not_measurable", None, day(130))
    assert told.at(day(120)) == "not_measurable"
    assert told.at(day(130)) == "surge"


def test_the_line_through_lengths_is_that_of_least_squares() -> None:
    years, sigma = np.array([0.0, 1.0, 2.0, 4.0]), np.array([5.0, 5.0, 10.0, 5.0])
    metres = np.array([0.0, -20.0, -45.0, -79.0])
    slope, error = weighted_line(years, metres, sigma)
    fitted, covariance = np.polyfit(years, metres, 1, w=1 / sigma, cov="unscaled")
    assert slope == pytest.approx(fitted[0])
    assert error >= np.sqrt(covariance[0, 0]) - 1e-9
    assert weighted_line(np.zeros(3), metres[:3], sigma[:3]) == (0.0, float("inf"))


# What looks like ice


def picture(**bands: float) -> Acquisition:
    values = np.stack([np.full((2, 2), value, dtype=np.float32) for value in bands.values()])
    return Acquisition(day(0), tuple(bands), values, np.ones((2, 2), dtype=bool), 60.0, 150.0)


@pytest.mark.parametrize(("bands", "wanted"), [
    ({"red": 0.4, "swir1": 0.1}, np.log(4.0)),
    ({"red": 0.1, "swir1": 0.2}, np.log(0.5)),
    ({"red": 0.9, "swir1": 0.01}, HIGHEST),
    ({"red": 0.01, "swir1": 0.5}, LOWEST),
    ({"red": 0.4, "swir1": 0.35}, np.nan),
    ({"red": 0.04, "swir1": 0.01, "nir": 0.04}, np.nan),
    ({"red": 0.08, "swir1": 0.01, "nir": 0.04, "green": 0.1}, 0.0),
    ({"red": 0.4, "swir1": 0.1, "nir": 0.3, "green": 0.4}, np.log(4.0)),
])  # fmt: skip
def test_the_index_is_the_ratio_but_for_what_feigns_ice(bands: dict[str, float], wanted: float) -> None:
    told = ice_index(picture(**bands))
    assert told == pytest.approx(np.full((2, 2), wanted), nan_ok=True, rel=1e-5)


def test_shadow_and_what_is_not_usable_tell_nothing() -> None:
    one = picture(red=0.4, swir1=0.1)
    lit = np.array([[True, False], [True, True]])
    usable = np.array([[True, True], [False, True]])
    told = ice_index(replace(one, usable=usable), lit)
    assert np.isfinite(told).tolist() == [[True, False], [False, True]]


def test_new_snow_is_unseen_with_its_rim_and_the_ice_below_it_stays() -> None:
    index, nir = np.full((1, 5, 9), np.log(4.0), np.float32), np.full((1, 5, 9), 0.3, np.float32)
    nir[0, 2, 4] = 0.9
    inside = np.zeros((1, 5, 9), dtype=bool)
    inside[:, :, :3] = True
    told = without_snow(index, nir, inside)
    assert np.argwhere(np.isnan(told[0])).tolist() == [[row, col] for row in (1, 2, 3) for col in (3, 4, 5)]
    assert (
        np.isnan(without_snow(index, nir, np.zeros_like(inside))[0]).sum() == 9
    )  # no ice known: the fixed level alone


# Middle lines


def test_the_middle_of_a_strip_runs_along_it_and_too_small_a_glacier_has_none() -> None:
    strip = np.zeros((60, 21), dtype=bool)
    strip[5:55, 5:16] = True
    fall = np.repeat(np.linspace(5000, 4000, 60)[:, None], 21, axis=1).astype(np.float32)
    line = derive(strip, fall, (10.0, 10.0))
    assert line is not None
    assert line[0, 0] < line[-1, 0]
    assert np.abs(line[15:-15, 1] - 105.0).max() < 6.0
    assert length_m(line) == pytest.approx(500.0, abs=60.0)
    assert derive(np.zeros((9, 9), dtype=bool), None, (10.0, 10.0)) is None
    small = np.zeros((9, 9), dtype=bool)
    small[4, 2:6] = True
    assert derive(small, None, (10.0, 10.0)) is None
    round_one = np.zeros((9, 9), dtype=bool)
    round_one[2:6, 2:6] = True
    assert derive(round_one, None, (10.0, 10.0)) is None  # no longer than four pixels
