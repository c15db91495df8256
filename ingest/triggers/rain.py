"""IMERG satellite rain [@Huffman2023] as GeoTIFF, HDF5 or NetCDF, read at the cells of the road only."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from hazard_db.errors import InputError
from hazard_db.triggers.rain import RUNS, RainGrid, Run
from ingest import files, zips
from ingest.displacement.hdf import is_hdf5, opened, text
from ingest.displacement.probing import probe

MOST_MM = 3000.0
"""In ten days nowhere; more means that units were mistaken."""
MISSING = 29999
"""Fill value of the two-byte grids."""
TENTHS_MM = 0.1
GRANULE = re.compile(r"(\d{8})-S(\d{6})-E(\d{6})")
PERIOD = re.compile(r"\.(30min|3hr|1day|3day|7day)\b")
HOURS = {"30min": 0.5, "3hr": 3.0, "1day": 24.0, "3day": 72.0, "7day": 168.0}
DAY = re.compile(r"(?:^|[._-])(?:1d|1day|day)[._-]?(\d{8})(?:[._-]|$)", re.IGNORECASE)
VERSION = re.compile(r"\.(V\d{2}[A-Z]?)")
RUN_MARKS: tuple[tuple[re.Pattern[str], Run], ...] = (
    (re.compile(r"-E\.MS\.MRG|-DAY-E\b|HHE|/early/|_EARLY", re.IGNORECASE), "early"),
    (re.compile(r"-L\.MS\.MRG|-DAY-L\b|HHL|/late/|_LATE", re.IGNORECASE), "late"),
)
CANDIDATES = ("precipitation", "precipitationCal", "Grid/precipitation", "Grid/precipitationCal")

Cells = npt.NDArray[np.int16]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """What names and tags say of a file: which run, and of which hours."""

    product: str
    run: Run
    version: str
    starts_at: datetime
    ends_at: datetime


def read_rain(path: Path, cells: Cells) -> RainGrid:
    """Return the rain of the cells that a file covers, millimetres; a zip archive with one grid in it is read as that.

    Raises
    ------
    InputError
        It is damaged, not a rain grid, does not tell its hours, or does not cover the road.
    """
    known = files.facts(path)
    if zips.is_zip(files.head(path)):
        with tempfile.TemporaryDirectory(prefix="rain-") as folder:
            inner = zips.extract(path, _grid_name, Path(folder))
            grids = [one for one in inner if one.suffix.lower() in {".tif", ".tiff"}]
            if len(grids) != 1:
                raise InputError(f"{path.name}: holds {len(grids)} grids of accumulated rain; give one at a time")
            told, values = _read(grids[0], cells)
    else:
        told, values = _read(path, cells)
    if not np.isfinite(values).any():
        raise InputError(f"{path.name}: does not cover the road; fetch the global grid, or one of 72-77 E, 33-40 N")
    most = float(np.nanmax(values))
    if most > MOST_MM or float(np.nanmin(values)) < 0:
        raise InputError(
            f"{path.name}: says {most:,.0f} mm of rain at the road, which cannot be; is it scaled otherwise than IMERG is?"
        )
    return RainGrid(
        told.product, told.run, told.version, told.starts_at, told.ends_at, path.name, known.sha256, cells, values
    )


def _grid_name(name: str) -> str | None:
    plain = name.rpartition("/")[2]
    return None if "liquid" in plain or "rate" in plain or "ice" in plain.split(".") else plain


def _read(path: Path, cells: Cells) -> tuple[Told, Values]:
    if not is_hdf5(path):
        return _geotiff(path, cells)
    probe(path)
    return _hdf(path, cells)


def _geotiff(path: Path, cells: Cells) -> tuple[Told, Values]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(path, driver="GTiff") as dataset:
                tags = dataset.tags()
                if dataset.count != 1 or dataset.dtypes[0] not in {"uint16", "int16", "int32", "float32"}:
                    raise InputError(f"{path.name}: is not a rain grid: one band of accumulated rain is needed")
                if dataset.crs is not None and dataset.crs.to_epsg() not in {4326, None}:
                    raise InputError(f"{path.name}: is not in longitude and latitude; warp it to EPSG:4326")
                step, west, north = dataset.transform.a, dataset.transform.c, dataset.transform.f
                if not (0 < step <= 1 and abs(dataset.transform.e + step) < 1e-6 * step + 1e-9) or dataset.transform.b:
                    raise InputError(
                        f"{path.name}: is not placed in longitude and latitude, north up; keep its .tfw beside it"
                    )
                told = _told(path, tags)
                scale = _scale(path, tags, dataset.dtypes[0])
                grid = _Grid(west, north, step, dataset.width, dataset.height)

                def take(row: int, column: int, rows: int, columns: int) -> npt.NDArray[np.float64]:
                    block = dataset.read(1, window=Window(column, row, columns, rows)).astype(np.float64)
                    empty = {MISSING, dataset.nodata} - {None}
                    return np.where(np.isin(block, list(empty)) | ~np.isfinite(block), np.nan, block * scale)

                return told, _sample(grid, cells, take)
        except RasterioError as error:
            reason = (str(error.__cause__ or error).splitlines() or ["damaged"])[0]
            raise InputError(f"{path.name}: is not a GeoTIFF, HDF5 or NetCDF that can be read ({reason})") from error


def _hdf(path: Path, cells: Cells) -> tuple[Told, Values]:
    with opened(path) as file:
        name = next((one for one in CANDIDATES if one in file), None)
        if name is None:
            raise InputError(f"{path.name}: has no precipitation, neither under /Grid nor at the top; is it IMERG?")
        rain = file[name]
        group = file["Grid"] if name.startswith("Grid/") else file
        lon, lat = np.asarray(group["lon"], dtype=np.float64), np.asarray(group["lat"], dtype=np.float64)
        if (
            rain.ndim != 3
            or rain.shape[0] != 1
            or rain.shape[1:] != (len(lon), len(lat))
            or len(lon) < 2
            or len(lat) < 2
        ):
            raise InputError(f"{path.name}: {name} is {rain.shape}, not one time by longitude by latitude")
        step = float(lon[1] - lon[0])
        if (
            step <= 0
            or not np.allclose(np.diff(lon), step, atol=1e-3)
            or not np.allclose(np.diff(lat), step, atol=1e-3)
        ):
            raise InputError(f"{path.name}: its longitudes and latitudes do not rise in even steps")
        header = text(file.attrs.get("FileHeader", ""))
        told = _told(path, {"FileHeader": header} | {key: text(file.attrs[key]) for key in _DATES if key in file.attrs})
        hours = (told.ends_at - told.starts_at).total_seconds() / 3600
        scale = _to_mm(path, text(rain.attrs.get("units", rain.attrs.get("Units", ""))), hours)
        fill = float(np.ravel(rain.attrs.get("_FillValue", [-9999.9]))[0])
        grid = _Grid(float(lon[0]) - step / 2, float(lat[-1]) + step / 2, step, len(lon), len(lat))

        def take(row: int, column: int, rows: int, columns: int) -> npt.NDArray[np.float64]:
            south = len(lat) - row - rows
            block = np.asarray(rain[0, column : column + columns, south : south + rows], dtype=np.float64)
            block = np.flipud(block.T)
            return np.where((np.abs(block - fill) < 0.5) | ~np.isfinite(block), np.nan, block * scale)

        return told, _sample(grid, cells, take)


@dataclass(frozen=True)
class _Grid:
    """A grid in longitude and latitude, north up; west and north are its outer edges."""

    west: float
    north: float
    step: float
    width: int
    height: int


def _sample(grid: _Grid, cells: Cells, take: Callable[[int, int, int, int], Values]) -> Values:
    """Return the value at the middle of each cell, NaN outside; only the block around the road is read."""
    lon, lat = (cells[:, 0] + 0.5) / 10 - 180, (cells[:, 1] + 0.5) / 10 - 90
    column = np.floor((lon - grid.west) / grid.step + 1e-6).astype(np.int64)
    row = np.floor((grid.north - lat) / grid.step + 1e-6).astype(np.int64)
    inside = (column >= 0) & (column < grid.width) & (row >= 0) & (row < grid.height)
    values = np.full(len(cells), np.nan)
    if not inside.any():
        return values
    first_row, first_column = int(row[inside].min()), int(column[inside].min())
    rows, columns = int(row[inside].max()) - first_row + 1, int(column[inside].max()) - first_column + 1
    block = take(first_row, first_column, rows, columns)
    values[inside] = block[row[inside] - first_row, column[inside] - first_column]
    return values


_DATES = ("BeginDate", "BeginTime", "EndDate", "EndTime")


def _told(path: Path, tags: Mapping[str, str]) -> Told:
    """Return which run of which hours a file holds, from its tags first, then its name: files are often renamed."""
    inner = tags.get("TIFFTAG_DOCUMENTNAME", "")
    header = tags.get("FileHeader", "")
    names = (header + " " + inner, path.name)
    hours = _from_header(header) or _from_dates(tags) or _from_name(inner) or _from_name(path.name)
    if hours is None:
        raise InputError(
            f"{path.name}: does not tell its hours; keep the name it came with, such as 3B-HHR-L...20240617-S233000-E235959...1day.tif"
        )
    starts, ends = hours
    if not timedelta(0) < ends - starts <= timedelta(days=31):
        raise InputError(f"{path.name}: its hours end before they begin, or are more than a month")
    if ends > datetime.now(UTC) + timedelta(days=1):
        raise InputError(f"{path.name}: its hours lie in the future ({ends:%Y-%m-%d %H:%M} UTC)")
    run = next((run for name in names for mark, run in RUN_MARKS if mark.search(name)), RUNS[-1])
    version = next((found[1] for name in names if (found := VERSION.search(name))), "")
    return Told("IMERG", run, version, starts, ends)


def _from_name(name: str) -> tuple[datetime, datetime] | None:
    """Return the hours that a name of NASA's tells: a period ends where its last half hour does."""
    if granule := GRANULE.search(name):
        ends = _moment(granule[1] + granule[3]) + timedelta(seconds=1)
        starts = _moment(granule[1] + granule[2])
        if ends <= starts:
            ends += timedelta(days=1)
        period = PERIOD.search(name)
        return (ends - timedelta(hours=HOURS[period[1]]) if period else starts), ends
    if day := DAY.search(name):
        starts = _moment(day[1] + "000000")
        return starts, starts + timedelta(days=1)
    return None


