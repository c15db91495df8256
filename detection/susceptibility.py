"""Maps of susceptibility: factors from rasters and an elevation model at the places of an inventory, a model, a map with its card."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

from detection import output
from detection.arrays import FloatArray
from detection.blocks import tiles
from detection.exposure import metric_crs
from detection.grids import Grid, grid_of, is_valid, opened, unreadable
from detection.methods.susceptibility import PLAIN, Array, Labels, cross_validate, fit, importances
from detection.slopes import horn
from hazard_db.errors import InputError

BLOCK = 512
TRUE, FALSE = {"1", "true", "t", "yes", "landslide"}, {"0", "false", "f", "no", "stable"}
NODATA = -1.0
LEAST_OF_EACH = 20
TERRAIN = ("slope_deg", "northness", "eastness", "curvature_per_m", "roughness_m")


@dataclass(frozen=True)
class Inventory:
    """Places that failed and places that did not."""

    xy: Array
    """(n, 2) in the CRS of the layers."""
    failed: Labels


def read_inventory(path: Path, grid: Grid, label: str) -> Inventory:
    """Return the places of a CSV with a column that says whether they failed, and x and y in the layers' CRS, or lon and lat.

    Raises
    ------
    InputError
        A value is missing or is not understood; or there are too few of either kind.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: cannot be read as CSV in UTF-8 ({error})") from error
    x, y = ("lon", "lat") if rows and "lon" in rows[0] else ("x", "y")
    places, failed = [], []
    for number, row in enumerate(rows, start=2):
        try:
            places.append((float(row[x]), float(row[y])))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path.name}, line {number}: {x} and {y} must be numbers") from error
        told = (row.get(label) or "").strip().lower()
        if told not in TRUE | FALSE:
            raise InputError(
                f"{path.name}, line {number}, {label}: write TRUE where a slope failed and FALSE where not"
            )
        failed.append(int(told in TRUE))
    if min(sum(failed), len(failed) - sum(failed)) < LEAST_OF_EACH:
        raise InputError(
            f"{path.name}: at least {LEAST_OF_EACH} places that failed and as many that did not are needed"
        )
    xy = np.array(places)
    if x == "lon":
        xy = np.column_stack(Transformer.from_crs(4326, CRS.from_wkt(grid.wkt), always_xy=True).transform(*xy.T))
    return Inventory(xy, np.array(failed, dtype=np.int64))


def terrain_factors(elevation_m: FloatArray, pixel_m: tuple[float, float]) -> FloatArray:
    """Return the factors TERRAIN, (5, rows - 2, cols - 2), inside a one-pixel frame of elevation; NaN = unknown.

    Slope and aspect as [@Horn1981]; curvature is the Laplacian of the surface, above 0 in hollows; roughness the standard
    deviation of the nine heights about their mean.
    """
    relief = horn(elevation_m, pixel_m)
    z = elevation_m.astype(np.float64)
    middle = z[1:-1, 1:-1]
    across = (z[1:-1, 2:] - 2 * middle + z[1:-1, :-2]) / pixel_m[1] ** 2
    along = (z[2:, 1:-1] - 2 * middle + z[:-2, 1:-1]) / pixel_m[0] ** 2
    flat = z - np.nanmean(z) if np.isfinite(z).any() else z
    spread = uniform_filter(flat**2, 3) - uniform_filter(flat, 3) ** 2
    aspect = np.radians(relief.aspect_deg)
    known = np.where(np.isfinite(relief.slope_deg), 1.0, np.nan)
    roughness = np.sqrt(np.maximum(_rolling(flat, spread)[1:-1, 1:-1], 0))
    return np.stack(
        [relief.slope_deg, np.cos(aspect), np.sin(aspect), (across + along) * known, roughness * known]
    ).astype(np.float32)


