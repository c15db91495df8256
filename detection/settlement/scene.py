"""A displacement product as a field of series: read block by block into memory, or onto disk where it is large."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS
from scipy.spatial import cKDTree

from detection.grids import Grid
from detection.settlement.field import Field
from hazard_db.errors import DetectionError
from hazard_db.series import Displacement, Raster, Scatterers, in_file

IN_MEMORY = 1_500_000_000
"""Bytes of series; more lie in a file that the operating system pages in and out."""
_BLOCK_BYTES = 64_000_000
_CELL_M = (20.0, 1000.0)
"""Smallest and largest cell that points are put together in."""
_CELLS_PER_POINT = 30
LARGEST_CELLS = 50_000_000


@dataclass(frozen=True)
class Scene:
    """Series with the grid that areas are drawn on."""

    field: Field
    grid: Grid
    height_m: npt.NDArray[np.float64] | None

    def places(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return longitude and latitude of the middles of the cells that the points lie in, both (points,)."""
        rows, cols = np.divmod(self.field.cells, self.field.shape[1])
        a, b, c, d, e, f = tuple(self.grid.transform)[:6]
        x, y = c + a * (cols + 0.5) + b * (rows + 0.5), f + d * (cols + 0.5) + e * (rows + 0.5)
        lon, lat = self.grid.to_lonlat.transform(x, y)
        return np.asarray(lon), np.asarray(lat)


def load(source: Displacement, folder: Path) -> Scene:
    """Return the series of a product.

    Parameters
    ----------
    folder
        Where a large series may lie until the work is done.

    Raises
    ------
    DetectionError
        Nothing was measured, or the points are spread too wide.
    InputError
        The file is damaged.
    """
    if isinstance(source.place, Raster):
        return _raster(source, source.place, folder)
    return _points(source, source.place)


def _raster(source: Displacement, place: Raster, folder: Path) -> Scene:
    rows, cols = place.shape
    shape = (len(source.dates), rows, cols)
    y: npt.NDArray[np.float32]
    size = 4 * len(source.dates) * rows * cols  # as Python counts: a file may claim any shape
    if size > IN_MEMORY:
        if size > 0.9 * shutil.disk_usage(folder).free:
            raise DetectionError(
                f"{source.name}: {rows} x {cols} pixels on {len(source.dates)} dates need {size / 1e9:,.0f} GB of temporary "
                "space, which is not there; cut out a part, or set TMPDIR"
            )
        y = in_file(folder / "series.f4", shape)
    else:
        y = np.empty(shape, dtype=np.float32)
    step = max(1, _BLOCK_BYTES // (4 * shape[0] * cols))
    measured = False
    for start in range(0, rows, step):
        part = source.read(start, min(start + step, rows))
        measured = measured or bool(np.isfinite(part).any())
        y[:, start : start + step] = part
    if not measured:
        raise DetectionError(f"{source.name}: holds no measured displacement at all; nothing to look at")
    grid = Grid(place.wkt, Affine(*place.transform), place.shape)
    return Scene(Field(y.reshape(shape[0], -1), place.shape, grid.pixel_m()), grid, None)


def _points(source: Displacement, place: Scatterers) -> Scene:
    y = source.read(0, source.length)
    if not np.isfinite(y).any():
        raise DetectionError(f"{source.name}: holds no measured displacement at all; nothing to look at")
    metre_lon, metre_lat, lon0 = _degrees_per_metre(place)
    # points on both sides of the date line lie side by side
    lon = (place.lon - lon0 + 180.0) % 360.0 - 180.0
    east, north = lon / metre_lon, (place.lat - place.lat.min()) / metre_lat
    cell = cell_size(np.column_stack([east, north]))
    west, top = float(east.min()) - cell / 2, float(north.max()) + cell / 2
    col, row = ((east - west) / cell).astype(np.intp), ((top - north) / cell).astype(np.intp)
    shape = (int(row.max()) + 1, int(col.max()) + 1)
    transform = Affine(
        cell * metre_lon, 0.0, lon0 + west * metre_lon, 0.0, -cell * metre_lat, place.lat.min() + top * metre_lat
    )
    grid = Grid(CRS.from_epsg(4326).to_wkt(), transform, shape)
    field = Field(y.copy(), shape, (cell, cell), row * shape[1] + col, np.column_stack([east, north]))
    height = None if place.height_m is None else np.asarray(place.height_m, dtype=np.float64)
    return Scene(field, grid, height)


def _degrees_per_metre(place: Scatterers) -> tuple[float, float, float]:
    """Return degrees of longitude and latitude a metre in the middle of the points, and the longitude of the middle."""
    turned = np.radians(place.lon)
    lon0 = float(np.degrees(np.arctan2(np.sin(turned).mean(), np.cos(turned).mean())))
    lat = np.radians(float(np.median(place.lat)))
    return 1 / (111_412.84 * np.cos(lat) - 93.5 * np.cos(3 * lat)), 1 / (111_132.92 - 559.82 * np.cos(2 * lat)), lon0


def cell_size(places: npt.NDArray[np.float64]) -> float:
    """Return the side of the cells for points, metres: about as wide as neighbours are apart.

    Raises
    ------
    DetectionError
        The points are spread so wide that cells would not fit in memory.
    """
    if len(places) < 2:
        return _CELL_M[0]
    sample = places[:: max(1, len(places) // 20_000)]
    apart = cKDTree(places).query(sample, k=min(4, len(places)))[0]
    cell = float(np.clip(np.median(np.asarray(apart)[:, -1]), *_CELL_M))
    extent = np.ptp(places, axis=0) + cell
    most = min(max(_CELLS_PER_POINT * len(places), 10_000), LARGEST_CELLS)
    if extent[0] * extent[1] / _CELL_M[1] ** 2 > LARGEST_CELLS:
        raise DetectionError("the points are spread over half the Earth; look at one region at a time")
    return max(cell, float(np.sqrt(extent[0] * extent[1] / most)))
