"""Maps of where rockfall reaches: sources of an elevation model or a raster, block by block, as a raster with its card."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from rasterio.windows import Window

from detection import output
from detection.arrays import BoolArray, FloatArray
from detection.blocks import Tile, tiles
from detection.grids import Grid, grid_of, is_valid, opened, unreadable
from detection.methods.reach import Cells, Numbers, reach
from detection.slopes import horn
from detection.windows import HIGHEST_M, LOWEST_M, check_dem
from hazard_db.errors import InputError

BLOCK = 512
NODATA = -1.0
NAMES = ("reach", "energy_height_m")
FURTHEST_PX = 4096
ANGLES = (10.0, 80.0)
STEEP_DEG = 45.0


@dataclass(frozen=True)
class Question:
    """What falls from where, and how far it goes."""

    dem: Path
    sources: Path | None
    """Values of 0 to 1 on the model's grid; above 0 = source. None: every cell that is steep enough, with 1."""
    min_slope_deg: float | None
    """Sources are at least so steep; None: 45 degrees without a raster of sources, else any."""
    least: float
    """Of the values of sources."""
    angle_deg: float

    @property
    def steep_deg(self) -> float | None:
        """The slope from which on cells are sources; None: any."""
        return STEEP_DEG if self.min_slope_deg is None and self.sources is None else self.min_slope_deg


@dataclass(frozen=True)
class _Ground:
    """What lines need to know of the whole elevation model."""

    lowest_m: float
    pixel_m: Numbers
    """(rows, 2) northing and easting of the cells of each row."""


def make_reach(asked: Question, out: Path, *, block: int = BLOCK) -> dict[str, Any]:
    """Return the card of a map that is written to `out`, a Cloud-Optimized GeoTIFF on the grid of the elevation model.

    Band 1: the highest value of the sources that reach a cell, 0 = none does; band 2: height of the highest line of reach over the ground,
    metres, 0 = not reached, and at sources; -1 = elevation unknown in both. Lines pass over ground of unknown elevation.

    Raises
    ------
    InputError
        An angle or value is out of range, the rasters are not on one grid, there is no source, or lines reach too far for the cell size.
    RasterError
        A file cannot be read or placed.
    """
    _check(asked, out)
    with opened(asked.dem, asked.dem.name) as dataset:
        grid = grid_of(dataset, asked.dem.name)
    check_dem(asked.dem, grid)
    sizes = [grid.pixel_m(row) for row in range(grid.shape[0])]
    ground = _Ground(_lowest(asked.dem, grid), np.array(sizes))
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        layers = np.memmap(Path(folder) / "layers", dtype=np.float32, mode="w+", shape=(2, *grid.shape))
        number = sum(_from_tile(asked, grid, tile, ground, layers) for tile in tiles(grid.shape, block))
        if not number:
            raise InputError(f"{(asked.sources or asked.dem).name}: no cell is a source; lower --min-slope or --least")
        reached = _write(asked.dem, grid, layers, Path(folder) / "map.tif", block)
        output.publish_raster(Path(folder) / "map.tif", out, overviews="NEAREST")
    return {
        "method": "angle of reach, straight lines that end where they meet the ground", "angle_deg": asked.angle_deg,
        "min_slope_deg": asked.steep_deg, "least": asked.least, "dem": asked.dem.name,
        "sources": asked.sources.name if asked.sources else None, "source_cells": number,
        "reached_cells": reached[0], "known_cells": reached[1], "pixel_m": [round(float(size), 2) for size in grid.pixel_m()],
    }  # fmt: skip


def _check(asked: Question, out: Path) -> None:
    output.check_outputs([out], [asked.dem, *([asked.sources] if asked.sources else [])])
    if not ANGLES[0] <= asked.angle_deg <= ANGLES[1]:
        raise InputError(f"--angle {asked.angle_deg:g}: angles of reach are 10 to 80 degrees")
    if asked.min_slope_deg is not None and not 0 < asked.min_slope_deg < 90:
        raise InputError(f"--min-slope {asked.min_slope_deg:g}: slopes are 0 to 90 degrees, both excluded")
    if not 0 <= asked.least <= 1:
        raise InputError(f"--least {asked.least:g}: values of sources are 0 to 1")


def _lowest(dem: Path, grid: Grid) -> float:
    """Return the lowest elevation, metres."""
    lows = [_elevation(dem, grid, *tile.inner) for tile in tiles(grid.shape, BLOCK)]
    low = min((float(np.nanmin(one)) for one in lows if np.isfinite(one).any()), default=math.nan)
    if math.isnan(low):
        raise InputError(f"{dem.name}: no elevation between {LOWEST_M:g} and {HIGHEST_M:g} m; give elevation in metres")
    return low


