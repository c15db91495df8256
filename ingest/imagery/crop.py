"""The part of a scene that lies along the road."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.features import geometry_mask
from rasterio.windows import Window, intersect
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import RasterError
from ingest.imagery.raster import Grid

WGS84 = 4326
BLOCK = 1024
"""Side of the windows that are read at once; Sentinel-2's JPEG 2000 tiles are as large."""
TILE = 512
"""Side of the tiles that are written; the crop starts on a multiple of it, so that no tile is written twice."""


@dataclass(frozen=True)
class Crop:
    """The pixels to keep."""

    grid: Grid
    """Of the whole scene."""
    window: Window
    """Into that grid."""
    area: BaseGeometry | None
    """In the grid's CRS; None = all of the window."""

    @cached_property
    def transform(self) -> Affine:
        """Of the cropped grid."""
        return self.grid.transform @ Affine.translation(self.window.col_off, self.window.row_off)

    def blocks(self) -> Iterator[tuple[Window, Window, npt.NDArray[np.bool_] | None]]:
        """Yield window in the scene, the same in the crop, and what of it is inside (None = all)."""
        top, left = int(self.window.row_off), int(self.window.col_off)
        for row in range(top - top % BLOCK, top + int(self.window.height), BLOCK):
            for col in range(left - left % BLOCK, left + int(self.window.width), BLOCK):
                inner = Window(col, row, BLOCK, BLOCK).intersection(self.window)
                inside = self._inside(inner)
                if inside is None or inside.any():
                    local = Window(inner.col_off - left, inner.row_off - top, inner.width, inner.height)
                    yield inner, local, inside

    def count(self) -> int:
        """Return how many blocks there are at most."""
        return int(ceil(self.window.height / BLOCK + 1) * ceil(self.window.width / BLOCK + 1))

    def _inside(self, window: Window) -> npt.NDArray[np.bool_] | None:
        if self.area is None:
            return None
        transform = self.grid.transform @ Affine.translation(window.col_off, window.row_off)
        shape = (int(window.height), int(window.width))
        mask: npt.NDArray[np.bool_] = geometry_mask([self.area], shape, transform, all_touched=True, invert=True)
        return mask


def crop(grid: Grid, corridor: BaseGeometry | None, label: str) -> Crop:
    """Return the part of a grid inside `corridor` (EPSG:4326); all of it where that is None.

    Raises
    ------
    RasterError
        The scene does not touch the corridor.
    """
    whole = Window(0, 0, grid.width, grid.height)
    if corridor is None:
        return Crop(grid, whole, None)
    outline = to_wgs84(box(*grid.bounds), grid)
    near = corridor.intersection(outline)
    if near.area > 0:
        area = _moved(near, WGS84, grid.epsg)
        window = _window(grid, area)
        if intersect(window, whole):
            return Crop(grid, window.intersection(whole), area)
    west, south, east, north = outline.bounds
    raise RasterError(
        f"{label}: lies outside the corridor (it covers {west:.2f}-{east:.2f} E, {south:.2f}-{north:.2f} N); "
        "nothing to keep, --whole stores it all the same"
    )


def to_wgs84(geometry: BaseGeometry, grid: Grid) -> BaseGeometry:
    """Return a geometry of the grid's CRS in longitude and latitude.

    Raises
    ------
    RasterError
        The grid lies where its CRS is not defined.
    """
    moved = _moved(geometry, grid.epsg, WGS84)
    if not np.isfinite(moved.bounds).all():
        raise RasterError(f"the grid does not lie on the earth as EPSG:{grid.epsg} sees it; check the CRS")
    return moved


def polygons(geometry: BaseGeometry) -> MultiPolygon:
    """Return the areas of a geometry, without the points and lines that repairs leave behind."""
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(geometry)))
    return MultiPolygon([part for part in parts if isinstance(part, Polygon) and part.area > 0])


def _window(grid: Grid, area: BaseGeometry) -> Window:
    """Return the window around an area, from whole tiles to whole pixels."""
    west, south, east, north = area.bounds
    (left, top), (right, bottom) = ~grid.transform @ (west, north), ~grid.transform @ (east, south)
    col, row = floor(max(left, 0) / TILE) * TILE, floor(max(top, 0) / TILE) * TILE
    return Window(col, row, max(ceil(right) - col, 1), max(ceil(bottom) - row, 1))


def _moved(geometry: BaseGeometry, source: int, target: int) -> BaseGeometry:
    """Return a geometry in another CRS, its long edges bent as they should be."""
    if source == target:
        return geometry
    west, south, east, north = geometry.bounds
    dense = shapely.segmentize(geometry, max(east - west, north - south, 1e-9) / 64)
    transformer = Transformer.from_crs(source, target, always_xy=True)

    def moved(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    try:
        return shapely.transform(dense, moved)
    except ProjError as error:
        raise RasterError(f"EPSG:{source} cannot be brought to EPSG:{target} here; check the CRS") from error
