"""Light on relief against geometry and a slow march along every ray."""

from __future__ import annotations

import numpy as np
import pytest

from detection.blocks import terrain_from_elevation
from detection.methods.illumination import REACH_PX, cos_incidence, sunlit


def plane(slope_deg: float, aspect_deg: float, side: int = 12) -> np.ndarray:
    """Return a plane that faces a direction, 10 m pixels."""
    rows, cols = np.mgrid[:side, :side] * 10.0
    fall = np.tan(np.radians(slope_deg))
    north, east = np.cos(np.radians(aspect_deg)), np.sin(np.radians(aspect_deg))
    return (1000 - fall * (east * cols - north * rows)).astype(np.float32)


@pytest.mark.parametrize("aspect", [0, 45, 90, 135, 180, 270, 315])
def test_slope_and_aspect_of_a_plane(aspect: float) -> None:
    terrain = terrain_from_elevation(plane(30, aspect), (10, 10))
    assert np.allclose(terrain.slope_deg, 30, atol=0.01)
    assert np.allclose((terrain.aspect_deg - aspect + 180) % 360, 180, atol=0.05)


@pytest.mark.parametrize(("aspect", "expected"), [(150, 60 + 25), (330, 60 - 25)])
def test_ground_that_faces_the_sun_is_lit_by_its_slope_more(aspect: float, expected: float) -> None:
    terrain = terrain_from_elevation(plane(25, aspect), (10, 10))
    cosine = cos_incidence(terrain, 60, 150)
    assert np.allclose(cosine, np.sin(np.radians(expected)), atol=1e-3)


def test_unknown_ground_counts_as_level() -> None:
    elevation = plane(25, 150)
    elevation[4, 4] = np.nan
    cosine = cos_incidence(terrain_from_elevation(elevation, (10, 10)), 60, 150)
    assert cosine[4, 5] == pytest.approx(np.sin(np.radians(60)), abs=1e-6)


def march(elevation: np.ndarray, pixel_m: float, sun_elevation: float, sun_azimuth: float) -> np.ndarray:
    """Return sunlit pixels by a march from each towards the sun, one line at a time."""
    rows, cols = elevation.shape
    north, east = np.cos(np.radians(sun_azimuth)), np.sin(np.radians(sun_azimuth))
    largest = max(abs(north), abs(east))
    down, across = -north / largest, east / largest
    rise = np.tan(np.radians(sun_elevation)) * pixel_m * np.hypot(down, across)
    lit = np.ones(elevation.shape, dtype=bool)
    for row in range(rows):
        for col in range(cols):
            for step in range(1, REACH_PX + 1):
                r, c = row + step * down, col + step * across
                r0, c0 = int(np.floor(r + 1e-9)), int(np.floor(c + 1e-9))
                weights = {(r0, c0): 1.0}
                if abs(down) < abs(across) and r - r0 > 1e-6:
                    weights = {(r0, c0): 1 - (r - r0), (r0 + 1, c0): r - r0}
                elif abs(across) < abs(down) and c - c0 > 1e-6:
                    weights = {(r0, c0): 1 - (c - c0), (r0, c0 + 1): c - c0}
                if any(not (0 <= a < rows and 0 <= b < cols) for a, b in weights):
                    break
                height = sum(weight * float(elevation[place]) for place, weight in weights.items())
                if height - step * rise > elevation[row, col] + 2.0:
                    lit[row, col] = False
                    break
    return lit


@pytest.mark.parametrize("azimuth", [0, 45, 90, 135, 180, 225, 270, 315])
def test_shadow_equals_the_march_along_lines_of_the_grid(azimuth: float) -> None:
    rng = np.random.default_rng(1)
    elevation = (1000 + 120 * rng.random((21, 17))).astype(np.float32)
    assert np.array_equal(sunlit(elevation, (10, 10), 50, azimuth), march(elevation, 10, 50, azimuth))


@pytest.mark.parametrize("azimuth", [112, 150, 170, 200, 341])
def test_shadow_nearly_equals_the_march_in_between(azimuth: float) -> None:
    line = np.linspace(0, 7, 40)
    elevation = (1000 + 60 * np.sin(line)[:, None] + 90 * np.cos(1.3 * line)[None, :]).astype(np.float32)
    fast, slow = sunlit(elevation, (10, 10), 40, azimuth), march(elevation, 10, 40, azimuth)
    assert (fast == slow).mean() > 0.97
    assert 0.02 < (~slow).mean() < 0.9


def test_a_wall_throws_a_shadow_as_long_as_its_height_over_the_tangent() -> None:
    elevation = np.zeros((40, 9), dtype=np.float32)
    elevation[5] = 100.0
    lit = sunlit(elevation, (10, 10), 45, 0)
    assert (~lit[:, 4]).nonzero()[0].tolist() == list(range(6, 15))  # at 100 m the shadow is below the 2 m that count


def test_unknown_ground_throws_no_shadow_and_lies_in_none() -> None:
    elevation = np.zeros((30, 5), dtype=np.float32)
    elevation[5] = 100.0
    elevation[8] = np.nan
    lit = sunlit(elevation, (10, 10), 45, 0)
    assert lit[8].all()
    assert not lit[7].any()
