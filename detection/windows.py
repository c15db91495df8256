"""Reading windows of many dates on one grid: warped, shifted, masked, with relief."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from pyproj import CRS, Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from detection.arrays import Acquisition, Block, FloatArray, Slices, Terrain
from detection.clouds import GROWTH_PX, quality_hidden, snow
from detection.grids import Grid, grid_of, open_dataset, opened, shifted, unreadable
from detection.hiding import NO_DATA, SEEN, SNOW
from detection.layers import Picture
from detection.methods.illumination import REACH_PX, sunlit
from detection.radarfiles import decibels
from detection.regions import grow, within
from detection.slopes import horn
from detection.sources import Scene
from hazard_db.errors import RasterError

LOWEST_M, HIGHEST_M = -500.0, 9000.0
"""Elevation beyond these is a void that the file does not declare."""
UNDECLARED_VOID = -32768.0
NO_SHIFT = (0.0, 0.0)


@dataclass(frozen=True)
class Plan:
    """What to read: the dates, the grid they are read on, and the relief."""

    grid: Grid
    before: tuple[Scene, ...]
    after: tuple[Scene, ...]
    dem: Path | None = None
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Key of a scene -> where its picture of a pixel lies, (rows, cols) off the pixel."""
    snow_is_ground: bool = False
    """Snow and ice are what is looked at; else they hide the ground."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The dates before, then those after."""
        return self.before + self.after

    @property
    def has_radar(self) -> bool:
        """Whether some dates are those of a radar."""
        return any(scene.look is not None for scene in self.scenes)


class Reader:
    """Reads blocks of a plan; one per thread, closed by `with`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._stack = ExitStack()
        self._pictures: dict[str, list[Picture]] = {}
        self._relief: _Relief | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def block(self, window: Slices) -> Block:
        """Return a window of the grid with all dates and the relief.

        Raises
        ------
        RasterError
            A file is damaged.
        """
        before, after = (
            tuple(self.acquisition(scene, window) for scene in scenes) for scenes in (self.plan.before, self.plan.after)
        )
        pixel_m = self.plan.grid.pixel_m((window[0].start + window[0].stop) / 2)
        if self.plan.dem is None:
            return Block(before, after, None, pixel_m)
        wide = grow(window, self.plan.grid.shape, REACH_PX)  # what throws its shadow into the window
        relief, inside = self.terrain(wide), within(window, wide)
        before, after = (tuple(_lit(one, relief, pixel_m, inside) for one in dates) for dates in (before, after))
        return Block(
            before,
            after,
            Terrain(relief.elevation_m[inside], relief.slope_deg[inside], relief.aspect_deg[inside]),
            pixel_m,
        )

    def acquisition(self, scene: Scene, window: Slices) -> Acquisition:
        """Return one date in a window; read a little wider where masks grow."""
        wide = window if scene.quality is None else grow(window, self.plan.grid.shape, GROWTH_PX)
        inside = within(window, wide)
        reflectance: FloatArray | None = None
        hidden = np.zeros(_shape(wide), dtype=np.uint8)
        for picture in self._pictures_of(scene):
            sheet = picture.read(wide, inside)
            hidden[~sheet.valid & (hidden == SEEN)] = NO_DATA
            if picture.quality is not None and sheet.codes is not None:
                told = quality_hidden(picture.quality.name, sheet.codes, snow_is_ground=self.plan.snow_is_ground)
                np.copyto(hidden, told, where=hidden == SEEN)
            if picture.bands == scene.layers:  # one file holds them all: its array will do
                reflectance = sheet.reflectance
                continue
            if reflectance is None:
                reflectance = np.empty((len(scene.layers), *_shape(window)), dtype=np.float32)
            for layer, values in zip(picture.bands, sheet.reflectance, strict=True):
                reflectance[scene.layers.index(layer)] = values
        if reflectance is None:
            raise ValueError(f"{scene.label} has no bands")
        hidden = hidden[inside].copy()
        usable = hidden == SEEN
        if scene.look is not None:
            reflectance, usable = decibels(reflectance, usable, linear=scene.look.linear)
            hidden[~usable] = NO_DATA
        white = None if self.plan.snow_is_ground else snow(dict(zip(scene.bands, reflectance, strict=True)))
        if white is not None:
            hidden[white & usable] = SNOW
            usable &= ~white
        unseen = ~usable
        for band in reflectance:
            np.copyto(band, np.float32(np.nan), where=unseen)
        sun = scene.sun
        return Acquisition(
            scene.acquired.at,
            scene.bands,
            reflectance,
            usable,
            sun.elevation_deg,
            sun.azimuth_deg,
            hidden=hidden,
            **({} if scene.look is None else scene.look.told),
        )

    def terrain(self, window: Slices) -> Terrain:
        """Return the relief in a window."""
        if self._relief is None:
            if self.plan.dem is None:
                raise ValueError("the plan has no elevation model")
            self._relief = _Relief(self.plan.dem, self.plan.grid, self._stack)
        return self._relief.read(window)

    def _pictures_of(self, scene: Scene) -> list[Picture]:
        """Return a date's open files, opened once."""
        if scene.key not in self._pictures:
            shift = self.plan.shifts.get(scene.key, NO_SHIFT)
            every = scene.layers if scene.quality is None else (*scene.layers, scene.quality)
            self._pictures[scene.key] = [
                Picture(tuple(layer for layer in every if layer.href == href), self.plan.grid, shift, self._stack)
                for href in dict.fromkeys(layer.href for layer in every)
            ]
        return self._pictures[scene.key]


