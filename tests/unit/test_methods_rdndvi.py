"""rdNDVI by its formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.arrays import NotEnoughDataError
from detection.methods.rdndvi import RdNdvi, rdndvi
from detection.simulate import Nuisances, simulate_landslide


def test_it_is_the_formula() -> None:
    block = simulate_landslide(1, shape=(60, 60), n_before=1, n_after=1, nuisances=Nuisances.none()).block
    ndvi = []
    for one in (block.before[0], block.after[0]):
        red, nir = one.reflectance[2], one.reflectance[3]
        ndvi.append((nir - red) / (nir + red))
    expected = 100 * (ndvi[1] - ndvi[0]) / np.sqrt(np.maximum(ndvi[0] + ndvi[1], 1e-3))
    assert np.allclose(rdndvi(block), expected, atol=1e-4)


def test_bands_it_lacks_are_named() -> None:
    block = simulate_landslide(1, shape=(60, 60), n_before=1, n_after=1, bands=("blue", "green", "red")).block
    with pytest.raises(NotEnoughDataError, match="red and nir"):
        RdNdvi().fit([block])


def test_lost_forest_is_found() -> None:
    block = simulate_landslide(1, shape=(80, 80), n_before=1, n_after=1, slides=0, nuisances=Nuisances.none()).block
    pictures = [one.reflectance.copy() for one in (block.before[0], block.after[0])]
    for picture in pictures:
        picture[2], picture[3] = 0.04, 0.25 + 0.01 * np.random.default_rng(0).random((80, 80))
    pictures[1][2, 30:45, 30:36], pictures[1][3, 30:45, 30:36] = 0.20, 0.26
    block = replace(
        block,
        before=(replace(block.before[0], reflectance=pictures[0]),),
        after=(replace(block.after[0], reflectance=pictures[1]),),
    )
    detector = RdNdvi(min_slope_deg=0)
    found = detector.candidates(detector.score(block, detector.fit([block])), block)
    assert len(found) == 1
    assert found[0].rows.size == 90
