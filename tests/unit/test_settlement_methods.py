import numpy as np
import pytest

from detection.settlement import atmosphere, geometry
from detection.settlement.analysis import analyse, drop_blank, repair_jumps
from detection.settlement.bank import bank
from detection.settlement.classes import NAMES, classify, motion
from detection.settlement.design import design
from detection.settlement.field import Field
from detection.settlement.fitting import fit
from detection.settlement.run import LIMITS
from detection.settlement.trend import trend_change
from detection.simulate.settlement import Air, simulate_settlement

CYCLE = 27.73
T = np.arange(80) * 12 / 365.25


def field_of(y):
    return Field(np.array(y.reshape(len(y), -1), dtype=np.float32), y.shape[1:], (50.0, 50.0))


def times_of(scene):
    return np.array([(day - scene.dates[0]).days for day in scene.dates]) / 365.25


def silent(text, share):
    del text, share


def test_jumps_are_mended_and_bowls_left_alone():
    clean = simulate_settlement(1, shape=(90, 90), n_dates=80, bowls=3, air=Air(0, 0, 0, 0, 1.5, 0, 0))
    dirty = simulate_settlement(1, shape=(90, 90), n_dates=80, bowls=3, air=Air(0, 0, 0, 0, 1.5, 0.03, 0))
    scene = field_of(dirty.y)
    repair_jumps(scene, times_of(dirty), CYCLE)
    left = np.abs((scene.y.reshape(dirty.y.shape) - dirty.motion())[-5:].mean(axis=0)) > 14
    assert left.sum() <= 0.05 * dirty.jumped.sum()
    untouched = field_of(clean.y)
    assert repair_jumps(untouched, times_of(clean), CYCLE) == 0
    np.testing.assert_array_equal(untouched.y, clean.y.reshape(80, -1))


def test_points_are_mended_as_pixels_are():
    scene = simulate_settlement(2, shape=(60, 60), n_dates=80, bowls=1, air=Air(0, 0, 0, 0, 1.5, 0.03, 0))
    rows, cols = np.mgrid[:60, :60].reshape(2, -1)
    points = Field(
        scene.y.reshape(80, -1).copy(), (60, 60), (50.0, 50.0), np.arange(3600), np.column_stack([cols, -rows]) * 50.0
    )
    assert repair_jumps(points, times_of(scene), CYCLE) == pytest.approx(scene.jumped.sum(), rel=0.1)


def test_air_is_taken_off_quiet_ground_and_motion_stays():
    scene = simulate_settlement(3, shape=(160, 160), n_dates=80, bowls=3, air=Air(missing=0.02, jumps=0, seasonal_mm=0))
    moving = np.abs(scene.motion()).max(axis=0) > 0
    field = field_of(scene.y)
    before = np.nanstd(field.y)
    atmosphere.remove(field, ~moving.reshape(-1), design(times_of(scene)))
    rest = field.y.reshape(scene.y.shape) - scene.motion()
    assert np.nanstd(rest) < 0.75 * before
    assert abs(np.nanmean(rest[:, moving])) < 0.5


def test_small_or_quiet_scenes_are_not_filtered():
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 3, (80, 120, 120))
    for y in (noise, noise[:, :40, :40]):
        field = field_of(y)
        original = field.y.copy()
        found = analyse(field, T, seasonal="none", limits=LIMITS, filtering=None, cycle_mm=CYCLE, tell=silent)
        assert not found.filtered
        assert not found.regions
        np.testing.assert_array_equal(field.y, original)


def test_a_scene_from_end_to_end():
    scene = simulate_settlement(5, shape=(200, 200), n_dates=100, bowls=9)
    field = field_of(scene.y)
    found = analyse(
        field, times_of(scene), seasonal="half-year", limits=LIMITS, filtering=None, cycle_mm=CYCLE, tell=silent
    )
    assert found.filtered
    hit = [
        found.moving.reshape(-1)[bowl.pixels].any()
        for bowl in scene.bowls
        if bowl.radius_m > 150 and abs(bowl.size) > 15
    ]
    assert np.mean(hit) > 0.85
    truth = np.zeros(scene.y.shape[1:], dtype=bool)
    for bowl in scene.bowls:
        truth.reshape(-1)[bowl.pixels] = True
    assert all(truth[region.rows, region.cols].any() for region in found.regions)


def test_masked_zeros_are_dropped_and_still_ground_is_not():
    rng = np.random.default_rng(6)
    noisy = rng.normal(0, 2, (80, 10, 10))
    noisy[:, :3] = 0.0
    field = field_of(noisy)
    assert drop_blank(field, fit(design(T), field.y)) == 30
    smooth = np.zeros((80, 10, 10))
    smooth[:, 5] = -20 * T[:, None]
    field = field_of(smooth)
    assert drop_blank(field, fit(design(T), field.y)) == 0


