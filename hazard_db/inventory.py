"""Inventories of others into the catalogue: the file they came in, and dated events with what is unsure of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

from hazard_db import scenes
from hazard_db.connect import raw_copy

ROOM = "inventory"
SAME_PLACE_M = 25_000.0
"""Two reports of one day further apart than this are two events, however badly their places are known."""
SAME_SOURCE_M = 1_000.0
"""A source that lists two events of one day and kind within this may have listed one of them twice."""


@dataclass(frozen=True)
class EventRecord:
    """A dated event as an inventory tells it."""

    source_id: str
    kind: str
    name: str
    occurred_on: date
    geom: BaseGeometry
    """EPSG:4326."""
    precision: str = "day"
    occurred_to: date | None = None
    accuracy_m: float | None = None
    """How far the place may be off; None where the source does not know."""
    trigger: str | None = None
    fatalities: int | None = None
    injuries: int | None = None
    impacts: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None

    @cached_property
    def content_sha256(self) -> str:
        """Checksum of all that the source says."""
        told = {item.name: getattr(self, item.name) for item in fields(self)} | {
            "geom": shapely.to_wkb(self.geom).hex()
        }
        return sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class FileRecord:
    """The file an inventory came in."""

    name: str
    sha256: str
    size_bytes: int
    format: str
    crs: str
    dataset: str


@dataclass(frozen=True)
class Stored:
    """What storing records did."""

    new: int
    updated: int
    unchanged: int
    near_road: int
    """Of the new and updated ones, those that were given a chainage."""
    possible_duplicates: int
    evolution: Mapping[str, int] = field(default_factory=dict)
    """Of places mapped: new, enlarged, reactivated, continued, ..."""


def take_turn(conn: Connection) -> None:
    """Return once no other inventory is being stored: two with the same records in another order would block each other."""
    scenes.lock(conn, "inventory: store")


def known_file(conn: Connection, checksum: str) -> Mapping[str, Any] | None:
    """Return what is known of a file that came in before."""
    row = conn.execute(
        text("SELECT id, dataset, records, rejected, notes FROM source_file WHERE room = :room AND sha256 = :sha"),
        {"room": ROOM, "sha": checksum},
    ).one_or_none()
    return None if row is None else dict(row._mapping)


def register_file(conn: Connection, file: FileRecord) -> int:
    """Return the number of the file, new or known."""
    return int(
        conn.execute(
            text("""INSERT INTO source_file (room, name, sha256, size_bytes, format, crs, dataset)
                    VALUES (:room, :name, :sha256, :size_bytes, :format, :crs, :dataset)
                    ON CONFLICT (room, sha256) DO UPDATE SET dataset = excluded.dataset RETURNING id"""),
            {"room": ROOM, **vars(file)},
        ).scalar_one()
    )


def close_file(
    conn: Connection, file_id: int, *, records: int, unchanged: int, rejected: int, notes: Iterable[str]
) -> None:
    """Note what became of the records of a file."""
    conn.execute(
        text("""UPDATE source_file SET records = :records, unchanged = :unchanged, rejected = :rejected,
                                       notes = CAST(:notes AS jsonb) WHERE id = :id"""),
        {
            "id": file_id,
            "records": records,
            "unchanged": unchanged,
            "rejected": rejected,
            "notes": json.dumps([*notes]),
        },
    )


def store_events(conn: Connection, source: str, file_id: int, records: Iterable[EventRecord]) -> Stored:
    """Return what became of the events of a source, all in the caller's transaction; one `source_id` comes once.

    An event that the source had told before is updated where it now says something else. An event that may be one
    already there is kept as its own and says so in a claim `possible_duplicate_of`.
    """
    conn.execute(text(_STAGING))
    staged = _stage(conn, records)
    stored = conn.execute(text(_INSERT), {"source": source, "file": file_id}).all()
    written = [row.id for row in stored]
    new = sum(row.is_new for row in stored)
    duplicates = _flag_duplicates(conn, written) if written else 0
    conn.execute(text("DROP TABLE staged_event"))
    return Stored(
        new, len(stored) - new, staged - len(stored), sum(row.chainage_km is not None for row in stored), duplicates
    )


def _stage(conn: Connection, records: Iterable[EventRecord]) -> int:
    count = 0
    with raw_copy(conn, f"COPY staged_event ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for record in records:
            values = {name: getattr(record, name) for name in _COLUMNS if name not in {"impacts", "geom"}}
            values["impacts"] = json.dumps(dict(record.impacts), ensure_ascii=False, default=str)
            values["geom"] = shapely.to_wkb(shapely.set_srid(record.geom, 4326), hex=True, include_srid=True)
            copy.write_row([values[name] for name in _COLUMNS])
            count += 1
    return count


def _flag_duplicates(conn: Connection, written: list[int]) -> int:
    """Return how many of the events written now may be one that is there already."""
    pairs = conn.execute(
        text(_DUPLICATES), {"ids": written, "same_place_m": SAME_PLACE_M, "same_source_m": SAME_SOURCE_M}
    ).scalars()
    return len(set(pairs))


_COLUMNS = (
    "source_id", "kind", "name", "occurred_on", "occurred_to", "precision", "accuracy_m", "trigger", "fatalities", "injuries",
    "impacts", "note", "content_sha256", "geom",
)  # fmt: skip

_STAGING = """
CREATE TEMPORARY TABLE staged_event (source_id text, kind text, name text, occurred_on date, occurred_to date, precision text,
    accuracy_m float8, trigger text, fatalities int, injuries int, impacts jsonb, note text, content_sha256 text,
    geom geometry(Geometry, 4326)) ON COMMIT DROP
"""

_INSERT = f"""
INSERT INTO event ({", ".join(_COLUMNS)}, source, source_file_id)
SELECT {", ".join(f"s.{name}" for name in _COLUMNS)}, :source, :file
FROM staged_event AS s
WHERE NOT EXISTS (SELECT FROM event AS e
    WHERE e.source = :source AND e.source_id = s.source_id AND e.content_sha256 = s.content_sha256)
ON CONFLICT (source, source_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "source_id")}, source_file_id = excluded.source_file_id
RETURNING id, chainage_km, xmax = 0 AS is_new
"""

# The later of two rows points at the earlier one, by the name the source gave it. News are dated a day off at times;
# the days are joined as equal values, so that no planner compares every event with every other.
_DUPLICATES = """
WITH fresh AS MATERIALIZED (
    SELECT e.*, e.occurred_on + shift AS day, shift FROM event AS e, unnest(ARRAY[-1, 0, 1]) AS shift
    WHERE e.id = ANY(:ids) AND e.precision = 'day')
INSERT INTO claim (event_id, attribute, value, source)
SELECT n.id, 'possible_duplicate_of', o.source || ': ' || o.source_id, n.source
FROM fresh AS n
JOIN event AS o ON o.occurred_on = n.day AND o.precision = 'day' AND o.id <> n.id
  AND (o.source <> n.source OR (n.shift = 0 AND o.id < n.id AND o.kind = n.kind))
  AND ST_DWithin(CAST(n.geom AS geography), CAST(o.geom AS geography),
      least(coalesce(n.accuracy_m, :same_place_m) + coalesce(o.accuracy_m, :same_place_m),
            CASE WHEN o.source = n.source THEN :same_source_m ELSE :same_place_m END))
WHERE NOT EXISTS (SELECT FROM claim AS c WHERE c.event_id = n.id AND c.attribute = 'possible_duplicate_of'
                  AND c.value = o.source || ': ' || o.source_id)
RETURNING event_id
"""
