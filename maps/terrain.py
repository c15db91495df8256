"""The ground as raster tiles: tints and shades of an elevation raster, drawn when asked for and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from hazard_db.errors import MapError
from maps import tiles
from maps.chart import Bounds
from maps.relief import hillshade
from maps.style import TERRAIN_TINTS
from maps.tiles import Place

LOWEST_ZOOM = 4
FINER = 1
"""Zooms beyond the raster's own resolution that are drawn; closer, browsers enlarge."""
QUALITY = 72
AS_IT_IS = 12
"""Zoom from which on slopes are shaded as steep as they are."""
STRONGER = 0.35
"""By so much steeper slopes look with each zoom away from where they are seen as they are: from afar everything is flat."""
LIGHT, DARK = 1.12, 0.62
"""Brightness of a lit and of a shaded slope, times the tint."""


@dataclass(frozen=True)
class Terrain:
    """An elevation raster that can be drawn."""

    path: Path
    key: str
    """Changes with the raster and with the way it is drawn: tiles may be kept for ever."""
    bounds: Bounds
    closest: int
    """Highest zoom that is drawn."""

    def tiles(self, bounds: Bounds, zoom: int) -> Iterator[Place]:
        """Yield the tiles that show some of the raster within bounds."""
        meeting = tiles.shared(bounds, self.bounds)
        yield from tiles.within(meeting, zoom) if meeting else ()


def look(dem: Path) -> Terrain:
    """Return what tiles can be drawn of an elevation raster.

    Raises
    ------
    MapError
        It cannot be read.
    """
    try:
        stat = dem.stat()
        with rasterio.open(dem) as raster:
            if raster.crs is None:
                raise MapError(f"{dem.name}: the elevation raster has no coordinate reference system")
            bounds = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
            closest = max(LOWEST_ZOOM, tiles.closest(raster) + FINER)
    except (RasterioError, OSError) as error:
        raise MapError(f"{dem.name}: no terrain can be drawn from it ({error})") from error
    told = (dem.absolute(), stat.st_size, stat.st_mtime_ns, TERRAIN_TINTS, QUALITY, STRONGER, LIGHT, DARK)
    return Terrain(dem, hashlib.sha256(repr(told).encode()).hexdigest()[:20], bounds, closest)


def tile(terrain: Terrain, place: Place, folder: Path) -> bytes:
    """Return a tile as WebP, transparent where no height is known; drawn once.

    Raises
    ------
    MapError
        The raster cannot be read or the tile cannot be kept.
    """
    z, y, x = place
    kept = folder / terrain.key / str(z) / str(y) / f"{x}.webp"
    try:
        if not kept.exists():
            _keep(_drawn(terrain, place), kept)
        return kept.read_bytes()
    except (RasterioError, OSError) as error:
        raise MapError(f"{terrain.path.name}: tile {z}/{y}/{x} cannot be drawn ({error})") from error


def shaded(height: npt.NDArray[np.float32], pixel_m: float) -> npt.NDArray[np.uint8]:
    """Return red, green, blue and opacity, shape (rows, cols, 4), of heights in metres (NaN: transparent)."""
    limits, colours = np.array([one[0] for one in TERRAIN_TINTS]), np.array([one[1] for one in TERRAIN_TINTS])
    known = np.isfinite(height)
    filled = np.where(known, height, limits[0])
    tint = np.stack([np.interp(filled, limits, colours[:, band]) for band in range(3)], axis=-1)
    light = np.nan_to_num(hillshade(height, pixel_m), nan=0.707)  # beside what is not known, as level ground
    factor = DARK + (LIGHT - DARK) * light
    rgb = np.clip(tint * factor[..., None], 0, 255)
    return np.dstack([rgb, np.where(known, 255, 0)]).round().astype(np.uint8)


def _drawn(terrain: Terrain, place: Place) -> bytes:
    far = place[0] < terrain.closest - FINER
    with rasterio.open(terrain.path) as raster:  # edges are read to shade without seams
        height = tiles.read(raster, place, [1], how=Resampling.average if far else Resampling.cubic, margin=1)[0]
    steeper = 1 + STRONGER * max(0, AS_IT_IS - place[0])
    packed = BytesIO()
    colours = shaded(height, tiles.pixel_m(place) / steeper)[1:-1, 1:-1]
    Image.fromarray(colours, "RGBA").save(packed, format="WEBP", quality=QUALITY, method=4)
    return packed.getvalue()


def _keep(body: bytes, path: Path) -> None:
    """Write a file that others may be writing too; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid4().hex}.part")
    part.write_bytes(body)
    part.replace(path)
