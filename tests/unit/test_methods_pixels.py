"""Logarithms, composites and the light taken out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.arrays import NotEnoughDataError
from detection.methods.pixels import common_bands, look, median, plant_index
from detection.simulate import Nuisances, simulate_landslide


@pytest.mark.parametrize("dates", [1, 2, 3, 4, 5, 6])
def test_median_is_that_of_numpy(dates: int) -> None:
    rng = np.random.default_rng(dates)
    values = rng.normal(size=(dates, 2, 7, 5)).astype(np.float32)
    seen = rng.random((dates, 7, 5)) > 0.35
    expected = np.ma.median(np.ma.array(values, mask=~np.broadcast_to(seen[:, None], values.shape)), axis=0)
    assert np.allclose(median(values, seen), expected.filled(0), atol=1e-6)


def test_index_of_plants_is_ndvi_where_there_is_infrared() -> None:
    red, nir, green = 0.06, 0.31, 0.09
    logarithms = np.log(np.array([[green], [red], [nir]], dtype=np.float32))
    assert plant_index(logarithms, ("green", "red", "nir"))[0] == pytest.approx((nir - red) / (nir + red), abs=1e-6)
    visible = plant_index(logarithms[:2], ("green", "red"))
    assert visible[0] == pytest.approx((green - red) / (green + red), abs=1e-6)


def test_too_few_common_bands_are_refused() -> None:
    block = simulate_landslide(1, shape=(60, 60), n_before=1, n_after=1, slides=0).block
    fewer = replace(block.after[0], bands=("blue", "green"), reflectance=block.after[0].reflectance[:2])
    with pytest.raises(NotEnoughDataError, match="share 2 bands"):
        common_bands(replace(block, after=(fewer,)))


def test_bands_are_matched_by_name_not_by_place() -> None:
    block = simulate_landslide(1, shape=(60, 60), n_before=1, n_after=1, slides=0).block
    turned = replace(
        block.after[0], bands=block.after[0].bands[::-1], reflectance=block.after[0].reflectance[::-1].copy()
    )
    bands = common_bands(block)
    one, other = look(block, bands), look(replace(block, after=(turned,)), bands)
    assert np.array_equal(one.after, other.after)


def test_taking_out_the_light_leaves_less_of_it() -> None:
    only = replace(Nuisances.none(), relief_light=True, sun=True)
    block = simulate_landslide(2, shape=(160, 160), n_before=1, n_after=1, slides=0, nuisances=only).block
    bands = common_bands(block)
    with_relief, without = look(block, bands), look(replace(block, terrain=None), bands)
    calm = with_relief.seen
    change = [float((view.after[0] - view.before)[:, calm].std()) for view in (with_relief, without)]
    assert change[0] < 0.5 * change[1]


def test_white_ground_and_the_rim_of_what_is_hidden_are_not_seen() -> None:
    block = simulate_landslide(
        1, shape=(60, 60), n_before=1, n_after=1, slides=0, with_terrain=False, nuisances=Nuisances.none()
    ).block
    after = block.after[0]
    picture, usable = after.reflectance.copy(), after.usable.copy()
    picture[:, 10:20, 10:20] = 0.7
    usable[40:45, 40:45] = False
    view = look(replace(block, after=(replace(after, reflectance=picture, usable=usable),)), common_bands(block))
    assert not view.seen_after[0, 10:20, 10:20].any()
    assert not view.seen_after[0, 39, 40:45].any()
    assert view.seen_after[0, 30:36, 30:36].all()
