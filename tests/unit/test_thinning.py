from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard_db import thinning
from hazard_db.thinning import CELLS_PER_TILE, LAST_ZOOM, min_zooms


def cells(lon: np.ndarray, lat: np.ndarray, zoom: int) -> np.ndarray:  # type: ignore[type-arg]
    side = CELLS_PER_TILE * 2**zoom
    y = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
    return np.floor(y * side) * side + np.floor((lon + 180) / 360 * side)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400), st.sampled_from([0.001, 0.5, 60.0]))
def test_every_cell_shows_one_point_at_every_zoom(seed: int, count: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = 74 + rng.uniform(-spread, spread, count), 36 + rng.uniform(-spread, spread, count) / 2
    speed = rng.normal(size=count) * 20
    zooms = min_zooms(lon, lat, speed, np.ones(count))
    for zoom in range(LAST_ZOOM):
        shown = cells(lon, lat, zoom)[zooms <= zoom]
        assert len(np.unique(shown)) == len(shown)  # never two in a cell
        assert set(shown) == set(cells(lon, lat, zoom))  # and none without
    assert ((zooms >= 0) & (zooms <= LAST_ZOOM)).all()


def test_what_moves_stands_for_what_rests() -> None:
    lon, lat = np.full(100, 74.6), np.full(100, 36.3)
    speed = np.linspace(-0.5, 0.5, 100)
    speed[37] = -25.0
    assert min_zooms(lon, lat, speed, np.ones(100))[37] == 0


def test_noise_is_not_taken_for_motion_and_the_unknown_comes_last() -> None:
    lon, lat = np.full(50, 74.6), np.full(50, 36.3)
    speed, std = np.full(50, 30.0), np.full(50, 20.0)
    speed[1:25] = np.nan
    chosen = int(np.flatnonzero(min_zooms(lon, lat, speed, std) == 0)[0])
    assert np.isfinite(speed[chosen])
    assert not len(min_zooms(np.empty(0), np.empty(0), np.empty(0), np.empty(0)))


def test_points_far_apart_are_numbered_without_a_cell_for_every_place_between(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lon, lat, speed = rng.uniform(-180, 180, 200), rng.uniform(-80, 80, 200), rng.normal(size=200) * 20
    usual = min_zooms(lon, lat, speed, np.ones(200))
    monkeypatch.setattr(thinning, "MOST_CELLS", 10)
    assert (min_zooms(lon, lat, speed, np.ones(200)) == usual).all()
    assert len(min_zooms(lon[:0], lat[:0], speed[:0], speed[:0])) == 0


def test_of_points_in_one_place_all_but_one_are_shown_last_of_all() -> None:
    zooms = min_zooms(np.full(9, 74.6), np.full(9, 36.3), np.arange(9.0) * 10, np.ones(9))
    assert sorted(zooms.tolist()) == [0] + [LAST_ZOOM] * 8