def _rolling(flat: npt.NDArray[np.float64], spread: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the variance of nine heights; running sums carry an unknown on, so that blocks with one are summed apart."""
    if np.isfinite(flat).all():
        return spread
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(flat, 1, mode="edge"), (3, 3))
    return np.asarray(windows.var(axis=(2, 3)))


def make_map(
    inventory: Path, layers: Sequence[Path], out: Path, *, label: str, dem: Path | None = None, repeats: int = 10
) -> dict[str, Any]:
    """Return the card of a map of 0 to 1 that is written to `out`, a Cloud-Optimized GeoTIFF; -1 = unknown.

    The model is the one with the highest AUC on blocks of ground that it has not seen; the plain logistic regression is told
    beside it. Its odds are those of the inventory: where that has as many failed as stable places, 0.5 is no frequency.

    Raises
    ------
    InputError
        The rasters do not share one grid, or the inventory cannot be used.
    """
    files = [*layers, *([dem] if dem else [])]
    if not files:
        raise InputError("give at least one layer, or an elevation model")
    output.check_outputs([out], [inventory, *files])
    grid = _common_grid(files)
    known = read_inventory(inventory, grid, label)
    names = _names(layers, dem)
    features = _at(layers, dem, grid, known.xy)
    inside = np.isfinite(features).any(axis=1)
    features, failed = features[inside], known.failed[inside]
    if min(failed.sum(), (1 - failed).sum()) < LEAST_OF_EACH:
        raise InputError(f"{inventory.name}: too few of its places lie on the layers; check the CRS of its coordinates")
    metric = Transformer.from_crs(CRS.from_wkt(grid.wkt), metric_crs(grid), always_xy=True)
    xy_m = np.column_stack(metric.transform(*known.xy[inside].T))
    scores = cross_validate(features, failed, xy_m, repeats=repeats)
    best = max(scores, key=lambda name: scores[name].auc)
    probability = fit(best, features, failed, scores[best])
    _write(layers, dem, grid, probability, out)
    return {
        "model": best, "factors": names, "places": int(failed.size), "failed": int(failed.sum()),
        "places_off_the_layers": int((~inside).sum()), "validation": f"spatial, 5 k-means blocks, {repeats} repeats",
        "scores": {name: asdict(score) for name, score in scores.items()}, "plain": PLAIN,
        "importance_auc": importances(features, failed, best, names), "inventory": inventory.name,
        "layers": [file.name for file in files],
    }  # fmt: skip


def _common_grid(files: Sequence[Path]) -> Grid:
    grids = []
    for file in files:
        with opened(file, file.name) as dataset:
            grids.append(grid_of(dataset, file.name))
    for file, grid in zip(files, grids, strict=True):
        at = grids[0].offset_of(grid)
        if at is None or max(map(abs, at)) > 0.01 or grid.shape != grids[0].shape:
            raise InputError(f"{file.name}: is on another grid than {files[0].name}; warp it onto that grid first")
    return grids[0]


def _names(layers: Sequence[Path], dem: Path | None) -> list[str]:
    names = []
    for file in layers:
        with opened(file, file.name) as dataset:
            names += [told or f"{file.stem}_{band}" for band, told in enumerate(dataset.descriptions, start=1)]
    return names + (list(TERRAIN) if dem else [])


def _factors(layers: Sequence[Path], dem: Path | None, grid: Grid) -> Iterator[tuple[tuple[slice, slice], FloatArray]]:
    """Yield blocks of the grid with their factors, (factors, rows, cols)."""
    for tile in tiles(grid.shape, BLOCK):
        rows, cols = tile.inner
        window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        parts = [_read(file, window) for file in layers]
        if dem is not None:
            frame = Window(window.col_off - 1, window.row_off - 1, window.width + 2, window.height + 2)
            parts.append(terrain_factors(_read(dem, frame)[0], grid.pixel_m((rows.start + rows.stop) / 2)))
        yield tile.inner, np.concatenate(parts)


def _read(file: Path, window: Window) -> FloatArray:
    with opened(file, file.name) as dataset:
        try:
            values = dataset.read(window=window, boundless=True, fill_value=dataset.nodata, masked=True)
        except RasterioError as error:
            raise unreadable(file.name, error) from error
        numbers = values.astype(np.float32).filled(np.nan)
        outside = ~_inside(window, dataset.shape)
        numbers[:, outside] = np.nan
        numbers[~is_valid(numbers, None)] = np.nan
        return np.asarray(numbers, dtype=np.float32)


def _inside(window: Window, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    rows = np.arange(window.height) + window.row_off
    cols = np.arange(window.width) + window.col_off
    inside = ((rows >= 0) & (rows < shape[0]))[:, None] & ((cols >= 0) & (cols < shape[1]))[None, :]
    return np.asarray(inside)


def _at(layers: Sequence[Path], dem: Path | None, grid: Grid, xy: Array) -> Array:
    """Return the factors at places, (n, factors), NaN beyond the grid."""
    col, row = (~grid.transform) @ (xy[:, 0], xy[:, 1])
    row, col = np.floor(row).astype(int), np.floor(col).astype(int)
    found: Array | None = None
    for (rows, cols), block in _factors(layers, dem, grid):
        here = (row >= rows.start) & (row < rows.stop) & (col >= cols.start) & (col < cols.stop)
        found = np.full((len(xy), block.shape[0]), np.nan) if found is None else found
        found[here] = block[:, row[here] - rows.start, col[here] - cols.start].T
    assert found is not None
    return found


def _write(layers: Sequence[Path], dem: Path | None, grid: Grid, probability: Any, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "map.tif"
        with output.create_raster(draft, grid, "float32", NODATA, ["susceptibility"]) as raster:
            for (rows, cols), block in _factors(layers, dem, grid):
                flat = block.reshape(block.shape[0], -1).T.astype(np.float64)
                known = np.isfinite(flat).all(axis=1)
                values = np.full(len(flat), NODATA, dtype=np.float32)
                if known.any():
                    values[known] = probability(flat[known])
                window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
                raster.write(values.reshape(block.shape[1:]), 1, window=window)
        output.publish_raster(draft, out, overviews="AVERAGE")
