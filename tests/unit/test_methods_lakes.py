"""Lakes: thresholds, shores, what lasts, filling rates, ice dams."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import scipy.ndimage as ndi

from detection.arrays import BANDS, Acquisition
from detection.methods.lakes import (
    LakeRules,
    Water,
    dammed_by_ice,
    follow,
    growth,
    possible_water,
    shore,
    water_on,
)
from detection.methods.lakeshore import RESOLUTION_M, speckled_shore
from detection.simulate import spectra
from detection.simulate.spectra import column

RULES = LakeRules()
AT = datetime(2022, 8, 1, 6, tzinfo=UTC)
ROWS, COLS = np.mgrid[0:60, 0:60]
DISC = np.hypot(ROWS - 30, COLS - 30) < 12


def picture(surfaces: dict[str, np.ndarray], shape: tuple[int, int] = (60, 60)) -> Acquisition:
    image = np.broadcast_to(column(spectra.SURFACES["scree"]), (6, *shape)).copy()
    named = {
        "water": spectra.WATER,
        "snow": spectra.SNOW,
        "lake ice": spectra.LAKE_ICE,
        "rock": spectra.SURFACES["dark rock"],
    }
    for name, mask in surfaces.items():
        image = np.where(mask, column(named[name]), image)
    return Acquisition(AT, BANDS, image.astype(np.float32), np.ones(shape, bool), 55.0, 150.0)


def seen(*pictures: Acquisition) -> list[Water]:
    return [water_on(one, None, None, RULES) for one in pictures]


@pytest.mark.parametrize(("what", "found"), [("water", True), ("snow", False), ("lake ice", False), ("rock", False)])
def test_only_water_is_water(what: str, found: bool) -> None:
    one = picture({what: DISC})
    assert (water_on(one, None, None, RULES).water == (DISC if found else False)).all()
    quick = possible_water(one, RULES)
    assert (quick is not None) == found
    assert quick is None or (quick == DISC).all()


def test_steep_and_shaded_ground_is_none() -> None:
    one = picture({"water": DISC})
    assert not water_on(one, None, np.full((60, 60), 30, np.float32), RULES).water.any()
    assert not water_on(one, np.zeros((60, 60), bool), None, RULES).water.any()


@pytest.mark.parametrize("what", ["scree", "soil", "snow"])
def test_cast_shadow_is_no_water_even_where_no_relief_tells(what: str) -> None:
    """Sky light alone, as strong as the air makes it, and a little haze."""
    light = np.array([0.30, 0.22, 0.17, 0.12, 0.07, 0.05], np.float32)[:, None, None]
    haze = np.array([0.015, 0.010, 0.007, 0.003, 0.001, 0.0005], np.float32)[:, None, None]
    dull = column(spectra.SNOW if what == "snow" else spectra.SURFACES[what]) * light + haze
    lit = picture({})
    shaded = Acquisition(AT, BANDS, np.where(DISC, dull, lit.reflectance).astype(np.float32), lit.usable, 40.0, 150.0)
    assert not water_on(shaded, None, None, RULES).water.any()
    assert possible_water(shaded, RULES) is None or not possible_water(shaded, RULES).any()


def test_shore_is_where_pixels_are_half_water() -> None:
    """Land of another brightness on each side: the area stays that of the disc."""
    distance = np.hypot(ROWS - 30, COLS - 30)
    share = np.clip(12.5 - distance, 0, 1)
    land = np.where(COLS < 30, 0.3, 0.6)
    dark = (land + share * (0.07 - land)).astype(np.float32)
    for start in (10, 13):
        mask = shore(distance < start, dark, np.zeros((60, 60), bool))
        assert mask.sum() == pytest.approx(np.pi * 12**2, rel=0.04)


def states(*pictures: Acquisition) -> list[list[str]]:
    return [[one.state for one in lake.sightings] for lake in follow(seen(*pictures), 100.0, RULES)]


def test_a_lake_under_ice_is_still_there_and_a_dry_one_gone() -> None:
    water, ice, dry = picture({"water": DISC}), picture({"lake ice": DISC}), picture({})
    assert states(water, ice, water, dry, dry) == [["water", "frozen", "water", "dry", "dry"]]
    assert states(water, dry, ice) == [["water", "dry", "unseen"]]
    assert states(ice, ice) == []


def test_what_is_seen_once_between_dry_dates_is_a_shadow() -> None:
    water, dry = picture({"water": DISC}), picture({})
    assert states(dry, water, dry) == []
    assert states(dry, dry, water) == [["dry", "dry", "water"]]
    assert states(water) == [["water"]]


def test_a_river_is_no_lake() -> None:
    snake = np.abs(COLS - 30 - 18 * np.sin(ROWS / 8)) < 3
    assert states(picture({"water": snake})) == []


def test_filling_rate() -> None:
    moments = [AT + timedelta(days=20 * number) for number in range(5)]
    areas = [20_000 + 80.0 * 20 * number for number in range(5)]
    rate = growth(moments, areas, [500.0] * 5)
    assert rate is not None
    assert rate[0] == pytest.approx(80 * 365.25)
    assert growth(moments[:1], areas[:1], [500.0]) is None


@pytest.mark.parametrize(
    ("ice", "answer"),
    [(COLS < 19, True), (ROWS < 19, False), (ROWS > 41, True), (COLS > 58, False)],
    ids=["at its side", "above it", "below it", "far away"],
)
def test_which_ice_is_a_dam(ice: np.ndarray, answer: bool) -> None:
    """The land falls to the south, down the rows."""
    elevation = (4000 - 3.0 * ROWS).astype(np.float32)
    assert dammed_by_ice(DISC, ice, elevation, (10.0, 10.0))[0] is answer
    touching = bool((ice & (np.hypot(ROWS - 30, COLS - 30) < 15)).any())
    assert dammed_by_ice(DISC, ice, None, (10.0, 10.0))[0] is (None if touching else False)
    assert dammed_by_ice(DISC, None, elevation, (10.0, 10.0)) == (None, None)


def test_sparse_and_whole_look_for_skylight_agree() -> None:
    from detection.methods import lakes as own

    rng = np.random.default_rng(3)
    band = {name: rng.uniform(0.02, 0.2, (60, 50)).astype(np.float32) for name in ("blue", "green")}
    band["green"][10:12, 10:12] = np.nan
    where = rng.random((60, 50)) < 0.05
    where[0, 0] = where[-1, -1] = True
    whole = where & ~own._sky_lit(band, LakeRules())
    assert (own._without_sky_lit(where, band, LakeRules()) == whole).all()
    assert whole.any()
    assert (whole != where).any()


def test_bands_that_a_date_lacks_are_not_missed() -> None:
    whole = picture({"water": DISC})
    few = Acquisition(
        AT, ("green", "nir"), whole.reflectance[[BANDS.index("green"), BANDS.index("nir")]], whole.usable, 55.0, 150.0
    )
    assert (water_on(few, None, None, RULES).water == DISC).all()
    quick = possible_water(few, RULES)
    assert quick is not None
    assert (quick == DISC).all()


def test_a_lake_as_narrow_as_a_line_is_none() -> None:
    line = np.zeros((60, 60), dtype=bool)
    line[30, 5:55] = True
    wet = Water(line, line, np.zeros((60, 60), np.float32), np.zeros_like(line), np.ones_like(line))
    assert follow([wet, wet], 900.0, RULES) == []


@pytest.mark.parametrize("missing", ["ice", "relief", "known relief"])
def test_a_dam_of_ice_is_not_told_where_ice_or_relief_are_not(missing: str) -> None:
    ice = ROWS > 42
    plane = (4000 + 2.0 * ROWS).astype(np.float32)
    told, share = dammed_by_ice(
        DISC, None if missing == "ice" else ice,
        None if missing == "relief" else np.full_like(plane, np.nan) if missing == "known relief" else plane, (10.0, 10.0),
    )  # fmt: skip
    assert told is None
    assert (share is None) == (missing == "ice")


def test_ice_on_level_ground_is_a_dam_wherever_it_touches() -> None:
    level = np.full((60, 60), 4000, np.float32)
    told, share = dammed_by_ice(DISC, ROWS > 38, level, (10.0, 10.0))
    assert told is True
    assert share is not None
    assert 0.05 < share < 0.5
    assert dammed_by_ice(DISC, np.zeros_like(DISC), level, (10.0, 10.0)) == (False, 0.0)


def test_a_rate_needs_two_moments() -> None:
    moments = [AT, AT, AT + timedelta(days=365.25)]
    assert growth(moments[:2], [1e4, 1.1e4], [100.0, 100.0]) is None
    told = growth(moments[1:], [1e4, 3e4], [100.0, 100.0])
    assert told is not None
    assert told[0] == pytest.approx(2e4)


def test_the_shore_of_a_blurred_disc_is_where_the_disc_ends() -> None:
    fine_px, radius_px = 8, 10.3
    rows, cols = (np.mgrid[0 : 60 * fine_px, 0 : 60 * fine_px] + 0.5) / fine_px - 0.5
    disc = (np.hypot(rows - 30, cols - 30) < radius_px).astype(np.float64)
    blurred = ndi.gaussian_filter(disc, RESOLUTION_M / 10.0 * fine_px)
    share = blurred.reshape(60, fine_px, 60, fine_px).mean(axis=(1, 3))
    power = (0.01 * share + 0.1 * (1 - share))[None].astype(np.float32)
    found = speckled_shore(share > 0.5, power, np.zeros_like(DISC), 10.0)
    assert found.sum() == pytest.approx(np.pi * radius_px**2, rel=0.02)


def test_a_shore_is_left_where_its_lake_or_the_land_around_is_too_small_to_tell() -> None:
    power, nothing = np.where(DISC, 0.01, 0.1)[None].astype(np.float32), np.zeros_like(DISC)
    tiny = np.hypot(ROWS - 30, COLS - 30) < 1.5
    assert (speckled_shore(tiny, power, nothing, 10.0) == tiny).all()
    without_land = np.where(DISC, power, np.float32(np.nan)).astype(np.float32)
    assert (speckled_shore(DISC, without_land, nothing, 10.0) == DISC).all()
    assert (shore(tiny, power[0], nothing) == tiny).all()
