"""Glaciers in files: scenes and outlines -> the terminus, length and trend of every glacier on every date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from detection.grids import Grid
from detection.methods.glaciertrend import Course, course
from detection.methods.icecover import RATIO_BANDS
from detection.methods.terminus import NotSeen, TerminusRules
from detection.methods.tongue import Answer, Measure, measure
from detection.output import check_outputs, write_json
from detection.polygons import area_m2, perimeter_m
from detection.rasterfiles import sha256
from detection.sources import Scene, open_dates
from detection.tongues import SHAPE_ALONE, Place, line_lonlat, locate_glacier, read_tongue
from detection.windows import Plan, Reader, check_dem
from hazard_db.errors import DetectionError
from hazard_db.glacier_file import Glacier, read_glaciers

Progress = Callable[[str, float], None]
METHOD = "terminus"
OUTLINE_SIGMA = 0.69 / 2
"""Standard deviation of an area over perimeter times pixel, for outlines drawn along pixels."""
DERIVED_DOUBT = 0.85
"""Confidence is lower by this where the centreline was derived."""


@dataclass(frozen=True)
class GlacierResult:
    """What looking at glaciers in files brought."""

    collection: dict[str, Any]
    """GeoJSON feature collection, EPSG:4326."""
    seconds: float

    @property
    def features(self) -> list[dict[str, Any]]:
        """One per glacier and date."""
        features: list[dict[str, Any]] = self.collection["features"]
        return features


@dataclass(frozen=True)
class _Result:
    place: Place | None
    answers: Sequence[Answer]
    course: Course
    glacier: Glacier


def run_glacier(
    scenes: Sequence[Path],
    outlines: Path,
    out: Path,
    *,
    centrelines: Path | None = None,
    dem: Path | None = None,
    crs: str | None = None,
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    rules: TerminusRules | None = None,
    progress: Progress | None = None,
) -> GlacierResult:
    """Return the glaciers of files after writing them to `out`.

    Parameters
    ----------
    scenes
        One raster per date, or the band files of each.
    outlines, centrelines, crs
        See `glacier_file.read_glaciers`.
    dem
        Elevation in metres, any grid and CRS.
    bands, dates
        What the files do not tell themselves, see `sources.open_dates`.

    Raises
    ------
    InputError
        A file cannot be used.
    DetectionError
        The files do not fit each other, or the result cannot be written.
    """
    check_outputs([out], [*scenes, outlines, *(one for one in (centrelines, dem) if one is not None)])
    started = time.monotonic()
    glaciers = read_glaciers(outlines, centrelines, crs)
    plan = glacier_plan(open_dates(scenes, bands, dates), dem)
    collection = detect_glaciers(glaciers, plan, rules, progress)
    write_json(collection, out)
    return GlacierResult(collection, round(time.monotonic() - started, 2))


def glacier_plan(scenes: tuple[Scene, ...], dem: Path | None) -> Plan:
    """Return the plan of a series: all dates on the grid of the finest, snow and ice being the subject.

    Raises
    ------
    DetectionError
        There are no dates, or they lie apart.
    """
    if not scenes:
        raise DetectionError("give at least one raster with --scenes")
    finest = min(scenes, key=lambda scene: round(scene.grid.pixel_m()[0], 2))
    for scene in scenes:
        if not finest.grid.overlaps(scene.grid):
            raise DetectionError(f"{scene.label} does not overlap {finest.label}; give scenes of the same area")
    if dem is not None:
        check_dem(dem, finest.grid)
    return Plan(finest.grid, scenes, (), dem, snow_is_ground=True)


def detect_glaciers(
    glaciers: Sequence[Glacier], plan: Plan, rules: TerminusRules | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Return a feature collection of the glaciers that the imagery shows, one feature per glacier and date.

    Raises
    ------
    RasterError
        A file is damaged.
    DetectionError
        The imagery shows none of the glaciers.
    """
    rules = rules or TerminusRules()
    tell = progress or (lambda text, share: None)
    footprint = _footprint(plan.grid)
    near = [one for one in glaciers if one.outline.intersects(footprint)]
    if not near:
        raise DetectionError(
            "none of the outlines lies in the imagery; check their CRS, or give scenes of the same area"
        )
    results = []
    for number, one in enumerate(_results(near, plan, rules)):
        tell(f"glacier {one.glacier.id}", number / len(near))
        results.append(one)
    tell("done", 1.0)
    return {
        "type": "FeatureCollection",
        "features": [feature for one in results for feature in _features(one, plan, rules)],
        "method": METHOD,
        "version": version("kkh-hazard-watch"),
        "parameters": rules.model_dump(),
        "inputs": inputs_of(plan),
        "notes": _notes(plan, results, len(glaciers) - len(near)),
        "stats": {
            "glaciers": len(results),
            "measured": sum(any(isinstance(a, Measure) for a in one.answers) for one in results),
        },
    }


