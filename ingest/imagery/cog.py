"""Scenes as Cloud-Optimized GeoTIFF: reflectance x 10000 or decibels x 100 as signed integers, quality apart.

Stored once and for all time: number * scale = surface reflectance or backscatter in dB, whatever the product's own
scale, offset and unit were. Negative reflectance (deep shadow, over-corrected haze) keeps its sign.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.features import shapes, sieve
from rasterio.shutil import copy
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import MultiPolygon, shape
from shapely.ops import unary_union

from hazard_db.errors import RasterError
from hazard_db.progress import Progress
from ingest.imagery.crop import TILE, Crop, polygons, to_wgs84
from ingest.imagery.encoding import REFLECTANCE_SCALE, Encoding
from ingest.imagery.raster import ENVIRONMENT, FileReader, Grid, Numbers, readers
from ingest.imagery.source import Layer

NODATA = -32768
LOWEST, HIGHEST = -32767, 32767
QUALITY_TYPES: dict[str, tuple[str, int]] = {"scl": ("uint8", 0), "qa_pixel": ("uint16", 1)}
"""Data type, and the product's own code for no data: SCL class 0, QA_PIXEL bit 0."""

CLEAR_BIT = 6
FOOTPRINT_PX = 512
"""Longer side of the mask that the footprint is drawn from."""
THREADS = os.cpu_count() or 1
SAMPLE_PX = 1024
LIGHTEST, DARKEST_PEAK = 2.0, 0.0255
"""A median reflectance above the first, or 99.9 % of all numbers below the second: a mistaken scale."""
LOWEST_MEDIAN = -0.2
SPECK_PX = 4
"""Smaller holes and islands of that mask are left out of the footprint."""


@dataclass(frozen=True)
class Counts:
    """What went through the writer."""

    valid: int
    clipped: int
    """Numbers beyond what 16 bits hold (reflectance above 3.2767: saturated)."""


def write_bands(
    layers: tuple[Layer, ...],
    crop: Crop,
    path: Path,
    encoding: Encoding,
    *,
    tags: Mapping[str, str],
    all_zero_is_nodata: bool,
    label: str,
    progress: Progress,
) -> Counts:
    """Return what was counted while writing the bands to `path` (int16, NODATA where not usable).

    Raises
    ------
    RasterError
        A band is damaged, or nothing of it is valid.
    """
    raw = path.with_suffix(".raw.tif")
    valid = clipped = 0
    with ExitStack() as stack:
        files = readers(layers, crop.grid, stack)
        found = [layer for file in files for layer in file.layers]
        order = [found.index(layer) for layer in layers]
        pool = stack.enter_context(ThreadPoolExecutor(min(len(files), THREADS)))
        target = stack.enter_context(rasterio.open(raw, "w", **_profile(crop, len(layers), "int16", NODATA)))
        target.descriptions = tuple(layer.name for layer in layers)
        target.scales = (encoding.scale,) * len(layers)
        target.offsets = (0.0,) * len(layers)
        target.update_tags(**tags)
        for number, (window, local, inside) in enumerate(crop.blocks()):
            progress(f"{label}: reading bands", number / crop.count())
            # how files of archives are opened is known by context, which threads do not share
            contexts = [copy_context() for _ in files]
            parts = pool.map(lambda file, own, part=window: own.run(file.read, part), files, contexts)
            read = [one for many in parts for one in many]
            ordered = [read[index] for index in order]
            stored, over = _stored(layers, ordered, inside, encoding, all_zero_is_nodata=all_zero_is_nodata)
            clipped += over
            seen = int((stored != NODATA).any(axis=0).sum())
            if seen:
                valid += seen
                target.write(stored, window=local)
    if not valid:
        where = "inside the corridor " if crop.area is not None else ""
        raise RasterError(f"{label}: {where}every pixel is nodata; there is nothing to keep")
    progress(f"{label}: writing", 1.0)
    finish(raw, path, resampling="AVERAGE")
    return Counts(valid, clipped)


