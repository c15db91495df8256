"""Reading windows of many dates on one grid: warped, shifted, masked, with relief."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from detection.arrays import Acquisition, Block, BoolArray, FloatArray, Terrain
from detection.clouds import GROWTH_PX, quality_usable, snow
from detection.grids import Grid, grid_of, is_valid, open_dataset, opened, shifted, unreadable
from detection.rasterfiles import Layer
from detection.slopes import horn
from detection.sources import Scene
from hazard_db.errors import RasterError

LOWEST_M, HIGHEST_M = -500.0, 9000.0
"""Elevation beyond these is a void that the file does not declare."""
UNDECLARED_VOID = -32768.0
QUALITY_FILL = {"scl": 0, "qa_pixel": 1}
"""Code of no data: class 0, bit 0."""
NO_SHIFT = (0.0, 0.0)

Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Plan:
    """What to read: the dates, the grid they are read on, and the relief."""

    grid: Grid
    before: tuple[Scene, ...]
    after: tuple[Scene, ...]
    dem: Path | None = None
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Key of a scene -> where its picture of a pixel lies, (rows, cols) off the pixel."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The dates before, then those after."""
        return self.before + self.after


class Reader:
    """Reads blocks of a plan; one per thread, closed by `with`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._stack = ExitStack()
        self._pictures: dict[tuple[str, str], _Picture] = {}
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
        top, bottom = window[0].start, window[0].stop
        return Block(
            before=tuple(self.acquisition(scene, window) for scene in self.plan.before),
            after=tuple(self.acquisition(scene, window) for scene in self.plan.after),
            terrain=None if self.plan.dem is None else self.terrain(window),
            pixel_m=self.plan.grid.pixel_m((top + bottom) / 2),
        )

    def acquisition(self, scene: Scene, window: Slices) -> Acquisition:
        """Return one date in a window."""
        shape = _shape(window)
        reflectance = np.full((len(scene.layers), *shape), np.nan, dtype=np.float32)
        usable = np.ones(shape, dtype=bool)
        for picture in self._pictures_of(scene):
            values, valid = picture.reflectance(window)
            reflectance[picture.positions] = values
            usable &= valid
        if scene.quality is not None and usable.any():
            usable &= self._quality(scene, scene.quality, window)
        white = snow(dict(zip(scene.bands, reflectance, strict=True)))
        if white is not None:
            usable &= ~white
        reflectance[:, ~usable] = np.nan
        return Acquisition(
            scene.acquired.at, scene.bands, reflectance, usable, scene.sun.elevation_deg, scene.sun.azimuth_deg
        )

    def terrain(self, window: Slices) -> Terrain:
        """Return the relief in a window."""
        if self._relief is None:
            if self.plan.dem is None:
                raise ValueError("the plan has no elevation model")
            self._relief = _Relief(self.plan.dem, self.plan.grid, self._stack)
        return self._relief.read(window)

    def _quality(self, scene: Scene, layer: Layer, window: Slices) -> BoolArray:
        """Return where the quality layer lets the ground be seen; read a little wider, as masks grow."""
        rows, cols = (
            slice(max(0, part.start - GROWTH_PX), min(size, part.stop + GROWTH_PX))
            for part, size in zip(window, self.plan.grid.shape, strict=True)
        )
        usable = quality_usable(layer.name, self._picture(scene, (layer,)).codes((rows, cols)))
        top, left = window[0].start - rows.start, window[1].start - cols.start
        height, width = _shape(window)
        return np.asarray(usable[top : top + height, left : left + width])

    def _pictures_of(self, scene: Scene) -> Iterator[_Picture]:
        for href in dict.fromkeys(layer.href for layer in scene.layers):
            yield self._picture(scene, tuple(layer for layer in scene.layers if layer.href == href))

    def _picture(self, scene: Scene, layers: tuple[Layer, ...]) -> _Picture:
        key = (scene.key, f"{layers[0].href} {layers[0].name}")
        if key not in self._pictures:
            order = [scene.layers.index(layer) if layer in scene.layers else 0 for layer in layers]
            shift = self.plan.shifts.get(scene.key, NO_SHIFT)
            self._pictures[key] = _Picture(layers, order, self.plan.grid, shift, self._stack)
        return self._pictures[key]


class _Picture:
    """Bands of one file on the grid."""

    def __init__(
        self, layers: tuple[Layer, ...], positions: list[int], grid: Grid, shift: tuple[float, float], stack: ExitStack
    ) -> None:
        self.layers, self.positions = layers, positions
        self.label = layers[0].label
        self._scale = np.array([layer.scale for layer in layers], dtype=np.float32)[:, None, None]
        self._offset = np.array([layer.offset for layer in layers], dtype=np.float32)[:, None, None]
        source = stack.enter_context(open_dataset(layers[0].href, self.label))
        same = grid.same_as(grid_of(source, self.label))
        target = shifted(grid, *shift)
        self._dataset = source if same and shift == NO_SHIFT else _warped(source, layers[0], target, stack)

    def reflectance(self, window: Slices) -> tuple[FloatArray, BoolArray]:
        """Return reflectance (bands, rows, cols), and where all bands are valid (rows, cols)."""
        numbers, masks = self._read(window)
        valid = np.ones(numbers.shape[1:], dtype=bool)
        for layer, stored, mask in zip(self.layers, numbers, masks, strict=True):
            valid &= is_valid(stored, layer.nodata)
            if mask is not None:
                valid &= mask > 0
            if not layer.masked:  # a file that declares nothing fills with zeros
                valid &= stored != 0
        values = numbers.astype(np.float32)
        values *= self._scale
        values += self._offset
        return values, valid

    def codes(self, window: Slices) -> npt.NDArray[Any]:
        """Return a quality layer's codes, (rows, cols)."""
        codes: npt.NDArray[Any] = self._read(window)[0][0]
        return codes

    def _read(self, window: Slices) -> tuple[npt.NDArray[Any], list[npt.NDArray[np.uint8] | None]]:
        place = Window.from_slices(*window)
        try:
            numbers = self._dataset.read([layer.band for layer in self.layers], window=place)
            masks = [
                self._dataset.read_masks(layer.band, window=place) if self._has_mask(layer.band) else None
                for layer in self.layers
            ]
        except RasterioError as error:
            raise unreadable(self.label, error) from error
        return numbers, masks

    def _has_mask(self, band: int) -> bool:
        """Return whether a mask or alpha band tells of validity; plain nodata is seen in the numbers."""
        flags = {flag.name for flag in self._dataset.mask_flag_enums[band - 1]}
        return "per_dataset" in flags or "alpha" in flags


def _warped(source: Any, layer: Layer, grid: Grid, stack: ExitStack) -> Any:
    """Return a dataset on another grid; nearest neighbour for codes, bilinear for reflectance."""
    options: dict[str, Any] = {}
    if layer.name in QUALITY_FILL:
        fill = QUALITY_FILL[layer.name]
        options = {"src_nodata": fill, "nodata": fill, "resampling": Resampling.nearest}
    else:
        options["resampling"] = Resampling.bilinear
        if layer.nodata is not None:
            options |= {"src_nodata": layer.nodata, "nodata": layer.nodata}
        elif layer.masked:
            options["add_alpha"] = ColorInterp.alpha not in source.colorinterp
        else:
            fill_value = np.nan if np.dtype(source.dtypes[layer.band - 1]).kind == "f" else 0
            options |= {"src_nodata": fill_value, "nodata": fill_value}
    return stack.enter_context(
        WarpedVRT(source, crs=grid.crs, transform=grid.transform, height=grid.shape[0], width=grid.shape[1], **options)
    )


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


def _shape(window: Slices) -> tuple[int, int]:
    return window[0].stop - window[0].start, window[1].stop - window[1].start
