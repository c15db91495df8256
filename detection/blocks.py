"""Windows of a grid: cutting blocks and scores, and slope and aspect from elevation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from detection.arrays import Acquisition, Block, FloatArray, Score, Terrain


@dataclass(frozen=True)
class Tile:
    """A window of a larger grid, and the same with its halo."""

    inner: tuple[slice, slice]
    """Rows and columns of the grid that the tile answers for."""
    outer: tuple[slice, slice]
    """The same with the halo, cut at the grid's edge."""

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the inner window lies in an array cut by the outer one."""
        rows, cols = (
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(self.inner, self.outer, strict=True)
        )
        return rows, cols


def tiles(shape: tuple[int, int], size: int, halo: int = 0) -> Iterator[Tile]:
    """Yield the tiles of at most size x size pixels that cover a grid once, row by row, each with its halo."""
    rows, cols = shape
    for top in range(0, rows, size):
        for left in range(0, cols, size):
            bottom, right = min(top + size, rows), min(left + size, cols)
            yield Tile(
                inner=(slice(top, bottom), slice(left, right)),
                outer=(
                    slice(max(top - halo, 0), min(bottom + halo, rows)),
                    slice(max(left - halo, 0), min(right + halo, cols)),
                ),
            )


def crop_block(block: Block, window: tuple[slice, slice]) -> Block:
    """Return a window of a block, as views."""
    rows, cols = window

    def cut(one: Acquisition) -> Acquisition:
        lit = None if one.sunlit is None else one.sunlit[rows, cols]
        hidden = None if one.hidden is None else one.hidden[rows, cols]
        return replace(
            one, reflectance=one.reflectance[:, rows, cols], usable=one.usable[rows, cols], sunlit=lit, hidden=hidden
        )

    terrain = block.terrain
    if terrain is not None:
        terrain = Terrain(*(part[window] for part in (terrain.elevation_m, terrain.slope_deg, terrain.aspect_deg)))
    return replace(
        block,
        before=tuple(cut(one) for one in block.before),
        after=tuple(cut(one) for one in block.after),
        terrain=terrain,
        spare=False,
    )


def crop_score(score: Score, window: tuple[slice, slice]) -> Score:
    """Return a window of a score with all its layers, as views."""
    return Score(
        z=score.z[window],
        observed=score.observed[window],
        first_after=score.first_after[window],
        last_quiet=score.last_quiet[window],
        layers={name: layer[window] for name, layer in score.layers.items()},
    )


def terrain_from_elevation(elevation_m: FloatArray, pixel_m: tuple[float, float]) -> Terrain:
    """Return slope and downslope direction, degrees, by central differences; rows run from north to south.

    Unknown elevation (NaN) makes its neighbours' slope unknown too.
    """
    elevation = np.asarray(elevation_m, dtype=np.float32)
    southward, eastward = np.gradient(elevation, *pixel_m)
    slope = np.degrees(np.arctan(np.hypot(southward, eastward)))
    aspect = np.degrees(np.arctan2(-eastward, southward)) % 360.0
    return Terrain(elevation, slope.astype(np.float32), aspect.astype(np.float32))
