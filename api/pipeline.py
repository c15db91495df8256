"""From scenes of the catalogue to changes, visibility, risk and alerts: one pass, safe to repeat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import shape

from alerts.run import process_run
from api.model_input import model_input
from api.regrowth import note_overgrown
from api.results import Result, keep
from api.workplace import workplace
from detection.heights import heights_above_road
from detection.pictures import before_after_png
from detection.run import run_landslide
from detection.scheduling import Crew
from detection.visibility import Visibility, segment_visibility
from hazard_db import changes, corridor, risk, scenes
from hazard_db.connect import Connection, Engine, actor, transaction
from hazard_db.errors import DetectionError, RasterError
from hazard_db.progress import Progress
from hazard_db.scenes import SceneRecord
from hazard_db.settings import Settings

SAME_AREA_SHARE = 0.3
"""Scenes that cover this share of each other's footprint look at the same place."""
FIELDS = (
    "confidence", "magnitude", "area_m2", "area_uncertainty_m2", "mean_slope_deg", "observed_share",
)  # fmt: skip


class DetectionSettings(Settings):
    """How detection on the catalogue's scenes is done; prefix HAZARD_."""

    dem: Path | None = None
    """Elevation raster of the corridor; without it slopes are unknown and confidence is lower."""
    before_days: int = 400
    """How far back the dates before may lie."""
    season_days: int = 60
    """Dates before are taken from the same season, this many days around the day of the year, where there are any."""
    most_before: int = 6
    most_after: int = 4
    """Dates of one place, and of radar of one orbit, that are compared at most."""


def settings_with(dem: Path | None) -> DetectionSettings:
    """Return the installation's settings, with another elevation model where one is given."""
    return DetectionSettings() if dem is None else DetectionSettings(dem=dem)


@dataclass(frozen=True)
class Group:
    """Scenes of one place: what it looked like before, and since."""

    before: tuple[SceneRecord, ...]
    after: tuple[SceneRecord, ...]


@dataclass(frozen=True)
class DetectionReport:
    """What one pass did."""

    runs: int
    skipped: int
    """Groups that had been looked at already with the same scenes and method."""
    new_changes: tuple[int, ...]
    seen_again: int
    overgrown: tuple[int, ...]
    """Known landslides that plants have come back to."""
    alerts: tuple[int, ...]
    messages: tuple[str, ...]
    """What could not be looked at, and why."""


def detect_landslides(
    engine: Engine,
    home: Path,
    *,
    since: date,
    actor_name: str,
    settings: DetectionSettings | None = None,
    only: str | None = None,
    until: date | None = None,
    each: bool = False,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> DetectionReport:
    """Return what looking for landslides in the scenes acquired since a date brought into the catalogue.

    Parameters
    ----------
    only
        Look at this one scene, and those of its place that follow it; None = at all places.
    until
        Nothing taken after this day is looked at.
    each
        Look at every date as on the day it came in, one after the other, instead of at the latest of each place: an archive
        is worked through. What was looked at before is passed over, so that a run that was ended goes on where it stood.
    crew
        Does the blocks, on other machines too; None = one thread per processor.
    """
    settings = settings or DetectionSettings()
    with transaction(engine) as conn:
        known = scenes.find(conn)
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC)
    known = [scene for scene in known if until is None or scene.acquired_at.date() <= until]
    if only is not None:
        groups = group_of(known, begin, only, settings)
    else:
        groups = (groups_in_turn if each else group_scenes)(known, begin, settings)
    done: list[tuple[changes.StoredChanges, tuple[int, ...]]] = []
    skipped, messages = 0, []
    for number, group in enumerate(groups):
        if progress:
            progress(group.after[-1].id, number / len(groups))
        if not group.before:
            what = f" taken from the orbit {orbit(group.after[-1])}" if is_radar(group.after[-1]) else ""
            messages.append(f"{group.after[-1].id}: there is no earlier scene of this place{what} to compare with")
            continue
        try:
            found = _detect_group(engine, home, group, actor_name, settings, crew=crew)
        except DetectionError as error:
            messages.append(f"{group.after[-1].id}: {error}")
            continue
        skipped += found is None
        if found is not None:
            done.append(found)
    overgrown: list[int] = []
    for group in (one for one in groups if not is_radar(one.after[-1])):
        season = _season(known, group.after[-1], settings)
        try:
            overgrown += note_overgrown(engine, group.after, season, raster_paths(home, season), actor_name)
        except (DetectionError, RasterError) as error:
            messages.append(f"{group.after[-1].id}: whether known landslides are overgrown was not looked at: {error}")
    if done:
        with transaction(engine) as conn:
            actor(conn, actor_name)
            risk.update(conn)
    if progress:
        progress("", 1.0)
    return DetectionReport(
        runs=len(done),
        skipped=skipped,
        new_changes=tuple(number for stored, _ in done for number in stored.new),
        seen_again=sum(len(stored.seen_again) for stored, _ in done),
        overgrown=tuple(overgrown),
        alerts=tuple(number for _, raised in done for number in raised),
        messages=tuple(messages),
    )


