from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
