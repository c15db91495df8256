"""The bands of one file on another grid: read straight where pixels are parallel, else warped."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from detection.arrays import BoolArray, FloatArray, Slices
from detection.grids import Grid, grid_of, is_valid, open_dataset, shifted, unreadable
from detection.rasterfiles import Layer

QUALITY_FILL = {"scl": 0, "qa_pixel": 1}
"""Code of no data: class 0, bit 0."""
ALIGNED_PX = 0.02
"""Closer than this pixels count as lying on each other."""

EVERYTHING = (slice(None), slice(None))
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Sheet:
    """What a file holds in a window."""

    reflectance: FloatArray
    """(bands, rows, cols) of the inner window, in the order of the layers asked for; rubbish where not valid."""
    valid: BoolArray
    """(rows, cols), all bands hold data."""
    codes: Numbers | None
    """(rows, cols) of the quality layer, where the file has one."""


class Picture:
    """Bands of one file, and the quality layer if it lies in the same file."""

    def __init__(self, layers: tuple[Layer, ...], grid: Grid, shift: tuple[float, float], stack: ExitStack) -> None:
        self.bands = tuple(layer for layer in layers if layer.name not in QUALITY_FILL)
        self.quality = next((layer for layer in layers if layer.name in QUALITY_FILL), None)
        self.label = layers[0].label
        self._scale, self._offset = (
            _column(layer.scale for layer in self.bands),
            _column(layer.offset for layer in self.bands),
        )
        source = stack.enter_context(open_dataset(layers[0].href, self.label))
        own = grid_of(source, self.label)
        apart = own.offset_of(grid)
        self._straight = apart is not None
        self._offset_px = (0.0, 0.0) if apart is None else (apart[0] + shift[0], apart[1] + shift[1])
        self._source = source
        self._alpha = self.bands[0].alpha if self.bands else None
        self._masked = any(_has_mask(source, layer.band) for layer in self.bands)
        if apart is None:
            target = shifted(grid, *shift)
            self._warped = _warped(source, self.bands[0], target, stack) if self.bands else None
            self._warped_codes = _warped(source, self.quality, target, stack) if self.quality else None

    def read(self, window: Slices, kept: Slices = EVERYTHING) -> Sheet:
        """Return a window of the grid, of the reflectance only what is kept of it.

        Raises
        ------
        RasterError
            The file is damaged.
        """
        try:
            return self._read_straight(window, kept) if self._straight else self._read_warped(window, kept)
        except RasterioError as error:
            raise unreadable(self.label, error) from error

    def _read_warped(self, window: Slices, kept: Slices) -> Sheet:
        place = Window.from_slices(*window)
        codes = None
        if self._warped_codes is not None and self.quality is not None:
            codes = _codes(self._warped_codes.read(self.quality.band, window=place), QUALITY_FILL[self.quality.name])
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        if self._warped is None:
            return Sheet(np.empty((0, *shape), np.float32)[:, *kept], np.ones(shape, bool), codes)
        numbers = self._warped.read([layer.band for layer in self.bands], window=place)
        mask = None
        if self._alpha is not None:
            alpha = self._warped.read(self._alpha, window=place)
            mask = np.where((alpha > 0) & (alpha == alpha.max()), 255, 0).astype(np.uint8)
        elif _has_mask(self._warped, self.bands[0].band):
            mask = self._warped.read_masks(self.bands[0].band, window=place)
        return Sheet(self._scaled(numbers[:, *kept]), self._valid(numbers, mask), codes)

    def _read_straight(self, window: Slices, kept: Slices) -> Sheet:
        """Return a window by cubic weights between the pixels around each; codes from the nearest."""
        parts = [
            _part(span, apart, size)
            for span, apart, size in zip(window, self._offset_px, self._source.shape, strict=True)
        ]
        layers = self.bands if self.quality is None else (*self.bands, self.quality)
        numbers, inside, mask = self._padded([layer.band for layer in layers], parts)
        rows, cols = parts
        codes = None
        if self.quality is not None:
            near = numbers[-1]
            place = np.s_[rows.nearest : rows.nearest + rows.length, cols.nearest : cols.nearest + cols.length]
            codes = _codes(near[place], QUALITY_FILL[self.quality.name])
            codes[~inside[place]] = QUALITY_FILL[self.quality.name]
        stored = numbers[: len(self.bands)]
        valid = inside & self._valid(stored, mask) if self.bands else np.ones((rows.length, cols.length), bool)
        values = self._scaled(stored[:, *(_reaching(*one) for one in zip(kept, parts, strict=True))])
        if self.bands and rows.share:
            valid = _all_of(valid, 0)
            values = _between(values, rows.share, 1)
        if self.bands and cols.share:
            valid = _all_of(valid, 1)
            values = _between(values, cols.share, 2)
        return Sheet(values, valid, codes)

    def _padded(self, bands: list[int], parts: list[_Part]) -> tuple[Numbers, BoolArray, npt.NDArray[np.uint8] | None]:
        """Return stored numbers of a window that may reach beyond the file, where the file is, and its mask."""
        rows, cols = parts
        place = Window.from_slices(*(slice(part.low, part.high) for part in parts))
        exists = rows.high > rows.low and cols.high > cols.low
        inner = (
            slice(rows.low - rows.start, rows.high - rows.start),
            slice(cols.low - cols.start, cols.high - cols.start),
        )
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        whole = exists and (rows.high - rows.low, cols.high - cols.low) == shape
        read = self._source.read(bands, window=place) if exists else None
        mask = None
        if exists and self._alpha is not None:
            mask = np.where(self._source.read(self._alpha, window=place) > 0, 255, 0).astype(np.uint8)
        elif exists and self._masked:
            mask = self._source.read_masks(bands[0], window=place)
        if whole and read is not None:
            return read, np.ones(shape, bool), mask
        numbers = np.zeros((len(bands), *shape), self._source.dtypes[0] if read is None else read.dtype)
        inside = np.zeros(shape, bool)
        padded_mask = np.zeros(shape, np.uint8) if self._masked or self._alpha is not None else None
        if read is not None:
            numbers[:, inner[0], inner[1]] = read
            inside[inner] = True
            if padded_mask is not None and mask is not None:
                padded_mask[inner] = mask
        return numbers, inside, padded_mask

    def _valid(self, numbers: Numbers, mask: npt.NDArray[np.uint8] | None) -> BoolArray:
        valid = np.ones(numbers.shape[1:], dtype=bool)
        for layer, stored in zip(self.bands, numbers, strict=True):
            valid &= is_valid(stored, layer.nodata)
            if not layer.masked:  # a file that declares nothing fills with zeros
                valid &= stored != 0
        if mask is not None:
            valid &= mask > 0
        return valid

    def _scaled(self, numbers: Numbers) -> FloatArray:
        values: FloatArray = np.multiply(numbers, self._scale, dtype=np.float32, casting="unsafe")
        if self._offset.any():
            values += self._offset
        return values


@dataclass(frozen=True)
class _Part:
    """One axis of a window in a file's own pixels."""

    start: int
    stop: int
    """What is needed, beyond the file's ends too."""
    low: int
    high: int
    """What of it the file has."""
    share: float
    """Weight of the further neighbour, 0 = pixels lie on each other."""
    nearest: int
    """Index, in what is needed, of the pixel nearest to the first one asked for."""
    length: int


