"""The simulator: its truth must be exact, or nothing measured with it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.arrays import BANDS
from detection.simulate import LandslideScene, Nuisances, simulate_landslide
from detection.simulate.landslide import sun_position
from detection.simulate.relief import fractal, mountains, walk_down
from detection.simulate.sensor import observe
from detection.simulate.spectra import CHECK_SCARS, TEST_SCARS, TRAIN_SCARS, scars


@pytest.fixture(scope="module")
def bare() -> LandslideScene:
    """Return a scene where nothing but slides changes."""
    return simulate_landslide(4, shape=(300, 300), slides=20, nuisances=Nuisances.none())


def test_equal_seeds_give_equal_scenes_and_others_do_not() -> None:
    one, same, other = (simulate_landslide(seed, shape=(90, 90), n_before=1, n_after=1) for seed in (3, 3, 4))
    assert np.array_equal(one.labels, same.labels)
    for first, second in zip(one.block.after, same.block.after, strict=True):
        assert np.array_equal(first.reflectance, second.reflectance, equal_nan=True)
    assert not np.array_equal(one.block.terrain.elevation_m, other.block.terrain.elevation_m)  # type: ignore[union-attr]


def test_where_nothing_disturbs_only_slides_change(bare: LandslideScene) -> None:
    before, after = bare.block.before[0].reflectance, bare.block.after[-1].reflectance
    change = np.abs(np.log(after / before)).max(axis=0)
    near = np.zeros(bare.labels.shape, dtype=bool)
    for row, col in np.argwhere(bare.labels > 0):
        near[max(row - 4, 0) : row + 5, max(col - 4, 0) : col + 5] = True
    assert change[~near].max() < 0.01  # the optics ring a little
    assert np.median(change[bare.labels > 0]) > 0.1


def test_nothing_changes_before_the_event(bare: LandslideScene) -> None:
    first = bare.block.before[0].reflectance
    assert all(np.allclose(first, one.reflectance, atol=1e-4) for one in bare.block.before[1:])
    assert bare.block.before[-1].acquired_at < bare.event_at < bare.block.after[0].acquired_at
    dates = [one.acquired_at for one in (*bare.block.before, *bare.block.after)]
    assert dates == sorted(dates)


def test_areas_agree_with_the_labels(bare: LandslideScene) -> None:
    pixels = np.bincount(bare.labels.ravel())[1:] * 100.0
    exact = np.array([bare.areas_m2[label] for label in range(1, len(pixels) + 1)])
    assert len(exact) >= 15
    assert np.allclose(pixels, exact, rtol=0.25, atol=600)
    assert pixels.sum() == pytest.approx(exact.sum(), rel=0.05)


def test_slides_are_longer_than_wide_and_run_down(bare: LandslideScene) -> None:
    terrain = bare.block.terrain
    assert terrain is not None
    for slide in bare.slides:
        rows, cols = np.nonzero(bare.labels == slide.label)
        if rows.size < 20:
            continue
        lengths, axes = np.linalg.eigh(np.cov(np.stack([rows, cols])))
        assert 1.5 < np.sqrt(lengths[1] / lengths[0]) < 8
        east, south = (
            np.sin(np.radians(terrain.aspect_deg[rows, cols])),
            -np.cos(np.radians(terrain.aspect_deg[rows, cols])),
        )
        down = np.array([south.mean(), east.mean()]) / np.hypot(south.mean(), east.mean())
        assert abs(down @ axes[:, 1]) > 0.6


def test_spectra_for_testing_are_not_those_for_training() -> None:
    for known in (TRAIN_SCARS, CHECK_SCARS):
        assert not set(known) & set(TEST_SCARS)
        assert not set(known.values()) & set(TEST_SCARS.values())
    assert not set(TRAIN_SCARS.values()) & set(CHECK_SCARS.values())
    scene = simulate_landslide(5, shape=(200, 200), n_before=1, n_after=1, slides=10, spectra="test")
    assert {slide.spectrum for slide in scene.slides} <= set(TEST_SCARS)
    assert all(0.35 <= slide.mixing <= 0.95 for slide in scene.slides)


def test_varied_spectra_are_drawn_anew_for_every_scene_and_are_those_of_bare_ground() -> None:
    assert scars("varied", 1) == scars("varied", 1)
    assert not set(scars("varied", 1).values()) & set(scars("varied", 2).values())
    for seed in range(50):
        for blue, green, red, nir, swir1, swir2 in scars("varied", seed).values():
            assert 0.015 < blue < green < red < nir < 0.45
            assert swir2 < swir1 <= 0.5
    scene = simulate_landslide(5, shape=(200, 200), n_before=1, n_after=1, slides=10, spectra="varied")
    assert {slide.spectrum for slide in scene.slides} <= set(scars("varied", 5))


def test_what_is_not_usable_is_nan_and_the_rest_is_not() -> None:
    block = simulate_landslide(6, shape=(120, 120), n_before=2, n_after=2).block
    for one in (*block.before, *block.after):
        assert one.bands == BANDS
        assert np.array_equal(np.isfinite(one.reflectance).all(axis=0), one.usable)
        assert np.array_equal(np.isfinite(one.reflectance).any(axis=0), one.usable)
        assert one.reflectance.dtype == np.float32


@pytest.mark.parametrize(
    "name", [name for name in Nuisances.__dataclass_fields__ if name not in ("sun", "relief_light", "cloud_mask")]
)
def test_each_nuisance_changes_the_pictures(name: str) -> None:
    quiet = simulate_landslide(7, shape=(120, 120), n_before=1, n_after=1, slides=0, nuisances=Nuisances.none()).block
    only = replace(Nuisances.none(), **{name: True})
    loud = simulate_landslide(7, shape=(120, 120), n_before=1, n_after=1, slides=0, nuisances=only).block
    same = np.array_equal(quiet.after[0].reflectance, loud.after[0].reflectance, equal_nan=True)
    assert not same


def test_a_given_relief_is_used() -> None:
    rows, _ = np.mgrid[:100, :100]
    elevation = (3000 - 6.0 * rows).astype(np.float32)
    scene = simulate_landslide(8, elevation_m=elevation, n_before=1, n_after=1)
    assert scene.labels.shape == (100, 100)
    assert scene.block.terrain is not None
    assert np.allclose(scene.block.terrain.slope_deg, np.degrees(np.arctan(0.6)), atol=0.01)


def test_fractal_has_its_mean_spread_and_slope() -> None:
    field = fractal(np.random.default_rng(0), (256, 256), 3.0)
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(1, abs=1e-4)
    power = np.abs(np.fft.fft2(field * np.outer(np.hanning(256), np.hanning(256)))) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    here = (frequency > 0.03) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[here]), np.log(power[here]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.4)


def test_mountains_are_as_steep_as_asked_for() -> None:
    relief = mountains(np.random.default_rng(1), (300, 300), 10.0, 28.0)
    slope = np.degrees(np.arctan(np.hypot(*np.gradient(relief.elevation_m, 10.0))))
    assert slope[~relief.floor].mean() == pytest.approx(28, abs=2.5)
    assert slope[relief.floor].mean() < 12


def test_the_way_down_goes_down() -> None:
    rows, cols = np.mgrid[:80, :80]
    path = walk_down((1000 - 5.0 * cols + 0 * rows).astype(np.float32), (40.0, 10.0), 40.0)
    assert path[-1, 1] - path[0, 1] == pytest.approx(40, abs=1.5)
    assert abs(path[-1, 0] - path[0, 0]) < 0.1


def test_a_whole_pixel_of_displacement_is_exact() -> None:
    image = np.random.default_rng(2).random((2, 40, 40)).astype(np.float32)
    moved = observe(image, 0.0, (1.0, -2.0))
    assert np.allclose(moved[:, 5:-5, 5:-5], np.roll(image, (1, -2), axis=(1, 2))[:, 5:-5, 5:-5], atol=1e-4)


def test_sun_stands_highest_and_southern_where_it_should() -> None:
    from datetime import UTC, datetime

    june, september = (sun_position(datetime(2023, *day, tzinfo=UTC)) for day in ((6, 21), (9, 21)))
    assert june[0] > september[0]
    assert 65 < june[0] < 72
    assert all(110 < azimuth < 160 for _, azimuth in (june, september))


def test_without_a_mask_clouds_and_snow_pass_for_ground() -> None:
    masked, bare = (
        simulate_landslide(7, shape=(120, 120), n_before=1, n_after=1, nuisances=Nuisances(cloud_mask=on)).block.after[
            0
        ]
        for on in (True, False)
    )
    assert bare.usable.all()
    assert not masked.usable.all()
    assert np.array_equal(bare.reflectance[:, masked.usable], masked.reflectance[:, masked.usable])
