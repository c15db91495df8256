"""Sub-pixel shifts of pictures whose shift is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage as ndi

from detection.arrays import Acquisition
from detection.coregister import Shift, robust_shift, tile_shift
from detection.registration import register
from detection.simulate import Nuisances, simulate_landslide
from detection.simulate.sensor import observe
from detection.sources import open_sources
from detection.windows import Plan
from tests.detection_rasters import write_acquisition


def displaced(one: Acquisition, shift: tuple[float, float]) -> Acquisition:
    """Return a date whose picture of a pixel lies `shift` (rows, cols) off the pixel."""
    filled = np.stack([np.where(one.usable, band, np.nanmedian(band)) for band in one.reflectance])
    moved = observe(filled.astype(np.float32), 1e-4, shift)
    hidden = ndi.binary_dilation(~one.usable, iterations=3)
    return replace(one, reflectance=np.where(hidden, np.float32(np.nan), moved), usable=~hidden)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_shift_is_found_under_another_sun_and_with_slides(seed: int) -> None:
    clear = replace(Nuisances(), jitter=False, clouds=False, snow=False)
    scene = simulate_landslide(seed, shape=(256, 256), nuisances=clear, n_before=1, n_after=1)
    shift = tuple(np.random.default_rng(seed).uniform(-1.5, 1.5, 2))
    after = displaced(scene.block.after[0], (shift[0], shift[1]))
    found = tile_shift(scene.block.before[0].reflectance[2], after.reflectance[2])
    assert found == pytest.approx(shift, abs=0.1)


def test_no_texture_no_shift() -> None:
    flat = np.full((128, 128), 0.2, np.float32)
    assert tile_shift(flat, flat) is None
    rng = np.random.default_rng(0)
    noise = [(0.2 + 0.02 * rng.standard_normal((128, 128))).astype(np.float32) for _ in range(2)]
    assert tile_shift(*noise) is None
    clouded = noise[0].copy()
    clouded[:80] = np.nan
    assert tile_shift(clouded, clouded) is None
    assert tile_shift(noise[0][:50], noise[0][:50]) is None


def test_contradicting_tiles_give_none() -> None:
    assert robust_shift([(0.5, 0.5)] * 5 + [(3.0, -3.0)] * 2).applied == (0.5, 0.5)
    scattered = robust_shift([(0.0, 1.0), (2.0, -1.0), (-2.0, 3.0), (1.0, -3.0)])
    assert scattered.tiles == 0
    assert scattered.applied == (0.0, 0.0)
    assert robust_shift([]).applied == (0.0, 0.0)
    assert Shift(0.05, -0.05, 5).applied == (0.0, 0.0)


def test_dates_of_a_run_are_aligned(tmp_path: Path) -> None:
    """From files: one date a pixel off, one where it should be, one without any texture."""
    clear = replace(Nuisances(), jitter=False, clouds=False)
    scene = simulate_landslide(5, shape=(512, 512), nuisances=clear, n_before=2, n_after=2)
    dates = [
        scene.block.before[0],
        displaced(scene.block.before[1], (-0.8, 1.3)),
        displaced(scene.block.after[0], (0.4, 0.3)),
    ]
    flat = replace(
        scene.block.after[1],
        reflectance=np.full_like(scene.block.after[1].reflectance, 0.2),
        acquired_at=datetime(2023, 10, 1, tzinfo=UTC),
    )
    paths = [write_acquisition(tmp_path / f"{number}.tif", one) for number, one in enumerate([*dates, flat])]
    sources = open_sources(paths[:2], paths[2:])
    shifts = register(Plan(sources.grid, sources.before, sources.after))
    assert shifts[str(paths[1])].applied == pytest.approx((-0.8, 1.3), abs=0.1)
    assert shifts[str(paths[2])].applied == pytest.approx((0.4, 0.3), abs=0.1)
    assert shifts[str(paths[3])].tiles == 0
    assert str(paths[0]) not in shifts
