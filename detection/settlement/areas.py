"""Regions -> areas that move: how fast, since when, how sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.settlement.classes import Motion, motion, scaled
from detection.settlement.design import Float, Seasonal
from detection.settlement.field import Field
from detection.settlement.seeking import Region
from detection.settlement.trend import TrendChange, trend_change

QUALITY = (0.8, 0.6, 0.4)
"""Least correlation of quality 1, 2, 3; below is 4."""
_MOST_POINTS = 2000
"""Points that a mean series is made of at most; more change it no further."""


@dataclass(frozen=True)
class Area:
    """An active deformation area."""

    region: Region
    points: npt.NDArray[np.intp]
    motion: Motion
    peak_velocity: float
    """mm/yr of the fastest tenth of its points."""
    quality: int
    """1 = series smooth in time and alike in space, 4 = neither: look closely."""
    temporal: float
    """Lag-1 autocorrelation of the mean series."""
    spatial: float
    """Mean correlation of the points' series with the mean series."""
    trend: TrendChange | None
    series: Float
    """(dates,), mm: mean of its points."""
    scatter: Float
    """(dates,), mm: standard deviation of its points about their mean, after their own sizes are taken out."""


def areas(scene: Field, regions: list[Region], velocity: Float, times_yr: Float, seasonal: Seasonal) -> list[Area]:
    """Return what is told of each region; regions whose series are stable after all are left out."""
    order = np.argsort(scene.cells, kind="stable")
    sorted_cells = scene.cells[order]
    found = []
    for region in regions:
        cells = region.rows.astype(np.intp) * scene.shape[1] + region.cols
        first, last = np.searchsorted(sorted_cells, cells, "left"), np.searchsorted(sorted_cells, cells, "right")
        points = np.concatenate([order[a:b] for a, b in zip(first, last, strict=True)])
        one = _area(scene, region, points, velocity=velocity, times_yr=times_yr, seasonal=seasonal)
        if one is not None:
            found.append(one)
    return found


def _area(
    scene: Field, region: Region, points: npt.NDArray[np.intp], *, velocity: Float, times_yr: Float, seasonal: Seasonal
) -> Area | None:
    points = points[np.isfinite(velocity[points])]
    if not len(points):
        return None
    y = filled(times_yr, scene.y[:, points[:: max(1, len(points) // _MOST_POINTS)]])
    mean = y.mean(axis=1)
    strength = _strength(y, mean)
    strong = y @ strength / strength.sum()
    told = motion(times_yr, strong, seasonal)
    if told is None or told.kind == "stable":
        return None
    # the strongest points tell best what happens and when; the size is that of the mean
    told = scaled(told, _slope(strong, mean))
    temporal, spatial = _smoothness(mean), _likeness(y, mean)
    worst = min(temporal, spatial)
    quality = 1 + sum(worst < limit for limit in QUALITY)
    rest = y - mean[:, None] * _slopes(y, mean)[None]
    rest -= rest.mean(axis=0)
    speeds = velocity[points]
    middle = float(np.median(speeds))
    peak = float(np.percentile(speeds, 5 if middle < 0 else 95))
    change = trend_change(times_yr, mean, seasonal, told.onset_yr)
    return Area(region, points, told, peak, quality, temporal, spatial, change, mean, rest.std(axis=1))


def filled(times_yr: Float, y: npt.NDArray[np.floating]) -> Float:
    """Return series with their gaps filled along the time axis, (dates, series).

    A mean over points of different depth would jump where one of them is missing.
    """
    whole = y.astype(np.float64)
    for column in np.flatnonzero(~np.isfinite(whole).all(axis=0)):
        known = np.isfinite(whole[:, column])
        whole[:, column] = np.interp(times_yr, times_yr[known], whole[known, column]) if known.any() else 0.0
    return whole


def _strength(y: Float, mean: Float) -> Float:
    """Return the weight of each series: how much of the common motion it shows, (series,)."""
    weight = np.clip(_slopes(y, mean), 0.0, None)
    return weight if weight.sum() > 0 else np.ones(y.shape[1])


def _slopes(y: Float, mean: Float) -> Float:
    centred = mean - mean.mean()
    slopes: Float = centred @ (y - y.mean(axis=0)) / max(float(centred @ centred), 1e-12)
    return slopes


def _slope(of: Float, on: Float) -> float:
    return float(_slopes(on[:, None], of)[0])


def _smoothness(series: Float) -> float:
    """Return the lag-1 autocorrelation: near 1 for motion, near 0 for noise."""
    centred = series - series.mean()
    return float(centred[1:] @ centred[:-1] / max(float(centred @ centred), 1e-12))


def _likeness(y: Float, mean: Float) -> float:
    """Return the mean correlation of series with their mean."""
    centred, level = y - y.mean(axis=0), mean - mean.mean()
    length = np.linalg.norm(centred, axis=0) * np.linalg.norm(level)
    return float(np.mean(level @ centred / np.maximum(length, 1e-12)))
