"""From scenes of the catalogue to changes, visibility, risk and alerts: one pass, safe to repeat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import shape

from alerts.run import process_run
from api.model_input import model_input
from api.passes import DetectionSettings, RunKey, plain, raster_paths, rate_anew, run_key
from api.regrowth import note_overgrown
from api.results import Result, keep
from api.scenegroups import Group, group_of, group_scenes, groups_in_turn, is_radar, orbit, season_of
from api.workplace import workplace
from detection.heights import heights_above_road
from detection.pictures import before_after_png
from detection.run import RunResult, run_landslide
from detection.scheduling import Crew
from detection.visibility import Visibility, segment_visibility
from hazard_db import changes, corridor, scenes
from hazard_db.connect import Connection, Engine, actor, transaction
from hazard_db.errors import DetectionError, RasterError
from hazard_db.progress import Progress, silent
from hazard_db.scenes import SceneRecord

FIELDS = (
    "confidence", "magnitude", "area_m2", "area_uncertainty_m2", "mean_slope_deg", "observed_share",
)  # fmt: skip


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
    tell, settings = progress or silent, settings or DetectionSettings()
    with transaction(engine) as conn:
        known = [one for one in scenes.find(conn) if until is None or one.acquired_at.date() <= until]
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC)
    if only is not None:
        groups = group_of(known, begin, only, settings)
    else:
        groups = (groups_in_turn if each else group_scenes)(known, begin, settings)
    work = _Pass(engine, home, actor_name, settings, crew)
    for number, group in enumerate(groups):
        tell(group.newest.id, number / len(groups))
        work.look_for_changes(group)
    for group in groups:
        work.look_for_plants(group, season_of(known, group.newest, settings))
    if work.stored:
        rate_anew(engine, actor_name)
    tell("", 1.0)
    return work.report()


@dataclass
class _Pass:
    """What one pass works with, and what came of it so far."""

    engine: Engine
    home: Path
    actor_name: str
    settings: DetectionSettings
    crew: Crew | None
    stored: list[changes.StoredChanges] = field(default_factory=list)
    skipped: int = 0
    alerts: list[int] = field(default_factory=list)
    overgrown: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def look_for_changes(self, group: Group) -> None:
        """Compare the scenes of a group, unless that was done before, and store what is found."""
        newest = group.newest
        if not group.before:
            where = f" taken from the orbit {orbit(newest)}" if is_radar(newest) else ""
            self.messages.append(f"{newest.id}: there is no earlier scene of this place{where} to compare with")
            return
        inputs = _inputs(group, self.settings.dem)
        key = run_key(inputs)
        with transaction(self.engine) as conn:
            known = key.is_stored(conn)
        try:
            done = not known and self._compared(group, inputs, key)
        except DetectionError as error:
            self.messages.append(f"{newest.id}: {error}")
            return
        self.skipped += not done

    def look_for_plants(self, group: Group, season: Sequence[SceneRecord]) -> None:
        """Note which known landslides are overgrown, as far as scenes of reflectance tell."""
        if is_radar(group.newest):
            return
        paths = raster_paths(self.home, season)
        try:
            self.overgrown += note_overgrown(self.engine, group.after, season, paths, self.actor_name)
        except (DetectionError, RasterError) as error:
            self.messages.append(
                f"{group.newest.id}: whether known landslides are overgrown was not looked at: {error}"
            )

    def report(self) -> DetectionReport:
        """Return what the pass did."""
        return DetectionReport(
            runs=len(self.stored),
            skipped=self.skipped,
            new_changes=tuple(number for one in self.stored for number in one.new),
            seen_again=sum(len(one.seen_again) for one in self.stored),
            overgrown=tuple(self.overgrown),
            alerts=tuple(self.alerts),
            messages=tuple(self.messages),
        )

    def _compared(self, group: Group, inputs: list[dict[str, Any]], key: RunKey) -> bool:
        """Return whether a group was compared and what was found stored; False where another process did so meanwhile."""
        started, dem = datetime.now(UTC), self.settings.dem
        before, after = (raster_paths(self.home, part) for part in (group.before, group.after))
        with workplace(self.home, f"landslide-{key.sha256[:24]}") as folder:
            out, unseen, evidence = (folder / name for name in ("changes.geojson", "unseen.tif", "evidence.tif"))
            found = run_landslide(
                before, after, out, dem=dem, unseen=unseen, explain=evidence, scratch=folder, crew=self.crew
            )
            with transaction(self.engine) as conn:
                road = [(row.id, row.lonlat) for row in corridor.segments(conn)]
            views = [_view(look, group.newest.acquired_at.date()) for look in segment_visibility(unseen, road)]
            records = [_change(feature) for feature in found.features]
            if dem is not None:
                records = _with_heights(records, dem, [line for _, line in road])
            run = _run(group, found, inputs, key, started=started)
            with transaction(self.engine) as conn:
                actor(conn, self.actor_name)
                if key.stored_meanwhile(conn):
                    return False
                stored = changes.store_run(conn, run, records, views)
                _draw(conn, self.home, (before, after), stored.new, records, evidence=evidence)
                if evidence.exists():
                    keep(conn, self.home, evidence, _evidence(stored.run_id, run, group))
                raised = [alert.id for alert in process_run(conn, stored.run_id, self.actor_name)]
        self.stored.append(stored)
        self.alerts += raised
        return True


def _run(
    group: Group, found: RunResult, inputs: list[dict[str, Any]], key: RunKey, *, started: datetime
) -> changes.RunRecord:
    return changes.RunRecord(
        kind="landslide",
        method=found.collection["method"],
        method_version=str(found.collection["version"]),
        parameters=found.collection["parameters"],
        inputs=inputs,
        inputs_sha256=key.sha256,
        code_version=key.code_version,
        started_at=started,
        finished_at=datetime.now(UTC),
        observed_share=found.observed_share,
        stats=plain(found.stats),
        footprint_wkb=shapely.to_wkb(shapely.union_all([scene.footprint for scene in group.after])),
    )


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
