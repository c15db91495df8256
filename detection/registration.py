"""How far the dates of a run lie off each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from detection.arrays import Acquisition, FloatArray
from detection.blocks import tiles
from detection.coregister import FEWEST_COMMON, TILE_PX, Shift, robust_shift, tile_shift
from detection.sources import Scene
from detection.windows import Plan, Reader, Slices, inset

ENOUGH_TILES, MOST_TRIED = 9, 36
BY_SHARPNESS = ("red", "green", "nir", "swir1", "blue", "swir2")
"""Bands in the order in which they serve: fine pixels and lasting edges first."""


def register(plan: Plan) -> Mapping[str, Shift]:
    """Return the shift of every date against the first one before, by the date's key; the reference has none.

    A date that shares too little with the reference, or too little texture, is left as it is; so is radar, whose speckle and
    foreshortening match nothing: its products are corrected for terrain.
    """
    optical = [scene for scene in plan.scenes if scene.look is None]
    if not optical:
        return {}
    reference, *others = optical
    found: dict[str, list[tuple[float, float]]] = {scene.key: [] for scene in others}
    with Reader(plan) as reader:
        for window in _spread(plan.grid.shape):
            missing = [scene for scene in others if len(found[scene.key]) < ENOUGH_TILES]
            if not missing:
                break
            still = reader.acquisition(reference, window)
            if still.usable.mean() < FEWEST_COMMON:
                continue
            for scene in missing:
                moving = reader.acquisition(scene, window)
                name = _common(reference, scene)
                shift = tile_shift(_band(still, name), _band(moving, name)) if name else None
                if shift is not None:
                    found[scene.key].append(shift)
    return {key: robust_shift(shifts) for key, shifts in found.items()}


def _spread(shape: tuple[int, int]) -> Iterator[Slices]:
    """Yield tiles all over a grid in an order without pattern, the same one every time."""
    every = [tile.inner for tile in tiles(shape, TILE_PX)]
    for index in np.random.default_rng(0).permutation(len(every))[:MOST_TRIED]:
        yield inset(every[index])


def _common(one: Scene, other: Scene) -> str | None:
    return next((name for name in BY_SHARPNESS if name in one.bands and name in other.bands), None)


def _band(one: Acquisition, name: str) -> FloatArray:
    band: FloatArray = one.reflectance[one.bands.index(name)]
    return band
