"""The stretch of a glacier that its snout can lie in, read off every date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from detection.arrays import Acquisition, BoolArray, FloatArray, Slices
from detection.grids import Grid
from detection.methods.centreline import Swath, derive, half_width_m, length_m, swath
from detection.methods.icecover import ice_index, measurable, surface_channels
from detection.methods.illumination import sunlit
from detection.methods.terminus import NotSeen, TerminusRules
from detection.methods.tongue import Tongue
from detection.sources import Scene
from detection.windows import Reader, to_grid
from hazard_db.glacier_file import Glacier

UPWARD_M, UPWARD_SHARE, BEYOND_M = 2500.0, 0.8, 1500.0
"""The snout is looked for this far above (and this share of the length at most) and below where it was mapped."""
UPHILL_M = 50.0
"""A centreline that ends this much higher than it begins was digitised from the snout."""
FRAME_PX = 4
SHAPE_ALONE = "derived from the outline's shape alone"
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a glacier lies on a grid; local metres run south and east from the grid's north-west corner."""

    glacier: Glacier
    line_m: Points
    half_width_m: float
    end_m: float
    """Distance from the head, along the centreline and its continuation, at which the outline ends."""
    centreline: str
    """How it came about."""
    swath: Swath


def plane_pixel_m(grid: Grid) -> tuple[float, float]:
    """Return the size of a pixel in the metres that lengths are told in: the grid's own, else those on the ground."""
    if grid.crs.is_projected:
        unit = float(grid.crs.linear_units_factor[1])
        return abs(grid.transform.e) * unit, grid.transform.a * unit
    return grid.pixel_m()


def locate_glacier(
    glacier: Glacier, grid: Grid, reader: Reader, rules: TerminusRules, *, turned: bool = False
) -> Place | NotSeen:
    """Return where a glacier lies on the grid, and its centreline, derived where none is given.

    `turned` takes the centreline from its other end.
    """
    outline = _local(glacier.outline, grid)
    window = _window(np.array(outline.bounds).reshape(2, 2)[:, ::-1], grid)
    if window is None:
        return NotSeen("outside the imagery")
    if glacier.centreline is not None:
        line: Points | None = shapely.get_coordinates(_local(glacier.centreline, grid))[:, ::-1]
        how = "given"
    else:
        line, how = _derived(glacier, grid, reader, window)
    if line is None or length_m(line) < 4 * max(plane_pixel_m(grid)):
        return NotSeen("too small for the pixels of the imagery, or mostly outside it")
    line, how = _downhill(line[::-1] if turned else line, how, grid, reader)
    upright = shapely.transform(outline, lambda xy: xy[:, ::-1])
    total = length_m(line)
    width = half_width_m(line, upright)
    if width <= 0:
        return NotSeen("the centreline does not follow the outline")
    whole = swath(
        line, 0.5 * total, total + BEYOND_M, rules.central_share * width, (rules.along_step_m, rules.across_step_m)
    )
    ends = _outline_ends(whole, upright)
    end = float(np.nanmean(ends)) if np.isfinite(ends).any() else total
    first = max(end - min(UPWARD_M, UPWARD_SHARE * end), 0.0)
    part = swath(line, first, end + BEYOND_M, rules.central_share * width, (rules.along_step_m, rules.across_step_m))
    return Place(glacier, line, width, end, how, part)


def read_tongue(place: Place, scenes: tuple[Scene, ...], grid: Grid, reader: Reader) -> Tongue | NotSeen:
    """Return a glacier's pictures on its swath."""
    spots = place.swath.places_m.reshape(-1, 2)
    window = _window(np.array([spots.min(axis=0), spots.max(axis=0)]), grid)
    if window is None:
        return NotSeen("outside the imagery")
    relief = None if reader.plan.dem is None else reader.terrain(window)
    pixel_m = plane_pixel_m(grid)
    corner = np.array([window[0].start, window[1].start]) * np.array(pixel_m)
    local = Swath(place.swath.along_m, place.swath.across_m, place.swath.places_m - corner)
    pictures, dates = [], []
    for scene in scenes:
        one = reader.acquisition(scene, window)
        lit = None
        if relief is not None:
            lit = sunlit(relief.elevation_m, grid.pixel_m(), one.sun_elevation_deg, one.sun_azimuth_deg)
        dates.append(one)
        pictures.append(_sampled(one, lit, local, pixel_m))

    def channels() -> FloatArray:
        return np.stack([[local.sample(layer, pixel_m) for layer in surface_channels(one)] for one in dates])

    index, nir = (np.stack(part) for part in zip(*pictures, strict=True))
    coarsest = max(max(scene.grid.pixel_m()) for scene in scenes)
    moments = tuple(scene.acquired.at for scene in scenes)
    return Tongue(moments, place.swath.along_m, index, nir, channels, place.end_m, coarsest)


