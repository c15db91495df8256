"""What can be asked of the catalogue to see whether it is whole: its logins, its clock, its files, its road."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, text

from hazard_db import media_files
from hazard_db.connect import direct
from hazard_db.errors import ClusterError

if TYPE_CHECKING:
    from hazard_db.backup import BackupReport

LAST_BACKUP = "last-backup.json"
"""Below HAZARD_HOME: what the last backup was, and where."""


@dataclass(frozen=True)
class Login:
    """What a login of the database may do."""

    name: str
    superuser: bool
    makes_tables: bool
    edits_trail: bool
    reads_passwords: bool


@dataclass(frozen=True)
class MissingFile:
    """A file that the catalogue names and the disk does not have."""

    kind: str
    """scene, raster, photo or picture."""
    record: str
    path: Path


@dataclass(frozen=True)
class LastBackup:
    """The last backup that went well."""

    made_at: datetime
    file: Path
    rasters: bool


def login(url: str) -> Login:
    """Return what the login of `url` may do in a migrated database.

    Raises
    ------
    DatabaseUnavailableError
        It is not let in.
    """
    with direct(url) as conn:
        row = conn.execute(_LOGIN).fetchone()
    assert row is not None
    return Login(*row)


def clock_ahead_s(conn: Connection) -> float:
    """Return by how many seconds this machine's clock is ahead of the database's."""
    theirs: datetime = conn.scalar(text("SELECT clock_timestamp()"))
    return (datetime.now(UTC) - theirs).total_seconds()


def newest_record(conn: Connection) -> datetime | None:
    """Return when the newest entry of the audit trail was made; one in the future tells of a clock that jumped."""
    made: datetime | None = conn.scalar(text("SELECT max(at) FROM audit_log"))
    return made


def road_source(conn: Connection) -> tuple[str, str] | None:
    """Return version and source of the present alignment, None where there is none."""
    row = conn.execute(text("SELECT version, source FROM alignment WHERE valid_to IS NULL")).one_or_none()
    return None if row is None else (row.version, row.source)


def missing_files(conn: Connection, home: Path) -> Iterator[MissingFile]:
    """Yield the files that the catalogue names and that are not there; addresses on other hosts are not asked."""
    for row in conn.execute(text(_FILES), execution_options={"stream_results": True}):
        if row.kind == "photo":
            path = media_files.path_of(home / "media", row.href)
        elif "://" in row.href or row.href.startswith("/vsi"):
            continue
        else:
            path = home / row.href  # an absolute one stays as it is
        if not path.is_file():
            yield MissingFile(row.kind, row.record, path)


def note_backup(home: Path, report: BackupReport, *, rasters: bool) -> None:
    """Keep in mind what was backed up last.

    Raises
    ------
    ClusterError
        That cannot be written.
    """
    told = LastBackup(datetime.now(UTC), report.file.absolute(), rasters)
    part = home / f".{LAST_BACKUP}"
    try:
        part.write_text(json.dumps(asdict(told), default=str))
        part.replace(home / LAST_BACKUP)
    except OSError as error:
        raise ClusterError(f"{home / LAST_BACKUP} cannot be written: {error.strerror}") from error


def last_backup(home: Path) -> LastBackup | None:
    """Return the last backup that went well, None where none is known."""
    try:
        told = json.loads((home / LAST_BACKUP).read_text())
        return LastBackup(datetime.fromisoformat(told["made_at"]), Path(told["file"]), bool(told["rasters"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


_LOGIN: psycopg.sql.SQL = psycopg.sql.SQL("""
SELECT current_user::text, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    has_schema_privilege('public', 'CREATE'),
    has_table_privilege('audit_log', 'UPDATE') OR has_table_privilege('audit_log', 'DELETE'),
    has_column_privilege('account', 'password_hash', 'SELECT')
""")
_FILES = """
SELECT 'scene' AS kind, scene.id AS record, asset.value ->> 'href' AS href FROM scene, jsonb_each(assets) AS asset
UNION ALL
SELECT 'raster', raster.id, asset.value ->> 'href' FROM raster, jsonb_each(assets) AS asset
UNION ALL
SELECT 'photo', observation_id::text, sha256 FROM media
UNION ALL
SELECT 'picture', 'change ' || id, picture FROM change WHERE picture IS NOT NULL
"""
