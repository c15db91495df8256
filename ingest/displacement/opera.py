"""OPERA DISP-S1 NetCDF: one product a pair of dates, or all dates in one file [@OPERADISP]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS

from hazard_db.errors import InputError
from hazard_db.series import Displacement, Raster
from ingest.displacement import hdf
from ingest.displacement.chaining import chain, join
from ingest.displacement.source import (
    MM,
    Options,
    ascending,
    brief,
    chosen_unit,
    crs_wkt,
    days_in,
    same_unit,
    unit_of,
)

DATA = "displacement"
_SUFFIXES = (".nc", ".nc4", ".h5", ".hdf5")
_SEVERAL = 3
_SECONDS = {
    "days": 86400.0,
    "hours": 3600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
}


def recognise(path: Path) -> bool:
    """Return whether a file, or some file of a folder, has the variable `displacement` on axes x and y."""
    return any({DATA, "x", "y"} <= hdf.names(file) for file in _files(path))


def read(path: Path, options: Options) -> Displacement:
    """Return the series of one file or of a folder of products; ministacks are chained.

    Raises
    ------
    InputError
        The products do not make a series, or too few can be read.
    """
    layers, broken = [], []
    for file in _files(path):
        try:
            if {DATA, "x", "y"} <= hdf.names(file):
                layers += _layers(file)
            elif not hdf.names(file):
                broken.append(file)
        except InputError:
            if path.is_file():
                raise
            broken.append(file)
    if not layers:
        raise InputError(f"{path.name}: holds no product that can be read; fetch {brief(broken)} again")
    first = layers[0]
    odd = [one.path for one in layers if one.place != first.place]
    if odd:
        raise InputError(
            f"{path.name}: {brief(odd)} has another grid than {first.path.name}; take products of one frame"
        )
    same_unit((one.unit for one in layers), path.name, options.unit)
    unit = chosen_unit(options.unit, first.unit or "m", path.name)
    dates, reader = _series(layers, MM[unit], path.name)
    masked = any(one.mask for one in layers)
    notes = [f"left out because damaged: {brief(broken)}"] * bool(broken) + [
        "pixels outside recommended_mask are left out"
    ] * masked
    place = (
        first.place
        if options.crs is None
        else Raster(crs_wkt(options.crs, path.name), first.place.transform, first.place.shape)
    )
    return Displacement(
        name=path.name, format="opera", dates=dates, place=place, read=reader, unit=unit, reference=first.reference,
        crs=CRS.from_wkt(place.wkt).name, facts={"files": len({one.path for one in layers})}, notes=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True)
class _Layer:
    """Displacement from one date to another."""

    path: Path
    index: int
    """Along the axis of time, where the file has one."""
    begin: date | None
    """None = the first date of all."""
    end: date
    place: Raster
    unit: str | None
    mask: bool
    south_first: bool
    reference: str


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    return [
        file
        for file in found
        if file.is_file() and (hdf.is_hdf5(file) or (path.is_dir() and file.suffix.lower() in _SUFFIXES))
    ]


def _layers(path: Path) -> list[_Layer]:
    """Return the layers of a file."""
    with hdf.opened(path) as file:
        data = file[DATA]
        x, y = (np.asarray(file[name][:], dtype=np.float64) for name in ("x", "y"))
        if data.shape[-2:] != (len(y), len(x)) or min(len(x), len(y)) < 2:
            raise InputError(f"{path.name}: displacement of shape {data.shape} does not fit its axes; fetch it again")
        dx, dy = (x[-1] - x[0]) / (len(x) - 1), (y[-1] - y[0]) / (len(y) - 1)
        if dx <= 0:
            raise InputError(f"{path.name}: x does not run east; convert it to a north-up map")
        north = max(y[0], y[-1]) + abs(dy) / 2
        place = Raster(_crs(file, data, path.name), (dx, 0.0, x[0] - dx / 2, 0.0, -abs(dy), north), (len(y), len(x)))
        unit = unit_of(data.attrs.get("units"))
        spans = _spans(file, data, path)
        mask = "recommended_mask" in file and file["recommended_mask"].shape == data.shape
        reference = hdf.text(file.attrs.get("reference_point", "")) or "reference of the product"
    return [_Layer(path, k, begin, end, place, unit, mask, dy > 0, reference) for k, (begin, end) in enumerate(spans)]


def _crs(file: Any, data: Any, label: str) -> str:
    """Return the CRS by the rules of CF: the variable that `grid_mapping` names."""
    name = hdf.text(data.attrs.get("grid_mapping", "spatial_ref"))
    attributes = file[name].attrs if name in file else {}
    for key in ("crs_wkt", "spatial_ref"):
        if key in attributes:
            return crs_wkt(hdf.text(attributes[key]), label)
    raise InputError(f"{label}: does not tell its CRS (grid mapping '{name}'); give --crs EPSG:n")


def _spans(file: Any, data: Any, path: Path) -> list[tuple[date | None, date]]:
    """Return first and second date of each layer."""
    if data.ndim == _SEVERAL:
        ends = _times(file["time"], path.name) if "time" in file else []
        begins: list[date | None] = [*_times(file["reference_time"], path.name)] if "reference_time" in file else []
        if len(ends) != data.shape[0]:
            raise InputError(f"{path.name}: {len(ends)} times do not fit {data.shape[0]} layers; fetch it again")
        if len(begins) == 1:
            begins *= len(ends)
        return list(zip(begins or [None] * len(ends), ends, strict=True))
    said = [_identified(file, name) for name in ("reference_datetime", "secondary_datetime")]
    named = days_in(path.stem)[:2]
    begin, end = said if all(said) else named if len(named) == 2 else (None, None)
    if begin is None or end is None:
        raise InputError(
            f"{path.name}: does not tell its two dates; name it as OPERA does (..._YYYYMMDDT..._YYYYMMDDT...)"
        )
    return [(begin, end)]


def _identified(file: Any, name: str) -> date | None:
    for group in ("identification", "metadata"):
        if group in file and name in file[group]:
            found = days_in(hdf.text(file[group][name][()]))
            return found[0] if found else None
    return None


def _times(variable: Any, label: str) -> list[date]:
    """Return the days of a CF time variable such as `days since 2016-07-08`."""
    step, _, since = hdf.text(variable.attrs.get("units", "")).partition(" since ")
    seconds = _SECONDS.get(step.strip())
    zero = days_in(since)
    if seconds is None or not zero:
        raise InputError(
            f"{label}: time counts in '{step} since {since[:30]}', which is not known; write days since YYYY-MM-DD"
        )
    clock = since.strip()[10:].strip(" TZ").split(".")[0]
    try:
        begin = datetime.combine(zero[0], datetime.strptime(clock, "%H:%M:%S").time() if clock else datetime.min.time())
        return [(begin + timedelta(seconds=float(value) * seconds)).date() for value in np.atleast_1d(variable[()])]
    except (ValueError, OverflowError) as error:
        raise InputError(f"{label}: its times are no dates ({str(error)[:60]}); fetch it again") from error


def _series(layers: list[_Layer], to_mm: float, label: str) -> tuple[tuple[date, ...], Any]:
    """Return dates and a function that reads rows as a series in mm."""

    def raw(start: int, stop: int) -> npt.NDArray[np.float32]:
        return np.stack([_rows(one, start, stop) for one in layers]) * np.float32(to_mm)

    pairs = [(one.begin, one.end) for one in layers if one.begin is not None and one.begin != one.end]
    if any(one.begin is None for one in layers):
        order = ascending([one.end for one in layers], label)
        return tuple(layers[k].end for k in order), lambda start, stop: raw(start, stop)[order]
    kept = [k for k, one in enumerate(layers) if one.begin != one.end]
    links = chain([(begin, end) for begin, end in pairs if begin is not None], label)
    return links.dates, lambda start, stop: join(links, raw(start, stop)[kept])


def _rows(layer: _Layer, start: int, stop: int) -> npt.NDArray[np.float32]:
    rows = layer.place.shape[0]
    first, last = (rows - stop, rows - start) if layer.south_first else (start, stop)
    with hdf.opened(layer.path) as file:
        data = file[DATA]
        where = (slice(first, last), slice(None)) if data.ndim == 2 else (layer.index, slice(first, last), slice(None))
        values = np.asarray(data[where], dtype=np.float32)
        fill = data.attrs.get("_FillValue")
        mask = np.asarray(file["recommended_mask"][where]) if layer.mask else None
    if fill is not None and np.isfinite(np.asarray(fill, dtype=np.float64)).all():
        values[values == np.asarray(fill, dtype=np.float32).reshape(-1)[0]] = np.nan
    values[~np.isfinite(values)] = np.nan
    if mask is not None:
        values[mask != 1] = np.nan
    return values[::-1] if layer.south_first else values
