"""Scenes as pictures for maps: three bands as tiles, stretched alike wherever one looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import rasterio
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from api.geotiff import GDAL
from hazard_db.errors import MapError
from maps import tiles

COLOURS = (
    ("red", "green", "blue"),
    ("nir", "red", "green"),
    ("swir1", "nir", "red"),
    ("vv", "vh", "vv"),
    ("vv",) * 3,
    ("vh",) * 3,
)
"""Natural colours where there are such; else what tells ground from plants, else radar."""
SPREAD = (2.0, 98.0)
"""Per cent of a scene's pixels that are darker than black and than white."""
GAMMA = 0.8
QUALITY = 78
LOOKED_AT_PX = 512
Bands = tuple[tuple[str, int], ...]
"""File and number of the band, for red, green and blue."""


def told(scene: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a scene as the browser asks for it; None where it has no bands that make a picture."""
    if bands(scene["assets"]) is None:
        return None
    sensor = "" if scene["sensor"] == "unknown" else scene["sensor"]
    address = f"/maps/scenes/{quote(scene['id'], safe='')}/{{z}}/{{y}}/{{x}}.webp?v={scene['checksum'][:12]}"
    return {
        "id": scene["id"], "day": f"{scene['acquired_at']:%Y-%m-%d}", "name": sensor, "bounds": scene["bounds"],
        "closest": closest(scene["assets"]), "tiles": address,
    }  # fmt: skip


def bands(assets: Mapping[str, Mapping[str, Any]]) -> Bands | None:
    """Return the bands of a picture in colours as natural as there are; None where there are none."""
    places = {
        name: (str(asset["href"]), at + 1)
        for asset in assets.values()
        for at, name in enumerate(asset.get("bands") or ())
    }
    return next((tuple(places[name] for name in trio) for trio in COLOURS if set(trio) <= set(places)), None)


def closest(assets: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the zoom at which a pixel of the screen is about one of the scene's (at 36° north)."""
    sizes = [abs(float(asset["transform"][0])) for asset in assets.values() if asset.get("transform")]
    metres = [size if size > 1e-2 else size * 111_320 * 0.81 for size in sizes]
    return int(np.clip(np.ceil(np.log2(156_543.03 * 0.81 / min(metres))), 6, 18)) if metres else 14


def tile(wanted: Bands, home: Path, checksum: str, place: tiles.Place) -> bytes:
    """Return a tile (zoom, row, column) as WebP, transparent where the scene has no data.

    Raises
    ------
    MapError
        A file of the scene is gone or cannot be read.
    """
    try:
        with rasterio.Env(**GDAL):
            shown = _limits(wanted, home, checksum)
            read = _read(
                wanted, home, lambda raster, indexes: tiles.read(raster, place, indexes, how=Resampling.bilinear)
            )
    except (RasterioError, OSError) as error:
        raise MapError(f"the scene cannot be shown ({error})") from error
    return _packed(_coloured(read, shown))


def _read(wanted: Bands, home: Path, how: Any) -> npt.NDArray[np.float32]:
    """Return three bands, shape (3, rows, cols), NaN where one has no data; each file is opened once."""
    found: dict[tuple[str, int], npt.NDArray[np.float32]] = {}
    for href in dict.fromkeys(href for href, _ in wanted):
        indexes = [number for one, number in dict.fromkeys(wanted) if one == href]
        with rasterio.open(href if "://" in href else home / href, driver="GTiff") as raster:  # whatever it says it is
            found |= {(href, number): band for number, band in zip(indexes, how(raster, indexes), strict=True)}
    return np.stack([found[one] for one in wanted])


@lru_cache(maxsize=64)
def _limits(wanted: Bands, home: Path, checksum: str) -> tuple[tuple[float, float], ...]:
    """Return what is black and what is white in each band of the whole scene."""
    del checksum  # another file under the same name has another
    whole = _read(wanted, home, _preview)
    return tuple(_spread(band[np.isfinite(band)]) for band in whole)


def _preview(raster: rasterio.DatasetReader, indexes: Sequence[int]) -> npt.NDArray[np.float32]:
    shrink = max(1.0, max(raster.shape) / LOOKED_AT_PX)
    size = (len(indexes), *(max(1, round(side / shrink)) for side in raster.shape))
    values = raster.read(list(indexes), out_shape=size, masked=True).astype(np.float32)
    return np.ma.filled(values, np.nan)


def _spread(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(values, SPREAD))
    return low, high if high > low else low + 1.0


def _coloured(read: npt.NDArray[np.float32], shown: Sequence[tuple[float, float]]) -> npt.NDArray[np.uint8]:
    known = np.isfinite(read).all(axis=0)
    parts = [(band - low) / (high - low) for band, (low, high) in zip(read, shown, strict=True)]
    bright = np.clip(np.nan_to_num(np.stack(parts, axis=-1)), 0, 1) ** GAMMA * 255
    return np.dstack([bright, np.where(known, 255, 0)]).round().astype(np.uint8)


def _packed(colours: npt.NDArray[np.uint8]) -> bytes:
    body = BytesIO()
    Image.fromarray(colours, "RGBA").save(body, format="WEBP", quality=QUALITY, method=3)
    return body.getvalue()