def _from_tile(asked: Question, grid: Grid, tile: Tile, ground: _Ground, layers: FloatArray) -> int:
    """Return how many sources a tile has, after adding what they reach to the layers of the whole grid."""
    heights = _elevation(asked.dem, grid, *tile.inner, frame=1)
    here, value = _sources(asked, grid, tile, heights, ground.pixel_m)
    if not here.size:
        return 0
    highest = float(heights[1:-1, 1:-1][here[:, 0], here[:, 1]].max())
    size = ground.pixel_m[tile.inner[0]]
    furthest = math.ceil((highest - ground.lowest_m) / math.tan(math.radians(asked.angle_deg)) / float(size.min())) + 1
    if furthest > FURTHEST_PX:
        raise InputError(
            f"{asked.dem.name}: lines at {asked.angle_deg:g} degrees reach up to {furthest} cells, more than {FURTHEST_PX}; "
            "use a larger angle or coarser cells"
        )
    rows, cols = (
        slice(max(part.start - furthest, 0), min(part.stop + furthest, end))
        for part, end in zip(tile.inner, grid.shape, strict=True)
    )
    below = _elevation(asked.dem, grid, rows, cols).astype(np.float64)
    below[np.isnan(below)] = ground.lowest_m
    moved = here + np.array([tile.inner[0].start - rows.start, tile.inner[1].start - cols.start])
    line, best = reach(below, moved, value, size[here[:, 0]], asked.angle_deg)
    reached = best > 0
    for layer, found in zip(layers, (best, line - below), strict=True):
        window = layer[rows, cols]
        np.maximum(window, found.astype(np.float32), out=window, where=reached)
    return len(here)


def _sources(asked: Question, grid: Grid, tile: Tile, heights: FloatArray, pixel_m: Numbers) -> tuple[Cells, Numbers]:
    """Return rows and columns of a tile's sources in the tile, (n, 2), and their values, (n,)."""
    chosen: BoolArray = np.isfinite(heights[1:-1, 1:-1])
    rows = tile.inner[0]
    if asked.steep_deg is not None:
        middle = pixel_m.mean(axis=0)
        # cells of a degree differ from row to row: each row has its own size
        relief = horn(heights, (float(middle[0]), float(middle[1])))
        slope = _by_row(relief.slope_deg, relief.aspect_deg, pixel_m[rows], middle)
        with np.errstate(invalid="ignore"):
            chosen = chosen & (slope >= asked.steep_deg)
    values = np.ones(chosen.shape, dtype=np.float32)
    if asked.sources is not None:
        values = _values(asked.sources, grid, tile)
        with np.errstate(invalid="ignore"):
            chosen = chosen & (values > 0) & (values >= asked.least)
    return np.argwhere(chosen), values[chosen].astype(np.float64)


def _by_row(slope_deg: FloatArray, aspect_deg: FloatArray, pixel_m: Numbers, middle: Numbers) -> FloatArray:
    """Return slopes that were computed with the middle row's size of cells for the size of each row."""
    steep, turn = np.tan(np.radians(slope_deg)), np.radians(aspect_deg)
    north, east = (middle / pixel_m).T[:, :, None]
    return np.asarray(np.degrees(np.arctan(steep * np.hypot(north * np.cos(turn), east * np.sin(turn)))), np.float32)


def _values(path: Path, grid: Grid, tile: Tile) -> FloatArray:
    """Return the values of sources in a tile, NaN = unknown."""
    with opened(path, path.name) as dataset:
        own = grid_of(dataset, path.name)
        at = grid.offset_of(own)
        if at is None or max(map(abs, at)) > 0.01 or own.shape != grid.shape:
            raise InputError(f"{path.name}: is on another grid than the elevation model; warp it onto that grid first")
        try:
            told = dataset.read(1, window=Window.from_slices(*tile.inner))
        except RasterioError as error:
            raise unreadable(path.name, error) from error
        values = np.where(is_valid(told, dataset.nodata), told, np.nan).astype(np.float32)
    if np.nanmin(values, initial=0) < 0 or np.nanmax(values, initial=0) > 1:
        raise InputError(f"{path.name}: holds values beyond 0 to 1; declare nodata, or scale it")
    return values


def _elevation(dem: Path, grid: Grid, rows: slice, cols: slice, frame: int = 0) -> FloatArray:
    """Return elevation of a window and a frame around it, metres, NaN = unknown or beyond the model."""
    found = np.full((rows.stop - rows.start + 2 * frame, cols.stop - cols.start + 2 * frame), np.nan, np.float32)
    place = [
        slice(max(part.start - frame, 0), min(part.stop + frame, end))
        for part, end in zip((rows, cols), grid.shape, strict=True)
    ]
    inside = tuple(
        slice(part.start - whole.start + frame, part.stop - whole.start + frame)
        for part, whole in zip(place, (rows, cols), strict=True)
    )
    with opened(dem, dem.name) as dataset:
        try:
            told = dataset.read(1, window=Window.from_slices(*place))
        except RasterioError as error:
            raise unreadable(dem.name, error) from error
        known = is_valid(told, dataset.nodata)
    with np.errstate(invalid="ignore"):
        known &= (told > LOWEST_M) & (told < HIGHEST_M)
    found[inside] = np.where(known, told, np.nan)
    return found


def _write(dem: Path, grid: Grid, layers: FloatArray, path: Path, block: int) -> tuple[int, int]:
    """Return how many cells are reached and how many are known, after writing the layers."""
    reached = known = 0
    with output.create_raster(path, grid, "float32", NODATA, NAMES) as raster:
        for tile in tiles(grid.shape, block):
            told = np.isfinite(_elevation(dem, grid, *tile.inner))
            values = np.where(told, layers[:, *tile.inner], np.float32(NODATA))
            reached, known = reached + int((values[0] > 0).sum()), known + int(told.sum())
            raster.write(values, window=Window.from_slices(*tile.inner))
    return reached, known
