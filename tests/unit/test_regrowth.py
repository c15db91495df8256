"""Whether a landslide is overgrown, on pictures whose plants are known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from detection.arrays import Acquisition
from detection.methods.regrowth import BACK, Greenness, Regrowth, greenness, regrown
from detection.regrowth import find_regrown
from detection.simulate.spectra import CLOUD, SNOW, SURFACES
from hazard_db.regrowth import BareSlide
from tests.detection_rasters import write_acquisition
from tests.regrowing import AREA, FELL, OUTLINE, SHAPE, SLIDE, days, shot

BEFORE = [shot(day, 1.0) for day in days(2021)]
BARE = [shot(day, 0.0) for day in days(2022)]
NOW = days(2025, 4)


def look(dates: Sequence[Acquisition]) -> list[Greenness]:
    return [one for one in (greenness(date, SLIDE) for date in dates) if one is not None]


def told(latest: Sequence[Acquisition], before: Sequence[Acquisition] = BEFORE) -> Regrowth | None:
    return regrown(look(before), look(BARE), look(latest))


def lost_share(plants: float) -> float:
    """Return the share of the lost NDVI that a cover of plants brings back."""

    def ndvi(cover: float) -> float:
        red, nir = (cover * SURFACES["forest"][band] + (1 - cover) * SURFACES["scree"][band] for band in (2, 3))
        return (nir - red) / (nir + red)

    return (ndvi(plants) - ndvi(0)) / (ndvi(1) - ndvi(0))


@pytest.mark.parametrize("plants", [0.0, 0.3, 0.6, 0.75, 0.88, 0.92, 0.97, 1.0])
def test_it_is_overgrown_once_enough_of_the_loss_is_back(plants: float) -> None:
    found, true = told([shot(day, plants) for day in NOW]), lost_share(plants)
    assert abs(true - BACK) > 0.02, "too near the limit to test anything"
    assert (found is not None) == (true > BACK)
    if found is not None:
        assert found.share == pytest.approx(true, abs=0.03)
        assert found.seen_on == tuple(NOW)
        assert found.ndvi_bare == pytest.approx(0.10, abs=0.02)


def test_half_a_slide_is_not_overgrown() -> None:
    plants = np.zeros((20, 10), dtype=np.float32)
    plants[:10] = 1.0
    assert told([shot(day, plants) for day in NOW]) is None


def test_ground_that_never_had_plants_says_nothing() -> None:
    scree = [shot(day, 1.0, ground="scree", bare="dark rock") for day in days(2021)]
    assert told([shot(day, 1.0) for day in NOW], before=scree) is None


def test_faded_surroundings_make_no_scar_green() -> None:
    assert told([shot(day, 0.0, around=0.0) for day in NOW]) is None


def test_a_wet_year_is_no_return() -> None:
    """Thin shrub before; weeds on the scar now as green as that, amid surroundings greener than ever."""
    before = [shot(day, 0.85, around=0.85) for day in days(2021)]
    weeds = [shot(day, 0.8, around=1.0) for day in NOW]
    assert told([shot(day, 0.85, around=0.85) for day in NOW], before) is not None
    assert told(weeds, before) is None


@pytest.mark.parametrize("white", [CLOUD, SNOW])
@pytest.mark.parametrize("where", [SLIDE, ~SLIDE, np.ones(SHAPE, dtype=bool)], ids=["slide", "around", "all"])
def test_cloud_and_snow_that_no_mask_told_are_not_green(white: tuple[float, ...], where: np.ndarray) -> None:
    assert told([shot(day, 0.0, white=white, where=where) for day in NOW]) is None


def test_dates_that_hide_the_slide_or_its_surroundings_do_not_count() -> None:
    half, around = np.ones(SHAPE, dtype=bool), SLIDE.copy()
    half[AREA][:8] = False
    dates = [shot(NOW[0], 1.0), shot(NOW[1], 1.0, usable=half), shot(NOW[2], 1.0, usable=around)]
    assert len(look(dates)) == 1
    assert told(dates) is None
    assert told([*dates, shot(NOW[3], 1.0)]) is not None


def test_one_date_is_too_few_and_most_must_agree() -> None:
    green, bare = [shot(day, 1.0) for day in NOW], [shot(day, 0.0) for day in NOW]
    assert told(green[:1]) is None
    assert told(green[:1] * 3) is None, "one day is one date, however often it was seen"
    assert told([*green[:2], *bare[2:]]) is None
    assert told([*green[:3], bare[3]]) is not None


@given(st.permutations(look(BEFORE)), st.permutations(look(BARE)), st.permutations(look([shot(d, 0.95) for d in NOW])))
def test_order_does_not_matter(before: list[Greenness], bare: list[Greenness], latest: list[Greenness]) -> None:
    assert regrown(before, bare, latest) == regrown(sorted(before), sorted(bare), sorted(latest)) is not None


def test_files_are_found_out_whatever_their_order(tmp_path: Path) -> None:
    cloudy = np.zeros(SHAPE, dtype=bool)
    cloudy[:5] = True
    dates = [
        *BEFORE, *BARE, *(shot(day, 0.5) for day in days(2023)), *(shot(day, 1.0) for day in NOW),
        shot(date(2025, 8, 20), 1.0, usable=cloudy),
    ]  # fmt: skip
    paths = [write_acquisition(tmp_path / f"{one.acquired_at:%Y%m%d}.tif", one) for one in dates]
    far = shapely.transform(OUTLINE, lambda xy: xy + 1.0)
    cut = shapely.transform(OUTLINE, lambda xy: xy + np.array((0.0042, 0.0)))
    slides = [BareSlide(number, shape, *FELL) for number, shape in ((1, OUTLINE), (2, far), (3, cut))]
    found = find_regrown(paths, slides)
    assert found[1].seen_on == tuple(NOW)
    assert set(found) == {1}
    assert find_regrown(paths[::-1], slides) == found
    assert find_regrown(paths[:-5], slides) == {}, "half the cover is not all of it"
    recent = BareSlide(1, OUTLINE, date(2025, 7, 31), date(2025, 8, 10))
    assert find_regrown(paths, [recent]) == {}, "what moved since is not what was seen"
