"""What is told of a glacier: a feature for every date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detection.grids import Grid
from detection.methods.glaciertrend import Course
from detection.methods.terminus import NotSeen
from detection.methods.tongue import Answer, Measure
from detection.polygons import area_m2, perimeter_m
from detection.tongues import Place, line_lonlat
from detection.windows import Plan
from hazard_db.glacier_file import Glacier

OUTLINE_SIGMA = 0.69 / 2
"""Standard deviation of an area over perimeter times pixel, for outlines drawn along pixels."""
DERIVED_DOUBT = 0.85
"""Confidence is lower by this where the centreline was derived."""


@dataclass(frozen=True)
class Looked:
    """What all dates tell of a glacier."""

    place: Place | None
    answers: Sequence[Answer]
    course: Course
    glacier: Glacier


def features(result: Looked, plan: Plan) -> list[dict[str, Any]]:
    """Return a glacier's features, oldest first."""
    first = next((one for one in result.answers if isinstance(one, Measure)), None)
    told_of = []
    for scene, answer in zip(plan.scenes, result.answers, strict=True):
        at = scene.acquired.at
        told: dict[str, Any] = {"kind": "glacier", "glacier_id": result.glacier.id, "date": at.date().isoformat()}
        told["scene"] = scene.label
        geometry = None
        if isinstance(answer, NotSeen) or first is None or result.place is None:
            told |= _nothing(answer, at.date().isoformat())
        else:
            geometry = {"type": "LineString", "coordinates": line_lonlat(result.place, answer.line_m, plan.grid)}
            start = plan.scenes[list(result.answers).index(first)].acquired.at
            told |= _length(answer, first, result.place) | _areas(answer, result.place, plan.grid)
            told |= {"first_date": start.date().isoformat(), "last_date": at.date().isoformat()}
            told |= {"trend": result.course.at(at)}
        told |= _course(result.course)
        told["centreline"] = None if result.place is None else result.place.centreline
        told_of.append({"type": "Feature", "geometry": geometry, "properties": told})
    return told_of


def _nothing(answer: Answer, day: str) -> dict[str, Any]:
    reason = answer.reason if isinstance(answer, NotSeen) else "not measurable"
    empty = ("length_m", "length_uncertainty_m", "change_m", "change_uncertainty_m", "area_m2", "area_uncertainty_m2")
    return {
        "confidence": 0.0, "first_date": day, "last_date": day, **dict.fromkeys(empty),
        "trend": "not_measurable", "surface": None, "reason": reason,
    }  # fmt: skip


def _length(answer: Measure, first: Measure, place: Place) -> dict[str, Any]:
    both = 0.0 if answer is first else float(np.hypot(answer.sigma_m, first.sigma_m))
    sure = (
        min(1.0, answer.contrast / 0.7) * min(1.0, answer.seen / 0.85) * (0.97 if answer.basis == "clean_ice" else 0.85)
    )
    return {
        "confidence": round(sure * (1.0 if place.centreline.startswith("given") else DERIVED_DOUBT), 3),
        "length_m": round(answer.length_m, 1),
        "length_uncertainty_m": round(answer.sigma_m, 1),
        "change_m": round(answer.length_m - first.length_m, 1),
        "change_uncertainty_m": round(both, 1),
        "surface": answer.basis,
        "reason": None,
        "pictures": answer.pictures,
    }


def _areas(answer: Measure, place: Place, grid: Grid) -> dict[str, Any]:
    """Return the area: that of the outline, and what the snout has gained or lost since, over the glacier's width.

    Area by the box method, dA = W dL; its uncertainty is that of the outline's edge and of the length.
    """
    polygon = place.glacier.outline
    width = 2 * place.half_width_m
    area = area_m2(polygon) + width * (answer.length_m - place.end_m)
    edge = OUTLINE_SIGMA * perimeter_m(polygon) * max(grid.pixel_m())
    return {
        "area_m2": round(max(area, 0.0), 1),
        "area_uncertainty_m2": round(float(np.hypot(edge, width * answer.sigma_m)), 1),
    }


def _course(one: Course) -> dict[str, Any]:
    return {
        "rate_m_yr": None if one.rate_m_yr is None else round(one.rate_m_yr, 2),
        "rate_uncertainty_m_yr": None if one.rate_sigma_m_yr is None else round(one.rate_sigma_m_yr, 2),
        "surge_date": None if one.surge_from is None else one.surge_from.date().isoformat(),
    }
