"""What holds for every method on every scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from detection.arrays import Acquisition, Block, Detector, NotEnoughDataError, Score
from detection.methods import DETECTORS
from detection.simulate import simulate_landslide
from detection.simulate.sar import simulate_sar

SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def block_of(seed: int, dates: int = 2, *, radar: bool = False) -> Block:
    """Return a small scene with all nuisances."""
    if radar:
        return simulate_sar(seed, shape=(150, 150), dates=dates, slides=4, with_terrain=seed % 3 > 0).block
    return simulate_landslide(
        seed, shape=(150, 150), n_before=dates, n_after=dates, slides=4, mean_slope_deg=24, with_terrain=seed % 3 > 0
    ).block


def run(detector: Detector, block: Block) -> Score:
    try:
        return detector.score(block, detector.fit([block]))
    except NotEnoughDataError:  # clouds may leave too little of so small a scene
        reject()


def arrays_of(block: Block) -> list[np.ndarray]:
    every = [array for one in (*block.before, *block.after) for array in (one.reflectance, one.usable)]
    if block.terrain is not None:
        every += [block.terrain.elevation_m, block.terrain.slope_deg, block.terrain.aspect_deg]
    return every


@pytest.mark.parametrize("name", sorted(DETECTORS))
@QUICK
@given(seed=SEEDS)
def test_inputs_stay_and_what_is_not_seen_stays_unsaid(name: str, seed: int) -> None:
    block = block_of(seed, radar=name == "sar_amplitude")
    copies = [array.copy() for array in arrays_of(block)]
    for array in arrays_of(block):
        array.setflags(write=False)
    detector = DETECTORS[name]()
    score = run(detector, block)
    found = detector.candidates(score, block)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays_of(block), copies, strict=True))
    assert np.array_equal(np.isfinite(score.z), score.observed)
    both = np.any([one.usable for one in block.before], axis=0) & np.any([one.usable for one in block.after], axis=0)
    assert not (score.observed & ~both).any()
    dates = len(block.before) + len(block.after)
    assert score.first_after.min() >= -1
    assert score.first_after.max() < len(block.after)
    assert score.last_quiet.max() < dates
    for one in found:
        assert one.rows.size >= 6
        # a hole of four pixels or fewer inside an object may be hidden
        assert score.observed[one.rows, one.cols].mean() >= 0.6
        assert 0 <= one.confidence <= 1
        assert 0 <= one.observed_share <= 1
        assert all(np.isfinite(value) for value in one.features.values())


@pytest.mark.parametrize("name", ["matched_filter", "pair", "irmad"])
@QUICK
@given(seed=SEEDS, gains=st.lists(st.floats(0.9, 1.1), min_size=6, max_size=6))
def test_gain_of_a_date_makes_no_difference(name: str, seed: int, gains: list[float]) -> None:
    block = block_of(seed, dates=1)
    after = block.after[0]
    # dark enough that the limit for snow and cloud says the same of both
    dim = replace(after, reflectance=np.float32(0.4) * after.reflectance)
    factor = np.array(gains, dtype=np.float32)[:, None, None]
    bright = replace(dim, reflectance=dim.reflectance * factor)
    detector = DETECTORS[name]()
    one, other = (run(detector, replace(block, after=(date,))) for date in (dim, bright))
    assume(one.observed.mean() > 0.5)  # of little ground little can be learnt, and limits of cloud and snow matter more
    assert np.array_equal(one.observed, other.observed)
    difference = np.abs(one.z - other.z)[one.observed]
    assert np.median(difference) < 0.05
    assert np.quantile(difference, 0.95) < 0.5


@QUICK
@given(seed=SEEDS, order=st.permutations(range(6)))
def test_order_of_bands_makes_no_difference(seed: int, order: list[int]) -> None:
    block = block_of(seed, dates=1)

    def turned(one: Acquisition) -> Acquisition:
        return replace(one, bands=tuple(one.bands[i] for i in order), reflectance=one.reflectance[order])

    other = replace(block, before=(turned(block.before[0]),), after=(turned(block.after[0]),))
    detector = DETECTORS["pair"]()
    assert np.allclose(run(detector, block).z, run(detector, other).z, equal_nan=True, atol=1e-4)
