"""Rain grids as NASA lays them out, small enough for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import rasterio
from affine import Affine

WEST, NORTH, STEP = 72.0, 40.0, 0.1
SHAPE = (70, 60)
"""Rows and columns: 33-40 N, 72-78 E."""


def daily_name(day: datetime, run: str = "L", version: str = "V07B") -> str:
    return f"3B-HHR-{run}.MS.MRG.3IMERG.{day:%Y%m%d}-S233000-E235959.1410.{version}.1day.tif"


def geotiff(path: Path, rain_mm: np.ndarray, *, described: str | None = None, crs: str | None = None) -> Path:
    """Write a two-byte grid of tenths of a millimetre, without a CRS unless given."""
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": 1, "height": rain_mm.shape[0], "width": rain_mm.shape[1],
        "transform": Affine(STEP, 0, WEST, 0, -STEP, NORTH), "crs": crs,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.round(rain_mm * 10).astype("uint16"), 1)
        if described:
            file.update_tags(TIFFTAG_DOCUMENTNAME=described)
    return path


def half_hour_hdf(path: Path, rate_mm_h: np.ndarray, starts: datetime) -> Path:
    """Write a half-hourly grid as /Grid/precipitation, time by longitude by latitude, south first, -9999.9 = missing."""
    ends = starts + timedelta(minutes=30) - timedelta(milliseconds=1)
    with h5py.File(path, "w") as file:
        file.attrs["FileHeader"] = (
            f"DOI=x;\nAlgorithmID=3IMERGHH;\nFileName=3B-HHR.MS.MRG.3IMERG.{starts:%Y%m%d}-S{starts:%H%M%S}-E{ends:%H%M%S}.0000.V07B.HDF5;\n"
            f"StartGranuleDateTime={starts:%Y-%m-%dT%H:%M:%S}.000Z;\nStopGranuleDateTime={ends:%Y-%m-%dT%H:%M:%S}.999Z;\n"
        )
        _fields(file.create_group("Grid"), "precipitation", rate_mm_h, "mm/hr")
    return path


def daily_netcdf(path: Path, rain_mm_day: np.ndarray, day: datetime) -> Path:
    """Write a daily grid of GES DISC: precipitation at the top, mm/day."""
    with h5py.File(path, "w") as file:
        file.attrs.update(
            BeginDate=f"{day:%Y-%m-%d}", BeginTime="00:00:00.000Z", EndDate=f"{day:%Y-%m-%d}", EndTime="23:59:59.999Z"
        )
        _fields(file, "precipitation", rain_mm_day, "mm/day")
    return path


def _fields(group: h5py.Group, name: str, values: np.ndarray, units: str) -> None:
    rows, columns = values.shape
    group["lon"] = (WEST + STEP * (np.arange(columns) + 0.5)).astype("float32")
    group["lat"] = (NORTH - STEP * rows + STEP * (np.arange(rows) + 0.5)).astype("float32")
    stored = np.where(np.isfinite(values), values, -9999.9).astype("float32")
    made = group.create_dataset(name, data=np.flipud(stored).T[None])
    made.attrs["units"], made.attrs["_FillValue"] = units, np.float32(-9999.9)