def line_lonlat(place: Place, positions_m: Points, grid: Grid) -> list[list[float]]:
    """Return a terminus, a distance from the head for each offset, as longitudes and latitudes."""
    along = place.swath.along_m
    at = np.clip((positions_m - along[0]) / (along[1] - along[0]), 0, len(along) - 1)
    whole = np.minimum(at.astype(int), len(along) - 2)
    rest = (at - whole)[:, None]
    offsets = np.arange(len(positions_m))
    spots = (1 - rest) * place.swath.places_m[offsets, whole] + rest * place.swath.places_m[offsets, whole + 1]
    rows, cols = (spots / np.array(plane_pixel_m(grid))).T
    x, y = grid.transform @ (cols, rows)
    lon, lat = grid.to_lonlat.transform(x, y)
    return [[round(float(a), 7), round(float(b), 7)] for a, b in zip(lon, lat, strict=True)]


def _sampled(
    one: Acquisition, lit: BoolArray | None, where: Swath, pixel_m: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return ice index and near infrared of a date on a swath."""
    nothing = np.full(one.usable.shape, np.nan, dtype=np.float32)
    index = ice_index(one, lit) if measurable(one) else nothing
    nir = one.reflectance[one.bands.index("nir")] if "nir" in one.bands else nothing
    return where.sample(index, pixel_m), where.sample(nir, pixel_m)


def _local(shape: BaseGeometry, grid: Grid) -> BaseGeometry:
    """Return an EPSG:4326 shape in metres east and south of the grid's corner."""
    mover, pixel = to_grid(grid), plane_pixel_m(grid)

    def move(xy: Points) -> Points:
        cols, rows = ~grid.transform @ mover.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([np.asarray(cols) * pixel[1], np.asarray(rows) * pixel[0]])

    moved: BaseGeometry = shapely.transform(shape, move)
    return moved


def _window(corners_m: Points, grid: Grid) -> Slices | None:
    """Return the pixels between two corners (south, east), with a frame; None where the grid has none of them."""
    low, high = corners_m.min(axis=0), corners_m.max(axis=0)
    parts = []
    for axis, size in enumerate(grid.shape):
        pixel = plane_pixel_m(grid)[axis]
        if not np.isfinite([low[axis], high[axis]]).all():
            return None
        start = max(int(np.floor(low[axis] / pixel)) - FRAME_PX, 0)
        stop = min(int(np.ceil(high[axis] / pixel)) + FRAME_PX, size)
        if stop - start < 2 * FRAME_PX:
            return None
        parts.append(slice(start, stop))
    return parts[0], parts[1]


def _derived(glacier: Glacier, grid: Grid, reader: Reader, window: Slices) -> tuple[Points | None, str]:
    """Return a centreline out of the outline, and of the relief where there is one."""
    mover = to_grid(grid)
    shape = shapely.transform(glacier.outline, lambda xy: np.column_stack(mover.transform(*xy.T)))
    size = (window[0].stop - window[0].start, window[1].stop - window[1].start)
    transform = grid.transform @ type(grid.transform).translation(window[1].start, window[0].start)
    inside = geometry_mask([shape], size, transform, invert=True)
    relief = None if reader.plan.dem is None else reader.terrain(window).elevation_m
    pixel = plane_pixel_m(grid)
    line = derive(inside, relief, pixel)
    how = "derived from outline and relief" if relief is not None else SHAPE_ALONE
    if line is None:
        return None, how
    return line + np.array([window[0].start, window[1].start]) * np.array(pixel), how


def _downhill(line: Points, how: str, grid: Grid, reader: Reader) -> tuple[Points, str]:
    """Return a given line from its higher to its lower end, where the relief tells."""
    if reader.plan.dem is None or how != "given":
        return line, how
    heights = []
    for end in (line[0], line[-1]):
        window = _window(np.array([end, end]), grid)
        heights.append(np.nan if window is None else float(np.nanmedian(reader.terrain(window).elevation_m)))
    if heights[1] > heights[0] + UPHILL_M:
        return line[::-1], "given, turned round: it ran uphill"
    return line, how


def _outline_ends(whole: Swath, outline: BaseGeometry) -> Points:
    """Return the distance from the head at which each offset last lies inside the outline."""
    inside = shapely.contains_xy(outline, whole.places_m[..., 0], whole.places_m[..., 1])
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    return np.where(inside.any(axis=1), whole.along_m[last], np.nan)
