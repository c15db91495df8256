"""Folders of GeoTIFFs, one a date: the displacement of OPERA DISP-S1 and dolphin, and PyRate's tscuml."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from hazard_db.errors import InputError
from hazard_db.series import Displacement, FloatArray, Raster
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

_PREFERRED = ("displacement", "tscuml", "disp", "cum", "timeseries", "los")
_NOT_DISPLACEMENT = (
    "coherence",
    "mask",
    "label",
    "counts",
    "similarity",
    "residual",
    "velocity",
    "incr",
    "error",
    "std",
)
_FEWEST = 2


def recognise(path: Path) -> bool:
    """Return whether a folder holds GeoTIFFs named by dates."""
    return path.is_dir() and bool(_groups(path))


def read(path: Path, options: Options) -> Displacement:
    """Return the series of a folder's displacement rasters; files that cannot be read are left out and named.

    Raises
    ------
    InputError
        Too few can be read, or they do not fit together.
    """
    files = _choose(path)
    layers, broken = _open_all(files)
    if len(layers) < _FEWEST:
        raise InputError(
            f"{path.name}: of {len(files)} dated rasters {len(layers)} can be read; fetch {brief(broken)} again"
        )
    first = layers[0]
    odd = [one.path for one in layers if (one.grid, one.crs) != (first.grid, first.crs)]
    if odd:
        raise InputError(f"{path.name}: {brief(odd)} has another grid than {first.path.name}; warp it to the same one")
    same_unit((one.unit for one in layers), path.name, options.unit)
    unit = chosen_unit(options.unit, first.unit or _customary(first.path.name), path.name)
    notes = (f"left out because damaged: {brief(broken)}",) if broken else ()
    dates, read_rows = _series([(one.path, one.days) for one in layers], MM[unit], path.name)
    height, width, transform = first.grid
    return Displacement(
        name=path.name,
        format="geotiffs",
        dates=dates,
        place=Raster(crs_wkt(options.crs or first.crs, path.name), transform, (height, width)),
        read=read_rows,
        unit=unit,
        reference=first.reference,
        crs=first.epsg,
        facts={"files": len(layers)},
        notes=notes,
    )


@dataclass(frozen=True)
class _Layer:
    path: Path
    days: tuple[date, ...]
    grid: tuple[int, int, tuple[float, float, float, float, float, float]]
    crs: str
    epsg: str
    unit: str | None
    reference: str


def _groups(folder: Path) -> dict[str, list[Path]]:
    """Return the dated GeoTIFFs of a folder by the part of their names that is no date."""
    groups: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (".tif", ".tiff") and 1 <= len(days_in(file.stem)) <= 3:
            groups.setdefault(re.sub(r"\d{8}(T\d{6}Z?)?|\d{4}-\d{2}-\d{2}", "#", file.stem).lower(), []).append(file)
    return {name: files for name, files in groups.items() if len(files) >= _FEWEST}


def _choose(folder: Path) -> list[Path]:
    """Return the files of the one group that is displacement."""
    groups = {
        name: files for name, files in _groups(folder).items() if not any(word in name for word in _NOT_DISPLACEMENT)
    }
    for word in _PREFERRED:
        named = {name: files for name, files in groups.items() if word in name}
        if len(named) == 1:
            return next(iter(named.values()))
    if len(groups) == 1:
        return next(iter(groups.values()))
    listed = ", ".join(sorted(groups)[:4]) or "none"
    raise InputError(
        f"{folder.name}: cannot tell which dated rasters are displacement ({listed}); put them in a folder of their own"
    )


def _open_all(files: list[Path]) -> tuple[list[_Layer], list[Path]]:
    """Return the rasters that can be read to their end, and those that cannot."""
    layers, broken = [], []
    for file in files:
        try:
            with rasterio.open(file, driver="GTiff") as dataset:
                if dataset.crs is None or dataset.transform.b or dataset.transform.d or dataset.transform.e >= 0:
                    raise InputError(f"{file.name}: is not a north-up map with a CRS; warp it first")
                dataset.checksum(
                    1
                )  # reads every block: a truncated file says so here and not in the middle of the work
                layers.append(_layer(file, dataset))
        except RasterioError:
            broken.append(file)
    return layers, broken


def _layer(file: Path, dataset: Any) -> _Layer:
    tags = {**dataset.tags(), **dataset.tags(1)}
    told = [dataset.units[0], *(tags.get(name) for name in ("units", "unit", "UNIT", "DATA_UNITS"))]
    point = next((tags[name] for name in ("reference_point", "REFERENCE_POINT") if name in tags), None)
    epsg = dataset.crs.to_epsg()
    return _Layer(
        path=file,
        days=tuple(sorted(days_in(file.stem)[:2])),
        grid=(dataset.height, dataset.width, tuple(dataset.transform)[:6]),
        crs=dataset.crs.to_wkt(),
        epsg=f"EPSG:{epsg}" if epsg else "other",
        unit=next((unit for unit in map(unit_of, told) if unit), None),
        reference=f"pixel {point} (row, column)".replace('"', "") if point else "not told by the files",
    )


def _customary(name: str) -> str | None:
    """Return the unit of products that do not write it down: PyRate counts in millimetres."""
    return "mm" if "tscuml" in name.lower() else None


def _series(
    layers: list[tuple[Path, tuple[date, ...]]], to_mm: float, label: str
) -> tuple[tuple[date, ...], Callable[[int, int], FloatArray]]:
    """Return dates and a function that reads rows as a series in mm."""
    paths = [path for path, _ in layers]

    def raw(start: int, stop: int) -> FloatArray:
        return np.stack([_rows(path, start, stop) for path in paths]) * np.float32(to_mm)

    if all(len(days) == 1 for _, days in layers):
        order = ascending([days[0] for _, days in layers], label)
        return tuple(layers[k][1][0] for k in order), lambda start, stop: raw(start, stop)[order]
    links = chain([(days[0], days[-1]) for _, days in layers], label)
    return links.dates, lambda start, stop: join(links, raw(start, stop))


def _rows(path: Path, start: int, stop: int) -> FloatArray:
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            window = Window(0, start, dataset.width, stop - start)
            values: npt.NDArray[np.float32] = dataset.read(1, window=window).astype(np.float32)
            if dataset.nodata is not None and np.isfinite(dataset.nodata):
                values[values == np.float32(dataset.nodata)] = np.nan
    except RasterioError as error:
        raise InputError(f"{path.name}: cannot be read, it is damaged or incomplete; fetch it again") from error
    values[~np.isfinite(values)] = np.nan
    return values