def _lit(one: Acquisition, relief: Terrain, pixel_m: tuple[float, float], inside: Slices) -> Acquisition:
    """Return a date that knows where the sun shone, from relief that reaches beyond it."""
    light = sunlit(relief.elevation_m, pixel_m, one.sun_elevation_deg, one.sun_azimuth_deg)
    return replace(one, sunlit=light[inside].copy())


class _Relief:
    """An elevation model of any grid and CRS, read on the plan's grid with a frame for the slope."""

    FRAME = 1

    def __init__(self, path: Path, grid: Grid, stack: ExitStack) -> None:
        self.grid, self.label = grid, path.name
        source = stack.enter_context(open_dataset(path, self.label))
        own = grid_of(source, self.label)
        # voids that a file does not declare are -32768 by custom
        nodata = UNDECLARED_VOID if source.nodata is None else source.nodata
        target = shifted(grid, 0, 0, pad=self.FRAME)
        finer = own.pixel_m()[0] < 0.6 * grid.pixel_m()[0]
        self._dataset = stack.enter_context(
            WarpedVRT(
                source, crs=target.crs, transform=target.transform, height=target.shape[0], width=target.shape[1],
                resampling=Resampling.average if finer else Resampling.cubic, dtype="float32",
                nodata=np.nan, src_nodata=nodata,
            )
        )  # fmt: skip

    def read(self, window: Slices) -> Terrain:
        """Return the relief in a window, NaN where the model does not reach."""
        rows, cols = window
        place = Window.from_slices(
            slice(rows.start, rows.stop + 2 * self.FRAME), slice(cols.start, cols.stop + 2 * self.FRAME)
        )
        try:
            elevation = self._dataset.read(1, window=place)
        except RasterioError as error:
            raise unreadable(self.label, error) from error
        with np.errstate(invalid="ignore"):
            elevation[~((elevation > LOWEST_M) & (elevation < HIGHEST_M))] = np.nan
        return horn(_extended(elevation), self.grid.pixel_m((rows.start + rows.stop) / 2))


def _extended(elevation: FloatArray) -> FloatArray:
    """Return elevation whose outermost unknown pixels continue the slope inside: models often end with the imagery."""
    for side in (elevation, elevation[::-1], elevation.T, elevation.T[::-1]):
        if side.shape[0] > 2:
            unknown = np.isnan(side[0])
            side[0, unknown] = 2 * side[1, unknown] - side[2, unknown]
    return elevation


def check_dem(path: Path, grid: Grid) -> None:
    """Return quietly where an elevation model can be used.

    Raises
    ------
    RasterError
        It cannot be opened, is a picture, or lies elsewhere.
    """
    label = path.name
    with opened(path, label) as source:
        own = grid_of(source, label)
        if source.count != 1:
            raise RasterError(f"{label}: an elevation model has one band, this has {source.count}")
        if np.dtype(source.dtypes[0]).kind not in "iuf" or source.dtypes[0] == "uint8":
            raise RasterError(f"{label}: holds {source.dtypes[0]}, not elevation in metres (a hillshade?)")
        if not grid.overlaps(own):
            raise RasterError(f"{label}: lies elsewhere than the imagery; give the elevation model of the same area")


def check_overlap(plan: Plan) -> None:
    """Return quietly where every date shares ground with the grid.

    Raises
    ------
    RasterError
        One lies elsewhere.
    """
    for scene in plan.scenes:
        if not plan.grid.overlaps(scene.grid):
            raise RasterError(
                f"{scene.label}: does not overlap {plan.before[0].label}, whose grid the result has; "
                "give rasters of the same area"
            )


def to_grid(grid: Grid) -> Transformer:
    """Return the way from EPSG:4326 to the grid's CRS, longitude first."""
    return Transformer.from_crs(4326, CRS.from_wkt(grid.wkt), always_xy=True)


def inset(window: Slices) -> Slices:
    """Return a window a little smaller, so that growing masks does not make a file's neighbouring blocks be read too."""
    rows, cols = (
        slice(part.start + GROWTH_PX, part.stop - GROWTH_PX) if part.stop - part.start > 8 * GROWTH_PX else part
        for part in window
    )
    return rows, cols


def _shape(window: Slices) -> tuple[int, int]:
    return window[0].stop - window[0].start, window[1].stop - window[1].start
