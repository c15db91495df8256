"""What is told of a lake: a feature for every date that shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.measure import perimeter

from detection.arrays import BoolArray
from detection.grids import Grid
from detection.methods.lakes import Lake, Sighting, growth
from detection.polygons import area_m2, geojson, outline
from detection.windows import Plan

AREA_SIGMA = 0.69 / 2
"""Standard deviation of an area over perimeter times pixel: edge pixels are right to half a pixel [@Hanshaw2014]."""


@dataclass(frozen=True)
class Found:
    """A lake with what its surroundings tell."""

    lake: Lake
    corner: tuple[int, int]
    """Row and column of the grid where its window begins."""
    ice_dammed: bool | None
    ice_share: float | None


def features(one: Found, name: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield a feature for every date that shows the lake."""
    moments, areas, sigmas = [], [], []
    shown = [sighting for sighting in one.lake.sightings if sighting.state in {"water", "frozen"}]
    first = plan.scenes[shown[0].number].acquired.at.date().isoformat()
    dry_before, drained = _dry(one.lake, plan)
    for sighting in shown:
        rows, cols = (
            part.astype(np.int32) + at for part, at in zip(np.nonzero(sighting.mask), one.corner, strict=True)
        )
        shape = outline(rows, cols, plan.grid)
        pixel_m = float(np.sqrt(np.prod(plan.grid.pixel_m(float(rows.mean())))))
        sigma = AREA_SIGMA * _perimeter_px(sighting.mask) * pixel_m**2
        sigma = float(np.hypot(sigma, (1 - sighting.seen) * area_m2(shape))) * (2 if sighting.state == "frozen" else 1)
        at = plan.scenes[sighting.number].acquired.at
        if sighting.state == "water":
            moments.append(at)
            areas.append(area_m2(shape))
            sigmas.append(sigma)
        rate = growth(moments, areas, sigmas)
        yield {
            "type": "Feature",
            "geometry": geojson(shape),
            "properties": {
                "kind": "lake",
                "lake_id": name,
                "confidence": _confidence(one.lake, sighting, plan),
                "first_date": first,
                "last_date": at.date().isoformat(),
                "date": at.date().isoformat(),
                "area_m2": round(area_m2(shape), 1),
                "area_uncertainty_m2": round(sigma, 1),
                "growth_m2_yr": None if rate is None else round(rate[0], 1),
                "growth_uncertainty_m2_yr": None if rate is None else round(rate[1], 1),
                "ice_dammed": one.ice_dammed,
                "ice_contact_share": None if one.ice_share is None else round(one.ice_share, 3),
                "state": sighting.state,
                "dry_before": dry_before if sighting is shown[0] else None,
                "drained_by": drained if sighting is shown[-1] else None,
                "scene": plan.scenes[sighting.number].label,
            },
        }


def _perimeter_px(mask: BoolArray) -> float:
    """Return the length of a shore; along the pixels' edges it would be up to two fifths longer."""
    return float(perimeter(np.pad(mask, 1)))  # type: ignore[no-untyped-call]


def _dry(lake: Lake, plan: Plan) -> tuple[str | None, str | None]:
    """Return the last date that shows the lake's place dry before it is first seen, and the first after it is last seen."""
    wet = [one.number for one in lake.sightings if one.state == "water"]
    dry = [one.number for one in lake.sightings if one.state == "dry"]
    before, after = [number for number in dry if number < wet[0]], [number for number in dry if number > wet[-1]]
    days = [plan.scenes[numbers[at]].acquired.at.date().isoformat() if numbers else None
            for numbers, at in ((before, -1), (after, 0))]  # fmt: skip
    return days[0], days[1]


def names(found: Sequence[Found], grid: Grid) -> list[str]:
    """Return ids out of the places where lakes were first seen: later dates do not change them."""
    taken: Counter[str] = Counter()
    told = []
    for one in found:
        first = next(sighting for sighting in one.lake.sightings if sighting.state == "water")
        row, col = (float(part.mean()) + at for part, at in zip(np.nonzero(first.mask), one.corner, strict=True))
        lon, lat = grid.lonlat(row + 0.5, col + 0.5)
        name = f"L{abs(lat):06.3f}{'N' if lat >= 0 else 'S'}{abs(lon):07.3f}{'E' if lon >= 0 else 'W'}"
        taken[name] += 1
        told.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return told


def _confidence(lake: Lake, sighting: Sighting, plan: Plan) -> float:
    """Return how likely it is a lake: what many dates show and relief does not contradict."""
    wet = sum(one.state == "water" for one in lake.sightings)
    sure = 0.6 + 0.37 * lake.persistence if wet > 1 else 0.6
    sure *= 1.0 if plan.dem is not None else 0.93
    return round(sure * (0.75 if sighting.state == "frozen" else 1.0), 3)
