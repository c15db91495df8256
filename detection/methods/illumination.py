"""Sunlight on relief: angle of incidence and cast shadow."""

from __future__ import annotations

import numpy as np

from detection.arrays import BoolArray, FloatArray, Terrain

REACH_PX = 64
"""Shadows longer than this, along the sun's main axis, are cut."""
_SHADOW_DEPTH_M = 2.0  # interpolation along the ray is not better than this
_NOTHING = np.float32(-1e6)  # lower than any ground; finite, so that zero times it stays zero


def cos_incidence(terrain: Terrain, sun_elevation_deg: float, sun_azimuth_deg: float) -> FloatArray:
    """Return the cosine of the angle between the sun and the ground's normal, (rows, cols), negative = turned away.

    As in [@Teillet1982]. Where the relief is unknown the ground counts as level.
    """
    return cos_to_sun(normals(terrain), sun_elevation_deg, sun_azimuth_deg)


def normals(terrain: Terrain) -> FloatArray:
    """Return the ground's normal, (up, north, east) by rows and columns; upright where the relief is unknown."""
    slope, aspect = (np.radians(part, dtype=np.float32) for part in (terrain.slope_deg, terrain.aspect_deg))
    found = np.empty((3, *slope.shape), dtype=np.float32)
    np.cos(slope, out=found[0])
    steep = np.sin(slope)
    np.multiply(steep, np.cos(aspect), out=found[1])
    np.multiply(steep, np.sin(aspect), out=found[2])
    level = ~np.isfinite(slope + aspect)
    found[:, level] = np.array([[1], [0], [0]], dtype=np.float32)
    return found


def cos_to_sun(normal: FloatArray, sun_elevation_deg: float, sun_azimuth_deg: float) -> FloatArray:
    """Return the cosine of the angle between the sun and given normals, (rows, cols)."""
    zenith, azimuth = np.radians(90.0 - sun_elevation_deg), np.radians(sun_azimuth_deg)
    level = np.sin(zenith)
    sun = np.array([np.cos(zenith), level * np.cos(azimuth), level * np.sin(azimuth)], dtype=np.float32)
    cosine: FloatArray = normal[0] * sun[0]
    for part, towards in zip(normal[1:], sun[1:], strict=True):
        cosine += part * towards
    return cosine


def sunlit(
    elevation_m: FloatArray, pixel_m: tuple[float, float], sun_elevation_deg: float, sun_azimuth_deg: float
) -> BoolArray:
    """Return True where no relief within REACH_PX stands before the sun, (rows, cols).

    The height of the shadow over a pixel is the highest ground towards the sun less the fall of the ray on the way.
    The highest within 2n lines is the higher of that within n lines and the same n lines on: six steps see 64 lines.
    The result depends on nothing beyond REACH_PX, so that blocks with a halo agree. Unknown ground (NaN) casts no
    shadow and lies in none.
    """
    north, east = np.cos(np.radians(sun_azimuth_deg)), np.sin(np.radians(sun_azimuth_deg))
    down_rows, along_cols = -north / pixel_m[0], east / pixel_m[1]  # one metre towards the sun, in pixels
    ground = np.where(np.isfinite(elevation_m), elevation_m, _NOTHING).astype(np.float32)
    if abs(along_cols) > abs(down_rows):
        return np.ascontiguousarray(_lit(np.ascontiguousarray(ground.T), along_cols, down_rows, sun_elevation_deg).T)
    return _lit(ground, down_rows, along_cols, sun_elevation_deg)


def _lit(ground: FloatArray, major: float, minor: float, sun_elevation_deg: float) -> BoolArray:
    """Return sunlit pixels where the sun lies mostly along the first axis (major, minor: pixels per metre)."""
    fall = float(np.tan(np.radians(sun_elevation_deg)) / abs(major))  # metres per line
    step, drift = (1 if major > 0 else -1), minor / abs(major)
    shadow = _towards_sun(ground, step, drift) - np.float32(fall)
    lines = 1
    while lines < REACH_PX:
        further = _towards_sun(shadow, step * lines, drift * lines)
        further -= np.float32(fall * lines)
        np.maximum(shadow, further, out=shadow)
        lines *= 2
    return np.asarray((shadow <= ground + _SHADOW_DEPTH_M) | (ground <= _NOTHING))


def _towards_sun(height: FloatArray, lines: int, across: float) -> FloatArray:
    """Return the heights read some lines on and a fraction of pixels across, linearly; nothing stands outside."""
    low = int(np.floor(across))
    share = np.float32(across - low)
    read = moved(height, lines, low)
    if share > 0:
        read *= 1 - share
        read += share * moved(height, lines, low + 1)
    return read


def moved(height: FloatArray, lines: int, across: int) -> FloatArray:
    """Return height[row + lines, col + across], _NOTHING outside."""
    moved = np.full_like(height, _NOTHING)
    rows, cols = height.shape
    if abs(lines) < rows and abs(across) < cols:
        to_rows, from_rows = _overlap(lines, rows)
        to_cols, from_cols = _overlap(across, cols)
        moved[to_rows, to_cols] = height[from_rows, from_cols]
    return moved


def _overlap(by: int, size: int) -> tuple[slice, slice]:
    return slice(max(-by, 0), size - max(by, 0)), slice(max(by, 0), size + min(by, 0))
