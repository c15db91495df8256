"""Sunlight on relief: angle of incidence and cast shadow."""

from __future__ import annotations

import numpy as np

from detection.arrays import BoolArray, FloatArray, Terrain

_SHADOW_DEPTH_M = 2.0  # interpolation along the ray is not better than this
_NOTHING = np.float32(-1e6)  # lower than any ground; finite, so that zero times it stays zero


def cos_incidence(terrain: Terrain, sun_elevation_deg: float, sun_azimuth_deg: float) -> FloatArray:
    """Return the cosine of the angle between the sun and the ground's normal, (rows, cols), negative = turned away.

    Equation (1) of [@Teillet1982]. Where the relief is unknown the ground counts as level.
    """
    zenith = np.float32(np.radians(90.0 - sun_elevation_deg))
    slope = np.radians(terrain.slope_deg, dtype=np.float32)
    turn = np.radians(np.float32(sun_azimuth_deg) - terrain.aspect_deg, dtype=np.float32)
    cosine = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(turn)
    return np.where(np.isfinite(cosine), cosine, np.cos(zenith)).astype(np.float32)


def sunlit(
    elevation_m: FloatArray, pixel_m: tuple[float, float], sun_elevation_deg: float, sun_azimuth_deg: float
) -> BoolArray:
    """Return True where no relief inside the array stands before the sun, (rows, cols).

    The height of the shadow is carried from line to line away from the sun: it falls by tan(elevation) per metre and
    is lifted by the ground, so that one pass over the lines replaces a march along every ray. Unknown ground (NaN)
    casts no shadow and lies in none.
    """
    north, east = np.cos(np.radians(sun_azimuth_deg)), np.sin(np.radians(sun_azimuth_deg))
    down_rows, along_cols = -north / pixel_m[0], east / pixel_m[1]  # one metre towards the sun, in pixels
    ground = np.where(np.isfinite(elevation_m), elevation_m, _NOTHING).astype(np.float32)
    if abs(along_cols) > abs(down_rows):
        return _sweep(ground.T, along_cols, down_rows, sun_elevation_deg).T
    return _sweep(ground, down_rows, along_cols, sun_elevation_deg)


def _sweep(ground: FloatArray, major: float, minor: float, sun_elevation_deg: float) -> BoolArray:
    """Return sunlit pixels where the sun lies mostly along the lines' axis (major, minor: pixels per metre)."""
    lines = np.arange(ground.shape[0])
    if major > 0:  # the sun stands at the far end: start there
        lines = lines[::-1]
    fall = np.float32(np.tan(np.radians(sun_elevation_deg)) / abs(major))
    drift = minor / abs(major)
    lit = np.ones(ground.shape, dtype=bool)
    shadow = ground[lines[0]].copy()
    for line in lines[1:]:
        shadow = _shifted(shadow, drift) - fall
        lit[line] = shadow <= ground[line] + _SHADOW_DEPTH_M
        np.maximum(shadow, ground[line], out=shadow)
    lit[ground <= _NOTHING] = True
    return lit


def _shifted(line: FloatArray, by: float) -> FloatArray:
    """Return the line read at index + by (-1..1), linearly between neighbours; nothing stands beyond its ends."""
    share = np.float32(abs(by))
    if share == 0:
        return line.copy()
    neighbour = np.empty_like(line)
    if by > 0:
        neighbour[:-1], neighbour[-1] = line[1:], _NOTHING
    else:
        neighbour[1:], neighbour[0] = line[:-1], _NOTHING
    return np.asarray((1 - share) * line + share * neighbour, dtype=np.float32)
