"""Glaciers in files: scenes and outlines -> the terminus, length and trend of every glacier on every date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from detection.glacierfeatures import Looked, features
from detection.icefiles import IceResult, collected, footprint, ice_plan, written
from detection.methods.glaciertrend import Course, course
from detection.methods.icecover import RATIO_BANDS
from detection.methods.terminus import NotSeen, TerminusRules
from detection.methods.tongue import Measure, measure
from detection.output import check_outputs
from detection.sources import Scene, open_dates
from detection.tongues import SHAPE_ALONE, locate_glacier, read_tongue
from detection.windows import Plan, Reader
from hazard_db.errors import DetectionError
from hazard_db.glacier_file import Glacier, read_glaciers
from hazard_db.progress import Progress, silent

METHOD = "terminus"


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
) -> IceResult:
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
    glaciers = read_glaciers(outlines, centrelines, crs)
    return written(
        lambda: detect_glaciers(glaciers, ice_plan(open_dates(scenes, bands, dates), dem), rules, progress), out
    )


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
    tell = progress or silent
    area = footprint(plan.grid)
    near = [one for one in glaciers if one.outline.intersects(area)]
    if not near:
        raise DetectionError(
            "none of the outlines lies in the imagery; check their CRS, or give scenes of the same area"
        )
    results = []
    for number, one in enumerate(_results(near, plan, rules)):
        tell(f"glacier {one.glacier.id}", number / len(near))
        results.append(one)
    tell("done", 1.0)
    return collected(
        [feature for one in results for feature in features(one, plan)], plan, rules,
        method=METHOD,
        notes=_notes(plan, results, len(glaciers) - len(near)),
        stats={
            "glaciers": len(results),
            "measured": sum(any(isinstance(a, Measure) for a in one.answers) for one in results),
        },
    )  # fmt: skip


def _results(near: Sequence[Glacier], plan: Plan, rules: TerminusRules) -> Iterable[Looked]:
    """Yield glaciers in their order; two at a time, each with files of its own."""
    if len(near) < 4:
        with Reader(plan) as reader:
            yield from (_look(one, plan, reader, rules) for one in near)
        return
    halves = [near[0::2], near[1::2]]

    def half(part: Sequence[Glacier]) -> list[Looked]:
        with Reader(plan) as reader:
            return [_look(one, plan, reader, rules) for one in part]

    with ThreadPoolExecutor(2) as pool:
        found = {one.glacier.id: one for part in pool.map(half, halves) for one in part}
    yield from (found[one.id] for one in near)


def _look(glacier: Glacier, plan: Plan, reader: Reader, rules: TerminusRules) -> Looked:
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


def _measured(glacier: Glacier, plan: Plan, reader: Reader, rules: TerminusRules, *, turned: bool) -> Looked:
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
    return Looked(place, answers, course(lengths.by_epoch), glacier)


def _nowhere(glacier: Glacier, plan: Plan, reason: str) -> Looked:
    return Looked(None, [NotSeen(reason)] * len(plan.scenes), course([]), glacier)


def _of_one_kind(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """Return the dates that ice can be told on, with the bands that all of these have."""
    fit = [scene for scene in scenes if set(RATIO_BANDS) <= set(scene.bands)]
    common = set.intersection(*(set(scene.bands) for scene in fit)) if fit else set()
    return tuple(replace(scene, layers=tuple(layer for layer in scene.layers if layer.name in common)) for scene in fit)


def _notes(plan: Plan, results: Sequence[Looked], elsewhere: int) -> list[str]:
    """Return what a reader must know to weigh the result."""
    notes = []
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
