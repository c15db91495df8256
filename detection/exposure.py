"""What a raster holds beside lines: the exposure of roads to run-out, or to susceptibility."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
import shapely.ops
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from shapely.geometry.base import BaseGeometry

from detection.grids import Grid, grid_of, is_valid, opened, unreadable
from hazard_db.errors import InputError

MOST_STRIP_M = 5_000.0


@dataclass(frozen=True)
class Exposure:
    """What the strip beside a line holds of a raster, in the raster's own unit."""

    key: int
    """Of the line as it was given."""
    part: int
    """Counted from 0 along the line, where it was cut."""
    line: BaseGeometry
    """In the CRS that lengths are measured in."""
    maximum: float | None
    """None where the raster knows nothing of the strip."""
    mean: float | None
    minimum: float | None
    std: float | None
    reached_share: float
    """Of the known cells, those above 0."""
    covered_share: float
    """Of the strip's cells, those the raster knows."""


def expose(
    raster: Path, lines: Iterable[tuple[int, BaseGeometry]], crs: str, *, buffer_m: float, length_m: float | None = None
) -> Iterator[Exposure]:
    """Yield what lies within `buffer_m` of each line, whose parts are at most `length_m` long.

    A cell belongs to a strip if its centre does; a strip too narrow to hold any has the cells that it touches. A nodata value of
    0 says that a place is not reached, any other that nothing is known of it.

    Parameters
    ----------
    lines
        Numbered lines in `crs`.

    Raises
    ------
    InputError
        The strip is not 0 to 5 km wide, or a part has no length.
    RasterError
        The raster cannot be read or placed.
    """
    if not 0 < buffer_m <= MOST_STRIP_M or (length_m is not None and length_m <= 0):
        raise InputError(f"a strip of {buffer_m:g} m in parts of {length_m} m: widths are 0 to 5000 m, lengths above 0")
    with opened(raster, raster.name) as dataset:
        grid = grid_of(dataset, raster.name)
        metric = metric_crs(grid)
        to_metric = Transformer.from_crs(CRS.from_user_input(crs), metric, always_xy=True)
        to_raster = Transformer.from_crs(metric, CRS.from_wkt(grid.wkt), always_xy=True)
        for key, line in lines:
            for number, part in enumerate(cut(_moved(shapely.force_2d(line), to_metric), length_m)):
                area = _moved(part.buffer(buffer_m), to_raster)
                yield Exposure(key, number, part, *_figures(*_cells(dataset, grid, area, raster.name)))


def metric_crs(grid: Grid) -> CRS:
    """Return the CRS of a grid where it counts metres, else the UTM zone of its middle."""
    own = CRS.from_wkt(grid.wkt)
    if own.is_projected and all(axis.unit_conversion_factor == 1 for axis in own.axis_info):
        return own
    lon, lat = grid.lonlat(grid.shape[0] / 2, grid.shape[1] / 2)
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + int((lon + 180) // 6) % 60 + 1)


def cut(line: BaseGeometry, length_m: float | None) -> list[BaseGeometry]:
    """Return the lines that a line is made of, each in equal parts of at most `length_m`."""
    merged = shapely.line_merge(line) if line.geom_type.startswith("Multi") else line
    pieces: list[BaseGeometry] = list(shapely.get_parts(merged))
    if length_m is None:
        return pieces
    parts: list[BaseGeometry] = []
    for piece in pieces:
        number = max(1, int(np.ceil(piece.length / length_m - 1e-9)))
        ends = np.linspace(0, piece.length, number + 1)
        parts += [
            shapely.ops.substring(shapely.LineString(piece.coords), ends[index], ends[index + 1])
            for index in range(number)
        ]
    return parts


def _moved(shape: BaseGeometry, mover: Transformer) -> BaseGeometry:
    moved: BaseGeometry = shapely.transform(shape, lambda xy: np.column_stack(mover.transform(xy[:, 0], xy[:, 1])))
    return moved


def _cells(dataset: Any, grid: Grid, area: BaseGeometry, label: str) -> tuple[npt.NDArray[np.float64], int, float]:
    """Return the known values within an area, the number of its cells on the raster, and the share of it on the raster."""
    within = area.intersection(shapely.box(*grid.bounds))
    if within.is_empty or within.area == 0:
        return np.empty(0), 0, 0.0
    frame = Window(0, 0, grid.shape[1], grid.shape[0])
    window = from_bounds(*within.bounds, transform=grid.transform).round_offsets(op="floor").round_lengths(op="ceil")
    window = Window(window.col_off, window.row_off, window.width + 1, window.height + 1).intersection(frame)
    try:
        values = dataset.read(1, window=window)
    except RasterioError as error:
        raise unreadable(label, error) from error
    transform = dataset.window_transform(window)
    inside = geometry_mask([within], values.shape, transform, invert=True)
    if not inside.any():
        inside = geometry_mask([within], values.shape, transform, invert=True, all_touched=True)
    chosen = values[inside]
    nodata = dataset.nodata
    known = np.isfinite(chosen) if nodata == 0 else is_valid(chosen, nodata)
    return chosen[known].astype(np.float64), chosen.size, min(1.0, float(within.area / area.area))


def _figures(known: npt.NDArray[np.float64], cells: int, share: float) -> tuple[Any, ...]:
    if known.size == 0:
        return None, None, None, None, 0.0, 0.0
    spread = [float(value) for value in (known.max(), known.mean(), known.min(), known.std())]
    return *spread, float((known > 0).mean()), share * known.size / cells
