"""Observations by the thousand: staged with COPY, then merged; nothing is overwritten."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hazard_db import scenes
from hazard_db.connect import Engine, raw_copy
from hazard_db.errors import ConflictError, InputError

LOCK = "survey: store"
"""Files are stored one after the other: two that hold the same records in another order would wait for each other for ever."""
TYPES = (
    "uuid",
    "text",
    "timestamptz",
    "text",
    "float8",
    "text",
    "jsonb",
    "text",
    "text",
    "text",
    "geometry",
    "geometry",
)


@dataclass(frozen=True)
class SurveyRecord:
    """An observation as a survey file tells it."""

    id: uuid.UUID
    kind: str
    observed_at: datetime | None
    observer: str | None
    accuracy_m: float | None
    note: str | None
    attributes: Mapping[str, Any]
    source_id: str | None
    source_record: str
    content_sha256: str
    point: bytes
    """EWKB, EPSG:4326."""
    shape: bytes | None
    """EWKB of the original line or polygon."""


@dataclass(frozen=True)
class KnownFile:
    """A file that was stored before."""

    id: int
    dataset: str
    format: str
    crs: str | None
    records: int
    rejected: int
    notes: Sequence[str]


@dataclass(frozen=True)
class Merged:
    """What became of some records."""

    new: int
    revised: int
    unchanged: int
    kept: Mapping[uuid.UUID, str]
    """Those not changed because a person has reviewed them -> the verdict."""


@contextmanager
def storing(source: Engine, *, keep: bool) -> Iterator[Connection]:
    """Yield a connection whose work is committed whole at the end; rolled back on an error, or where `keep` is False.

    Raises
    ------
    ConflictError
        Another program changed the same observations in another order.
    InputError
        The database cannot hold a value.
    """
    try:
        with source.connect() as conn, conn.begin() as work:
            yield conn
            if not keep:
                work.rollback()
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)):
            raise ConflictError(
                "the same observations were changed meanwhile; nothing was stored, run it again"
            ) from error
        if isinstance(cause, psycopg.DataError):
            line = str(cause).splitlines()[0][:200]
            raise InputError(f"a value of the file cannot be stored ({line}); correct it") from error
        raise


def take_turn(conn: Connection) -> bool:
    """Return whether no other file is being stored, and let none begin before the end of this transaction."""
    return scenes.try_lock(conn, LOCK)


def wait_turn(conn: Connection) -> None:
    """Return once no other file is being stored."""
    scenes.lock(conn, LOCK)


def find_file(conn: Connection, sha256: str) -> KnownFile | None:
    """Return the survey file of that checksum, if it was stored before."""
    row = conn.execute(
        text("""SELECT id, dataset, format, crs, records, rejected, notes FROM source_file
                WHERE room = 'survey' AND sha256 = :sha256"""),
        {"sha256": sha256},
    ).one_or_none()
    return None if row is None else KnownFile(*row)


def put_file(
    conn: Connection, *, name: str, sha256: str, size_bytes: int, format: str, crs: str, dataset: str
) -> int:  # fmt: skip
    """Return the number of the row of a survey file, new or (read again with other options) brought up to date."""
    return int(
        conn.scalar(
            text("""INSERT INTO source_file (room, name, sha256, size_bytes, format, crs, dataset)
                    VALUES ('survey', :name, :sha256, :size_bytes, :format, :crs, :dataset)
                    ON CONFLICT (room, sha256) DO UPDATE SET name = :name, crs = :crs, dataset = :dataset RETURNING id"""),
            {
                "name": name, "sha256": sha256, "size_bytes": size_bytes, "format": format, "crs": crs, "dataset": dataset,
            },
        )
        or 0
    )  # fmt: skip


def close_file(
    conn: Connection, file: int, *, records: int, unchanged: int, rejected: int, notes: Sequence[str]
) -> None:
    """Keep what became of the records of a file."""
    conn.execute(
        text("""UPDATE source_file SET records = :records, unchanged = :unchanged, rejected = :rejected,
                       notes = CAST(:notes AS jsonb) WHERE id = :file"""),
        {
            "file": file,
            "records": records,
            "unchanged": unchanged,
            "rejected": rejected,
            "notes": json.dumps(list(notes)),
        },
    )


def prepare(conn: Connection) -> None:
    """Make the table in which records wait to be merged; it ends with the transaction."""
    conn.execute(
        text("""CREATE TEMPORARY TABLE staged (id uuid PRIMARY KEY, kind text, observed_at timestamptz, observer text,
                    accuracy_m float8, note text, attributes jsonb, source_id text, source_record text, content_sha256 text,
                    geom geometry(Point, 4326), shape geometry(Geometry, 4326)) ON COMMIT DROP""")
    )


def merge(conn: Connection, records: Sequence[SurveyRecord], *, file: int, dataset: str) -> Merged:
    """Return what became of records, whose ids differ: stored, a new revision, the same as before, or left as reviewed."""
    conn.execute(text("TRUNCATE staged"))
    with raw_copy(conn, f"COPY staged ({COLUMNS}, geom, shape) FROM STDIN") as copy:
        for one in records:
            copy.write_row(_row(one))
    kept: dict[uuid.UUID, str] = {row.id: row.review_status for row in conn.execute(text(REVIEWED))}
    written = conn.execute(text(MERGE), {"file": file, "dataset": dataset}).scalars().all()
    new = sum(written)
    return Merged(new, len(written) - new, len(records) - len(written) - len(kept), kept)


def count_beyond(conn: Connection, file: int) -> int:
    """Return how many observations of a file lie too far from the road to have a kilometre; 0 where no road is loaded."""
    return int(
        conn.scalar(
            text("""SELECT count(*) FROM observation
                    WHERE source_file_id = :file AND chainage_km IS NULL AND current_alignment() IS NOT NULL"""),
            {"file": file},
        )
        or 0
    )


def _row(one: SurveyRecord) -> tuple[Any, ...]:
    return (
        one.id, one.kind, one.observed_at, one.observer, one.accuracy_m, one.note,
        json.dumps(dict(one.attributes), ensure_ascii=False, allow_nan=False), one.source_id, one.source_record,
        one.content_sha256, one.point.hex(), None if one.shape is None else one.shape.hex(),
    )  # fmt: skip


COLUMNS = "id, kind, observed_at, observer, accuracy_m, note, attributes, source_id, source_record, content_sha256"
TOLD = ("kind", "observed_at", "observer", "accuracy_m", "note", "attributes")
DIFFERS = f"""(o.content_sha256 <> s.content_sha256 AND (
    ({", ".join(f"o.{name}" for name in TOLD)}) IS DISTINCT FROM ({", ".join(f"s.{name}" for name in TOLD)})
    OR NOT ST_OrderingEquals(o.geom, s.geom) OR o.shape IS DISTINCT FROM s.shape))"""
REVIEWED = f"""SELECT o.id, o.review_status FROM staged AS s JOIN observation AS o USING (id)
    WHERE o.review_status <> 'submitted' AND {DIFFERS}"""
# An observation that came in again unchanged is filtered out before, so that its row is neither locked nor referenced anew.
MERGE = f"""INSERT INTO observation AS old ({COLUMNS}, dataset, source_file_id, geom, shape)
    SELECT {COLUMNS}, :dataset, :file, geom, shape FROM staged AS s
    WHERE NOT EXISTS (SELECT FROM observation AS o WHERE o.id = s.id AND (o.review_status <> 'submitted' OR NOT {DIFFERS}))
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET ({COLUMNS}, dataset, source_file_id, geom, shape)
        = ROW ({", ".join(f"excluded.{name.strip()}" for name in COLUMNS.split(","))}, excluded.dataset, excluded.source_file_id,
               excluded.geom, excluded.shape)
    WHERE old.review_status = 'submitted'
    RETURNING xmax = 0"""
