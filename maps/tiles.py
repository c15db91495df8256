"""What a raster shows within a tile of the scheme that maps in browsers use, read at the tile's own resolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import morecantile
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from maps.chart import Bounds

SIDE_PX = 256
EQUATOR_M = 40_075_016.686
GRID = morecantile.tms.get("WebMercatorQuad")
Place = tuple[int, int, int]
"""Zoom, row and column."""


def read(
    source: rasterio.DatasetReader, place: Place, indexes: Sequence[int], *, how: Resampling, margin: int = 0
) -> npt.NDArray[np.float32]:
    """Return bands within a tile, shape (bands, rows, cols), NaN where there are no data; `margin` pixels more on every side."""
    z, y, x = place
    edges = GRID.xy_bounds(morecantile.Tile(x, y, z))
    more = (edges.right - edges.left) / SIDE_PX * margin
    side = SIDE_PX + 2 * margin
    options: dict[str, Any] = {
        "crs": "EPSG:3857", "width": side, "height": side, "resampling": how, "dtype": "float32", "nodata": np.nan,
        "transform": from_bounds(edges.left - more, edges.bottom - more, edges.right + more, edges.top + more, side, side),
    }  # fmt: skip
    with WarpedVRT(source, src_nodata=source.nodata, **options) as warped:
        found: npt.NDArray[np.float32] = warped.read(list(indexes))
    return found


def pixel_m(place: Place) -> float:
    """Return the size of a tile's pixel on the ground."""
    z, y, x = place
    edges = GRID.bounds(morecantile.Tile(x, y, z))
    return float(EQUATOR_M * np.cos(np.radians((edges.bottom + edges.top) / 2)) / 2**z / SIDE_PX)


def within(bounds: Bounds, zoom: int) -> Iterator[Place]:
    """Yield the tiles of a zoom that meet bounds."""
    yield from ((one.z, one.y, one.x) for one in GRID.tiles(*bounds, [zoom]))


def closest(source: rasterio.DatasetReader) -> int:
    """Return the zoom whose pixels are about those of a raster."""
    with WarpedVRT(source, crs="EPSG:3857") as warped:
        size = min(warped.res)
    return int(np.clip(np.round(np.log2(EQUATOR_M / SIDE_PX / size)), 0, 22))


def shared(one: Bounds, other: Bounds) -> Bounds | None:
    """Return what two boxes have in common; None where they do not meet."""
    west, south = max(one[0], other[0]), max(one[1], other[1])
    east, north = min(one[2], other[2]), min(one[3], other[3])
    return (west, south, east, north) if west < east and south < north else None
