"""Writes displacement products as their makers do, from one series."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS, Transformer

EPSG = 32643
WEST, NORTH, STEP = 500_000.0, 4_020_000.0, 50.0


def stamps(dates: Sequence[date]) -> list[str]:
    """Return dates as YYYYMMDD."""
    return [day.strftime("%Y%m%d") for day in dates]


def write_mintpy(path: Path, y_mm: Any, dates: Sequence[date], **attributes: str) -> Path:
    """Write MintPy's timeseries.h5, metres, EPSG:32643."""
    told = {
        "FILE_TYPE": "timeseries", "UNIT": "m", "X_FIRST": str(WEST), "Y_FIRST": str(NORTH), "X_STEP": str(STEP),
        "Y_STEP": str(-STEP), "X_UNIT": "meters", "EPSG": str(EPSG), "REF_Y": "1", "REF_X": "2", "WAVELENGTH": "0.0554657",
        "HEADING": "-13.0", "CENTER_INCIDENCE_ANGLE": "39.0",
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file["timeseries"] = (np.asarray(y_mm) / 1000).astype(np.float32)
        file["date"] = np.array([stamp.encode() for stamp in stamps(dates)])
        for name, value in {**told, **attributes}.items():
            file.attrs[name] = value
    return path


def write_licsbas(path: Path, y_mm: Any, dates: Sequence[date]) -> Path:
    """Write LiCSBAS's cum.h5, mm, degrees."""
    with h5py.File(path, "w") as file:
        file["cum"] = np.asarray(y_mm, dtype=np.float32)
        file["imdates"] = np.array([int(stamp) for stamp in stamps(dates)], dtype=np.int32)
        file["corner_lat"], file["corner_lon"], file["post_lat"], file["post_lon"] = 36.4, 74.6, -0.0005, 0.0005
        file["refarea"] = "1:2/1:2"
    return path


def grid_lonlat(shape: tuple[int, int]) -> tuple[Any, Any]:
    """Return longitude and latitude of the middles of the pixels of `write_mintpy`, (rows, cols)."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    mover = Transformer.from_crs(EPSG, 4326, always_xy=True)
    return mover.transform(WEST + (cols + 0.5) * STEP, NORTH - (rows + 0.5) * STEP)


def write_scatterers(path: Path, y_mm: Any, dates: Sequence[date], *, factor: float = 1.0) -> Path:
    """Write a table of persistent scatterers, one a pixel."""
    lon, lat = grid_lonlat(y_mm.shape[1:])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["ID", "Lat", "Lon", "height", "velocity", "coherence", *(f"D{stamp}" for stamp in stamps(dates))]
        )
        for row, col in np.ndindex(*lon.shape):
            values = [f"{value * factor:.6f}" if np.isfinite(value) else "" for value in y_mm[:, row, col]]
            writer.writerow([f"P{row}_{col}", f"{lat[row, col]:.8f}", f"{lon[row, col]:.8f}", 2500, "", 0.8, *values])
    return path


def write_egms(path: Path, y_mm: Any, dates: Sequence[date], *, delimiter: str = ",", comma: bool = False) -> Path:
    """Write a table like EGMS's, EPSG:3035."""
    lon, lat = grid_lonlat(y_mm.shape[1:])
    east, north = Transformer.from_crs(4326, 3035, always_xy=True).transform(lon, lat)

    def number(value: float, digits: int) -> str:
        return f"{value:.{digits}f}".replace(".", "," if comma else ".")

    with path.open("w") as file:
        file.write(
            delimiter.join(["pid", "easting", "northing", "height", "rmse", "mean_velocity", *stamps(dates)]) + "\n"
        )
        for row, col in np.ndindex(*lon.shape):
            place = [f"10cvS{row:03d}{col:03d}", number(east[row, col], 3), number(north[row, col], 3), number(2500, 1)]
            values = [number(value, 4) for value in y_mm[:, row, col]]
            file.write(delimiter.join([*place, number(1.0, 1), number(0.0, 1), *values]) + "\n")
    return path


def write_opera(path: Path, layer_mm: Any, begin: date, end: date) -> Path:
    """Write one OPERA DISP-S1 product, metres."""
    height, width = layer_mm.shape
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = WEST + (np.arange(width) + 0.5) * STEP, NORTH - (np.arange(height) + 0.5) * STEP
        file["displacement"] = (layer_mm / 1000).astype(np.float32)
        file["displacement"].attrs["units"] = "meters"
        file["displacement"].attrs["grid_mapping"] = "spatial_ref"
        file["displacement"].attrs["_FillValue"] = np.float32(np.nan)
        file["recommended_mask"] = np.ones(layer_mm.shape, dtype=np.uint8)
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(EPSG).to_wkt()
        file["identification/reference_datetime"] = f"{begin} 14:07:55.000000"
        file["identification/secondary_datetime"] = f"{end} 14:07:56.000000"
    return path


def opera_name(begin: date, end: date) -> str:
    """Return the file name of a product."""
    return f"OPERA_L3_DISP-S1_IW_F11116_VV_{begin:%Y%m%d}T140755Z_{end:%Y%m%d}T140756Z_v0.9.nc"


def write_geotiff(path: Path, layer: Any, unit: str | None = "meters") -> Path:
    """Write one displacement raster, float32, EPSG:32643."""
    height, width = layer.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype="float32", crs=f"EPSG:{EPSG}", nodata=np.nan,
        transform=Affine(STEP, 0, WEST, 0, -STEP, NORTH),
    ) as raster:  # fmt: skip
        raster.write(layer.astype(np.float32), 1)
        if unit:
            raster.set_band_unit(1, unit)
    return path