def _from_header(header: str) -> tuple[datetime, datetime] | None:
    found = [re.search(rf"{name}GranuleDateTime=(\S+?)Z?[;\s]", header + " ") for name in ("Start", "Stop")]
    if not all(found):
        return None
    try:
        first, last = (datetime.fromisoformat(one[1][:19]).replace(tzinfo=UTC) for one in found if one)
    except ValueError:
        return None
    return first, last + timedelta(seconds=1 if last.second == 59 else 0)


def _from_dates(tags: Mapping[str, str]) -> tuple[datetime, datetime] | None:
    """Return the hours of a daily file of GES DISC."""
    if not set(_DATES) <= set(tags):
        return None
    try:
        first, last = (
            datetime.fromisoformat(f"{tags[f'{edge}Date']}T{tags[f'{edge}Time'][:8]}").replace(tzinfo=UTC)
            for edge in ("Begin", "End")
        )
    except ValueError:
        return None
    return first, last + timedelta(seconds=1 if last.second == 59 else 0)


def _moment(digits: str) -> datetime:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{digits}: is no date and time, though the file's name has it as one") from error


def _scale(path: Path, tags: Mapping[str, str], dtype: str) -> float:
    """Return millimetres per stored unit; two-byte grids of IMERG hold tenths, whether they say so or not."""
    unit = re.search(r"Unit=([\d.]*)\(?mm\)?", tags.get("TIFFTAG_IMAGEDESCRIPTION", ""))
    if unit:
        return float(unit[1] or 1)
    if dtype == "float32":
        return 1.0
    if not GRANULE.search(tags.get("TIFFTAG_DOCUMENTNAME", "") + path.name):
        raise InputError(f"{path.name}: does not tell its unit; keep the name and the tags that NASA gave it")
    return TENTHS_MM


def _to_mm(path: Path, unit: str, hours: float) -> float:
    """Return the factor from a rate or a sum to millimetres in the file's hours."""
    plain = unit.strip().lower().replace(" ", "")
    factors = {"mm/hr": hours, "mm/h": hours, "mmhr-1": hours, "mm/day": hours / 24, "mm": 1.0}
    if plain not in factors:
        raise InputError(f"{path.name}: its unit is {unit!r}; mm/hr, mm/day and mm are read")
    return factors[plain]
