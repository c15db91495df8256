"""The probability of an object: what is known of slides holds whatever was fitted."""

from __future__ import annotations

import numpy as np
import pytest

from detection.arrays import Block, Score
from detection.methods.confidence import (
    BY_SETTING,
    CEILING,
    COEFFICIENTS,
    DIRECTIONS,
    MODES,
    confidence,
    explanatory,
    mode_of,
)
from detection.methods.objects import Rules, features, regions
from detection.simulate import simulate_landslide

PLAIN = {
    "peak": 9.0, "highest": 12.0, "mean": 7.0, "area_px": 60.0, "purity": 0.9, "cloud": -0.4, "shade": -0.3,
    "observed_share": 1.0, "ring_middle": 0.1, "edge": 0.1, "ring_contrary": 0.0, "border_share": 0.0, "contrast": 0.08,
    "vote": 7.0, "plants": 0.3, "greening": -0.2, "brightening": 0.4, "dates": 3.0, "elongation": 3.0, "width_px": 5.0,
    "slope_deg": 32.0, "alignment": 0.95, "solidity": 0.8,
}  # fmt: skip
"""A slide as plain as can be."""
GREEN_RED = {"plants": 0.02, "greening": -0.06}
"""What plants are without infrared."""
DOUBTS = {"edge": 0.9, "border_share": 0.8, "greening": 0.2, "ring_middle": 6.0, "purity": 0.3}


def test_coefficients_fit_the_values() -> None:
    assert set(COEFFICIENTS) == set(MODES) == set(CEILING)
    for mode in MODES:
        assert len(COEFFICIENTS[mode]) == len(explanatory(PLAIN)) == len(DIRECTIONS) + 2 * len(BY_SETTING)


@pytest.mark.parametrize("mode", MODES)
def test_no_coefficient_speaks_against_what_is_known(mode: str) -> None:
    for (name, direction), weight in zip(DIRECTIONS.items(), COEFFICIENTS[mode], strict=False):
        assert direction * weight >= 0, name


@pytest.mark.parametrize("mode", MODES)
def test_a_plain_slide_is_likely_and_each_doubt_makes_it_less_so(mode: str) -> None:
    shortwave = "visible" not in mode
    plain = PLAIN if shortwave else PLAIN | GREEN_RED
    sure = confidence(plain, mode, shortwave=shortwave)
    assert (0.1 if mode == "visible level" else 0.5) < sure <= CEILING[mode]
    for name, value in DOUBTS.items():
        assert confidence(plain | {name: value}, mode, shortwave=shortwave) <= sure, name
    assert confidence(plain | DOUBTS, mode, shortwave=shortwave) < 0.1 * sure


def test_what_the_pictures_lack_counts_apart() -> None:
    every = len(DIRECTIONS)
    assert not any(explanatory(PLAIN)[every:])
    bare = explanatory(PLAIN, masked=False, shortwave=False)
    assert bare[:every] == explanatory(PLAIN)[:every]
    assert bare[every : every + len(BY_SETTING)] == bare[every + len(BY_SETTING) :]
    assert bare[every] == 1.0


@pytest.mark.parametrize(
    ("relief", "dates", "infrared", "mode"),
    [(True, 3, True, "stack"), (True, 1, True, "pair"), (False, 3, True, "level"), (True, 3, False, "visible"),
     (False, 1, False, "visible level")],
)  # fmt: skip
def test_modes(relief: bool, dates: int, infrared: bool, mode: str) -> None:
    assert mode_of(has_relief=relief, dates_after=dates, has_infrared=infrared) == mode


def test_sharp_borders_and_fading_ones() -> None:
    """The same height with a sharp border and with a halo of three pixels around it."""
    block = simulate_landslide(3, shape=(60, 60), n_before=1, n_after=1, slides=0, with_terrain=False).block
    rows, cols = np.indices((60, 60))
    distance = np.hypot(rows - 30, cols - 30)
    sharp = np.where(distance < 8, 9.0, 0.0)
    fading = np.where((distance >= 8) & (distance < 12), 1.8, sharp)
    edges = [_edge(block, z.astype(np.float32)) for z in (sharp, fading)]
    assert edges[0] == 0
    assert edges[1] > 0.1


def _edge(block: Block, z: np.ndarray) -> float:
    nothing = np.zeros(z.shape, dtype=np.int16)
    score = Score(z, np.ones(z.shape, dtype=bool), nothing, nothing, {})
    (region,) = regions(z, Rules(5, 2, 0.5, 6))
    return features(region, score, block)["edge"]
