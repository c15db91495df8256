"""What is known of each cell of a grid that may say whether its slope fails: layers, terrain, distances to lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

from detection.arrays import FloatArray
from detection.blocks import tiles
from detection.distances import Lines
from detection.grids import Grid, grid_of, is_valid, opened, unreadable
from detection.methods.susceptibility import Array
from detection.slopes import horn
from hazard_db.errors import InputError

BLOCK = 512
TERRAIN = ("slope_deg", "northness", "eastness", "curvature_per_m", "roughness_m")


@dataclass(frozen=True)
class Factors:
    """Rasters on one grid and lines beside it."""

    layers: tuple[Path, ...]
    dem: Path | None
    lines: Mapping[str, Path]
    """What they are -> vector file."""
    grid: Grid
    names: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Return every file."""
        return [*self.layers, *([self.dem] if self.dem else []), *self.lines.values()]

    def blocks(self) -> Iterator[tuple[tuple[slice, slice], FloatArray]]:
        """Yield blocks of the grid with their factors, (factors, rows, cols), NaN = unknown."""
        lines = [Lines(path, self.grid) for path in self.lines.values()]
        for tile in tiles(self.grid.shape, BLOCK):
            rows, cols = tile.inner
            window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
            parts = [_read(file, window) for file in self.layers]
            if self.dem is not None:
                frame = Window(window.col_off - 1, window.row_off - 1, window.width + 2, window.height + 2)
                parts.append(
                    terrain_factors(_read(self.dem, frame)[0], self.grid.pixel_m((rows.start + rows.stop) / 2))
                )
            parts += [one.distance_m(rows, cols)[None] for one in lines]
            yield tile.inner, np.concatenate(parts)

    def at(self, xy: Array) -> Array:
        """Return the factors at places in the grid's CRS, (n, factors), NaN beyond the grid."""
        col, row = (~self.grid.transform) @ (xy[:, 0], xy[:, 1])
        row, col = np.floor(row).astype(int), np.floor(col).astype(int)
        found = np.full((len(xy), len(self.names)), np.nan)
        for (rows, cols), block in self.blocks():
            here = (row >= rows.start) & (row < rows.stop) & (col >= cols.start) & (col < cols.stop)
            found[here] = block[:, row[here] - rows.start, col[here] - cols.start].T
        return found


def open_factors(layers: Sequence[Path], dem: Path | None, lines: Mapping[str, Path] | None = None) -> Factors:
    """Return what is to be learnt from.

    Raises
    ------
    InputError
        There is no raster, or the rasters do not share one grid.
    """
    rasters = [*layers, *([dem] if dem else [])]
    if not rasters:
        raise InputError("give at least one layer, or an elevation model")
    lines = dict(lines or {})
    names = [*_names(layers), *(TERRAIN if dem else ()), *(f"distance_{one}_m" for one in lines)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"two factors are called {twice[0]}; describe the bands of the layers, so that each has a name of its own"
        )
    return Factors(tuple(layers), dem, lines, _common_grid(rasters), tuple(names))


def terrain_factors(elevation_m: FloatArray, pixel_m: tuple[float, float]) -> FloatArray:
    """Return the factors TERRAIN, (5, rows - 2, cols - 2), inside a one-pixel frame of elevation; NaN = unknown.

    Slope and aspect as [@Horn1981]; curvature is the Laplacian of the surface, above 0 in hollows; roughness the standard
    deviation of the nine heights about their mean.
    """
    relief = horn(elevation_m, pixel_m)
    z = elevation_m.astype(np.float64)
    middle = z[1:-1, 1:-1]
    across = (z[1:-1, 2:] - 2 * middle + z[1:-1, :-2]) / pixel_m[1] ** 2
    along = (z[2:, 1:-1] - 2 * middle + z[:-2, 1:-1]) / pixel_m[0] ** 2
    flat = z - np.nanmean(z) if np.isfinite(z).any() else z
    spread = uniform_filter(flat**2, 3) - uniform_filter(flat, 3) ** 2
    aspect = np.radians(relief.aspect_deg)
    known = np.where(np.isfinite(relief.slope_deg), 1.0, np.nan)
    roughness = np.sqrt(np.maximum(_rolling(flat, spread)[1:-1, 1:-1], 0))
    return np.stack(
        [relief.slope_deg, np.cos(aspect), np.sin(aspect), (across + along) * known, roughness * known]
    ).astype(np.float32)


def _rolling(flat: npt.NDArray[np.float64], spread: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the variance of nine heights; running sums carry an unknown on, so that blocks with one are summed apart."""
    if np.isfinite(flat).all():
        return spread
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(flat, 1, mode="edge"), (3, 3))
    return np.asarray(windows.var(axis=(2, 3)))


def _common_grid(files: Sequence[Path]) -> Grid:
    grids = []
    for file in files:
        with opened(file, file.name) as dataset:
            grids.append(grid_of(dataset, file.name))
    for file, grid in zip(files, grids, strict=True):
        at = grids[0].offset_of(grid)
        if at is None or max(map(abs, at)) > 0.01 or grid.shape != grids[0].shape:
            raise InputError(f"{file.name}: is on another grid than {files[0].name}; warp it onto that grid first")
    return grids[0]


def _names(layers: Sequence[Path]) -> list[str]:
    names = []
    for file in layers:
        with opened(file, file.name) as dataset:
            names += [told or f"{file.stem}_{band}" for band, told in enumerate(dataset.descriptions, start=1)]
    return names


def _read(file: Path, window: Window) -> FloatArray:
    with opened(file, file.name) as dataset:
        try:
            values = dataset.read(window=window, boundless=True, fill_value=dataset.nodata, masked=True)
        except RasterioError as error:
            raise unreadable(file.name, error) from error
        numbers = values.astype(np.float32).filled(np.nan)
        outside = ~_inside(window, dataset.shape)
        numbers[:, outside] = np.nan
        numbers[~is_valid(numbers, None)] = np.nan
        return np.asarray(numbers, dtype=np.float32)


def _inside(window: Window, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    rows = np.arange(window.height) + window.row_off
    cols = np.arange(window.width) + window.col_off
    inside = ((rows >= 0) & (rows < shape[0]))[:, None] & ((cols >= 0) & (cols < shape[1]))[None, :]
    return np.asarray(inside)
