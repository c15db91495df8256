"""Objects of a scene -> GeoJSON features."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from detection.arrays import Candidate, Score, Terrain
from detection.evidence import runout
from detection.grids import Grid
from detection.intervals import interval
from detection.polygons import area_m2, area_uncertainty_m2, geojson, outline

KIND = "landslide"


@dataclass(frozen=True)
class Sighting:
    """An object in coordinates of the whole grid, and between which dates it appeared."""

    rows: npt.NDArray[np.int32]
    cols: npt.NDArray[np.int32]
    found: Candidate
    first: datetime
    last: datetime


def sightings(
    candidates: Iterable[Candidate],
    score: Score,
    corner: tuple[int, int],
    before: Sequence[datetime],
    after: Sequence[datetime],
    *,
    terrain: Terrain | None = None,
) -> list[Sighting]:
    """Return candidates of a window with their dates, and where they went, by the relief of the window.

    Parameters
    ----------
    candidates, score
        Of the window, in its coordinates.
    corner
        Row and column of the grid where the window begins.
    before, after
        Dates in the order of the block.
    """
    seen = []
    for one in candidates:
        pixels = (one.rows, one.cols)
        first, last = interval(score.first_after[pixels], score.last_quiet[pixels], before, after)
        rows, cols = (part.astype(np.int32) + at for part, at in zip(pixels, corner, strict=True))
        if terrain is not None:
            one = replace(one, features=one.features | runout(terrain, *pixels))  # noqa: PLW2901
        seen.append(Sighting(rows, cols, one, first, last))
    return seen


def feature(one: Sighting, grid: Grid) -> dict[str, Any]:
    """Return an object as a GeoJSON feature, EPSG:4326."""
    shape = outline(one.rows, one.cols, grid)
    pixel_m = grid.pixel_m(float(one.rows.mean()))
    slope = one.found.mean_slope_deg
    return {
        "type": "Feature",
        "geometry": geojson(shape),
        "properties": {
            "kind": KIND,
            "confidence": round(float(min(max(one.found.confidence, 0.0), 1.0)), 3),
            "first_date": one.first.date().isoformat(),
            "last_date": one.last.date().isoformat(),
            "area_m2": round(area_m2(shape), 1),
            "area_uncertainty_m2": round(area_uncertainty_m2(shape, pixel_m), 1),
            "magnitude": round(float(one.found.magnitude), 2),
            "mean_slope_deg": None if slope is None or not math.isfinite(slope) else round(float(slope), 1),
            "runout_azimuth_deg": _rounded(one.found.features.get("runout_azimuth_deg")),
            "drop_m": _rounded(one.found.features.get("drop_m")),
            "observed_share": round(float(min(max(one.found.observed_share, 0.0), 1.0)), 3),
            "evidence": one.found.evidence,
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
