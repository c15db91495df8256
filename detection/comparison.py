"""A result and a truth in files of any kind and CRS -> both on one grid, and the figures of how they agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import shapely
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.vrt import WarpedVRT

from detection.arrays import EIGHT, BoolArray
from detection.evaluation import Objects, Rule, report, tally
from detection.grids import Grid, grid_of, opened, unreadable
from detection.output import NOT_OBSERVED
from hazard_db.errors import DetectionError, InputError
from hazard_db.ogr import pyogrio
from hazard_db.vector_file import read_shapes

RASTERS = frozenset({".tif", ".tiff", ".jp2"})
LARGEST_PX = 200_000_000
PIXEL_M = 10.0
DAY_FIELDS = ("event_date", "event_at", "date", "occurred_at", "occurred_on")
"""A truth that tells the day itself; else both kinds tell `first_date` and `last_date`."""


@dataclass(frozen=True)
class Polygons:
    """Polygons of a vector file."""

    shapes: npt.NDArray[Any]
    crs: CRS
    confidence: Mapping[int, float]
    """By position, where it is told."""
    dates: Mapping[int, tuple[date, date]]

    def moved(self, wkt: str) -> npt.NDArray[Any]:
        """Return the polygons in another CRS."""
        mover = Transformer.from_crs(self.crs, CRS.from_wkt(wkt), always_xy=True)
        moved: npt.NDArray[Any] = shapely.transform(
            self.shapes, lambda xy: np.column_stack(mover.transform(xy[:, 0], xy[:, 1]))
        )
        return moved


@dataclass(frozen=True)
class Picture:
    """A mask raster: 0 none, 255 not observed, anything else a change."""

    path: Path
    grid: Grid


def evaluate_files(
    truth: Path,
    result: Path,
    mask: Path | None = None,
    *,
    rule: Rule | None = None,
    min_area_m2: float | None = None,
    pixel_m: float = PIXEL_M,
) -> dict[str, Any]:
    """Return the figures of a result beside a truth.

    Parameters
    ----------
    truth, result
        Polygons in any format of OGR, or mask rasters.
    mask
        What the result could see: a raster, 255 = not observed.
    min_area_m2
        Smallest object, instead of the rule's pixels.
    pixel_m
        Of the grid on which polygons meet where no raster brings one.

    Raises
    ------
    InputError
        A file cannot be used.
    DetectionError
        The files cannot be brought together.
    """
    true, made = read(truth), read(result)
    seen = None if mask is None else _picture(mask)
    grid = _grid([one.grid for one in (seen, made, true) if isinstance(one, Picture)], [true, made], pixel_m)
    if grid.shape[0] * grid.shape[1] > LARGEST_PX:
        raise DetectionError(f"{grid.shape[0]} x {grid.shape[1]} pixels are too many; give a larger --pixel-m")
    rule = rule or Rule()
    if min_area_m2 is not None:
        rule = Rule(min_area_m2 / float(np.prod(grid.pixel_m())), rule.overlap)
    (wanted, known), (found, observed) = (_objects(one, grid) for one in (true, made))
    told = isinstance(made, Picture) or seen is not None
    if seen is not None:
        observed &= _read(seen, grid) != NOT_OBSERVED
    counts = tally(wanted, found, observed & known, rule, area_px=int(known.sum()) if told else 0)
    return report(counts, rule) | {
        "truth": truth.name,
        "result": result.name,
        "mask": None if mask is None else mask.name,
        "grid": {
            "crs": grid.crs.to_string(), "shape": list(grid.shape),
            "pixel_m": [round(size, 3) for size in grid.pixel_m()],
        },
    }  # fmt: skip


def read(path: Path) -> Polygons | Picture:
    """Return what a file holds.

    Raises
    ------
    InputError
        It is neither polygons nor a mask raster with a CRS.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    return _picture(path) if path.suffix.lower() in RASTERS else _polygons(path)


def _picture(path: Path) -> Picture:
    with opened(path, path.name) as dataset:
        if dataset.count != 1 or np.dtype(dataset.dtypes[0]).kind not in "iub":
            raise InputError(f"{path.name}: a mask has one band of whole numbers: 0 none, 1 change, 255 not observed")
        return Picture(path, grid_of(dataset, path.name))


