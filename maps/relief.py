"""A picture of the terrain to lie below a map: shades of an elevation raster, small enough for a page, kept once made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from hazard_db.errors import MapError
from maps import tiles
from maps.chart import Bounds

MERCATOR = "EPSG:3857"
"""What maps in browsers are drawn in: a picture in it lies where it belongs."""
WIDEST_PX = 1400
LARGEST_BYTES = 600_000
SUN_AZIMUTHS_DEG = (315.0, 270.0, 360.0)
"""From the upper left, where readers expect the light, and from both sides of it: no slope runs along every light."""
SUN_ELEVATION_DEG = 45.0
DARKEST = 0.5
"""Opacity of the deepest shade: records have to stay readable on top."""
LEVELS = 24


@dataclass(frozen=True)
class ReliefPicture:
    """A picture and where it lies."""

    path: Path
    bounds: Bounds


def make_relief(dem: Path, bounds: Bounds, folder: Path) -> ReliefPicture | None:
    """Return the picture of the part of an elevation raster within bounds; None where the raster does not reach.

    Raises
    ------
    MapError
        The raster cannot be read or the picture cannot be kept.
    """
    try:
        with rasterio.open(dem) as source:
            if source.crs is None:
                raise MapError(f"{dem.name}: the elevation raster has no coordinate reference system")
            shared = tiles.shared(bounds, transform_bounds(source.crs, "EPSG:4326", *source.bounds))
            if shared is None:
                return None
            out = folder / f"{_key(dem, shared)}.png"
            if not out.exists():
                _write(_shades(source, shared), out)
            return ReliefPicture(out, shared)
    except (RasterioError, OSError) as error:
        raise MapError(f"{dem.name}: no relief can be drawn from it ({error})") from error


def hillshade(height: npt.NDArray[np.float32], pixel_m: float) -> npt.NDArray[np.float32]:
    """Return brightness 0 to 1 under several lights, shape (rows, cols), NaN where a height is missing.

    Parameters
    ----------
    height
        Metres, (rows, cols), north up.
    pixel_m
        Size of a pixel on the ground.
    """
    down, right = np.gradient(height, pixel_m)
    slope, aspect = np.arctan(np.hypot(right, down)), np.arctan2(-right, down)  # clockwise from north, downhill
    zenith = np.radians(90 - SUN_ELEVATION_DEG)
    lights = []
    for azimuth in np.radians(SUN_AZIMUTHS_DEG):
        lights.append(np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(azimuth - aspect))
    shades: npt.NDArray[np.float32] = np.clip(np.average(lights, axis=0, weights=(2, 1, 1)), 0, 1).astype(np.float32)
    return shades


def _shades(source: rasterio.DatasetReader, bounds: Bounds) -> npt.NDArray[np.float32]:
    west, south, east, north = transform_bounds("EPSG:4326", MERCATOR, *bounds)
    pixel = max(east - west, north - south) / WIDEST_PX
    cols, rows = max(2, round((east - west) / pixel)), max(2, round((north - south) / pixel))
    transform = from_bounds(west, south, east, north, cols, rows)
    options = {"crs": MERCATOR, "transform": transform, "width": cols, "height": rows, "resampling": Resampling.average}
    with WarpedVRT(source, **options) as warped:
        height = warped.read(1, masked=True).astype(np.float32).filled(np.nan)
    shrinking = np.cos(np.radians((bounds[1] + bounds[3]) / 2))  # a metre of Mercator is less of the ground
    return hillshade(height, float(pixel * shrinking))


def _write(shades: npt.NDArray[np.float32], out: Path) -> None:
    """Write shades as black of varying opacity; smaller where the file would be too large for a page."""
    flat = np.cos(np.radians(90 - SUN_ELEVATION_DEG))  # brightness of level ground
    darkness = np.nan_to_num(np.clip((flat - shades) / flat, 0, 1)) * DARKEST
    image = Image.fromarray((np.round(darkness * LEVELS) * (255 / LEVELS)).astype(np.uint8))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    while True:
        picture = Image.merge("LA", (Image.new("L", image.size, 25), image))
        picture.save(part, format="PNG", compress_level=7)
        if part.stat().st_size <= LARGEST_BYTES or min(image.size) < 100:
            break
        image = image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.BOX)
    part.replace(out)


def _key(dem: Path, bounds: Bounds) -> str:
    """Return a name that changes with the raster, the part of it and the way it is drawn."""
    stat = dem.stat()
    told = (dem.absolute(), stat.st_size, stat.st_mtime_ns, [round(edge, 3) for edge in bounds], WIDEST_PX, DARKEST)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:20]
