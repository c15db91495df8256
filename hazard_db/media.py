"""Photos and files of observations: what is known of each; the files themselves lie under their checksums."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from sqlalchemy import Connection, text

from hazard_db.errors import AccessDeniedError, ConflictError, NotFoundError


@dataclass(frozen=True)
class MediaRecord:
    """A photo or file of an observation."""

    id: int
    observation_id: uuid.UUID
    filename: str
    sha256: str
    size_bytes: int
    mime_type: str
    taken_at: datetime | None
    lon: float | None
    lat: float | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class NewFile:
    """What is known of a photo or file that is kept under its checksum."""

    filename: str
    sha256: str
    size_bytes: int
    mime_type: str
    taken_at: datetime | None
    lonlat: tuple[float, float] | None


def add_media(
    conn: Connection, identifier: uuid.UUID, *, filename: str, sha256: str, size_bytes: int, mime_type: str,
    taken_at: datetime | None = None, lonlat: tuple[float, float] | None = None,
) -> tuple[MediaRecord, bool]:  # fmt: skip
    """Return the record of a file, and whether it is new; the same file sent again is the one that is there.

    Raises
    ------
    NotFoundError
        There is no such observation.
    ConflictError
        The observation has another file of that name.
    """
    status = conn.scalar(text("SELECT review_status FROM observation WHERE id = :id FOR UPDATE"), {"id": identifier})
    if status is None:
        raise NotFoundError(f"there is no observation {identifier}")
    lon, lat = lonlat or (None, None)
    inserted = conn.execute(
        text("""INSERT INTO media (observation_id, filename, sha256, size_bytes, mime_type, taken_at, geom)
                VALUES (:id, :filename, :sha256, :size_bytes, :mime_type, :taken_at, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
                ON CONFLICT (observation_id, filename) DO NOTHING"""),
        {
            "id": identifier, "filename": filename, "sha256": sha256, "size_bytes": size_bytes, "mime_type": mime_type,
            "taken_at": taken_at, "lon": lon, "lat": lat,
        },
    )  # fmt: skip
    stored = next(media for media in list_media(conn, identifier) if media.filename == filename)
    if stored.sha256 != sha256:
        raise ConflictError(f"the observation has another file named {filename}; give this one another name")
    if inserted.rowcount and status == "accepted":  # nobody has looked at it: what was accepted is looked at again
        conn.execute(text("UPDATE observation SET review_status = 'submitted' WHERE id = :id"), {"id": identifier})
    return stored, bool(inserted.rowcount)


def add_file(conn: Connection, identifier: uuid.UUID, file: NewFile) -> MediaRecord:
    """Return the record of a file; where the observation has another one of that name, both are kept."""
    name = free_name(names(conn, identifier), file.filename, file.sha256)
    return add_media(conn, identifier, **(file.__dict__ | {"filename": name}))[0]


def names(conn: Connection, identifier: uuid.UUID) -> dict[str, str]:
    """Return filename -> checksum of the files of an observation."""
    return {file.filename: file.sha256 for file in list_media(conn, identifier)}


def free_name(there: Mapping[str, str], wanted: str, sha256: str) -> str:
    """Return the name under which a file is kept or can be; with its checksum where another one has its name."""
    path = PurePath(wanted)
    return wanted if there.get(wanted, sha256) == sha256 else f"{path.stem}-{sha256[:16]}{path.suffix}"


def list_media(conn: Connection, identifier: uuid.UUID) -> list[MediaRecord]:
    """Return the files of an observation, in the order they came."""
    rows = conn.execute(text(f"SELECT {_MEDIA} FROM media WHERE observation_id = :id ORDER BY id"), {"id": identifier})
    return [MediaRecord(*row) for row in rows]


def of_observations(
    conn: Connection, identifiers: Sequence[uuid.UUID], *, accepted_only: bool
) -> list[tuple[uuid.UUID, MediaRecord]]:  # fmt: skip
    """Return the files of observations, each with the observation's id."""
    rows = conn.execute(
        text(f"""SELECT observation_id, {_columns("m")} FROM media AS m JOIN observation AS o ON o.id = m.observation_id
                 WHERE o.id = ANY(:ids) AND (NOT :accepted OR o.review_status = 'accepted') ORDER BY m.id"""),
        {"ids": list(identifiers), "accepted": accepted_only},
    )
    return [(row[0], MediaRecord(*row[1:])) for row in rows]


def of_sites(conn: Connection, identifiers: Sequence[int], *, accepted_only: bool) -> list[tuple[int, MediaRecord]]:
    """Return the files of the observations that sites rest on, each with the site's number; the newest first."""
    rows = conn.execute(
        text(f"""SELECT e.site_id, {_columns("m")} FROM evidence AS e JOIN observation AS o ON o.id = e.observation_id
                 JOIN media AS m ON m.observation_id = o.id
                 WHERE e.site_id = ANY(:ids) AND o.review_status <> 'rejected' AND (NOT :accepted OR o.review_status = 'accepted')
                 ORDER BY coalesce(m.taken_at, o.observed_at) DESC NULLS LAST, m.id"""),
        {"ids": list(identifiers), "accepted": accepted_only},
    )
    return [(row[0], MediaRecord(*row[1:])) for row in rows]


def _columns(table: str) -> str:
    """Return the columns of a record, of a table by its short name."""
    names = [name.strip() for name in _MEDIA.split(",")]
    return ", ".join(name.replace("(", f"({table}.") if "(" in name else f"{table}.{name}" for name in names)


def check_may_add(conn: Connection, identifier: uuid.UUID, *, adder: str, is_reviewer: bool) -> None:
    """Return quietly where somebody may add files to an observation: it is their own, or they are reviewers.

    Raises
    ------
    NotFoundError
        There is no such observation.
    AccessDeniedError
        It is somebody else's.
    """
    maker = conn.scalar(text("SELECT created_by FROM observation WHERE id = :id"), {"id": identifier})
    if maker is None:
        raise NotFoundError(f"there is no observation {identifier}")
    if maker != adder and not is_reviewer:
        raise AccessDeniedError("field workers add photos to their own observations")


_MEDIA = "id, observation_id, filename, sha256, size_bytes, mime_type, taken_at, ST_X(geom), ST_Y(geom), created_at, created_by"
