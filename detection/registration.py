"""How far the dates of a run lie off each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

import numpy as np
import rasterio

from detection.arrays import Acquisition, FloatArray, Slices
from detection.blocks import tiles
from detection.coregister import FEWEST_COMMON, TILE_PX, Shift, robust_shift, tile_shift
from detection.grids import ENVIRONMENT
from detection.readers import Readers
from detection.scheduling import crew, in_turn
from detection.sources import Scene
from detection.windows import Plan, inset

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

    def missing() -> Iterator[tuple[Slices, list[Scene]]]:
        for window in _spread(plan.grid.shape):
            scenes = [scene for scene in others if len(found[scene.key]) < ENOUGH_TILES]
            if not scenes:
                return
            yield window, scenes

    with Readers(plan) as readers, crew() as threads:
        look = partial(_shifts, readers, reference)
        with closing(in_turn(threads.executor, look, missing(), threads.workers)) as looks:
            for shifts in looks:
                for key, shift in shifts.items():
                    if len(found[key]) < ENOUGH_TILES:
                        found[key].append(shift)
    return {key: robust_shift(shifts) for key, shifts in found.items()}


def _shifts(
    readers: Readers, reference: Scene, where: tuple[Slices, Sequence[Scene]]
) -> dict[str, tuple[float, float]]:
    """Return the shifts of dates against the reference in a window, by their keys; of those that can be matched there."""
    window, scenes = where
    reader = readers.mine()
    shifts: dict[str, tuple[float, float]] = {}
    with rasterio.Env(**ENVIRONMENT):
        still = reader.acquisition(reference, window)
        for scene in scenes if still.usable.mean() >= FEWEST_COMMON else ():
            name = _common(reference, scene)
            if name is None:
                continue
            shift = tile_shift(_band(still, name), _band(reader.acquisition(scene, window), name))
            if shift is not None:
                shifts[scene.key] = shift
    return shifts


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
