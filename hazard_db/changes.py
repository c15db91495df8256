"""Detection runs, the changes they found, what they could see, and people's verdict on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import sightings
from hazard_db.errors import ConflictError, InputError, NotFoundError
from hazard_db.sightings import ChangeRecord

__all__ = [
    "ChangeRecord",
    "RunRecord",
    "SegmentView",
    "StoredChanges",
    "add_changes",
    "find_run",
    "get_change",
    "last_looks",
    "list_changes",
    "review",
    "set_picture",
    "store_run",
]


@dataclass(frozen=True)
class RunRecord:
    """A finished detection run."""

    kind: str
    method: str
    method_version: str
    parameters: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    """[{"scene": id, "role": "before" | "after", "sha256": ...}, ...]"""
    inputs_sha256: str
    code_version: str
    started_at: datetime
    finished_at: datetime
    observed_share: float | None
    stats: Mapping[str, Any]
    footprint_wkb: bytes | None
    """MultiPolygon, EPSG:4326: what the imagery covers."""


@dataclass(frozen=True)
class SegmentView:
    """How much of a segment's surroundings a run could see."""

    segment_id: int
    share: float
    covered_share: float
    observed_on: date
    hidden: Mapping[str, float] = field(default_factory=dict)
    """Reason, such as `cloud` or `snow` -> share that it hid."""


@dataclass(frozen=True)
class StoredChanges:
    """What storing the changes of a run did."""

    run_id: int
    new: tuple[int, ...]
    seen_again: tuple[int, ...]
    """Changes of earlier runs that this run found at the same place and time."""


def find_run(conn: Connection, inputs_sha256: str, code_version: str) -> int | None:
    """Return the finished run of this code on exactly these inputs, if there is one."""
    run: int | None = conn.scalar(
        text("""SELECT id FROM detection_run WHERE inputs_sha256 = :sha AND code_version = :version AND status = 'done'
                ORDER BY id DESC LIMIT 1"""),
        {"sha": inputs_sha256, "version": code_version},
    )
    return run


def store_run(
    conn: Connection, run: RunRecord, changes: Sequence[ChangeRecord], views: Sequence[SegmentView]
) -> StoredChanges:
    """Return the ids under which a run, its changes and its visibility were stored, in the caller's transaction.

    What overlaps a sighting of a known change of the same kind is that change seen again, whenever: it is kept as a sighting,
    and the known one keeps its review. Known changes that it ties together become one.
    """
    run_id: int = conn.execute(
        text("""INSERT INTO detection_run (kind, method, method_version, parameters, inputs, inputs_sha256, code_version, status,
                                           started_at, finished_at, observed_share, stats, geom)
                VALUES (:kind, :method, :method_version, CAST(:parameters AS jsonb), CAST(:inputs AS jsonb), :inputs_sha256,
                        :code_version, 'done', :started_at, :finished_at, :observed_share, CAST(:stats AS jsonb),
                        ST_Multi(ST_GeomFromWKB(:footprint_wkb, 4326))) RETURNING id"""),
        {
            **{name: getattr(run, name) for name in RunRecord.__dataclass_fields__},
            "parameters": json.dumps(run.parameters), "inputs": json.dumps(list(run.inputs)), "stats": json.dumps(run.stats),
        },
    ).scalar_one()  # fmt: skip
    new, again = _store_changes(conn, run_id, changes)
    if views:
        conn.execute(
            text("""INSERT INTO visibility (run_id, segment_id, share, covered_share, observed_on, hidden)
                    VALUES (:run_id, :segment_id, :share, :covered_share, :observed_on, CAST(:hidden AS jsonb))"""),
            [{"run_id": run_id, **vars(view), "hidden": json.dumps(dict(view.hidden))} for view in views],
        )
    return StoredChanges(run_id, tuple(new), tuple(again))


def add_changes(conn: Connection, run_id: int, changes: Sequence[ChangeRecord]) -> StoredChanges:
    """Return what adding changes to a run that is stored already did, as `store_run` does."""
    new, again = _store_changes(conn, run_id, changes)
    return StoredChanges(run_id, tuple(new), tuple(again))


def _store_changes(conn: Connection, run_id: int, changes: Sequence[ChangeRecord]) -> tuple[list[int], list[int]]:
    """Return which changes are new, and which were known."""
    sightings.lock(conn, (change.kind for change in changes))
    new: list[int] = []
    again: list[int] = []
    for change in changes:
        known = sightings.matching(conn, change)
        if not known:
            number = _insert(conn, run_id, change)
            new.append(number)
            sightings.record(conn, number, run_id, change)
            continue
        kept, *others = known
        sightings.join(conn, kept, others)
        sightings.record(conn, kept, run_id, change)
        sightings.settle(conn, kept)
        new = [number for number in new if number not in others]
        again = [number for number in again if number not in (kept, *others)]
        if kept not in new:
            again.append(kept)
    return new, again


def set_picture(conn: Connection, change_id: int, picture: str) -> None:
    """Note where the before/after picture of a change lies, relative to HAZARD_HOME."""
    conn.execute(text("UPDATE change SET picture = :picture WHERE id = :id"), {"id": change_id, "picture": picture})