def _part(span: slice, apart: float, size: int) -> _Part:
    whole = int(np.floor(apart + ALIGNED_PX))
    share = max(0.0, apart - whole)
    reach = 0
    if share < ALIGNED_PX:
        share = 0.0
    else:
        reach = 1
    start, stop = span.start + whole - reach, span.stop + whole + 2 * reach
    low, high = max(start, 0), min(stop, size)
    low = min(low, stop)
    return _Part(start, stop, low, max(high, low), share, reach + round(share), span.stop - span.start)


def _reaching(kept: slice, part: _Part) -> slice:
    """Return the pixels that a part of what is asked for is made of, among those needed for all of it."""
    start, stop, _ = kept.indices(part.length)
    return slice(start, stop + (3 if part.share else 0))


def _between(values: FloatArray, share: float, axis: int) -> FloatArray:
    """Return values between the two middle ones of each four neighbours along an axis, `share` of the way.

    Cubic convolution, equation (15) of [@Keys1981]: unlike straight lines it keeps fine detail.
    """
    s = share
    weights = (
        -0.5 * s**3 + s**2 - 0.5 * s,
        1.5 * s**3 - 2.5 * s**2 + 1,
        -1.5 * s**3 + 2 * s**2 + 0.5 * s,
        0.5 * s**3 - 0.5 * s**2,
    )
    shape = list(values.shape)
    shape[axis] -= 3
    total, spare = np.empty(shape, dtype=np.float32), np.empty(shape[1:], dtype=np.float32)
    for band, result in zip(values, total, strict=True):  # what fits the processor's cache is fast
        taps = [band[tap : tap + shape[1]] if axis == 1 else band[:, tap : tap + shape[2]] for tap in range(4)]
        np.multiply(taps[0], np.float32(weights[0]), out=result)
        for tap, weight in zip(taps[1:], weights[1:], strict=True):
            np.add(result, np.multiply(tap, np.float32(weight), out=spare), out=result)
    return total


def _all_of(valid: BoolArray, axis: int) -> BoolArray:
    v = valid if axis == 0 else valid.T
    v = v[:-3] & v[1:-2] & v[2:-1] & v[3:]
    return v if axis == 0 else v.T


def _codes(numbers: Numbers, fill: int) -> Numbers:
    """Return codes as whole numbers, a copy; what is not finite is no data."""
    if numbers.dtype.kind == "f":
        numbers = np.rint(np.nan_to_num(numbers, nan=fill, posinf=fill, neginf=fill)).astype(np.int32)
    return np.array(numbers)


def _column(values: Any) -> FloatArray:
    return np.array(list(values), dtype=np.float32)[:, None, None]


def _has_mask(dataset: Any, band: int) -> bool:
    """Return whether a mask or alpha band tells of validity; plain nodata is seen in the numbers."""
    flags = {flag.name for flag in dataset.mask_flag_enums[band - 1]}
    return "per_dataset" in flags or "alpha" in flags


def _warped(source: Any, layer: Layer, grid: Grid, stack: ExitStack) -> Any:
    """Return a dataset on another grid; nearest neighbour for codes, bilinear for reflectance."""
    # Each band has its own nodata: by default one band with data, such as a quality layer, makes all of them valid.
    options: dict[str, Any] = {"UNIFIED_SRC_NODATA": "NO"}
    if layer.name in QUALITY_FILL:
        fill = QUALITY_FILL[layer.name]
        options |= {"src_nodata": fill, "nodata": fill, "resampling": Resampling.nearest}
    else:
        options["resampling"] = Resampling.bilinear
        if layer.nodata is not None:
            options |= {"src_nodata": layer.nodata, "nodata": layer.nodata}
        elif layer.alpha is not None:
            pass  # warped like the other bands
        elif layer.masked:
            options["add_alpha"] = ColorInterp.alpha not in source.colorinterp
        else:
            blank = np.nan if np.dtype(source.dtypes[layer.band - 1]).kind == "f" else 0
            options |= {"src_nodata": blank, "nodata": blank}
    return stack.enter_context(
        WarpedVRT(source, crs=grid.crs, transform=grid.transform, height=grid.shape[0], width=grid.shape[1], **options)
    )
