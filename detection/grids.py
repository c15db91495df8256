"""Opening rasters defensively, and the grid that their pixels lie on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from hazard_db.errors import RasterError

CACHE_BYTES = 64 * 2**20
# OpenJPEG's worker threads swallow the errors of a damaged file; in one thread they are raised.
ENVIRONMENT: dict[str, Any] = {
    "GDAL_CACHEMAX": CACHE_BYTES,
    "GDAL_NUM_THREADS": "1",
    "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",
}
LARGEST_PX = 1_000_000_000
"""A square of 316 km at 10 m: more than the whole corridor."""
PARALLEL_PX = 0.01
WGS84 = Geod(ellps="WGS84")
WARP = "warp it with `gdalwarp -t_srs EPSG:32643`"


@dataclass(frozen=True)
class Grid:
    """North-up pixels on the ground."""

    wkt: str
    transform: Affine
    shape: tuple[int, int]
    """(rows, cols)."""

    @cached_property
    def crs(self) -> Any:
        """CRS as rasterio has it."""
        return rasterio.crs.CRS.from_wkt(self.wkt)

    @cached_property
    def to_lonlat(self) -> Transformer:
        """From the grid's CRS to EPSG:4326, longitude first."""
        return Transformer.from_crs(CRS.from_wkt(self.wkt), 4326, always_xy=True)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in the grid's own CRS."""
        west, north = self.transform @ (0, 0)
        east, south = self.transform @ (self.shape[1], self.shape[0])
        return west, south, east, north

    def lonlat(self, row: float, col: float) -> tuple[float, float]:
        """Return longitude and latitude of a place in pixel coordinates (0, 0 = the north-west corner)."""
        lon, lat = self.to_lonlat.transform(*(self.transform @ (col, row)))
        return float(lon), float(lat)

    def pixel_m(self, row: float | None = None) -> tuple[float, float]:
        """Return the ground size of a pixel, (northing, easting), metres, in a row (default: the middle one)."""
        row = self.shape[0] / 2 if row is None else row
        col = self.shape[1] / 2
        here, east, south = self.lonlat(row, col), self.lonlat(row, col + 1), self.lonlat(row + 1, col)
        return float(WGS84.inv(*here, *south)[2]), float(WGS84.inv(*here, *east)[2])

    def offset_of(self, other: Grid) -> tuple[float, float] | None:
        """Return where another grid's corner lies in pixels of this one, (rows, cols); None where they are not parallel.

        Parallel: one CRS, and pixels of one size to a hundredth of a pixel over the whole grid.
        """
        own, its = self.transform, other.transform
        longest = max(*self.shape, *other.shape)
        if self.crs != other.crs or max(abs(its.a / own.a - 1), abs(its.e / own.e - 1)) * longest > PARALLEL_PX:
            return None
        return (its.f - own.f) / own.e, (its.c - own.c) / own.a

    def overlaps(self, other: Grid) -> bool:
        """Return whether grids share some ground."""
        west, south, east, north = self.bounds
        bounds = other.bounds
        if self.crs != other.crs:
            mover = Transformer.from_crs(CRS.from_wkt(other.wkt), CRS.from_wkt(self.wkt), always_xy=True)
            bounds = mover.transform_bounds(*bounds)
        return bool(np.isfinite(bounds).all()) and (
            bounds[0] < east and bounds[2] > west and bounds[1] < north and bounds[3] > south
        )


def open_dataset(path: str | os.PathLike[str], label: str) -> Any:
    """Return an open GeoTIFF or JPEG 2000; the caller closes it, in whatever thread.

    Raises
    ------
    RasterError
        It is not there, is something else, or is damaged.
    """
    href = os.fspath(path)
    if not href.startswith("/vsi") and "://" not in href:
        if not Path(href).exists():
            raise RasterError(f"{label}: no such file")
        if not Path(href).is_file():
            raise RasterError(f"{label}: is not a file; give the GeoTIFF itself")
    with rasterio.Env(**ENVIRONMENT):
        try:
            return rasterio.open(href, driver="JP2OpenJPEG" if href.lower().endswith(".jp2") else "GTiff")
        except RasterioError as error:
            raise RasterError(
                f"{label}: cannot be opened as a GeoTIFF ({_reason(error)}); convert it, or fetch it again"
            ) from error


@contextmanager
def opened(path: str | os.PathLike[str], label: str) -> Iterator[Any]:
    """Yield an open GeoTIFF or JPEG 2000 that may turn out not to be placed on the ground; errors as `open_dataset`."""
    with warnings.catch_warnings(), rasterio.Env(**ENVIRONMENT):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(path, label) as dataset:
            yield dataset


def unreadable(label: str, error: BaseException) -> RasterError:
    """Return the one line for a file that GDAL gives up on while reading."""
    return RasterError(f"{label}: cannot be read, it is damaged or incomplete ({_reason(error)}); fetch it again")


def _reason(error: BaseException) -> str:
    text = str(error.__cause__ or error).strip()
    return text.splitlines()[0] if text else "no reason given"


def grid_of(dataset: Any, label: str) -> Grid:
    """Return the grid of a dataset.

    Raises
    ------
    RasterError
        It is not placed on the Earth by a CRS and a north-up transform, or is too large.
    """
    if dataset.width * dataset.height > LARGEST_PX:
        raise RasterError(
            f"{label}: has {dataset.width} x {dataset.height} pixels, more than can be looked at in one run; "
            "cut it with `gdal_translate -projwin`"
        )
    if dataset.crs is None or dataset.transform == Affine.identity():
        if dataset.gcps[0]:
            raise RasterError(f"{label}: is placed by ground control points only; {WARP}")
        if dataset.crs is None:
            raise RasterError(f"{label}: has no CRS; set the right one with `gdal_edit.py -a_srs EPSG:n`")
        raise RasterError(f"{label}: has a CRS but no position; georeference it first")
    transform = dataset.transform
    if transform.b or transform.d:
        raise RasterError(f"{label}: is rotated; {WARP}")
    if transform.a <= 0 or transform.e >= 0:
        raise RasterError(f"{label}: is not north-up; {WARP}")
    grid = Grid(dataset.crs.to_wkt(), transform, (dataset.height, dataset.width))
    try:
        corners = [grid.lonlat(row, col) for row in (0, grid.shape[0]) for col in (0, grid.shape[1])]
    except ProjError as error:
        raise RasterError(
            f"{label}: its CRS cannot be related to longitude and latitude ({_reason(error)}); {WARP}"
        ) from error
    if not all(_on_earth(corner) for corner in corners):
        raise RasterError(f"{label}: reaches beyond the Earth in its own CRS; check position and CRS, or {WARP}")
    return grid


def _on_earth(corner: tuple[float, float]) -> bool:
    return bool(np.isfinite(corner).all()) and abs(corner[0]) <= 360 and abs(corner[1]) <= 90.0001


def shifted(grid: Grid, rows: float, cols: float, pad: int = 0) -> Grid:
    """Return the grid moved south by rows and east by cols pixels, and grown by pad pixels on every side."""
    transform = grid.transform @ Affine.translation(cols - pad, rows - pad)
    return Grid(grid.wkt, transform, (grid.shape[0] + 2 * pad, grid.shape[1] + 2 * pad))


def is_valid(numbers: npt.NDArray[Any], nodata: float | None) -> npt.NDArray[np.bool_]:
    """Return where numbers are finite and not nodata."""
    valid = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(numbers.shape, dtype=bool)
    if nodata is not None and not np.isnan(nodata):
        valid &= numbers != nodata
    return valid
