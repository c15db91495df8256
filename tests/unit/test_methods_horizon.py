"""Horizon and flow against relief whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from detection.methods.horizon import AZIMUTHS_DEG, D8, HALO_PX, NO_WAY, PITS, UNKNOWN, flow, horizon

PIXEL_M = 30.0
SIDE = 24
ERROR_DEG = 0.8 + 0.5
"""Of lines that are taken together, and of rounding."""


def _cells(margin: int) -> tuple[np.ndarray, np.ndarray]:
    rows, cols = np.mgrid[-margin : SIDE + margin, -margin : SIDE + margin]
    return rows.astype(np.float64), cols.astype(np.float64)


@pytest.mark.parametrize("up_deg", [0.0, 45.0, 247.5])
def test_the_horizon_of_a_plane_is_its_slope_uphill_and_level_downhill(up_deg: float) -> None:
    rows, cols = _cells(HALO_PX)
    north, east = np.cos(np.radians(up_deg)), np.sin(np.radians(up_deg))
    tangent = np.tan(np.radians(30.0))
    found = horizon((tangent * PIXEL_M * (cols * east - rows * north)).astype(np.float32), PIXEL_M)
    for azimuth, angles in zip(AZIMUTHS_DEG, found, strict=True):
        truth = np.degrees(np.arctan(max(0.0, tangent * np.cos(np.radians(azimuth - up_deg)))))
        assert np.abs(angles - truth).max() <= ERROR_DEG, azimuth


def test_a_cone_stands_above_the_horizon_in_its_own_azimuth_alone() -> None:
    rows, cols = _cells(HALO_PX)
    top, away = 1500.0, 100
    cone = np.maximum(0, top - np.hypot(rows - 12 + away, cols - 12) * PIXEL_M).astype(np.float32)
    found = horizon(cone, PIXEL_M)[:, 12, 12]
    # from further away than its top is high, the top of a cone of 45 degrees stands highest
    assert abs(found[0] - np.degrees(np.arctan2(top, away * PIXEL_M))) <= ERROR_DEG
    assert (found[4:13] == 0).all()


def test_unknown_ground_has_no_horizon_and_hides_nothing() -> None:
    rows, _ = _cells(HALO_PX)
    level = np.zeros(rows.shape, dtype=np.float32)
    level[HALO_PX + 3, HALO_PX + 3] = np.nan
    found = horizon(level, PIXEL_M)
    assert (found[:, 3, 3] == UNKNOWN).all()
    assert (np.delete(found.reshape(16, -1), 3 * SIDE + 3, axis=1) == 0).all()


@pytest.mark.parametrize("code", list(D8))
def test_water_runs_straight_down_a_plane(code: int) -> None:
    rows, cols = _cells(PITS + 1)
    down, right = D8[code]
    plane = -10.0 * (rows * down + cols * right) / np.hypot(down, right)
    assert (flow(plane.astype(np.float32)) == code).all()


def test_water_runs_away_from_the_top_of_a_cone_and_out_of_small_hollows_only() -> None:
    rows, cols = _cells(PITS + 1)
    cone = (5000 - 10 * np.hypot(rows - 12, cols - 12)).astype(np.float32)
    found = flow(cone)
    assert (found[12, 13], found[13, 13], found[13, 12], found[12, 11]) == (1, 2, 4, 16)
    plane = (-10 * cols).astype(np.float32)
    plane[PITS + 1 + 12, PITS + 1 + 12] -= 50
    assert (flow(plane) != NO_WAY).all()
    bowl = (10 * np.hypot(rows - 12, cols - 12)).astype(np.float32)
    assert flow(bowl)[12, 12] == NO_WAY


def test_a_part_with_its_frame_is_the_same_as_in_the_whole() -> None:
    generator = np.random.default_rng(1)
    ground = generator.normal(3000, 300, (SIDE + 2 * HALO_PX, SIDE + 2 * HALO_PX)).astype(np.float32)
    frame = PITS + 1
    np.testing.assert_array_equal(horizon(ground, PIXEL_M)[:, :, 10:], horizon(ground[:, 10:], PIXEL_M))
    np.testing.assert_array_equal(flow(ground)[:, 10:], flow(ground[:, 10:]))
    assert flow(ground).shape == (ground.shape[0] - 2 * frame, ground.shape[1] - 2 * frame)
