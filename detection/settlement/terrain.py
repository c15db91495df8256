"""Where areas that move lie on the slope, and how the satellite sees the surroundings of the road: both out of a DEM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.arrays import Terrain
from detection.grids import Grid, grid_of, opened
from detection.settlement.geometry import LAYOVER, SHADOW, along_slope, visibility
from detection.slopes import horn
from hazard_db.series import Look

SURROUNDINGS_M = 500.0
"""Half-width of the strip along the road whose slopes can reach it directly."""
UTM = 32643
FORESHORTENED = 1 / 3
"""A slope seen at less than this share of its length (R-index) is squeezed into so few pixels that little is known of it."""


@dataclass(frozen=True)
class SegmentView:
    """How the satellite sees the surroundings of a segment: shares of what the DEM covers, which add up to 1."""

    segment_id: int
    seen_share: float
    foreshortened_share: float
    layover_share: float
    shadow_share: float
    covered_share: float
    """Of the surroundings, inside the DEM."""


def add_slopes(features: Sequence[dict[str, Any]], dem: Path, look: Look) -> None:
    """Add to each area slope and aspect (of its mean gradient), the rate down the slope, how sensitive the look is to it, and R.

    None where the area lies outside the elevation, and for the rate where the look hardly sees the slope.
    """
    vector = np.array([look.east, look.north, look.up])
    with opened(str(dem), dem.name) as raster:
        for one in features:
            told = one["properties"]
            told |= dict.fromkeys(
                ("slope_deg", "aspect_deg", "slope_velocity_mm_yr", "slope_sensitivity", "visibility"), None
            )
            terrain = _within(raster, shape(one["geometry"]), dem.name)
            mean = None if terrain is None else _mean_slope(terrain[0])
            if mean is None:
                continue
            slope, aspect = mean
            down, sensitivity = along_slope(told["velocity_mm_yr"], vector, slope, aspect)
            told["slope_deg"], told["aspect_deg"] = round(slope, 1), round(aspect, 1)
            told["slope_velocity_mm_yr"] = round(float(down), 3) if np.isfinite(down) else None
            told["slope_sensitivity"] = round(float(sensitivity), 3)
            told["visibility"] = round(float(visibility(slope, aspect, vector)[0]), 3)


def segment_views(
    dem: Path,
    look: Look,
    segments: Iterable[tuple[int, Sequence[tuple[float, float]]]],
    distance_m: float = SURROUNDINGS_M,
) -> list[SegmentView]:
    """Return how the satellite sees each segment that the DEM covers.

    Parameters
    ----------
    segments
        (id, vertices in EPSG:4326).
    distance_m
        The surroundings reach this far to both sides.
    """
    vector = np.array([look.east, look.north, look.up])
    metric = Transformer.from_crs(4326, UTM, always_xy=True)
    back = Transformer.from_crs(UTM, 4326, always_xy=True)
    found = []
    with opened(str(dem), dem.name) as raster:
        for number, lonlat in segments:
            line = shapely.LineString(np.column_stack(metric.transform(*np.array(lonlat).T)))
            strip = line.buffer(distance_m)
            terrain = _within(
                raster, shapely.transform(strip, lambda xy: np.column_stack(back.transform(*xy.T))), dem.name
            )
            if terrain is not None:
                relief, pixel_m = terrain
                found += _view(number, relief, float(strip.area) / (pixel_m[0] * pixel_m[1]), vector)
    return found


def _view(number: int, relief: Terrain, whole_px: float, vector: Any) -> list[SegmentView]:
    known = np.isfinite(relief.slope_deg)
    count = int(known.sum())
    if not count:
        return []
    index, code = visibility(relief.slope_deg[known], relief.aspect_deg[known], vector)
    layover, shadow = float((code == LAYOVER).mean()), float((code == SHADOW).mean())
    squeezed = float(((code == 1) & (index < FORESHORTENED)).mean())
    covered = min(1.0, count / whole_px)
    return [SegmentView(number, max(0.0, 1 - layover - shadow - squeezed), squeezed, layover, shadow, covered)]


def _within(raster: Any, place: BaseGeometry, label: str) -> tuple[Terrain, tuple[float, float]] | None:
    """Return the relief inside a geometry in EPSG:4326 (NaN outside it), and the pixel's size; None where there is none."""
    to_raster = Transformer.from_crs(4326, raster.crs, always_xy=True)
    area = shapely.transform(place, lambda xy: np.column_stack(to_raster.transform(*xy.T)))
    wanted = from_bounds(*area.bounds, transform=raster.transform)
    whole = Window(0, 0, raster.width, raster.height)
    left, top = int(np.floor(wanted.col_off)) - 1, int(np.floor(wanted.row_off)) - 1
    right, bottom = int(np.ceil(wanted.col_off + wanted.width)) + 1, int(np.ceil(wanted.row_off + wanted.height)) + 1
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, whole.width), min(bottom, whole.height)
    if right - left < 3 or bottom - top < 3:
        return None
    window = Window(left, top, right - left, bottom - top)
    elevation = raster.read(1, window=window).astype(np.float32)
    if raster.nodata is not None:
        elevation[elevation == raster.nodata] = np.nan
    grid: Grid = grid_of(raster, label)
    pixel_m = grid.pixel_m((top + bottom) / 2)
    relief = horn(elevation, pixel_m)
    inner = raster.window_transform(window) * Affine.translation(1, 1)
    inside = geometry_mask([area], relief.slope_deg.shape, inner, invert=True, all_touched=True)
    hidden = [np.where(inside, part, np.nan) for part in (relief.elevation_m, relief.slope_deg, relief.aspect_deg)]
    return Terrain(*hidden), pixel_m


def _mean_slope(relief: Terrain) -> tuple[float, float] | None:
    """Return slope and aspect of the mean gradient: over a knoll they cancel out, which a mean of slopes would not tell."""
    steep, aspect = np.tan(np.radians(relief.slope_deg)), np.radians(relief.aspect_deg)
    known = np.isfinite(steep) & np.isfinite(aspect)
    if not known.any():
        return None
    east, north = float((steep * np.sin(aspect))[known].mean()), float((steep * np.cos(aspect))[known].mean())
    return float(np.degrees(np.arctan(np.hypot(east, north)))), float(np.degrees(np.arctan2(east, north)) % 360)
