"""What a change was judged by, as layers to look at: the ground before and after, the scores, the relief."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detection.arrays import Acquisition, Block, BoolArray, FloatArray, Terrain
from detection.methods.pixels import median

Indices = npt.NDArray[np.int32]

SHOWN = ("red", "green", "nir", "swir1", "blue", "swir2", "vv", "vh")
"""The band that shows the ground before and after: the first of these that all dates of a sensor have."""
LIGHT_AZIMUTH_DEG, LIGHT_ELEVATION_DEG = 315.0, 45.0


def ground_of(block: Block) -> dict[str, FloatArray]:
    """Return what a block looks like by name, (rows, cols) each, NaN = unknown: before, after, slope_deg, hillshade.

    `before` and `after` are medians over the dates that saw a pixel, of reflectance, or of backscatter in dB where there is
    radar only.
    """
    optical = tuple(one for one in block.before if not one.is_radar)
    kind = not optical
    before, after = ([one for one in dates if one.is_radar == kind] for dates in (block.before, block.after))
    name = next((band for band in SHOWN if all(band in one.bands for one in (*before, *after))), None)
    layers = {} if name is None else {"before": _median(before, name), "after": _median(after, name)}
    if block.terrain is not None:
        layers |= {"slope_deg": block.terrain.slope_deg, "hillshade": hillshade(block.terrain)}
    return layers


def _median(dates: Sequence[Acquisition], name: str) -> FloatArray:
    seen: BoolArray = np.stack([one.usable for one in dates])
    middle: FloatArray = median([np.nan_to_num(one.reflectance[[one.bands.index(name)]]) for one in dates], seen)[0]
    middle[~seen.any(axis=0)] = np.nan
    return middle


def hillshade(terrain: Terrain) -> FloatArray:
    """Return the light on the relief, 0-1, from the north-west: the cosine of incidence, equation (1) of [@Horn1981]."""
    slope, aspect = np.radians(terrain.slope_deg), np.radians(terrain.aspect_deg)
    zenith = np.radians(90 - LIGHT_ELEVATION_DEG)
    towards = np.cos(np.radians(LIGHT_AZIMUTH_DEG) - aspect)
    light = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * towards
    return np.asarray(np.clip(light, 0, 1), dtype=np.float32)


def runout(terrain: Terrain, rows: Indices, cols: Indices) -> dict[str, float]:
    """Return where an object went: `runout_azimuth_deg`, clockwise from grid north, and `drop_m`; empty where unknown.

    The direction is the mean of the way down inside the object, weighted by the sine of the slope: level pixels, whose
    aspect is chance, hardly count.
    """
    slope, aspect, height = (part[rows, cols] for part in (terrain.slope_deg, terrain.aspect_deg, terrain.elevation_m))
    known = np.isfinite(slope) & np.isfinite(aspect) & np.isfinite(height)
    if not known.any():
        return {}
    weight, down = np.sin(np.radians(slope[known])), np.radians(aspect[known])
    east, north = float((weight * np.sin(down)).sum()), float((weight * np.cos(down)).sum())
    drop = float(height[known].max() - height[known].min())
    if np.hypot(east, north) < 1e-6:
        return {"drop_m": drop}
    return {"runout_azimuth_deg": float(np.degrees(np.arctan2(east, north)) % 360), "drop_m": drop}
