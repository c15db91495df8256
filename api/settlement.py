"""From displacement sets of the catalogue to areas that move, what the satellite sees, and alerts: one pass, safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import shapely

from alerts.run import process_run
from api.model_input import model_input
from api.passes import DetectionSettings, RunKey, rate_anew, run_key
from api.workplace import workplace
from detection.settlement.combining import FEWEST_POINTS, apart, mean_rate, motion, rates_of
from detection.settlement.run import KIND, LIMITS, METHOD, Options, Outcome, look_for_areas
from detection.settlement.terrain import segment_views
from hazard_db import changes, corridor, deformation, displacement
from hazard_db.connect import Connection, Engine, actor, transaction
from hazard_db.errors import DetectionError
from hazard_db.progress import Progress, silent
from hazard_db.series import Look

log = logging.getLogger("api.settlement")


@dataclass(frozen=True)
class SettlementReport:
    """What one pass over the sets did."""

    runs: int
    skipped: int
    """Sets that had been looked at already with the same epochs and method."""
    areas: int
    new_changes: tuple[int, ...]
    seen_again: int
    trend_changes: int
    """Areas whose rate of the last months differs as the alert rule asks."""
    alerts: tuple[int, ...]
    messages: tuple[str, ...]
    """What could not be looked at, and why."""
    failures: tuple[str, ...] = ()
    """Sets that broke unexpectedly; the others were looked at all the same."""


def detect_settlement(
    engine: Engine,
    home: Path,
    *,
    since: date,
    actor_name: str,
    settings: DetectionSettings | None = None,
    progress: Progress | None = None,
) -> SettlementReport:
    """Return what looking for areas that move in the sets with epochs since a date brought into the catalogue."""
    tell = progress or silent
    with transaction(engine) as conn:
        wanted = displacement.sets_since(conn, since)
    work = _Work(engine, home, actor_name, settings or DetectionSettings())
    done: list[_Stored] = []
    skipped, messages = 0, []
    failures: list[str] = []
    for number, set_id in enumerate(wanted):
        try:
            found = _detect_set(work, set_id, _part(tell, number, len(wanted)))
        except DetectionError as error:
            messages.append(str(error))
            continue
        except Exception as error:
            # one set that breaks does not keep the ground of the others from being looked at
            log.exception("displacement set %s", set_id)
            failures.append(f"displacement set {set_id}: {one_line(error)}")
            continue
        skipped += found is None
        if found is not None:
            done.append(found)
            messages += found.notes
    if done:
        rate_anew(engine, actor_name)
    tell("", 1.0)
    return SettlementReport(
        runs=len(done),
        skipped=skipped,
        areas=sum(one.areas for one in done),
        new_changes=tuple(number for one in done for number in one.changes.new),
        seen_again=sum(len(one.changes.seen_again) for one in done),
        trend_changes=sum(one.trend_changes for one in done),
        alerts=tuple(dict.fromkeys(number for one in done for number in one.alerts)),
        messages=tuple(messages),
        failures=tuple(failures),
    )


def one_line(error: Exception) -> str:
    """Return an unexpected error as one line that names its class."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


@dataclass(frozen=True)
class _Work:
    """What sets are looked at with."""

    engine: Engine
    home: Path
    actor_name: str
    settings: DetectionSettings


@dataclass(frozen=True)
class _Stored:
    """What one run brought."""

    areas: int
    trend_changes: int
    changes: changes.StoredChanges
    alerts: tuple[int, ...]
    notes: tuple[str, ...]


def _detect_set(work: _Work, set_id: int, tell: Progress) -> _Stored | None:
    """Return what was stored; None where this very run is in the catalogue already."""
    started, engine, dem = datetime.now(UTC), work.engine, work.settings.dem
    with workplace(work.home, f"settlement-{set_id}") as folder:
        with transaction(engine) as conn:
            about = displacement.get_set(conn, set_id)
            inputs = _inputs(conn, about, dem)
            key = run_key(inputs)
            if key.is_stored(conn):
                return None
            source = displacement.open_set(conn, set_id, folder)
            segments = [(row.id, row.lonlat) for row in corridor.segments(conn)]
        outcome = look_for_areas(source, folder, Options(dem=dem), tell)
        views = segment_views(dem, source.look, segments) if dem and source.look else []
        run = _run(outcome, about, inputs, key, started=started)
        with transaction(engine) as conn:
            actor(conn, work.actor_name)
            if key.stored_meanwhile(conn):
                return None
            _add_other_looks(conn, about, outcome)
            stored = changes.store_run(conn, run, [_change(one) for one in outcome.features], [])
            deformation.store(
                conn, stored.run_id, set_id, outcome.features, [(one.series, one.scatter) for one in outcome.areas]
            )
            deformation.store_views(conn, set_id, [asdict(view) for view in views])
            raised = tuple(alert.id for alert in process_run(conn, stored.run_id, work.actor_name))
    trends = sum(one["properties"]["trend_alert"] for one in outcome.features)
    return _Stored(
        len(outcome.features),
        trends,
        stored,
        raised,
        tuple(f"{about['name']}: {note}" for note in outcome.about["notes"]),
    )


