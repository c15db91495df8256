"""Glaciers and lakes on the catalogue's scenes -> termini, lakes, changes, alerts: one pass, safe to repeat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import shapely

from alerts.run import process_run
from api.icerecords import Place, store_glaciers, store_lakes
from api.model_input import model_input
from api.passes import DetectionSettings, RunKey, plain, raster_paths, rate_anew, run_key
from api.scenegroups import same_area
from detection.arrays import RADAR_BANDS
from detection.glaciers import detect_glaciers
from detection.icefiles import ice_plan
from detection.lakes import detect_lakes
from detection.methods.icecover import RATIO_BANDS
from detection.sources import open_dates
from detection.windows import Plan
from hazard_db import changes, scenes, termini
from hazard_db.connect import Connection, Engine, actor, transaction
from hazard_db.errors import DetectionError, RasterError
from hazard_db.progress import Progress
from hazard_db.scenes import SceneRecord


@dataclass(frozen=True)
class IceReport:
    """What one pass did."""

    runs: int
    skipped: int
    """Places that had been looked at already with the same scenes, outlines and code."""
    measured: int
    """Termini or lake outlines that are new, or differ from what was known."""
    new_changes: tuple[int, ...]
    seen_again: int
    alerts: tuple[int, ...]
    messages: tuple[str, ...]
    """What could not be looked at, and why."""


@dataclass(frozen=True)
class Stored:
    """What storing one run brought."""

    measured: int
    changes: changes.StoredChanges
    alerts: tuple[int, ...]


@dataclass(frozen=True)
class Subject:
    """What is looked for."""

    bands: tuple[tuple[str, ...], ...]
    """Without all of one of these a scene tells nothing of it."""
    history_days: int
    """How far before the first of the new scenes the series begins ..."""
    most_before: int
    """... with so many earlier scenes at most."""
    look: Callable[[Place, Plan, Progress | None], dict[str, Any]]
    store: Callable[[Connection, Place, Plan, Mapping[str, Any], changes.RunRecord], tuple[int, changes.StoredChanges]]


SUBJECTS: Mapping[str, Subject] = {
    "glacier": Subject(
        (RATIO_BANDS,),
        3000,
        120,
        lambda place, plan, tell: detect_glaciers(place.glaciers, plan, None, tell),
        store_glaciers,
    ),
    "lake": Subject(
        (("green", "nir"), RADAR_BANDS),
        800,
        30,
        lambda place, plan, tell: detect_lakes(plan, place.glaciers, None, tell),
        store_lakes,
    ),
}


def detect_ice(
    engine: Engine,
    home: Path,
    kind: str,
    *,
    since: date,
    actor_name: str,
    settings: DetectionSettings | None = None,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
) -> IceReport:
    """Return what looking for glaciers or lakes in the scenes acquired since a date brought into the catalogue.

    Parameters
    ----------
    only
        Look at the places of these scenes; None = at all places.
    """
    settings, subject = settings or DetectionSettings(), SUBJECTS[kind]
    with transaction(engine) as conn:
        places = _places(conn, scenes.find(conn), since, subject)
    places = [one for one in places if only is None or any(scene.id in only for scene in one.series)]
    done: list[Stored] = []
    skipped, messages = 0, []
    for place in places:
        if kind == "glacier" and not place.glaciers:
            messages.append(
                f"{place.newest.id}: the catalogue has no glacier outline there; bring some in with `kkh ingest glaciers`"
            )
            continue
        try:
            stored = _look_at(engine, home, kind, place, actor_name=actor_name, settings=settings, progress=progress)
        except (DetectionError, RasterError) as error:
            messages.append(f"{place.newest.id}: {error}")
            continue
        skipped += stored is None
        if stored is not None:
            done.append(stored)
    if done:
        rate_anew(engine, actor_name)
    return IceReport(
        runs=len(done),
        skipped=skipped,
        measured=sum(one.measured for one in done),
        new_changes=tuple(number for one in done for number in one.changes.new),
        seen_again=sum(len(one.changes.seen_again) for one in done),
        alerts=tuple(number for one in done for number in one.alerts),
        messages=tuple(messages),
    )


def _places(conn: Connection, known: Sequence[SceneRecord], since: date, subject: Subject) -> list[Place]:
    """Return each place with scenes since a day, with its history: what an older scene that came late belongs to as well."""
    begin = datetime(since.year, since.month, since.day, tzinfo=UTC)
    usable = [scene for scene in known if _has_bands(scene, subject.bands)]
    waiting = [scene for scene in usable if scene.acquired_at >= begin]
    places = []
    while waiting:
        reference = waiting[-1]
        own = [scene for scene in waiting if same_area(scene, reference)]
        waiting = [scene for scene in waiting if scene not in own]
        earliest = own[0].acquired_at - timedelta(days=subject.history_days)
        before = [scene for scene in usable if earliest <= scene.acquired_at < begin and same_area(scene, reference)]
        series = [*before[-subject.most_before :], *own]
        area = shapely.union_all([scene.footprint for scene in series])
        glaciers = termini.outlines_in(conn, shapely.to_wkb(area))
        places.append(Place(tuple(series), since, tuple(glaciers)))
    return places


def _has_bands(scene: SceneRecord, wanted: Sequence[Sequence[str]]) -> bool:
    known = {str(band) for asset in scene.assets.values() for band in asset["bands"]}
    return any(known.issuperset(bands) for bands in wanted)


def _look_at(
    engine: Engine, home: Path, kind: str, place: Place, *, actor_name: str, settings: DetectionSettings,
    progress: Progress | None,
) -> Stored | None:  # fmt: skip
    """Return what was stored of one place; None where this very run is in the catalogue already."""
    subject, started = SUBJECTS[kind], datetime.now(UTC)
    inputs = _inputs(place, settings.dem)
    key = run_key([kind, str(place.since), inputs])
    with transaction(engine) as conn:
        if key.is_stored(conn):
            return None
    plan = ice_plan(open_dates(raster_paths(home, place.series)), settings.dem)
    collection = subject.look(place, plan, progress)
    run = _run(kind, place, collection, inputs, key, started=started)
    with transaction(engine) as conn:
        actor(conn, actor_name)
        if key.stored_meanwhile(conn):
            return None
        measured, stored = subject.store(conn, place, plan, collection, run)
        raised = tuple(alert.id for alert in process_run(conn, stored.run_id, actor_name))
    return Stored(measured, stored, raised)


def _run(
    kind: str,
    place: Place,
    collection: Mapping[str, Any],
    inputs: list[dict[str, Any]],
    key: RunKey,
    *,
    started: datetime,
) -> changes.RunRecord:
    return changes.RunRecord(
        kind=kind,
        method=collection["method"],
        method_version=str(collection["version"]),
        parameters=collection["parameters"],
        inputs=inputs,
        inputs_sha256=key.sha256,
        code_version=key.code_version,
        started_at=started,
        finished_at=datetime.now(UTC),
        observed_share=None,
        stats=plain(collection["stats"] | {"notes": collection["notes"]}),
        footprint_wkb=shapely.to_wkb(shapely.union_all([scene.footprint for scene in place.series])),
    )


def _inputs(place: Place, dem: Path | None) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = [
        {"scene": scene.id, "role": "series", "sha256": scene.checksum} for scene in place.series
    ]
    outlines = hashlib.sha256(b"".join(shapely.to_wkb(one.outline) for one in place.glaciers)).hexdigest()
    listed.append({"role": "outlines", "glaciers": len(place.glaciers), "sha256": outlines})
    return listed + model_input(dem)
