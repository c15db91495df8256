"""How high above the road something lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from shapely.geometry.base import BaseGeometry

from detection.arrays import FloatArray
from detection.grids import open_dataset, unreadable
from detection.windows import HIGHEST_M, LOWEST_M

UTM = 32643


def heights_above_road(
    dem: Path, places: Sequence[BaseGeometry], road: Sequence[Sequence[tuple[float, float]]]
) -> list[float | None]:
    """Return for each place its median elevation less that of the nearest point of the road, metres; negative below it.

    None where the model does not reach to both.

    Parameters
    ----------
    dem
        Elevation in metres, any grid and CRS.
    places
        Geometries in EPSG:4326.
    road
        Lines of vertices (longitude, latitude).

    Raises
    ------
    RasterError
        The model cannot be read.
    """
    if not places or not road:
        return [None] * len(places)
    metric = Transformer.from_crs(4326, UTM, always_xy=True)
    lines = shapely.MultiLineString(
        [np.column_stack(metric.transform(*np.array(one).T)) for one in road if len(one) > 1]
    )
    with open_dataset(dem, dem.name) as raster:
        onto = Transformer.from_crs(UTM, raster.crs, always_xy=True)
        found: list[float | None] = []
        for place in places:
            near = shapely.transform(place, lambda xy: np.column_stack(metric.transform(xy[:, 0], xy[:, 1])))
            foot = shapely.Point(shapely.get_coordinates(shapely.shortest_line(near, lines))[1])
            there, here = (_elevation(raster, _moved(one, onto), dem.name) for one in (near, foot))
            found.append(None if there is None or here is None else there - here)
    return found


def _moved(one: BaseGeometry, onto: Transformer) -> BaseGeometry:
    moved: BaseGeometry = shapely.transform(one, lambda xy: np.column_stack(onto.transform(xy[:, 0], xy[:, 1])))
    return moved


def _elevation(raster: Any, place: BaseGeometry, label: str) -> float | None:
    """Return the median elevation of the pixels that a place in the raster's CRS touches; None where it is unknown."""
    window = from_bounds(*place.bounds, transform=raster.transform)
    rows, cols = (slice(int(np.floor(low)), int(np.floor(low + size)) + 1) for low, size in
                  ((window.row_off, window.height), (window.col_off, window.width)))  # fmt: skip
    if rows.stop <= 0 or cols.stop <= 0 or rows.start >= raster.height or cols.start >= raster.width:
        return None
    inside = Window.from_slices(
        slice(max(rows.start, 0), min(rows.stop, raster.height)),
        slice(max(cols.start, 0), min(cols.stop, raster.width)),
    )
    try:
        values: FloatArray = raster.read(1, window=inside, masked=True).astype(np.float32).filled(np.nan)
    except RasterioError as error:
        raise unreadable(label, error) from error
    touched = geometry_mask([place], values.shape, raster.window_transform(inside), invert=True, all_touched=True)
    known = values[touched & (values > LOWEST_M) & (values < HIGHEST_M)]
    return float(np.median(known)) if known.size else None
