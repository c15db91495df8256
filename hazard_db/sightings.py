"""The same slide seen again: which change a sighting belongs to, and what has become of it since.

A change is all sightings of one kind that hang together by overlapping, so that neither the order in which runs come in nor
looking twice makes another set of changes. What is shown of it, its largest outline, is worked out anew from all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

SAME_PLACE_SHARE = 0.3
"""A sighting that covers this share of another's area (or is covered so by it) is of the same change."""
GROWTH = 1.25
"""So many times the largest area before, and by more than both areas are uncertain, is growth."""


@dataclass(frozen=True)
class ChangeRecord:
    """A change as a detector hands it in."""

    kind: str
    geometry: Mapping[str, Any]
    """GeoJSON geometry, EPSG:4326."""
    confidence: float
    magnitude: float | None
    area_m2: float
    area_uncertainty_m2: float
    mean_slope_deg: float | None
    observed_share: float | None
    first_date: date
    last_date: date
    properties: Mapping[str, Any] = field(default_factory=dict)
    picture: str | None = None


@dataclass(frozen=True, order=True)
class Seen:
    """A sighting as far as its development goes, in the order of time."""

    last_date: date
    first_date: date
    area_m2: float
    area_uncertainty_m2: float
    confidence: float
    id: int


def developments(sightings: Iterable[Seen]) -> dict[int, str]:
    """Return for each sighting what it says beside those before it in time, by id: new, same, grown or reactivated."""
    told: dict[int, str] = {}
    latest: date | None = None
    largest: Seen | None = None
    for one in sorted(sightings):
        if latest is None or largest is None:
            told[one.id], latest, largest = "new", one.last_date, one
            continue
        uncertain = one.area_uncertainty_m2 + largest.area_uncertainty_m2
        grown = one.area_m2 > GROWTH * largest.area_m2 and one.area_m2 - largest.area_m2 > uncertain
        told[one.id] = "grown" if grown else "reactivated" if one.first_date > latest else "same"
        latest = max(latest, one.last_date)
        largest = max(largest, one, key=lambda seen: seen.area_m2)
    return told


def event_dates(sightings: Iterable[Seen]) -> tuple[date, date]:
    """Return between which days the latest movement came about: what its sightings agree on, else the earliest one's.

    Sightings belong to one movement as long as each begins before the ones before it have ended.
    """
    movement: list[Seen] = []
    for one in sorted(sightings):
        if movement and one.first_date > max(seen.last_date for seen in movement):
            movement = []
        movement.append(one)
    first, last = max(one.first_date for one in movement), min(one.last_date for one in movement)
    return (first, last) if first <= last else (movement[0].first_date, movement[0].last_date)


def lock(conn: Connection, kinds: Iterable[str]) -> None:
    """Wait until no other transaction stores changes of these kinds: two at once would not see each other's."""
    for kind in sorted(set(kinds)):
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('change: ' || :kind, 0))"), {"kind": kind})


def matching(conn: Connection, change: ChangeRecord) -> list[int]:
    """Return the changes that a sighting belongs to, the one that stays first.

    A false alarm takes in what looks the same in the same days; later movement at its place is another matter.
    """
    rows = conn.execute(
        text("""SELECT c.id, c.status FROM change AS c WHERE c.id IN (
                    SELECT s.change_id FROM change_sighting AS s JOIN change AS k ON k.id = s.change_id,
                           (SELECT ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326) AS geom) AS n
                    WHERE k.kind = :kind AND k.part_of IS NULL AND s.geom && n.geom AND ST_Intersects(s.geom, n.geom)
                      AND s.development <> 'revegetated'
                      AND (k.status <> 'false_alarm' OR (s.first_date <= :last_date AND s.last_date >= :first_date))
                      AND ST_Area(ST_Intersection(s.geom, n.geom)) > :share * least(ST_Area(s.geom), ST_Area(n.geom)))
                ORDER BY c.status <> 'confirmed', c.id"""),
        {
            "shape": json.dumps(change.geometry), "kind": change.kind, "share": SAME_PLACE_SHARE,
            "first_date": change.first_date, "last_date": change.last_date,
        },
    ).all()  # fmt: skip
    alive = [row.id for row in rows if row.status != "false_alarm"]
    return alive or [row.id for row in rows][:1]


