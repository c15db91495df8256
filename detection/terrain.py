"""Terrain prepared once for a corridor: elevation, slope, aspect, horizon and flow, a folder for each degree."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds
from shapely import union_all
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from detection.arrays import FloatArray
from detection.elevation import Sheet, mosaic, sheets
from detection.grids import ENVIRONMENT, Grid, shifted
from detection.methods.horizon import AZIMUTHS_DEG, HALO_PX, PITS, UNKNOWN, Bytes, flow, horizon
from detection.output import create_raster, publish_raster
from detection.slopes import horn
from detection.windows import HIGHEST_M, LOWEST_M, UNDECLARED_VOID

EPSG, PIXEL_M, BLOCK_PX = 32643, 30.0, 1024
VERSION = "1"
"""Of the way terrain is prepared: another one prepares all of it again."""
AROUND_DEG = 0.15
"""Inputs this near a tile are part of it: the horizon reaches 8 to 11 km."""
RELIEF, SKY, CARD, MOSAIC = "relief.tif", "horizon.tif", "terrain.json", "elevation.tif"
RELIEF_BANDS = ("elevation_m", "slope_deg", "aspect_deg")
SKY_BANDS = (*(f"horizon_{azimuth:05.1f}_deg" for azimuth in AZIMUTHS_DEG), "flow_d8")


@dataclass(frozen=True)
class Tile:
    """A degree by a degree, named by its south-west corner as the tiles of Copernicus are."""

    lat: int
    lon: int

    @property
    def name(self) -> str:
        """E.g. N36E074."""
        return f"{'S' if self.lat < 0 else 'N'}{abs(self.lat):02d}{'W' if self.lon < 0 else 'E'}{abs(self.lon):03d}"

    @property
    def area(self) -> BaseGeometry:
        """EPSG:4326."""
        return box(self.lon, self.lat, self.lon + 1, self.lat + 1)

    @property
    def grid(self) -> Grid:
        """Pixels of EPSG:32643 that cover it; those of all tiles lie on one grid, so neighbours share a seam."""
        west, south, east, north = transform_bounds("EPSG:4326", f"EPSG:{EPSG}", *self.area.bounds)
        left, top = floor(west / PIXEL_M) * PIXEL_M, ceil(north / PIXEL_M) * PIXEL_M
        shape = ceil((top - south) / PIXEL_M), ceil((east - left) / PIXEL_M)
        return Grid(CRS.from_epsg(EPSG).to_wkt(), Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top), shape)


@dataclass(frozen=True)
class Prepared:
    """What became of a tile."""

    tile: Tile
    folder: Path
    inputs: tuple[str, ...]
    inputs_sha256: str
    changed: bool


def tiles_of(area: BaseGeometry) -> list[Tile]:
    """Return the degrees that an area (EPSG:4326) touches, from south to north."""
    west, south, east, north = (floor(one) for one in area.bounds)
    every = [Tile(lat, lon) for lat in range(south, north + 1) for lon in range(west, east + 1)]
    return [one for one in every if one.area.intersects(area)]


def gaps(found: Sequence[Sheet], area: BaseGeometry) -> list[str]:
    """Return a line for each degree in which part of an area has no elevation."""
    known, lines = union_all([one.footprint for one in found]), []
    for tile in tiles_of(area):
        wanted = area.intersection(tile.area)
        missing = wanted.difference(known).area / wanted.area if wanted.area else 0.0
        if missing > 0.001:
            lines.append(f"{tile.name}: {missing:.1%} of the corridor in it has no elevation")
    return lines


def prepare(
    folder: Path, area: BaseGeometry, out: Path, each: Callable[[Prepared], None] = lambda _: None
) -> list[Prepared]:
    """Return the tiles of an area (EPSG:4326) after making those whose inputs are new, each whole or not at all.

    Raises
    ------
    RasterError
        A raster of the folder cannot be used.
    """
    found, done = sheets(folder), []
    for tile in tiles_of(area):
        near = [one for one in found if one.footprint.intersects(tile.area.buffer(AROUND_DEG))]
        if not any(one.footprint.intersection(tile.area).area > 1e-4 for one in near):
            continue
        prepared = _tile(tile, near, out)
        each(prepared)
        done.append(prepared)
    if done and (any(one.changed for one in done) or not (out / MOSAIC).exists()):
        _join(done, out / MOSAIC)
    return done


def _tile(tile: Tile, near: Sequence[Sheet], out: Path) -> Prepared:
    sha256 = hashlib.sha256("".join([VERSION, *(one.sha256 for one in near)]).encode()).hexdigest()
    names = tuple(one.path.name for one in near)
    home, card = out / tile.name, out / tile.name / CARD
    if card.exists() and json.loads(card.read_text(encoding="utf8"))["inputs_sha256"] == sha256:
        return Prepared(tile, home, names, sha256, changed=False)
    part = out / f".{tile.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    compute(tile.grid, near, part)
    told = {"tile": tile.name, "inputs": names, "inputs_sha256": sha256, "version": VERSION}
    (part / CARD).write_text(json.dumps(told) + "\n", encoding="utf8")
    shutil.rmtree(home, ignore_errors=True)
    part.rename(home)
    return Prepared(tile, home, names, sha256, changed=True)


def compute(grid: Grid, near: Sequence[Sheet], folder: Path) -> None:
    """Write the relief and the horizon of a grid into a folder, block by block."""
    with TemporaryDirectory(dir=folder) as scratch, rasterio.Env(**ENVIRONMENT):
        virtual, relief, sky = (Path(scratch) / name for name in ("model.vrt", RELIEF, SKY))
        virtual.write_text(mosaic(near), encoding="utf8")
        wide = shifted(grid, 0, 0, pad=HALO_PX)
        with (
            rasterio.open(virtual, driver="VRT") as source,
            WarpedVRT(
                source, crs=wide.crs, transform=wide.transform, height=wide.shape[0], width=wide.shape[1], tolerance=1e-6,
                resampling=Resampling.cubic, dtype="float32", nodata=np.nan, src_nodata=UNDECLARED_VOID,
            ) as model,
            create_raster(relief, grid, "float32", np.nan, RELIEF_BANDS) as ground,
            create_raster(sky, grid, "uint8", UNKNOWN, SKY_BANDS) as around,
        ):  # fmt: skip
            for window in _windows(grid.shape):
                grown = Window(window.col_off, window.row_off, window.width + 2 * HALO_PX, window.height + 2 * HALO_PX)
                layers = _layers(model.read(1, window=grown))
                ground.write(layers[0], window=window)
                around.write(layers[1], window=window)
        publish_raster(relief, folder / RELIEF, overviews="NEAREST")
        publish_raster(sky, folder / SKY, overviews="NEAREST")


def _layers(elevation: FloatArray) -> tuple[FloatArray, Bytes]:
    with np.errstate(invalid="ignore"):
        elevation[~((elevation > LOWEST_M) & (elevation < HIGHEST_M))] = np.nan
        slopes = horn(_framed(elevation, 1), (PIXEL_M, PIXEL_M))
        water, sky = flow(_framed(elevation, PITS + 1)), horizon(elevation, PIXEL_M)
    return np.stack([slopes.elevation_m, slopes.slope_deg, slopes.aspect_deg]), np.concatenate([sky, water[None]])


def _framed(elevation: FloatArray, frame: int) -> FloatArray:
    cut = HALO_PX - frame
    return elevation[cut:-cut, cut:-cut]


def _windows(shape: tuple[int, int]) -> Iterator[Window]:
    for row in range(0, shape[0], BLOCK_PX):
        for col in range(0, shape[1], BLOCK_PX):
            yield Window(col, row, min(BLOCK_PX, shape[1] - col), min(BLOCK_PX, shape[0] - row))


def _join(done: Sequence[Prepared], out: Path) -> None:
    """Write the elevation of all tiles as one raster, which detectors and maps read."""
    bounds = np.array([one.tile.grid.bounds for one in done])
    (west, south), (east, north) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    shape = round((north - south) / PIXEL_M), round((east - west) / PIXEL_M)
    grid = Grid(done[0].tile.grid.wkt, Affine(PIXEL_M, 0, west, 0, -PIXEL_M, north), shape)
    with TemporaryDirectory(dir=out.parent) as scratch, rasterio.Env(**ENVIRONMENT):
        whole = Path(scratch) / MOSAIC
        create_raster(whole, grid, "float32", np.nan, RELIEF_BANDS[:1]).close()
        with rasterio.open(whole, "r+") as target:
            for one in done:
                with rasterio.open(one.folder / RELIEF) as source:
                    corner = from_bounds(*source.bounds, transform=grid.transform).round_offsets().round_lengths()
                    for window in _windows(source.shape):
                        place = Window(
                            corner.col_off + window.col_off,
                            corner.row_off + window.row_off,
                            window.width,
                            window.height,
                        )
                        own, kept = source.read(1, window=window), target.read(1, window=place)
                        target.write(np.where(np.isnan(own), kept, own), 1, window=place)
        publish_raster(whole, out, overviews="AVERAGE")
