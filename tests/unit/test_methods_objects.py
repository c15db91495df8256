"""Objects against flood fill by hand and shapes whose measures are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.blocks import terrain_from_elevation
from detection.methods.objects import Rules, hillsides, plausible, regions, shape, solidity

RULES = Rules(5, 2.5, 0.4, 6, 15.0, 2.2, 0.5, 0.35)


def flood(z: np.ndarray, high: float, low: float, fewest: int) -> set[frozenset[tuple[int, int]]]:
    """Return the connected sets above low that exceed high somewhere, pixel by pixel."""
    left = {(int(r), int(c)) for r, c in np.argwhere(np.nan_to_num(z, nan=-9) > low)}
    found = set()
    while left:
        todo, own = [left.pop()], set()
        while todo:
            row, col = todo.pop()
            own.add((row, col))
            near = {(row + a, col + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            todo += near
        if max(z[place] for place in own) > high and len(own) >= fewest:
            found.add(frozenset(own))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_hysteresis_equals_flood_fill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(1.0, 2.0, size=(40, 40)).astype(np.float32)
    z[rng.random(z.shape) < 0.2] = np.nan
    z = np.where(z > 2.5, z, np.minimum(z, 0))
    expected = flood(z, 4.5, 2.5, 3)
    rules = replace(RULES, high=4.5, keep=0.0, fewest_px=3)
    found = {frozenset(zip(*(part.tolist() for part in one.pixels), strict=True)) for one in regions(z, rules)}
    # holes of up to four pixels are filled: leave them out again
    bare = {frozenset(p for p in one if np.nan_to_num(z[p], nan=-9) > 2.5) for one in found}
    assert len(found) == len(expected) > 0
    assert bare == expected or all(any(e <= b for b in bare) for e in expected)


def test_regions_are_cut_back_to_a_share_of_the_peaks_near_by() -> None:
    """The blur around a strong change goes; a weaker part of it farther on stays."""
    z = np.zeros((40, 30), dtype=np.float32)
    z[9:21, 9:21] = 4.0
    z[10:20, 10:20] = 20.0
    z[21:32, 12:18] = 4.0
    parts = [one.pixels for one in regions(z, replace(RULES, high=3.0))]
    strong, weak = sorted(parts, key=lambda part: part[0].min())
    assert (strong[0].min(), strong[0].max(), strong[1].min(), strong[1].max()) == (10, 19, 10, 19)
    assert weak[0].min() == 21
    assert weak[0].max() == 31


def test_level_ground_parts_regions() -> None:
    """A river along a slide's foot does not make one region of both."""
    elevation = np.maximum(0, np.abs(np.arange(40.0) - 20) - 8)[:, None] * 5 * np.ones((1, 40))
    hills = hillsides(terrain_from_elevation(elevation.astype(np.float32), (10.0, 10.0)))
    assert hills is not None
    z = np.zeros((40, 40), dtype=np.float32)
    z[14:26] = 20.0
    z[2:16, 10:14] = 20.0
    (one,) = regions(z, RULES, hills)
    assert one.pixels[0].max() < 14
    assert hillsides(None) is None


def test_small_regions_and_those_never_high_are_left_out() -> None:
    z = np.zeros((30, 30), dtype=np.float32)
    z[2:4, 2:4] = 9.0
    z[10:20, 10:20] = 4.0
    assert not list(regions(z, RULES))


@pytest.mark.parametrize(("height", "width", "axis"), [(20, 5, 0), (5, 20, 90)])
def test_measures_of_a_rectangle(height: int, width: int, axis: float) -> None:
    inside = np.zeros((40, 40), dtype=bool)
    inside[4 : 4 + height, 6 : 6 + width] = True
    told = shape(inside, (10.0, 10.0))
    assert told["elongation"] == pytest.approx(4.0, rel=0.01)
    assert min(abs(told["axis_deg"] - axis), 180 - abs(told["axis_deg"] - axis)) < 0.1
    assert told["solidity"] == pytest.approx(1.0)
    assert told["width_px"] == pytest.approx(100 / (4 * 20 / np.sqrt(12)), rel=0.01)


def test_axis_is_clockwise_from_north_and_pixels_need_not_be_square() -> None:
    inside = np.eye(30, dtype=bool)  # to the south-east: azimuth 135
    assert shape(inside, (10.0, 10.0))["axis_deg"] == pytest.approx(135, abs=0.5)
    flat = shape(np.ones((10, 10), dtype=bool), (30.0, 10.0))
    assert flat["elongation"] == pytest.approx(3.0, rel=0.01)


def test_solidity_of_an_angle() -> None:
    inside = np.zeros((10, 10), dtype=bool)
    inside[:, 0], inside[9, :] = True, True
    rows, cols = np.nonzero(inside)
    hull = 100 - 81 / 2  # the triangle between the arms' ends is bridged
    assert solidity(rows, cols) == pytest.approx(19 / hull, rel=0.01)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"solidity": 0.9, "slope_deg": 30.0, "elongation": 4.0, "alignment": 0.95}, True),
        ({"solidity": 0.9, "slope_deg": 30.0, "elongation": 4.0, "alignment": 0.2, "width_px": 3.0}, False),
        ({"solidity": 0.9, "slope_deg": 30.0, "elongation": 4.0, "alignment": 0.2, "width_px": 9.0}, True),
        ({"solidity": 0.9, "slope_deg": 30.0, "elongation": 1.5, "alignment": 0.2}, True),
        ({"solidity": 0.9, "slope_deg": 9.0, "elongation": 1.5, "alignment": 0.9}, False),
        ({"solidity": 0.2, "slope_deg": 30.0, "elongation": 1.5, "alignment": 0.9}, False),
        ({"solidity": 0.9, "elongation": 9.0}, True),
    ],
)
def test_rules_of_shape_and_relief(told: dict[str, float], expected: bool) -> None:
    assert plausible(told, RULES) is expected