def write_quality(layer: Layer, crop: Crop, path: Path, *, tags: Mapping[str, str]) -> None:
    """Write a quality layer to `path` with the product's own codes, nearest neighbour where resampled.

    Raises
    ------
    RasterError
        It is damaged, or holds other numbers than whole ones of its type.
    """
    dtype, fill = QUALITY_TYPES[layer.name]
    raw = path.with_suffix(".raw.tif")
    with ExitStack() as stack:
        reader = FileReader([layer], crop.grid, stack)
        target = stack.enter_context(rasterio.open(raw, "w", **_profile(crop, 1, dtype, fill)))
        target.descriptions = (layer.name,)
        target.update_tags(**tags)
        for window, local, inside in crop.blocks():
            ((numbers, valid),) = reader.read(window)
            keep = valid if inside is None else valid & inside
            if layer.recode is not None:
                numbers = recoded(numbers, layer.recode)
            codes = np.where(keep, numbers, fill)
            whole = codes.astype(dtype)
            if (whole != codes).any():
                raise RasterError(
                    f"{reader.label}: {layer.name} holds numbers that are no codes of it; check the bands"
                )
            target.write(whole, 1, window=local)
    finish(raw, path, resampling="NEAREST")


def recoded(numbers: npt.NDArray[Any], bits: Mapping[int, int]) -> npt.NDArray[np.uint16]:
    """Return quality bits at the places that QA_PIXEL has them; where none of them is set the ground is clear."""
    whole = numbers.astype(np.uint16)
    result = np.zeros(whole.shape, dtype=np.uint16)
    for own, ours in bits.items():
        result |= ((whole >> own) & 1) << ours
    return np.where(result == 0, np.uint16(1 << CLEAR_BIT), result)


def finish(raw: Path, path: Path, *, resampling: str) -> None:
    """Turn a plain GeoTIFF into a valid Cloud-Optimized one on disk, and remove the plain one.

    Raises
    ------
    RasterError
        It could not be written, or is not valid (never seen: a full disk shows here).
    """
    try:
        with rasterio.Env(**{**ENVIRONMENT, "GDAL_NUM_THREADS": "2"}):
            copy(raw, path, driver="COG", COMPRESS="DEFLATE", PREDICTOR="2", LEVEL="1", BLOCKSIZE=TILE,
                 OVERVIEW_RESAMPLING=resampling, BIGTIFF="IF_SAFER", SPARSE_OK="TRUE")  # fmt: skip
    except RasterioError as error:
        raise RasterError(
            f"{path.name}: cannot be written ({error}); check the free space under HAZARD_HOME"
        ) from error
    raw.unlink()
    valid, errors, _ = cog_validate(path, quiet=True)
    if not valid:
        raise RasterError(f"{path.name}: not a valid Cloud-Optimized GeoTIFF ({'; '.join(errors)})")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def footprint(path: Path, grid: Grid, crop: Crop) -> MultiPolygon:
    """Return where a written raster holds data, EPSG:4326; drawn from a mask of FOOTPRINT_PX at most."""
    with rasterio.open(path) as dataset:
        step = max(dataset.width, dataset.height) / FOOTPRINT_PX
        rows, cols = (max(1, round(size / max(step, 1.0))) for size in (dataset.height, dataset.width))
        masks = dataset.read_masks(out_shape=(dataset.count, rows, cols))
        transform = crop.transform @ crop.transform.scale(dataset.width / cols, dataset.height / rows)
    seen = (masks > 0).any(axis=0).astype(np.uint8)
    smooth = sieve(seen, SPECK_PX, connectivity=4)
    if smooth.any():
        seen = smooth
    parts = [shape(geometry) for geometry, _ in shapes(seen, mask=seen > 0, connectivity=4, transform=transform)]
    return polygons(to_wgs84(unary_union(parts), grid))