def group_scenes(known: Sequence[SceneRecord], since: datetime, settings: DetectionSettings) -> list[Group]:
    """Return, for each place with scenes since a time, those and the best ones before, oldest first.

    The dates before come from the same season where there are any: snow line, sun and vegetation differ less.
    Dates of radar make groups of their own, in which each orbit stands on both sides.
    """
    groups = []
    waiting = [scene for scene in known if scene.acquired_at >= since]
    while waiting:
        reference = waiting[-1]
        after = [scene for scene in waiting if _comparable(scene, reference)]
        waiting = [scene for scene in waiting if scene not in after]
        groups += _groups(known, after, _latest, reference=reference, since=since, settings=settings)
    return groups


def group_of(known: Sequence[SceneRecord], since: datetime, scene_id: str, settings: DetectionSettings) -> list[Group]:
    """Return the group of one scene and the dates that follow it; none where the catalogue has it no more.

    Of a scene that came in late and has none before it, what follows it is compared with it.
    """
    reference = next((scene for scene in known if scene.id == scene_id), None)
    if reference is None:
        return []
    after = [scene for scene in known if scene.acquired_at >= since and _comparable(scene, reference)]
    return _groups(known, after, _earliest, reference=reference, since=since, settings=settings)


def groups_in_turn(known: Sequence[SceneRecord], since: datetime, settings: DetectionSettings) -> list[Group]:
    """Return the group of every scene since a time, oldest first, as it was looked at when it came in."""
    return [
        group
        for scene in known
        if scene.acquired_at >= since
        for group in group_of(known, _midnight(scene), scene.id, settings)
    ]


def _groups(
    known: Sequence[SceneRecord],
    after: list[SceneRecord],
    choose: Callable[[Sequence[SceneRecord], int], list[SceneRecord]],
    *,
    reference: SceneRecord,
    since: datetime,
    settings: DetectionSettings,
) -> list[Group]:
    """Return dates with the best ones before them; of an orbit that has none, the first day is before the others."""
    group = _group(known, choose(after, settings.most_after), reference, since, settings)
    first = [one for one in after if orbit(one) not in map(orbit, group.before)]
    later = [one for one in first if _midnight(one) > _midnight(first[0])]
    if not later:
        return [group]
    reference, since = reference if reference in later else later[0], _midnight(later[0])
    return [group] * bool(group.before) + _groups(
        known, later, choose, reference=reference, since=since, settings=settings
    )


def _group(
    known: Sequence[SceneRecord],
    after: list[SceneRecord],
    reference: SceneRecord,
    since: datetime,
    settings: DetectionSettings,
) -> Group:
    """Return dates with the best ones before them."""
    earlier = [
        scene
        for scene in known
        if scene.acquired_at < since
        and since - scene.acquired_at <= timedelta(days=settings.before_days)
        and _comparable(scene, reference)
    ]
    seasonal = [scene for scene in earlier if _days_apart(scene, reference) <= settings.season_days]
    before = _latest([one for one in seasonal or earlier if orbit(one) in map(orbit, after)], settings.most_before)
    after = [one for one in after if not before or orbit(one) in map(orbit, before)]
    # the first one sets the output grid: prefer the reference's own
    before.sort(key=lambda scene: (scene.grid_tile, scene.collection) != (reference.grid_tile, reference.collection))
    return Group(tuple(before), tuple(after))