CASES = {
    "stable": (lambda t: 0 * t, 0.0),
    "linear": (lambda t: -25 * t, -25.0),
    "hinge": (lambda t: -30 * np.maximum(0, t - 1.2), -30.0),
    "step": (lambda t: -20.0 * (t > 1.3), 0.0),
    "accelerating": (lambda t: -6 * t**2, None),
    "seasonal": (lambda t: 8 * np.cos(2 * np.pi * t), 0.0),
}


@pytest.mark.parametrize("kind", CASES)
def test_classes(kind):
    shape, velocity = CASES[kind]
    rng = np.random.default_rng(7)
    y = shape(T) + rng.normal(0, 1.0, len(T))
    y[[3, 40]] = np.nan
    told = motion(T, y, "annual")
    assert told is not None and told.kind == kind
    if velocity is not None:
        assert told.velocity == pytest.approx(velocity, abs=3 * max(told.velocity_std, 0.2))
    if kind == "hinge":
        assert abs(told.onset_yr - 1.2) * 365 < 24
    if kind == "step":
        assert told.step_mm == pytest.approx(-20, abs=1.5)
    G = design(T, "annual")
    many = np.column_stack([y, y])
    fitted = fit(G, many)
    assert [NAMES[k] for k in classify(G, T, many, fitted, bank(T, G))] == [kind, kind]


def test_trend_change_rule():
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 1.0, len(T))
    steady = trend_change(T, -20 * T + noise, "none")
    assert steady is not None and not steady.alert
    late = T[-1] - 150 / 365.25
    faster = trend_change(T, -20 * T - 40 * np.maximum(0, T - late) + noise, "none")
    assert faster is not None and faster.alert and faster.delta_mm_yr == pytest.approx(-40, abs=8)
    assert trend_change(T[:4], noise[:4], "none") is None
    # a step long ago is no change of trend now
    stepped = trend_change(T, -25.0 * (T > 1.0) + noise, "none", since_yr=1.0)
    assert stepped is not None and not stepped.alert


def test_east_and_up_out_of_two_orbits():
    looks = [geometry.line_of_sight(39.0, geometry.azimuth_of_heading(heading)) for heading in (-13.0, -167.0)]
    assert looks[0][0] < 0 < looks[1][0]  # ascending looks east: the satellite stands in the west
    east, up = 7.0, -30.0
    seen = np.array([[look[0] * east + look[2] * up] for look in looks])
    found, errors = geometry.east_up(seen, looks, np.full((2, 1), 0.5))
    np.testing.assert_allclose(found[:, 0], [east, up], rtol=1e-9)
    assert (errors > 0).all()
    assert np.isnan(geometry.east_up(seen, [looks[0], looks[0]])[0]).all()


def test_slopes_and_what_is_seen():
    look = geometry.line_of_sight(39.0, geometry.azimuth_of_heading(-13.0))
    away = -look  # motion straight away from the satellite, along a slope that happens to point that way
    slope, aspect = np.degrees(np.arcsin(-away[2])), np.degrees(np.arctan2(away[0], away[1]))
    down, sensitivity = geometry.along_slope(-20.0, look, slope, aspect)
    assert down == pytest.approx(20.0) and sensitivity == pytest.approx(-1.0)
    assert (
        np.isnan(geometry.along_slope(-20.0, look, 0.0, 167.0)[0])
        or abs(geometry.along_slope(-20.0, look, 0.0, 167.0)[1]) >= 0.2
    )
    towards = np.degrees(np.arctan2(look[0], look[1]))
    codes = geometry.visibility([0.0, 60.0, 60.0], [0.0, towards, towards + 180], look)[1]
    assert codes.tolist() == [1, geometry.LAYOVER, geometry.SHADOW]


def test_the_simulator_is_exact_and_repeats():
    first, second = (simulate_settlement(9, shape=(80, 80), n_dates=30) for _ in range(2))
    np.testing.assert_array_equal(first.y, second.y)
    bare = simulate_settlement(9, shape=(80, 80), n_dates=30, air=Air.none())
    np.testing.assert_array_equal(bare.y, bare.motion())
    for bowl in bare.bowls:
        assert 0 < bowl.depth.max() <= 1
        series = bare.y.reshape(30, -1)[:, bowl.pixels[bowl.depth.argmax()]]
        np.testing.assert_allclose(series, bowl.history * bowl.depth.max(), rtol=1e-5)
    other = simulate_settlement(9, shape=(80, 80), n_dates=30, profiles="test")
    assert not np.array_equal(other.y, first.y)
