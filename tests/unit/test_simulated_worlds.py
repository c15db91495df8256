"""Simulated lakes, glaciers and radar: with everything that hides switched off, pictures show the truth and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from detection.arrays import BANDS
from detection.simulate import simulate_landslide
from detection.simulate.glacier import Motion, simulate_glacier
from detection.simulate.lakes import simulate_lakes
from detection.simulate.radarlakes import RIDGE_PX, simulate_radar_lakes
from detection.simulate.relief import walk_down
from detection.simulate.sar import with_radar
from detection.simulate.summer import Sky

DATES = tuple(datetime(year, 8, 10, 5, 48, tzinfo=UTC) for year in (2020, 2021, 2022))
GREEN, RED, NIR, SWIR = (BANDS.index(name) for name in ("green", "red", "nir", "swir1"))


def test_under_a_clear_sky_open_water_is_where_the_truth_has_it() -> None:
    scene = simulate_lakes(5, DATES, shape=(140, 140), lakes=3, sky=Sky.clear())
    for when, (date, labels) in enumerate(zip(scene.dates, scene.labels, strict=True)):
        assert date.usable.all()
        open_water = [number + 1 for number, lake in enumerate(scene.lakes) if not lake.frozen[when]]
        ndwi = (date.reflectance[GREEN] - date.reflectance[NIR]) / (date.reflectance[GREEN] + date.reflectance[NIR])
        wet, true = ndwi > 0.2, np.isin(labels, open_water)
        ice = np.isin(labels, [n + 1 for n in range(len(scene.lakes)) if n + 1 not in open_water])
        assert (wet & ~ice & ~true)[:, 40:].sum() <= 0.1 * max(true.sum(), 20)  # the glacier lies in the west
        assert (wet & true).sum() >= 0.85 * true.sum()
    assert [len(lake.area_m2) for lake in scene.lakes] == [3] * len(scene.lakes)


def test_as_many_lakes_as_have_room_and_none_over_another() -> None:
    scene = simulate_lakes(7, DATES[:1], shape=(140, 140), lakes=40, sky=Sky.clear())
    assert 0 < len(scene.lakes) < 40
    sizes = np.bincount(scene.labels[0].ravel(), minlength=len(scene.lakes) + 1)[1:] * 100.0
    areas = np.array([lake.area_m2[0] for lake in scene.lakes])
    assert sizes == pytest.approx(areas, rel=0.15)


def test_equal_arguments_give_equal_lakes() -> None:
    one, same = (simulate_lakes(5, DATES[:1], shape=(120, 120), lakes=2) for _ in range(2))
    assert np.array_equal(one.dates[0].reflectance, same.dates[0].reflectance, equal_nan=True)
    assert not one.dates[0].usable.all()


def test_new_snow_lies_over_ice_and_ground_and_the_length_is_the_same() -> None:
    plain, snowy = (
        simulate_glacier(11, motion=Motion(-40.0), dates=DATES, season=season, shape=(90, 70), pixel_m=30.0, sky=Sky.clear())
        for season in ("late_summer", "early_snow")
    )  # fmt: skip
    assert plain.tip_m == pytest.approx(snowy.tip_m)
    years = np.array([(one - DATES[0]).total_seconds() for one in DATES]) / (365.25 * 86400)
    assert np.diff(plain.tip_m) == pytest.approx(-40.0 * np.diff(years))
    white = [[float((date.reflectance[NIR] > 0.5).mean()) for date in scene.dates] for scene in (plain, snowy)]
    assert max(white[1]) > max(white[0]) + 0.05


def test_a_surge_moves_the_snout_for_its_days_and_no_longer() -> None:
    surge = Motion(rate_m_yr=0.0, surge_at=DATES[1], surge_m_day=5.0, surge_days=100.0)
    assert surge.change_m(DATES[0], DATES[1]) == 0.0
    assert surge.change_m(DATES[0], DATES[2]) == 500.0
    assert Motion(-10.0).change_m(DATES[0], DATES[1]) == pytest.approx(-10.0, rel=0.01)


def test_ice_is_redder_than_short_wave_infrared_where_the_truth_has_it() -> None:
    scene = simulate_glacier(11, dates=DATES[:1], shape=(90, 70), pixel_m=30.0, sky=Sky.clear())
    ratio = scene.dates[0].reflectance[RED] / scene.dates[0].reflectance[SWIR]
    assert float((ratio > 2.0).sum()) * 900 >= 0.8 * scene.area_m2[0]


def test_quiet_radar_shows_the_same_land_on_every_date_and_lakes_dark() -> None:
    scene = simulate_radar_lakes(3, repeats=2, lakes=2, size=140, quiet=True)
    orbits = {date.orbit for date in scene.dates}
    assert len(orbits) == 2
    seen = np.ones(scene.labels.shape[1:], dtype=bool)
    seen[:, -RIDGE_PX:] = False
    for orbit in orbits:
        same = [number for number, date in enumerate(scene.dates) if date.orbit == orbit]
        land = seen & (scene.labels[same] == 0).all(axis=0) & ~scene.hidden[same].any(axis=0)
        one, other = (scene.dates[number].reflectance[:, land] for number in same[:2])
        assert np.median(np.abs(one - other)) < 0.05
    for date, labels in zip(scene.dates, scene.labels, strict=True):
        if (labels > 0).any():
            assert np.median(date.reflectance[0][labels > 0]) < np.median(date.reflectance[0][seen & (labels == 0)]) - 3


def test_a_lake_that_is_gone_has_no_area_and_no_pixel() -> None:
    scene = simulate_radar_lakes(3, repeats=3, lakes=4, size=140, quiet=True)
    assert "none" in {surface for lake in scene.lakes for surface in lake.surface}
    for number, lake in enumerate(scene.lakes, start=1):
        for when, surface in enumerate(lake.surface):
            assert (surface == "none") == (lake.area_m2[when] == 0)
            assert (scene.labels[when] == number).any() <= (surface != "none")


def test_the_way_down_a_plane_is_straight_and_level_ground_has_none() -> None:
    plane = np.repeat(100.0 - np.arange(60.0)[:, None], 60, axis=1).astype(np.float32)
    way = walk_down(plane, (10.0, 30.0), 20.0)
    assert way[-1] == pytest.approx([30.0, 30.0])
    assert way[:, 1] == pytest.approx(np.full(len(way), 30.0))
    assert len(walk_down(np.zeros((60, 60), np.float32), (30.0, 30.0), 20.0)) == 1
    assert walk_down(plane, (50.0, 30.0), 100.0)[-1, 0] <= 58.0  # to the edge and no further


def test_radar_without_relief_cannot_be_simulated() -> None:
    scene = simulate_landslide(3, shape=(60, 60), slides=1, n_before=1, n_after=1)
    bare = replace(scene, block=replace(scene.block, terrain=None))
    with pytest.raises(ValueError, match="radar looks at relief"):
        with_radar(bare, 1)
