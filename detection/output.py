"""Results on disk: written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioError
from rasterio.shutil import copy

from detection.grids import ENVIRONMENT, Grid
from hazard_db.errors import DetectionError

NONE, CHANGE, NOT_OBSERVED = 0, 1, 255
TILE_PX = 256


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` that takes its place once the block has ended well.

    Raises
    ------
    DetectionError
        The folder is not there or cannot be written.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RasterioError) as error:
        raise DetectionError(f"{path}: cannot be written ({error}); check folder, rights and free space") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _temporary(path: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise DetectionError(f"{path}: cannot be written ({error.strerror}); give a folder that exists") from error
    # mkstemp makes files that only the owner may read; a result has the rights of any new file
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)
    return Path(name)


def check_outputs(outputs: Sequence[Path | None], inputs: Sequence[str | Path]) -> None:
    """Return quietly where results can be written.

    Raises
    ------
    DetectionError
        A result would overwrite an input or another result, or its folder is not there.
    """
    taken = {str(Path(one).resolve()): Path(one).name for one in inputs}
    for path in outputs:
        if path is None:
            continue
        key = str(path.resolve())
        if key in taken:
            raise DetectionError(f"{path}: is used already ({taken[key]}); give the result another name")
        taken[key] = path.name
        if path.is_dir():
            raise DetectionError(f"{path}: is a folder; give the name of a file in it")
        if not path.parent.is_dir():
            raise DetectionError(f"{path}: the folder {path.parent} does not exist; create it first")
        if not os.access(path.parent, os.W_OK):
            raise DetectionError(f"{path}: the folder {path.parent} cannot be written; choose another")


@dataclass(frozen=True)
class Collection:
    """What was found, as it is written."""

    collection: dict[str, Any]
    """GeoJSON feature collection, EPSG:4326, whose foreign members tell how it was made."""

    @property
    def features(self) -> list[dict[str, Any]]:
        """What was found, one by one."""
        features: list[dict[str, Any]] = self.collection["features"]
        return features

    @property
    def stats(self) -> dict[str, Any]:
        """What the collection tells of its numbers."""
        stats: dict[str, Any] = self.collection["stats"]
        return stats


def write_json(value: Any, path: Path) -> None:
    """Write JSON to `path`, whole or not at all; NaN is a mistake and refused."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def create_raster(path: Path, grid: Grid, dtype: str, nodata: float, names: Sequence[str]) -> Any:
    """Return a tiled GeoTIFF opened to write blocks into; what is never written is nodata."""
    raster = rasterio.open(
        path, "w", driver="GTiff", height=grid.shape[0], width=grid.shape[1], count=len(names), dtype=dtype, nodata=nodata,
        crs=grid.crs, transform=grid.transform, tiled=True, blockxsize=TILE_PX, blockysize=TILE_PX, sparse_ok=True,
        compress="deflate", zlevel=1, bigtiff="if_safer",
    )  # fmt: skip
    raster.descriptions = tuple(names)
    return raster


def publish_raster(source: Path, path: Path, *, overviews: str) -> None:
    """Write a raster to `path` as a Cloud-Optimized GeoTIFF, whole or not at all."""
    with replacing(path) as temporary, rasterio.Env(**ENVIRONMENT):
        copy(source, temporary, driver="COG", COMPRESS="DEFLATE", OVERVIEW_RESAMPLING=overviews, BIGTIFF="IF_SAFER")