def _season(known: Sequence[SceneRecord], reference: SceneRecord, settings: DetectionSettings) -> list[SceneRecord]:
    """Return the scenes of a place from one season of all years."""
    return [
        scene
        for scene in known
        if _comparable(scene, reference) and _days_apart(scene, reference) <= settings.season_days
    ]


def is_radar(scene: SceneRecord) -> bool:
    """Return whether a scene holds backscatter."""
    return "backscatter" in scene.assets


def orbit(scene: SceneRecord) -> str:
    """Return the orbit that a scene of radar was taken from; empty for reflectance."""
    return str(scene.properties.get("orbit", "")) if is_radar(scene) else ""


def _comparable(one: SceneRecord, other: SceneRecord) -> bool:
    """Return whether two scenes look at the same place with the same kind of sensor."""
    return is_radar(one) == is_radar(other) and same_area(one, other)


def _earliest(dates: Sequence[SceneRecord], most: int) -> list[SceneRecord]:
    """Return the earliest dates, so many of each orbit, oldest first."""
    return [
        one for index, one in enumerate(dates) if [orbit(other) for other in dates[:index]].count(orbit(one)) < most
    ]


def _latest(dates: Sequence[SceneRecord], most: int) -> list[SceneRecord]:
    """Return the latest dates, so many of each orbit, oldest first."""
    orbits = {orbit(one): [other for other in dates if orbit(other) == orbit(one)][-most:] for one in dates}
    return sorted((one for kept in orbits.values() for one in kept), key=lambda one: one.acquired_at)


def same_area(one: SceneRecord, other: SceneRecord) -> bool:
    """Return whether two scenes look at the same place on grids of one CRS."""
    if one.epsg != other.epsg:
        return False
    shared = one.footprint.intersection(other.footprint).area
    return bool(shared >= SAME_AREA_SHARE * max(one.footprint.area, other.footprint.area))


def _midnight(scene: SceneRecord) -> datetime:
    """Return when the day began on which a scene was taken."""
    return scene.acquired_at.replace(hour=0, minute=0, second=0, microsecond=0)


def _days_apart(one: SceneRecord, other: SceneRecord) -> int:
    days = abs(one.acquired_at.timetuple().tm_yday - other.acquired_at.timetuple().tm_yday)
    return min(days, 365 - days)


def _detect_group(
    engine: Engine, home: Path, group: Group, actor_name: str, settings: DetectionSettings, *, crew: Crew | None
) -> tuple[changes.StoredChanges, tuple[int, ...]] | None:
    """Return what was stored and the alerts raised; None where this very run is in the catalogue already."""
    started = datetime.now(UTC)
    inputs = _inputs(group, settings.dem)
    sha256 = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    code = version("kkh-hazard-watch")
    with transaction(engine) as conn:
        if changes.find_run(conn, sha256, code) is not None:
            return None
    with workplace(home, f"landslide-{sha256[:24]}") as folder:
        out, unseen, evidence = (folder / name for name in ("changes.geojson", "unseen.tif", "evidence.tif"))
        before, after = (raster_paths(home, part) for part in (group.before, group.after))
        result = run_landslide(
            before, after, out, dem=settings.dem, unseen=unseen, explain=evidence, scratch=folder, crew=crew
        )
        collection = json.loads(out.read_text(encoding="utf8"))
        with transaction(engine) as conn:
            lines = [(row.id, row.lonlat) for row in corridor.segments(conn)]
        looks = segment_visibility(unseen, lines)
        found = [_change(feature) for feature in collection["features"]]
        if settings.dem is not None:
            found = _with_heights(found, settings.dem, [line for _, line in lines])
        run = changes.RunRecord(
            kind="landslide",
            method=collection["method"],
            method_version=str(collection["version"]),
            parameters=collection["parameters"],
            inputs=inputs,
            inputs_sha256=sha256,
            code_version=code,
            started_at=started,
            finished_at=datetime.now(UTC),
            observed_share=collection["observed_share"],
            stats=plain(getattr(result, "stats", {})),
            footprint_wkb=shapely.to_wkb(shapely.union_all([scene.footprint for scene in group.after])),
        )
        seen_on = group.after[-1].acquired_at.date()
        with transaction(engine) as conn:
            actor(conn, actor_name)
            scenes.lock(conn, f"run {sha256}")
            if changes.find_run(conn, sha256, code) is not None:
                return None  # someone else has looked at the same meanwhile
            stored = changes.store_run(conn, run, found, [_view(look, seen_on) for look in looks])
            _draw(conn, home, (before, after), stored.new, found, evidence=evidence)
            if evidence.exists():
                keep(conn, home, evidence, _evidence(stored.run_id, run, group))
            raised = tuple(alert.id for alert in process_run(conn, stored.run_id, actor_name))
    return stored, raised