def record(conn: Connection, change_id: int, run_id: int, change: ChangeRecord) -> None:
    """Keep what a run saw of a change."""
    conn.execute(
        text("""INSERT INTO change_sighting (change_id, run_id, development, confidence, magnitude, area_m2, area_uncertainty_m2,
                                             mean_slope_deg, observed_share, first_date, last_date, properties, geom)
                VALUES (:change_id, :run_id, 'new', :confidence, :magnitude, :area_m2, :area_uncertainty_m2, :mean_slope_deg,
                        :observed_share, :first_date, :last_date, CAST(:properties AS jsonb),
                        ST_SetSRID(ST_GeomFromGeoJSON(:geometry), 4326))"""),
        {
            **vars(change), "change_id": change_id, "run_id": run_id,
            "geometry": json.dumps(change.geometry), "properties": json.dumps(dict(change.properties)),
        },
    )  # fmt: skip


def join(conn: Connection, kept: int, others: Sequence[int]) -> None:
    """Make changes one that a sighting shows to be one; alerts and evidence of the others speak of the kept one too."""
    for other in others:
        ids = {"kept": kept, "other": other}
        for statement in (
            "UPDATE change_sighting SET change_id = :kept WHERE change_id = :other",
            "UPDATE change SET part_of = :kept WHERE id = :other OR part_of = :other",
            "INSERT INTO alert_change (alert_id, change_id) SELECT alert_id, :kept FROM alert_change WHERE change_id = :other "
            "ON CONFLICT DO NOTHING",
            "UPDATE evidence SET change_id = :kept WHERE change_id = :other AND NOT EXISTS "
            "(SELECT FROM evidence AS e WHERE e.change_id = :kept AND e.site_id = evidence.site_id)",
        ):
            conn.execute(text(statement), ids)


def settle(conn: Connection, change_id: int) -> None:
    """Work out anew what is shown of a change: its largest outline, best confidence, latest movement, developments.

    That it was overgrown is no movement: such sightings stay what they are, whatever comes before or after.
    """
    rows = conn.execute(
        # of sightings alike in all else the outline decides, never the order in which they came
        text("""SELECT id, last_date, first_date, area_m2, area_uncertainty_m2, confidence FROM change_sighting
                WHERE change_id = :id AND development <> 'revegetated' ORDER BY ST_AsBinary(geom), id"""),
        {"id": change_id},
    )
    seen = [Seen(**row._mapping) for row in rows]
    told = developments(seen)
    conn.execute(
        text("UPDATE change_sighting SET development = :development WHERE id = :id AND development <> :development"),
        [{"id": number, "development": development} for number, development in told.items()],
    )
    largest = max(seen, key=lambda one: (one.area_m2, one.confidence, one.last_date, one.first_date))
    first, last = event_dates(seen)
    conn.execute(
        text("""UPDATE change AS c
                SET geom = s.geom, area_m2 = s.area_m2, area_uncertainty_m2 = s.area_uncertainty_m2, magnitude = s.magnitude,
                    mean_slope_deg = s.mean_slope_deg, observed_share = s.observed_share, properties = s.properties,
                    confidence = :confidence, first_date = :first, last_date = :last
                FROM change_sighting AS s WHERE s.id = :sighting AND c.id = :id"""),
        {
            "id": change_id, "sighting": largest.id, "confidence": max(one.confidence for one in seen),
            "first": first, "last": last,
        },
    )  # fmt: skip


def sightings_of(conn: Connection, change_id: int) -> list[dict[str, Any]]:
    """Return every time a change was seen, in the order of time."""
    rows = conn.execute(
        text("""SELECT s.id, s.run_id, s.development, s.first_date, s.last_date, s.area_m2, s.area_uncertainty_m2, s.confidence,
                       s.magnitude, s.observed_share, r.method, r.method_version, s.created_at,
                       CAST(ST_AsGeoJSON(s.geom, 6) AS jsonb) AS geometry
                FROM change_sighting AS s JOIN detection_run AS r ON r.id = s.run_id
                WHERE s.change_id = :id ORDER BY s.last_date, s.first_date, s.area_m2, s.id"""),
        {"id": change_id},
    )
    return [dict(row._mapping) for row in rows]
