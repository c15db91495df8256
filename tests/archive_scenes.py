"""Small Sentinel-2 and radar scenes along the road, laid out as archives lay them out."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from tests.archive_server import item

WEST, NORTH, SIZE = 486_000.0, 4_022_000.0, 96
S2_ASSETS = {"blue": 10, "green": 10, "red": 10, "nir": 10, "swir16": 20, "swir22": 20, "scl": 20}


def bounds(west: float = WEST, north: float = NORTH, size: int = SIZE) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a scene, degrees."""
    move = Transformer.from_crs(32643, 4326, always_xy=True)
    (left, top), (right, bottom) = move.transform(west, north), move.transform(west + size * 10, north - size * 10)
    return left, bottom, right, top


def write_band(
    path: Path, values: np.ndarray[Any, Any], pixel: float, west: float = WEST, north: float = NORTH
) -> Path:
    """Write one band in tiles."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = 16 if len(values) < 512 else 128
    profile = {"driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1, "dtype": values.dtype,
               "crs": "EPSG:32643", "transform": from_origin(west, north, pixel, pixel), "tiled": True, "blockxsize": block,
               "blockysize": block, "nodata": 0}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)
    return path


def multihash(path: Path) -> str:
    """Return the sha2-256 multihash of a file."""
    return "1220" + hashlib.sha256(path.read_bytes()).hexdigest()


def sentinel2(
    folder: Path,
    taken: datetime,
    *,
    tile: str = "43SDA",
    baseline: str = "05.09",
    made: datetime | None = None,
    checksums: bool = True,
    seed: int = 0,
    west: float = WEST,
    north: float = NORTH,
    values: dict[str, np.ndarray[Any, Any]] | None = None,
) -> dict[str, Any]:
    """Return an item of Earth Search's layout after writing its files below `folder`."""
    made = made or taken + timedelta(hours=6)
    name = f"S2A_{tile}_{taken:%Y%m%dT%H%M%S}_{made:%Y%m%d}_L2A"
    rng = np.random.default_rng(seed)
    assets = {}
    for band, pixel in S2_ASSETS.items():
        side = SIZE * 10 // pixel
        numbers = (
            np.full((side, side), 4, np.uint8)
            if band == "scl"
            else rng.integers(1300, 3000, (side, side)).astype(np.uint16)
        )
        if values is not None:
            numbers = values[band]
        path = write_band(folder / "data" / name / f"{band}.tif", numbers, pixel, west, north)
        assets[band] = {"href": f"../data/{name}/{band}.tif", "type": "image/tiff"}
        if checksums:
            assets[band] |= {"file:checksum": multihash(path), "file:size": path.stat().st_size}
    around = bounds(west, north, SIZE if values is None else len(values["red"]))
    return item(
        name, "sentinel-2-l2a", f"{taken:%Y-%m-%dT%H:%M:%SZ}", around, assets, platform="sentinel-2a",
        **{"s2:processing_baseline": baseline, "s2:generation_time": f"{made:%Y-%m-%dT%H:%M:%SZ}", "grid:code": f"MGRS-{tile}",
           "s2:datatake_id": f"GS2A_{taken:%Y%m%dT%H%M%S}_000001_N{baseline}", "view:sun_elevation": 60.0,
           "view:sun_azimuth": 150.0, "eo:cloud_cover": 5.0},
    )  # fmt: skip


def sentinel1(
    folder: Path, taken: datetime, *, seed: int = 0, west: float = WEST, north: float = NORTH
) -> dict[str, Any]:
    """Return an item of the Planetary Computer's layout of Sentinel-1 RTC, power, after writing its files below `folder`."""
    name = f"S1A_IW_GRDH_1SDV_{taken:%Y%m%dT%H%M%S}_{taken:%Y%m%dT%H%M%S}_{seed:06}_rtc"
    rng = np.random.default_rng(seed)
    assets = {}
    for band, level in (("vv", 0.1), ("vh", 0.02)):
        speckle = rng.gamma(4.0, level / 4, (SIZE, SIZE)).astype(np.float32)
        path = write_band(folder / "data" / name / f"{band}.tif", speckle, 10, west, north)
        assets[band] = {"href": f"../data/{name}/{band}.tif", "type": "image/tiff", "file:checksum": multihash(path)}
    return item(
        name, "sentinel-1-rtc", f"{taken:%Y-%m-%dT%H:%M:%SZ}", bounds(west, north), assets, platform="SENTINEL-1A",
        **{"sat:orbit_state": "ascending", "sat:relative_orbit": 100, "start_datetime": f"{taken:%Y-%m-%dT%H:%M:%SZ}",
           "s1:processing_level": "1"},
    )  # fmt: skip


def day(number: int, year: int = 2023) -> datetime:
    """Return a moment of an overpass."""
    return datetime(year, 6, 1, 5, 46, 39, tzinfo=UTC) + timedelta(days=5 * number)
