"""From lakes and glaciers down to where the elevation model ends: the ways that a flood would take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from rasterio.enums import Resampling
from rasterio.features import geometry_mask
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from detection.arrays import FloatArray
from detection.grids import Grid, grid_of, opened
from detection.methods.flowpath import downstream, lowest, trace
from detection.windows import to_grid

REACH_M = 60_000.0
"""So far around its source a way is followed: from the farthest known lakes to the road."""
CELL_DEG = 0.5
"""Sources within such a square share one look at the elevation model."""
MOST_PX = 16_000_000
"""A larger look is taken coarser."""


@dataclass(frozen=True)
class Source:
    """Where a flood would begin."""

    key: int
    area: BaseGeometry
    """EPSG:4326."""


@dataclass(frozen=True)
class Way:
    """The way down from a source."""

    key: int
    line: shapely.LineString
    """EPSG:4326 with heights in metres, downstream."""
    pixel_m: float
    """Of the elevation model as it was looked at."""


@dataclass(frozen=True)
class _Model:
    """A part of an elevation model."""

    elevation_m: FloatArray
    grid: Grid


def ways(dem: Path, sources: Sequence[Source], reach_m: float = REACH_M) -> Iterator[Way]:
    """Yield the way of every source that lies on an elevation model and from which water runs off.

    Raises
    ------
    RasterError
        The model cannot be read.
    """
    near: dict[tuple[int, int], list[Source]] = defaultdict(list)
    for source in sources:
        centre = source.area.centroid
        near[int(centre.x // CELL_DEG), int(centre.y // CELL_DEG)].append(source)
    for group in near.values():
        model = _read(dem, shapely.union_all([shapely.box(*one.area.bounds) for one in group]), reach_m)
        if model is None:
            continue
        pixel = model.grid.pixel_m()
        transform = model.grid.transform
        following = downstream(model.elevation_m, (transform.a, -transform.e), degrees=model.grid.crs.is_geographic)
        for source in group:
            line = _way(model, following, source)
            if line is not None:
                yield Way(source.key, line, max(pixel))


def _read(dem: Path, around: BaseGeometry, reach_m: float) -> _Model | None:
    """Return the part of a model around an area; None where they do not meet."""
    with opened(dem, dem.name) as raster:
        whole = grid_of(raster, dem.name)
        moved = _moved(around, whole)
        reach = reach_m / np.array(whole.pixel_m())[::-1] * np.array([whole.transform.a, -whole.transform.e])
        west, south, east, north = moved.bounds
        (left, top), (right, bottom) = (
            ~whole.transform @ corner
            for corner in ((west - reach[0], north + reach[1]), (east + reach[0], south - reach[1]))
        )
        rows = slice(max(int(top), 0), min(int(np.ceil(bottom)), whole.shape[0]))
        cols = slice(max(int(left), 0), min(int(np.ceil(right)), whole.shape[1]))
        if rows.stop - rows.start < 3 or cols.stop - cols.start < 3:
            return None
        size = (rows.stop - rows.start, cols.stop - cols.start)
        coarser = max(1.0, float(np.sqrt(size[0] * size[1] / MOST_PX)))
        shape = (max(int(size[0] / coarser), 3), max(int(size[1] / coarser), 3))
        values = raster.read(
            1, window=Window(cols.start, rows.start, size[1], size[0]), out_shape=shape, masked=True,
            resampling=Resampling.average if coarser > 1 else Resampling.nearest,
        )  # fmt: skip
        elevation = np.ma.filled(values.astype(np.float32), np.nan)
        place = whole.transform @ Affine.translation(cols.start, rows.start)
        grid = Grid(whole.wkt, place @ Affine.scale(size[1] / shape[1], size[0] / shape[0]), shape)
    return _Model(elevation, grid) if np.isfinite(elevation).any() else None


def _way(model: _Model, following: npt.NDArray[np.int64], source: Source) -> shapely.LineString | None:
    shape = model.elevation_m.shape
    moved = _moved(source.area, model.grid)
    inside = geometry_mask([moved], shape, model.grid.transform, all_touched=True, invert=True)
    start = lowest(model.elevation_m, inside)
    if start is None:
        return None
    rows, cols = np.divmod(trace(following, start), shape[1])
    if len(rows) < 2:
        return None
    transform = model.grid.transform
    x, y = transform.c + transform.a * (cols + 0.5), transform.f + transform.e * (rows + 0.5)
    heights = model.elevation_m[rows, cols]
    line = shapely.LineString(np.column_stack([x, y, heights]))
    # the steps from cell to cell are longer than the way
    smooth = shapely.simplify(line, 0.75 * max(transform.a, -transform.e))
    lon, lat = model.grid.to_lonlat.transform(*shapely.get_coordinates(smooth).T)
    return shapely.LineString(np.column_stack([lon, lat, shapely.get_coordinates(smooth, include_z=True)[:, 2]]))


def _moved(shape: BaseGeometry, grid: Grid) -> BaseGeometry:
    mover = to_grid(grid)
    moved: BaseGeometry = shapely.transform(shape, lambda xy: np.column_stack(mover.transform(*xy.T)))
    return moved