def list_changes(
    conn: Connection, *, include_unreviewed: bool, km_from: float | None = None, km_to: float | None = None,
    since: date | None = None, kind: str | None = None, status: str | None = None, limit: int = 1000, offset: int = 0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return changes, newest first; only confirmed ones unless unreviewed ones are asked for."""
    rows = conn.execute(
        text(f"""{_SELECT}
                WHERE (:all OR c.status = 'confirmed') AND c.part_of IS NULL
                  AND (CAST(:status AS text) IS NULL OR c.status = :status)
                  AND (CAST(:kind AS text) IS NULL OR c.kind = :kind)
                  AND (CAST(:since AS date) IS NULL OR c.last_date >= :since)
                  AND (CAST(:km_from AS float8) IS NULL OR c.chainage_to_km >= :km_from)
                  AND (CAST(:km_to AS float8) IS NULL OR c.chainage_from_km <= :km_to)
                ORDER BY c.last_date DESC, c.id DESC LIMIT :limit OFFSET :offset"""),
        {
            "all": include_unreviewed, "status": status, "kind": kind, "since": since, "km_from": km_from, "km_to": km_to,
            "limit": limit, "offset": offset,
        },
    )  # fmt: skip
    return [dict(row._mapping) for row in rows]


def get_change(conn: Connection, change_id: int, *, include_unreviewed: bool = True) -> dict[str, Any]:
    """Return one change with its run and every time it was seen.

    Raises
    ------
    NotFoundError
        There is none of that number, or it may not be shown.
    """
    row = conn.execute(
        text(f"{_SELECT} WHERE c.id = :id AND (:all OR c.status = 'confirmed')"),
        {"id": change_id, "all": include_unreviewed},
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no change {change_id}")
    return dict(row._mapping) | {"sightings": sightings.sightings_of(conn, change_id)}


def review(
    conn: Connection, change_id: int, verdict: str, actor: str, note: str | None = None, *, expected: str | None = None
) -> dict[str, Any]:
    """Return the change after a person's verdict on it.

    Raises
    ------
    InputError
        The verdict is none of candidate, confirmed, false_alarm.
    NotFoundError
        There is no such change.
    ConflictError
        Somebody else has reviewed it since the caller looked (`expected` is the status then).
    """
    if verdict not in {"candidate", "confirmed", "false_alarm"}:
        raise InputError(f"verdict {verdict!r}: use confirmed, false_alarm, or candidate to take a verdict back")
    present = conn.scalar(text("SELECT status FROM change WHERE id = :id FOR UPDATE"), {"id": change_id})
    if present is None:
        raise NotFoundError(f"there is no change {change_id}")
    if expected is not None and present != expected:
        raise ConflictError(f"change {change_id} is {present} by now, not {expected}; look again before you decide")
    conn.execute(
        text("""UPDATE change SET status = :verdict, reviewed_at = now(), reviewed_by = :actor, review_note = :note
                WHERE id = :id"""),
        {"id": change_id, "verdict": verdict, "actor": actor, "note": note},
    )
    return get_change(conn, change_id)


def last_looks(
    conn: Connection, km_from: float, km_to: float, *, on: date | None = None, good_share: float = 0.7
) -> list[dict[str, Any]]:
    """Return per segment and kind of detection the newest look until a day, and the newest that saw at least `good_share` of it.

    `share`, `covered_share` and `hidden` (reason -> share) are those of the newest look; reasons are missing where none were told.
    """
    rows = conn.execute(
        text("""SELECT s.id AS segment_id, s.km_from, s.km_to, r.kind,
                       max(v.observed_on) AS last_look,
                       max(v.observed_on) FILTER (WHERE v.share >= :good) AS last_good_look,
                       (array_agg(v.share ORDER BY v.observed_on DESC, v.id DESC))[1] AS share,
                       (array_agg(v.covered_share ORDER BY v.observed_on DESC, v.id DESC))[1] AS covered_share,
                       (array_agg(v.hidden ORDER BY v.observed_on DESC, v.id DESC))[1] AS hidden
                FROM segment AS s JOIN visibility AS v ON v.segment_id = s.id JOIN detection_run AS r ON r.id = v.run_id
                WHERE s.alignment_id = current_alignment() AND s.km_to > :km_from AND s.km_from < :km_to AND v.covered_share > 0
                  AND (CAST(:on AS date) IS NULL OR v.observed_on <= :on)
                GROUP BY s.id, s.km_from, s.km_to, r.kind ORDER BY r.kind, s.km_from"""),
        {"km_from": km_from, "km_to": km_to, "good": good_share, "on": on},
    )
    return [dict(row._mapping) for row in rows]


_SELECT = """SELECT c.id, c.run_id, c.kind, c.status, c.confidence, c.magnitude, c.area_m2, c.area_uncertainty_m2,
        c.mean_slope_deg, c.observed_share, c.first_date, c.last_date, c.properties, c.picture, c.reviewed_at, c.reviewed_by,
        c.review_note, c.part_of, c.created_at, c.chainage_km, c.chainage_from_km, c.chainage_to_km, c.offset_m, c.side,
        CAST(ST_AsGeoJSON(c.geom, 6) AS jsonb) AS geometry,
        r.method, r.method_version, r.parameters, r.inputs, r.code_version, r.stats
    FROM change AS c JOIN detection_run AS r ON r.id = c.run_id"""


def _insert(conn: Connection, run_id: int, change: ChangeRecord) -> int:
    identifier: int = conn.execute(
        text("""INSERT INTO change (run_id, kind, confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg,
                                    observed_share, first_date, last_date, properties, picture, geom)
                VALUES (:run_id, :kind, :confidence, :magnitude, :area_m2, :area_uncertainty_m2, :mean_slope_deg,
                        :observed_share, :first_date, :last_date, CAST(:properties AS jsonb), :picture,
                        ST_SetSRID(ST_GeomFromGeoJSON(:geometry), 4326)) RETURNING id"""),
        {
            **vars(change), "run_id": run_id,
            "geometry": json.dumps(change.geometry), "properties": json.dumps(dict(change.properties)),
        },
    ).scalar_one()  # fmt: skip
    return identifier