def refuse_implausible(path: Path, label: str) -> None:
    """Return quietly where the numbers can be reflectance.

    Raises
    ------
    RasterError
        They are so bright or so dark that the scale must be mistaken: applied twice, or not at all.
    """
    with rasterio.open(path) as dataset:
        step = max(1.0, max(dataset.width, dataset.height) / SAMPLE_PX)
        shape_ = (dataset.count, max(1, round(dataset.height / step)), max(1, round(dataset.width / step)))
        sample = dataset.read(out_shape=shape_, masked=True)
        names = dataset.descriptions
    peak = float(np.percentile(sample.compressed(), 99.9)) * REFLECTANCE_SCALE if sample.count() else DARKEST_PEAK
    if peak < DARKEST_PEAK:
        raise RasterError(
            f"{label}: hardly any reflectance above {peak:.4f}; integers must be reflectance x 10000 and floats 0-1, "
            "or the scale tag must say otherwise (applied twice?)"
        )
    for name, band in zip(names, sample, strict=True):
        middle = float(np.median(band.compressed())) * REFLECTANCE_SCALE if band.count() else 0.0
        if not LOWEST_MEDIAN <= middle <= LIGHTEST:
            raise RasterError(
                f"{label}: {name} has a median reflectance of {middle:.2f}{' or more' if middle > 3 else ''}, which cannot "
                "be; integers must be reflectance x 10000 and floats 0-1, or the scale and offset tags must say otherwise"
            )


def asset(path: Path, bands: Sequence[str]) -> dict[str, Any]:
    """Return the catalogue's description of a written raster; its href is the file name only."""
    with rasterio.open(path) as dataset:
        described = {
            "href": path.name,
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "bands": list(bands),
            "scale": dataset.scales[0],
            "offset": dataset.offsets[0],
            "nodata": dataset.nodata,
            "data_type": dataset.dtypes[0],
            "shape": [dataset.height, dataset.width],
            "transform": list(dataset.transform)[:6],
        }
    with path.open("rb") as file:
        described["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return described


def _stored(
    layers: Sequence[Layer],
    read: Sequence[Numbers],
    inside: npt.NDArray[np.bool_] | None,
    encoding: Encoding,
    *,
    all_zero_is_nodata: bool,
) -> tuple[npt.NDArray[np.int16], int]:
    """Return the block as stored, (bands, rows, cols), and how many numbers had to be clipped."""
    rows, cols = read[0][0].shape
    stored = np.full((len(layers), rows, cols), NODATA, dtype=np.int16)
    empty = np.full((rows, cols), all_zero_is_nodata)
    clipped = 0
    for index, (layer, (numbers, valid)) in enumerate(zip(layers, read, strict=True)):
        if all_zero_is_nodata:
            empty &= numbers == 0
        usable = valid if inside is None else valid & inside
        with np.errstate(over="ignore"):  # what is too large for a float is too large for a reflectance, too
            scaled = np.rint(encoding.value(numbers[usable] * layer.scale + layer.offset) / encoding.scale)
        clipped += int(((scaled < LOWEST) | (scaled > HIGHEST)).sum())
        if encoding.zero_is_nothing:
            scaled[scaled == 0] = 1
        whole = np.nan_to_num(np.clip(scaled, LOWEST, HIGHEST), nan=NODATA)
        stored[index][usable] = whole.astype(np.int16)
    stored[:, empty] = NODATA
    return stored, clipped


def _profile(crop: Crop, count: int, dtype: str, nodata: int) -> dict[str, Any]:
    return {
        "driver": "GTiff", "width": int(crop.window.width), "height": int(crop.window.height), "count": count,
        "dtype": dtype, "nodata": nodata, "crs": crop.grid.crs, "transform": crop.transform, "tiled": True,
        "blockxsize": TILE, "blockysize": TILE, "sparse_ok": True, "bigtiff": "IF_SAFER",
    }  # fmt: skip
