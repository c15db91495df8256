"""Radar amplitude: the change of backscatter, what hides it, what feigns it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from detection.arrays import Acquisition, Block, NotEnoughDataError, Terrain
from detection.blocks import terrain_from_elevation
from detection.methods import radar
from detection.methods.sar_amplitude import SarAmplitude
from detection.simulate.sar import Weather, simulate_sar

EVENT = datetime(2023, 7, 1, tzinfo=UTC)
SHAPE = (120, 120)


def picture(db: npt.NDArray[np.float64], days: int, orbit: str = "ascending", seed: int = 0) -> Acquisition:
    rng = np.random.default_rng([seed, days + 1000])
    speckle = rng.gamma(radar.LOOKS, 1 / radar.LOOKS, (1, *SHAPE))
    values = (db + 10 * np.log10(speckle)).astype(np.float32)
    return Acquisition(EVENT + timedelta(days=days), ("vh",), values, np.ones(SHAPE, bool), 90, 0, orbit=orbit)


def block(after_db: npt.NDArray[np.float64], dates: int = 4, terrain: Terrain | None = None) -> Block:
    before = tuple(picture(np.full(SHAPE, -15.0), -12 * n) for n in range(dates, 0, -1))
    after = tuple(picture(after_db, 12 * n) for n in range(1, dates + 1))
    return Block(before, after, terrain, (10.0, 10.0))


def test_a_known_change_is_measured_in_its_own_deviation() -> None:
    db = np.full(SHAPE, -15.0)
    db[50:62, 50:62] -= 4.0
    found = radar.change(block(db))
    sigma_db = 4.34 * np.sqrt(2 / (radar.LOOKS * 4))
    assert found.noise[50:62, 50:62].mean() == pytest.approx(-4.0 / sigma_db, rel=0.15)
    quiet = found.noise[:40, :40]
    assert 0.95 < quiet.std() < 1.35  # a median of four dates is a little wider than their mean


@pytest.mark.parametrize("step_db", [-4.0, 4.0])
def test_both_signs_are_found_and_dated(step_db: float) -> None:
    db = np.full(SHAPE, -15.0)
    db[50:62, 50:62] += step_db
    made = block(db)
    detector = SarAmplitude(min_confidence=0.0)
    score = detector.score(made, detector.fit([made]))
    best = max(detector.candidates(score, made), key=lambda one: one.magnitude)
    assert best.features["sign"] == np.sign(step_db)
    assert best.evidence == "sar"
    inside = (best.rows >= 49) & (best.rows < 63) & (best.cols >= 49) & (best.cols < 63)
    assert inside.mean() > 0.7
    assert np.median(score.first_after[52:60, 52:60]) == 0
    assert np.median(score.last_quiet[52:60, 52:60]) == 3


def test_weather_over_wide_ground_is_no_change() -> None:
    db = np.full(SHAPE, -15.0)
    db[:, 60:] -= 5.0  # wet snow on one side
    made = block(db)
    detector = SarAmplitude()
    found = detector.candidates(detector.score(made, detector.fit([made])), made)
    assert not [one for one in found if abs(one.cols.mean() - 60) > 25]


def test_below_the_noise_there_is_nothing_to_see() -> None:
    db = np.full(SHAPE, -15.0)
    db[:20] = -45.0
    found = radar.change(block(db))
    assert not found.seen[:20].any()
    assert found.seen[20:].all()


def test_orbits_are_never_compared_with_each_other() -> None:
    made = block(np.full(SHAPE, -15.0))
    other = tuple(replace(one, orbit="descending", reflectance=one.reflectance + 9) for one in made.after)
    with pytest.raises(NotEnoughDataError):
        radar.change(replace(made, after=other))
    both = replace(made, after=made.after + other)
    assert np.array_equal(radar.change(both).noise, radar.change(made).noise)


def test_layover_and_shadow_by_the_look() -> None:
    slope = np.full(SHAPE, 45.0, dtype=np.float32)
    aspect = np.full(SHAPE, 270.0, dtype=np.float32)
    aspect[60:] = 90.0
    relief = Terrain(np.zeros(SHAPE, np.float32), slope, aspect)
    east = replace(picture(np.full(SHAPE, -15.0), 0), incidence_deg=38.0, look_azimuth_deg=90.0)
    hidden = radar.unseen(relief, east)
    assert hidden is not None
    assert hidden[:60].all()  # faces west, towards a radar that looks east: layover
    assert not hidden[60:].any()  # 45° away from it is lit at 38°
    steep = replace(relief, slope_deg=slope + 15)
    shadow = radar.unseen(steep, east)
    assert shadow is not None
    assert shadow[60:].all()
    assert radar.unseen(relief, picture(np.full(SHAPE, -15.0), 0)) is None


def test_curvature_of_a_bowl_and_a_ridge() -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] * 10.0
    bowl = terrain_from_elevation((0.002 * ((x - 600) ** 2 + (y - 600) ** 2)).astype(np.float32), (10.0, 10.0))
    inner = np.s_[30:-30, 30:-30]
    assert radar.curvature(bowl, (10.0, 10.0))[inner] == pytest.approx(0.008, rel=0.05)
    ridge = terrain_from_elevation((-0.004 * (x - 600) ** 2).astype(np.float32), (10.0, 10.0))
    assert (radar.curvature(ridge, (10.0, 10.0))[inner] < -0.005).all()


def test_the_simulator_is_exact_and_repeats_itself() -> None:
    calm = simulate_sar(3, shape=(200, 200), slides=6, weather=Weather.none(), dates=2)
    same = simulate_sar(3, shape=(200, 200), slides=6, weather=Weather.none(), dates=2)
    pairs = zip(calm.block.after, same.block.after, strict=True)
    assert all(np.array_equal(one.reflectance, other.reflectance) for one, other in pairs)
    found = radar.change(calm.block)
    assert np.abs(found.noise[calm.labels == 0]).max() < np.abs(found.noise[calm.labels > 0]).max() / 4
    assert {one.orbit for one in calm.block.before} == {"ascending", "descending"}


def test_slides_are_found_in_simulated_mountains() -> None:
    scene = simulate_sar(7003, shape=(300, 300), slides=8, dates=6, weather=Weather(snow=False))
    detector = SarAmplitude()
    score = detector.score(scene.block, detector.fit([scene.block]))
    found = detector.candidates(score, scene.block)
    right = [one for one in found if (scene.labels[one.rows, one.cols] > 0).mean() >= 0.3]
    assert len(right) >= 2
    assert len(right) >= 0.6 * len(found)