def _evidence(run_id: int, run: changes.RunRecord, group: Group) -> Result:
    """Return what the evidence of a run is: unreviewed, so not for everybody."""
    dates = [scene.acquired_at for scene in (*group.before, *group.after)]
    return Result(
        id=f"evidence-{run_id}", kind="evidence", title=f"Evidence of detection run {run_id}", first_at=min(dates),
        last_at=max(dates), run_id=run_id, properties={"method": run.method, "run_id": run_id},
    )  # fmt: skip


def _inputs(group: Group, dem: Path | None) -> list[dict[str, Any]]:
    listed = [
        {"scene": scene.id, "role": role, "sha256": scene.checksum}
        for role, part in (("before", group.before), ("after", group.after))
        for scene in part
    ]
    return listed + model_input(dem)


def raster_paths(home: Path, part: Iterable[SceneRecord]) -> list[Path]:
    """Return the raster files of the scenes; an href is relative to the home unless it is absolute."""
    return [home / str(asset["href"]) for scene in part for asset in scene.assets.values()]


def _change(feature: dict[str, Any]) -> changes.ChangeRecord:
    properties = feature["properties"]
    extra = set(properties) - {"kind", "first_date", "last_date", *FIELDS}
    return changes.ChangeRecord(
        kind=properties["kind"],
        geometry=feature["geometry"],
        first_date=date.fromisoformat(properties["first_date"][:10]),
        last_date=date.fromisoformat(properties["last_date"][:10]),
        properties={name: properties[name] for name in extra},
        **{name: properties[name] for name in FIELDS},
    )


def _with_heights(
    found: Sequence[changes.ChangeRecord], dem: Path, road: Sequence[Sequence[tuple[float, float]]]
) -> list[changes.ChangeRecord]:
    """Return changes that tell how high above the road they lie, as far as the elevation model knows."""
    heights = heights_above_road(dem, [shape(dict(one.geometry)) for one in found], road)
    return [
        one if height is None else replace(one, properties={**one.properties, "height_above_road_m": round(height, 1)})
        for one, height in zip(found, heights, strict=True)
    ]


def _view(look: Visibility, seen_on: date) -> changes.SegmentView:
    return changes.SegmentView(
        look.segment_id, min(1.0, look.share), min(1.0, look.covered_share), seen_on, look.hidden
    )


def _draw(
    conn: Connection,
    home: Path,
    pictured: tuple[list[Path], list[Path]],
    new: Sequence[int],
    found: Sequence[changes.ChangeRecord],
    *,
    evidence: Path,
) -> None:
    """Make the before/after picture of each new change; a run's pictures are drawn again if its transaction is."""
    outlines = {json.dumps(change.geometry): change for change in found}
    for number in new:
        geometry = changes.get_change(conn, number)["geometry"]
        nearest = min(
            (change.geometry for change in outlines.values()),
            key=lambda other: shape(dict(other)).hausdorff_distance(shape(dict(geometry))),
        )
        relative = Path("pictures") / f"change-{number}.png"
        (home / relative).parent.mkdir(parents=True, exist_ok=True)
        before_after_png(*pictured, nearest, home / relative, evidence=evidence)
        changes.set_picture(conn, number, str(relative))


def plain(value: Any) -> Any:
    """Return only what JSON can hold."""
    return json.loads(json.dumps(value, default=str))
