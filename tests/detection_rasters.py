"""GeoTIFFs of known content, and a detector whose answers are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import scipy.ndimage as ndi
from affine import Affine
from rasterio.transform import from_origin

from detection.arrays import Acquisition, Block, Candidate, NotEnoughDataError, Score

WEST, NORTH = 480_000.0, 4_020_000.0
UTM = "EPSG:32643"
PLACE = from_origin(WEST, NORTH, 10, 10)

Array = npt.NDArray[Any]


def write_tif(
    path: Path,
    bands: Mapping[str, Array],
    *,
    transform: Affine = PLACE,
    crs: str | None = UTM,
    dtype: str = "uint16",
    tags: Mapping[str, str] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    nodata: float | None = 0,
    described: bool = True,
    **options: Any,
) -> Path:
    """Write bands as stored numbers, described by their names."""
    first = next(iter(bands.values()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", height=first.shape[0], width=first.shape[1], count=len(bands), dtype=dtype, crs=crs,
        transform=transform, nodata=nodata, **options,
    ) as raster:  # fmt: skip
        for number, (name, values) in enumerate(bands.items(), start=1):
            raster.write(values.astype(dtype), number)
            if described:
                raster.set_band_description(number, name)
        if (scale, offset) != (1.0, 0.0):
            raster.scales, raster.offsets = (scale,) * len(bands), (offset,) * len(bands)
        if tags:
            raster.update_tags(**tags)
    return path


def ground(shape: tuple[int, int], seed: int = 0, smooth: float = 1.5) -> npt.NDArray[np.float64]:
    """Return reflectance of textured ground, about 0.1 - 0.4."""
    rng = np.random.default_rng(seed)
    texture = ndi.gaussian_filter(rng.standard_normal(shape), smooth)
    return np.asarray(np.clip(0.25 + 0.05 * texture / texture.std(), 0.05, 0.6))


def stored(reflectance: Array) -> Array:
    """Return reflectance x 10000."""
    return np.asarray(np.rint(reflectance * 10_000))


def write_acquisition(path: Path, one: Acquisition, *, transform: Affine = PLACE, crs: str = UTM) -> Path:
    """Write a simulated date as an ingested scene is stored, its clear sky as a scene classification."""
    numbers = {
        name: np.where(np.isfinite(band), np.rint(np.nan_to_num(band) * 10_000), -32768)
        for name, band in zip(one.bands, one.reflectance, strict=True)
    }
    scl = np.where(one.usable, 4, 0)
    tags = {
        "acquired": one.acquired_at.isoformat(),
        "sun_elevation": str(one.sun_elevation_deg),
        "sun_azimuth": str(one.sun_azimuth_deg),
    }
    return write_tif(
        path, {**numbers, "scl": scl}, transform=transform, crs=crs, dtype="int16", nodata=-32768, tags=tags,
        tiled=True, compress="deflate",
    )  # fmt: skip


def write_block(folder: Path, block: Block) -> tuple[list[Path], list[Path], Path | None]:
    """Write a simulated block; return the files before, those after, and the elevation model."""
    before = [write_acquisition(folder / f"before{i}.tif", one) for i, one in enumerate(block.before)]
    after = [write_acquisition(folder / f"after{i}.tif", one) for i, one in enumerate(block.after)]
    dem = None
    if block.terrain is not None:
        dem = write_tif(
            folder / "dem.tif", {"elevation": block.terrain.elevation_m}, dtype="float32", nodata=float("nan")
        )
    return before, after, dem


class Brightening:
    """A detector that finds what has become brighter by 0.1 on the mean of all dates after: exact and local."""

    halo_px = 7
    version = "test"

    def model_dump(self) -> dict[str, Any]:
        """Return its one parameter."""
        return {"threshold": 0.1}

    def fit(self, blocks: Iterable[Block]) -> int:
        """Return the number of blocks."""
        count = sum(1 for _ in blocks)
        if not count:
            raise NotEnoughDataError("nothing seen")
        return count

    def score(self, block: Block, model: int) -> Score:
        """Return the difference over the threshold, smoothed a little so that a missing halo would show."""
        del model
        before, after = (_mean(dates) for dates in (block.before, block.after))
        difference = after - before
        observed = np.isfinite(difference)
        smooth = ndi.uniform_filter(np.where(observed, difference, 0), 5)
        z = np.where(observed, smooth / 0.1, np.nan).astype(np.float32)
        quiet = np.full(z.shape, len(block.before) - 1, np.int16)
        shown = np.where(np.nan_to_num(z) > 1, 0, -1).astype(np.int16)
        return Score(z, observed, shown, quiet, {"difference": difference.astype(np.float32)})

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return connected bright pixels, six or more."""
        labels, count = ndi.label(np.nan_to_num(score.z) > 1, np.ones((3, 3)))
        found = []
        for label in range(1, count + 1):
            rows, cols = (part.astype(np.int32) for part in np.nonzero(labels == label))
            if rows.size < 6:
                continue
            slope = None if block.terrain is None else float(np.nanmean(block.terrain.slope_deg[rows, cols]))
            share = float(score.observed[rows, cols].mean())
            found.append(Candidate(label, rows, cols, 0.8, float(score.z[rows, cols].mean()), slope, share, {}))
        return found


def _mean(dates: Iterable[Acquisition]) -> Array:
    """Return the mean over bands and dates, NaN where no date saw the pixel."""
    pictures = np.stack([one.reflectance.mean(axis=0) for one in dates])
    seen = np.isfinite(pictures)
    total = np.where(seen, pictures, 0).sum(axis=0)
    return np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)