def _inputs(conn: Connection, about: Mapping[str, Any], dem: Path | None) -> list[dict[str, Any]]:
    files = [
        {"set": about["name"], "role": "epochs", "sha256": sha} for sha in displacement.checksum(conn, about["id"])
    ]
    relief = model_input(dem)
    return [*files, {"limits": asdict(LIMITS), "role": "method", "method": METHOD}, *relief]


def _run(
    outcome: Outcome, about: Mapping[str, Any], inputs: list[dict[str, Any]], key: RunKey, *, started: datetime
) -> changes.RunRecord:
    stats = outcome.about["stats"]
    return changes.RunRecord(
        kind=KIND, method=METHOD, method_version=str(outcome.about["version"]),
        parameters=outcome.about["parameters"] | {"source": outcome.about["source"], "notes": outcome.about["notes"]},
        inputs=inputs, inputs_sha256=key.sha256, code_version=key.code_version, started_at=started, finished_at=datetime.now(UTC),
        observed_share=None if not stats["points"] else stats["measured_points"] / stats["points"], stats=stats,
        footprint_wkb=shapely.to_wkb(shapely.box(*about["bounds"])),
    )  # fmt: skip


def _change(feature: Mapping[str, Any]) -> changes.ChangeRecord:
    """Return an area as a change, by which it is reviewed, rated and warned of."""
    told = feature["properties"]
    kept = ("class", "velocity_mm_yr", "velocity_std_mm_yr", "onset_date", "slope_velocity_mm_yr", "trend_change_mm_yr")
    return changes.ChangeRecord(
        kind=KIND, geometry=feature["geometry"], confidence=told["confidence"], magnitude=abs(told["peak_velocity_mm_yr"]),
        area_m2=told["area_m2"], area_uncertainty_m2=told["area_uncertainty_m2"], mean_slope_deg=told.get("slope_deg"),
        observed_share=None, first_date=date.fromisoformat(told["first_date"]), last_date=date.fromisoformat(told["last_date"]),
        properties={name: told.get(name) for name in kept},
    )  # fmt: skip


def _add_other_looks(conn: Connection, about: Mapping[str, Any], outcome: Outcome) -> None:
    """Add east and up to areas that points of a set of another look lie in; of several sets the one with the newest epoch."""
    look = outcome.source.look
    if look is None or about["component"] != "line of sight":
        return
    others = [one for one in displacement.list_sets(conn) if one["id"] != about["id"] and _looks_otherwise(one, look)]
    for feature, area in zip(outcome.features, outcome.areas, strict=True):
        for other in others:
            rates = displacement.points_in(conn, other["id"], feature["geometry"])
            if len(rates) < FEWEST_POINTS:
                continue
            velocity, std = zip(*rates, strict=True)
            # against the quiet ground around, as the area itself is where the air was taken off
            level = other["median_velocity_mm_yr"] if outcome.found.filtered else 0.0
            second = mean_rate([value - level for value in velocity], std)
            own = rates_of(outcome.found.fit, area)
            feature["properties"] |= motion((own, look), (second, _look(other))) | {"other_set_id": other["id"]}
            break


def _looks_otherwise(other: Mapping[str, Any], look: Look) -> bool:
    return other["component"] == "line of sight" and other["look_up"] is not None and apart(look, _look(other))


def _look(row: Mapping[str, Any]) -> Look:
    return Look(row["look_east"], row["look_north"], row["look_up"])


def _part(tell: Progress, number: int, count: int) -> Progress:
    """Return how one of several sets tells how far it is."""
    return lambda text, share: tell(text, (number + share) / count)
