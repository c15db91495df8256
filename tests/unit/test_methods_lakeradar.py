"""Water in radar: two kinds of ground, what hides, and what is no ground."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import scipy.ndimage as ndi

from detection.arrays import RADAR_BANDS, Acquisition, BoolArray
from detection.blocks import terrain_from_elevation
from detection.methods.lakeradar import FRINGE_PX, RadarLakeRules, blind, dark_water_on, possible_dark, split
from detection.methods.lakes import follow
from detection.simulate.radarlakes import simulate_radar_lakes

RULES = RadarLakeRules()
SUMMER, WINTER = datetime(2022, 7, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, 1, tzinfo=UTC)
ROWS, COLS = np.mgrid[0:90, 0:90]
DISC = np.hypot(ROWS - 45, COLS - 45) < 14
NOWHERE = np.zeros(DISC.shape, bool)
LAND, CALM, ROUGH, BUBBLES = (-17.0, -10.5), (-25.0, -19.0), (-20.0, -10.5), (-14.5, -9.0)


def picture(inside: tuple[float, float], at: datetime = SUMMER, where: BoolArray = DISC) -> Acquisition:
    """Return a place of known levels under speckle of four looks."""
    rng = np.random.default_rng(1)
    power = np.stack(
        [np.where(where, 10 ** (lake / 10), 10 ** (land / 10)) for lake, land in zip(inside, LAND, strict=True)]
    )
    db = 10 * np.log10(power * rng.gamma(4.4, 1 / 4.4, power.shape))
    return Acquisition(
        at, RADAR_BANDS, db.astype(np.float32), np.ones(DISC.shape, bool), 90.0, 0.0,
        orbit="ascending", incidence_deg=38.0, look_azimuth_deg=90.0,
    )  # fmt: skip


def test_split_is_between_two_kinds_and_refused_with_one() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(-22, 1, 2000), rng.normal(-14, 1.5, 3000)
    limit = split(np.concatenate([low, high]).astype(np.float32), RULES)
    assert limit is not None
    assert -20 < limit < -16.5
    assert split(rng.normal(-14, 2.5, 5000).astype(np.float32), RULES) is None


def test_calm_water_is_found_to_its_shore() -> None:
    one = picture(CALM)
    assert (possible_dark(one, None, RULES) & DISC).sum() > 0.8 * DISC.sum()
    (lake,) = follow([dark_water_on(one, DISC, NOWHERE, RULES)], 100.0, RULES)
    assert lake.sightings[0].state == "water"
    assert lake.sightings[0].mask.sum() == pytest.approx(DISC.sum(), rel=0.06)


@pytest.mark.parametrize(
    ("surface", "at", "state"),
    [
        (LAND, SUMMER, "dry"),
        (LAND, WINTER, "unseen"),
        (ROUGH, SUMMER, "unseen"),
        (ROUGH, WINTER, "unseen"),
        (BUBBLES, WINTER, "frozen"),
        (BUBBLES, SUMMER, "unseen"),
    ],
)
def test_only_ground_is_dry(surface: tuple[float, float], at: datetime, state: str) -> None:
    first = dark_water_on(picture(CALM), DISC, NOWHERE, RULES)
    then = dark_water_on(picture(surface, at), DISC, first.water, RULES)
    (lake,) = follow([first, then], 100.0, RULES)
    assert [one.state for one in lake.sightings] == ["water", state]


def test_one_polarisation_never_tells_ground() -> None:
    one = picture(LAND)
    alone = replace(one, bands=("vv",), reflectance=one.reflectance[1:])
    assert not dark_water_on(alone, DISC, NOWHERE, RULES).seen[DISC].any()


def test_slopes_hold_no_water() -> None:
    steep = np.full(DISC.shape, 20, np.float32)
    one = picture(CALM)
    assert not possible_dark(one, steep, RULES).any()
    assert not dark_water_on(one, DISC, NOWHERE, RULES, slope_deg=steep).water.any()


def test_a_wall_hides_level_ground_on_both_its_sides() -> None:
    """The radar looks east: 300 m of wall shade 300 tan(38°) = 234 m in the east, and lie over 300 / tan(38°) in the west."""
    height = np.where((COLS >= 44) & (COLS < 46), 300.0, 0.0).astype(np.float32)
    hidden = blind(terrain_from_elevation(height, (10, 10)), picture(LAND), (10.0, 10.0))[45]
    east, west = hidden[46:].sum(), hidden[:44].sum()
    assert abs(east - (23.4 + FRINGE_PX)) <= 2
    assert abs(west - (38.4 + FRINGE_PX)) <= 2


def test_what_is_blind_in_simulated_relief_is_what_rays_cannot_reach() -> None:
    scene = simulate_radar_lakes(3, repeats=1, lakes=2, size=140)
    for one, truth in zip(scene.dates, scene.hidden, strict=True):
        told = blind(scene.terrain, one, (10.0, 10.0))
        inner = np.zeros_like(truth)
        inner[60:-60] = True
        assert truth[inner].sum() > 200
        assert told[truth & inner].mean() > 0.97
        near = ndi.binary_dilation(truth, iterations=FRINGE_PX + 4)
        assert (told & inner & ~near).sum() < 0.05 * truth[inner].sum()


def test_equal_arguments_give_equal_scenes_and_kinds_differ() -> None:
    one, two, other = (
        simulate_radar_lakes(4, kind=kind, repeats=1, lakes=2, size=140) for kind in ("train", "train", "test")
    )
    assert all((a.reflectance == b.reflectance).all() for a, b in zip(one.dates, two.dates, strict=True))
    assert not (one.dates[0].reflectance == other.dates[0].reflectance).all()


def test_where_the_radar_looked_from_is_not_told_only_what_no_look_sees_is_blind() -> None:
    slope = np.array([[20.0, 60.0], [51.0, 53.0]], dtype=np.float32)
    terrain = replace(terrain_from_elevation(np.zeros((2, 2), np.float32), (10.0, 10.0)), slope_deg=slope)
    unknown = replace(picture(CALM), look_azimuth_deg=None)
    assert blind(terrain, unknown, (10.0, 10.0)).tolist() == [[False, True], [False, True]]  # beyond 90 - 38 degrees


@pytest.mark.parametrize("values", [[-15.0] * 39, [-15.0] * 400, [-15.0] * 399 + [-25.0]])
def test_what_is_too_few_or_all_alike_is_not_two_kinds(values: list[float]) -> None:
    assert split(np.array(values, dtype=np.float32), RULES) is None


def test_without_land_around_nothing_is_told() -> None:
    everywhere = np.ones(DISC.shape, bool)
    told = dark_water_on(picture(CALM), everywhere, NOWHERE, RULES)
    assert not told.water.any()
    assert not told.seen.any()


def test_one_band_tells_water_and_never_that_it_is_gone() -> None:
    both = picture(CALM)
    one = replace(both, bands=("vh",), reflectance=both.reflectance[:1])
    assert RADAR_BANDS == ("vh", "vv")
    told = dark_water_on(one, DISC, NOWHERE, RULES)
    assert (told.water & DISC).sum() > 0.9 * DISC.sum()
    assert (told.water & ~DISC).sum() < 0.1 * DISC.sum()
    land = picture(LAND)
    dry = dark_water_on(replace(land, bands=("vh",), reflectance=land.reflectance[:1]), DISC, DISC, RULES)
    assert not dry.water.any()
    assert not dry.seen[DISC].any()  # vv, which waves raise, is not known


def test_something_dark_of_many_levels_is_no_lake_but_its_even_part_is() -> None:
    one = picture(CALM)
    half = DISC & (COLS < 45)
    levels = one.reflectance.copy()
    rng = np.random.default_rng(3)
    levels[:, half] += rng.normal(0, 6, half.sum()).astype(np.float32)
    told = dark_water_on(replace(one, reflectance=levels), DISC, NOWHERE, RULES)
    whole = dark_water_on(one, DISC, NOWHERE, RULES)
    assert (whole.water & half).sum() > 0.9 * half.sum()
    assert told.water.sum() < whole.water.sum()