def _results(near: Sequence[Glacier], plan: Plan, rules: TerminusRules) -> Iterable[_Result]:
    """Yield glaciers in their order; two at a time, each with files of its own."""
    if len(near) < 4:
        with Reader(plan) as reader:
            yield from (_look(one, plan, reader, rules) for one in near)
        return
    halves = [near[0::2], near[1::2]]

    def half(part: Sequence[Glacier]) -> list[_Result]:
        with Reader(plan) as reader:
            return [_look(one, plan, reader, rules) for one in part]

    with ThreadPoolExecutor(2) as pool:
        found = {one.glacier.id: one for part in pool.map(half, halves) for one in part}
    yield from (found[one.id] for one in near)


def _look(glacier: Glacier, plan: Plan, reader: Reader, rules: TerminusRules) -> _Result:
    """Return what all dates tell of a glacier.

    Where the outline's shape alone had to tell head from snout, the end that moves is the snout: heads do not.
    """
    one = _measured(glacier, plan, reader, rules, turned=False)
    if one.place is None or one.place.centreline != SHAPE_ALONE:
        return one
    other = _measured(glacier, plan, reader, rules, turned=True)
    return max(one, other, key=lambda result: _moves(result.course))


def _moves(one: Course) -> float:
    """Return how surely a glacier's end moves, in standard deviations; -1 = not known."""
    if one.surge_from is not None:
        return float("inf")
    return -1.0 if one.rate_m_yr is None or not one.rate_sigma_m_yr else abs(one.rate_m_yr) / one.rate_sigma_m_yr


def _measured(glacier: Glacier, plan: Plan, reader: Reader, rules: TerminusRules, *, turned: bool) -> _Result:
    scenes = _of_one_kind(plan.scenes)
    if not scenes:
        return _nowhere(glacier, plan, "no red and short-wave infrared bands: ice cannot be told from rock")
    place = locate_glacier(glacier, plan.grid, reader, rules, turned=turned)
    if isinstance(place, NotSeen):
        return _nowhere(glacier, plan, place.reason)
    tongue = read_tongue(place, scenes, plan.grid, reader)
    if isinstance(tongue, NotSeen):
        return _nowhere(glacier, plan, tongue.reason)
    lengths = measure(tongue, rules)
    told = dict(zip([scene.key for scene in scenes], lengths.by_date, strict=True))
    missing = NotSeen("no red and short-wave infrared bands on this date")
    answers = [told.get(scene.key, missing) for scene in plan.scenes]
    return _Result(place, answers, course(lengths.by_epoch), glacier)


def _nowhere(glacier: Glacier, plan: Plan, reason: str) -> _Result:
    return _Result(None, [NotSeen(reason)] * len(plan.scenes), course([]), glacier)


def _of_one_kind(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """Return the dates that ice can be told on, with the bands that all of these have."""
    fit = [scene for scene in scenes if set(RATIO_BANDS) <= set(scene.bands)]
    common = set.intersection(*(set(scene.bands) for scene in fit)) if fit else set()
    return tuple(replace(scene, layers=tuple(layer for layer in scene.layers if layer.name in common)) for scene in fit)


def _features(result: _Result, plan: Plan, rules: TerminusRules) -> list[dict[str, Any]]:
    """Return a glacier's features, oldest first."""
    first = next((one for one in result.answers if isinstance(one, Measure)), None)
    features = []
    for scene, answer in zip(plan.scenes, result.answers, strict=True):
        at = scene.acquired.at
        told: dict[str, Any] = {"kind": "glacier", "glacier_id": result.glacier.id, "date": at.date().isoformat()}
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
        features.append({"type": "Feature", "geometry": geometry, "properties": told})
    return features


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


def _footprint(grid: Grid) -> BaseGeometry:
    west, south, east, north = grid.bounds
    box = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 16)
    moved: BaseGeometry = shapely.transform(box, lambda xy: np.column_stack(grid.to_lonlat.transform(*xy.T)))
    return moved


def inputs_of(plan: Plan) -> list[dict[str, Any]]:
    """Return what went in, file by file."""
    listed = [
        {
            "file": Path(href).name,
            "sha256": sha256(href),
            "acquired": scene.acquired.at.isoformat(),
            "bands": list(scene.bands),
        }
        for scene in plan.scenes
        for href in scene.files
    ]
    if plan.dem is not None:
        listed.append({"file": plan.dem.name, "sha256": sha256(str(plan.dem)), "role": "dem"})
    return listed


def _notes(plan: Plan, results: Sequence[_Result], elsewhere: int) -> list[str]:
    """Return what a reader must know to weigh the result."""
    notes = list(dict.fromkeys(note for scene in plan.scenes for note in scene.notes))
    derived = sum(one.place is not None and one.place.centreline.startswith("derived") for one in results)
    if derived:
        notes.append(f"{derived} centrelines were derived from the outlines: their lengths are less certain")
    if plan.dem is None:
        notes.append("no elevation model: shadow is told by darkness alone")
    bare = [scene.label for scene in plan.scenes if scene.quality is None]
    if bare:
        notes.append(f"no scl or qa_pixel in {', '.join(bare)}: clouds are told by brightness alone")
    if elsewhere:
        notes.append(f"{elsewhere} outlines lie outside the imagery and are left out")
    return notes
