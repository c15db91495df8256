"""Rasters that computations leave, put where tiles and STAC find them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import rasterio
from rasterio.warp import transform_bounds
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import MultiPolygon, box

from hazard_db import rasters
from hazard_db.connect import Connection
from hazard_db.errors import RasterError
from ingest.imagery import cog


@dataclass(frozen=True)
class Result:
    """What a raster is."""

    id: str
    """Stable: a raster of the same id takes the place of the one before."""
    kind: str
    """evidence, susceptibility, ...: small letters."""
    title: str
    first_at: datetime
    last_at: datetime
    run_id: int | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    scope: Literal["Public", "Restricted"] = "Restricted"


def keep(conn: Connection, home: Path, raster: Path, result: Result) -> str:
    """Return the href (path relative to `home`) of a raster after copying it there as a Cloud-Optimized GeoTIFF.

    The file is in its place before the catalogue tells of it, which it does when the transaction of `conn` is committed.

    Raises
    ------
    RasterError
        It is no raster with a reference system, or cannot be written.
    """
    href = Path(rasters.FOLDER) / result.kind / f"{result.id}.tif"
    target = home / href
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part.tif")
    shutil.copyfile(raster, part)
    if cog_validate(part, quiet=True)[0]:
        part.replace(target)
    else:
        ready = target.with_suffix(".ready.tif")
        cog.finish(part, ready, resampling="AVERAGE")
        ready.replace(target)
    with rasterio.open(target) as dataset:
        if dataset.crs is None or (epsg := dataset.crs.to_epsg()) is None:
            raise RasterError(f"{raster.name}: its reference system has no EPSG code; write it in one that has")
        bands = [name or f"band_{number}" for number, name in enumerate(dataset.descriptions, 1)]
        around = MultiPolygon([box(*transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds))])
    told = {**cog.asset(target, bands), "href": str(href)}
    if isinstance(told["nodata"], float) and told["nodata"] != told["nodata"]:  # NaN, for which JSON has no word
        told["nodata"] = "nan"
    rasters.store(
        conn,
        rasters.RasterRecord(
            id=result.id, kind=result.kind, title=result.title, first_at=result.first_at, last_at=result.last_at, epsg=epsg,
            assets={"data": told}, footprint=around, run_id=result.run_id, properties=result.properties, scope=result.scope,
        ),
    )  # fmt: skip
    return str(href)
