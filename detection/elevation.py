"""Elevation models as they are delivered: a folder of rasters, checked, and read as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from rasterio.warp import transform_bounds
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from detection.grids import PARALLEL_PX, Grid, grid_of, opened
from detection.windows import UNDECLARED_VOID
from hazard_db.errors import RasterError

SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Sheet:
    """One raster of elevation."""

    path: Path
    grid: Grid
    dtype: str
    nodata: float | None
    footprint: BaseGeometry
    """EPSG:4326."""
    sha256: str


def sheets(folder: Path) -> list[Sheet]:
    """Return the rasters of a folder by name.

    Raises
    ------
    RasterError
        There are none, one is no elevation, or they lie on grids that are not parallel.
    """
    paths = sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
    if not paths:
        raise RasterError(f"{folder}: holds no GeoTIFF; give the folder of the elevation model's tiles")
    found = [_sheet(path) for path in paths]
    for one in found[1:]:
        offset = found[0].grid.offset_of(one.grid)
        if offset is None or np.abs(np.subtract(offset, np.rint(offset))).max() > PARALLEL_PX:
            raise RasterError(
                f"{one.path.name}: has another CRS or pixel size than {found[0].path.name} or lies between its pixels; warp it first"
            )
    return found


def remarks(found: Sequence[Sheet]) -> list[str]:
    """Return a line for each raster that declares no nodata beside others that do, and each pair that overlaps."""
    lines = []
    declared = [one for one in found if one.nodata is not None]
    if declared and len(declared) < len(found):
        names = ", ".join(one.path.name for one in found if one.nodata is None)
        lines.append(f"no nodata is declared in {names}: {UNDECLARED_VOID:g} counts as void there")
    for one, other in combinations(found, 2):
        shared = one.footprint.intersection(other.footprint).area
        if shared > 0.01 * min(one.footprint.area, other.footprint.area):
            lines.append(f"{one.path.name} and {other.path.name} overlap: the second counts where it is known")
    return lines


def _sheet(path: Path) -> Sheet:
    with opened(path, path.name) as source:
        grid = grid_of(source, path.name)
        if source.count != 1 or np.dtype(source.dtypes[0]).kind not in "iuf" or source.dtypes[0] == "uint8":
            raise RasterError(f"{path.name}: is no elevation model, which has one band of metres")
        footprint = box(*transform_bounds(source.crs, "EPSG:4326", *source.bounds))
        dtype, nodata = source.dtypes[0], source.nodata
    with path.open("rb") as file:
        return Sheet(path, grid, dtype, nodata, footprint, hashlib.file_digest(file, "sha256").hexdigest())


def mosaic(found: Sequence[Sheet]) -> str:
    """Return rasters on parallel grids as one virtual raster of 32-bit floats (XML), void where there is none."""
    first = found[0].grid
    corners = [first.offset_of(one.grid) or (0.0, 0.0) for one in found]
    top, left = min(row for row, _ in corners), min(col for _, col in corners)
    bottom = max(row + one.grid.shape[0] for (row, _), one in zip(corners, found, strict=True))
    right = max(col + one.grid.shape[1] for (_, col), one in zip(corners, found, strict=True))
    west, north = first.transform @ (left, top)
    parts = []
    for (row, col), one in zip(corners, found, strict=True):
        rows, cols = one.grid.shape
        nodata = UNDECLARED_VOID if one.nodata is None else one.nodata
        parts.append(
            f'<ComplexSource><SourceFilename relativeToVRT="0">{escape(str(one.path.absolute()))}</SourceFilename>'
            f'<SourceBand>1</SourceBand><SrcRect xOff="0" yOff="0" xSize="{cols}" ySize="{rows}"/>'
            f'<DstRect xOff="{round(col - left)}" yOff="{round(row - top)}" xSize="{cols}" ySize="{rows}"/>'
            f"<NODATA>{nodata}</NODATA></ComplexSource>"
        )
    return (
        f'<VRTDataset rasterXSize="{round(right - left)}" rasterYSize="{round(bottom - top)}"><SRS>{escape(first.wkt)}</SRS>'
        f"<GeoTransform>{west!r}, {first.transform.a!r}, 0, {north!r}, 0, {first.transform.e!r}</GeoTransform>"
        f'<VRTRasterBand dataType="Float32" band="1"><NoDataValue>{UNDECLARED_VOID}</NoDataValue>{"".join(parts)}'
        "</VRTRasterBand></VRTDataset>"
    )
