"""Two looks at one area, ascending and descending: how it moves east and up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from detection.settlement.areas import Area
from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import Fit, fit
from detection.settlement.geometry import east_up
from detection.settlement.scene import load
from hazard_db.series import Displacement, Look

FEWEST_POINTS = 3
LEAST_APART = 0.5
"""By which the eastward parts of two looks differ at least: with less, east and up are hardly told apart."""


@dataclass(frozen=True)
class Rate:
    """A velocity along a line of sight."""

    mm_yr: float
    std_mm_yr: float


def rates_of(fitted: Fit, area: Area) -> Rate:
    """Return the mean velocity of an area's points; its error is that of one point, for neighbours err alike."""
    return mean_rate(fitted.velocity[area.points], fitted.velocity_std[area.points])


def mean_rate(velocity: Any, std: Any) -> Rate:
    """Return the mean of velocities and the median of their standard deviations."""
    return Rate(float(np.mean(velocity)), float(np.median(std)))


def apart(one: Look, other: Look) -> bool:
    """Return whether two looks tell east from up."""
    return abs(one.east - other.east) >= LEAST_APART


def motion(own: tuple[Rate, Look], other: tuple[Rate, Look]) -> dict[str, float]:
    """Return east_mm_yr, up_mm_yr and their standard deviations; no motion to the north is taken for granted."""
    rates, looks = [own[0], other[0]], [own[1], other[1]]
    values, errors = east_up(
        [one.mm_yr for one in rates], [[one.east, one.north, one.up] for one in looks], [one.std_mm_yr for one in rates]
    )
    return {
        "east_mm_yr": round(float(values[0]), 3), "up_mm_yr": round(float(values[1]), 3),
        "east_std_mm_yr": round(float(errors[0]), 3), "up_std_mm_yr": round(float(errors[1]), 3),
    }  # fmt: skip


def add_east_up(
    features: Sequence[dict[str, Any]], rates: Sequence[Rate], source: Displacement, other: Displacement, folder: Path
) -> list[str]:
    """Add east and up to the areas that another look's points lie in, and return what a reader must know of it."""
    names = ("east_mm_yr", "up_mm_yr", "east_std_mm_yr", "up_std_mm_yr")
    for one in features:
        one["properties"] |= dict.fromkeys(names, None)
    if source.look is None or other.look is None or not apart(source.look, other.look):
        return [
            f"{other.name}: does not look from the other side, or the files do not tell their looks: no east and up"
        ]
    inside = folder / "other"
    inside.mkdir()
    scene = load(other, inside)
    fitted = fit(design(other.times_yr, seasonal_for(other.times_yr)), scene.field.y)
    lon, lat = scene.places()
    known = np.isfinite(fitted.velocity_std)
    for one, rate in zip(features, rates, strict=True):
        here = known & shapely.contains_xy(shape(one["geometry"]), lon, lat)
        if here.sum() >= FEWEST_POINTS:
            second = mean_rate(fitted.velocity[here], fitted.velocity_std[here])
            one["properties"] |= motion((rate, source.look), (second, other.look))
    return [f"east and up rest on {other.name} too, each against its own reference; motion to the north is not seen"]