def _polygons(path: Path) -> Polygons:
    try:
        meta, _, wkb, columns = pyogrio.raw.read(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(f"{path.name}: not a vector file that can be read ({str(error).splitlines()[0]})") from error
    if wkb is None or (len(wkb) and meta["crs"] is None):
        raise InputError(f"{path.name}: no geometry with a declared CRS; declare it, for example EPSG:4326")
    shapes = shapely.make_valid(read_shapes(path, wkb)) if len(wkb) else np.array([], dtype=object)
    if any(shapely.get_dimensions(one) < 2 for one in shapes):
        raise InputError(f"{path.name}: holds points or lines; landslides are compared by their area, give polygons")
    fields = dict(zip(meta["fields"], columns, strict=True))
    crs = CRS(meta["crs"] or 4326)
    return Polygons(shapes, crs, dict(_confidences(fields)), dict(_dates(fields, len(shapes))))


def _confidences(fields: Mapping[str, npt.NDArray[Any]]) -> Iterable[tuple[int, float]]:
    for row, value in enumerate(fields.get("confidence", ())):
        if isinstance(value, int | float | np.number) and 0 <= float(value) <= 1:
            yield row, float(value)


def _dates(fields: Mapping[str, npt.NDArray[Any]], count: int) -> Iterable[tuple[int, tuple[date, date]]]:
    for row in range(count):
        first, last = (_day(fields, name, row) for name in ("first_date", "last_date"))
        if first is None or last is None:
            first = last = next((day for name in DAY_FIELDS if (day := _day(fields, name, row))), None)
        if first is not None and last is not None:
            yield row, (first, last)


def _day(fields: Mapping[str, npt.NDArray[Any]], name: str, row: int) -> date | None:
    if name not in fields:
        return None
    try:
        return date.fromisoformat(str(fields[name][row])[:10].replace("/", "-"))
    except ValueError:
        return None


def _grid(rasters: list[Grid], both: list[Polygons | Picture], pixel_m: float) -> Grid:
    """Return the grid of the first raster, else one in the UTM zone of the polygons that holds them all."""
    if rasters:
        return rasters[0]
    layers = [one for one in both if isinstance(one, Polygons) and one.shapes.size]
    if not layers:
        raise DetectionError("neither the truth nor the result holds anything, and no mask says where was looked")
    degrees = [one.moved(CRS(4326).to_wkt()) for one in layers]
    west, south, east, north = shapely.total_bounds(np.concatenate(degrees))
    lon, lat = (west + east) / 2, (south + north) / 2
    zones = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    if not zones:
        raise DetectionError("the polygons lie outside the zones of UTM; give one of them as a raster")
    crs = CRS.from_authority("EPSG", zones[0].code)
    west, south, east, north = shapely.total_bounds(np.concatenate([one.moved(crs.to_wkt()) for one in layers]))
    left, top = (np.floor(west / pixel_m) - 1) * pixel_m, (np.ceil(north / pixel_m) + 1) * pixel_m
    shape = (int(np.ceil((top - south) / pixel_m)) + 1, int(np.ceil((east - left) / pixel_m)) + 1)
    return Grid(crs.to_wkt(), Affine(pixel_m, 0, left, 0, -pixel_m, top), shape)


def _objects(source: Polygons | Picture, grid: Grid) -> tuple[Objects, BoolArray]:
    """Return the objects of a file on a grid, and where it says anything at all."""
    if isinstance(source, Picture):
        values = _read(source, grid)
        known = np.asarray(values != NOT_OBSERVED)
        parts, _ = ndi.label(known & (values != 0), EIGHT)
        return Objects(parts.astype(np.int32)), known
    shapes = source.moved(grid.wkt)
    order = np.argsort(-shapely.area(shapes), kind="stable")  # small ones lie on top of large ones
    burned = [(shapes[at], int(at) + 1) for at in order if not shapely.is_empty(shapes[at])]
    labels = np.zeros(grid.shape, dtype=np.int32)
    if burned:
        rasterize(burned, out=labels, transform=grid.transform)
    confidence = {row + 1: value for row, value in source.confidence.items()}
    dates = {row + 1: days for row, days in source.dates.items()}
    return Objects(labels, confidence, dates), np.ones(grid.shape, dtype=bool)


def _read(source: Picture, grid: Grid) -> npt.NDArray[np.uint8]:
    """Return a mask on the grid; beyond its own extent it has observed nothing."""
    try:
        with (
            opened(source.path, source.path.name) as dataset,
            WarpedVRT(
                dataset, crs=grid.crs, transform=grid.transform, height=grid.shape[0], width=grid.shape[1],
                resampling=Resampling.nearest, nodata=NOT_OBSERVED, src_nodata=NOT_OBSERVED,
            ) as moved,
        ):  # fmt: skip
            values: npt.NDArray[np.uint8] = moved.read(1)
            return values
    except RasterioError as error:
        raise unreadable(source.path.name, error) from error
