"""Backup and restore of the catalogue and the files beside it: whole or not at all, checked before anything is touched."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from hazard_db import archive, install, migrate
from hazard_db.archive import Manifest
from hazard_db.connect import direct, parse_url
from hazard_db.database import url as database_url
from hazard_db.errors import ClusterError, ConflictError, InputError
from hazard_db.settings import DatabaseSettings

LOCK_TIMEOUT_S = 15
PREFIX, SUFFIX = "kkh-", ".backup"
"""Of the files in a folder of backups; others there are left alone."""
SKIPPED = (" EXTENSION ", " COMMENT - EXTENSION ", " TABLE DATA public spatial_ref_sys ", " COMMENT - SCHEMA public ")
"""Entries of the dump that belong to PostGIS or the server, which `up` has brought already."""
DEFAULTS = " DEFAULT ACL "
"""Entries that say what roles may do with tables to come; in force only when all tables are there, else they would hold for these."""

CLEAR = """
DO $$
DECLARE
    statements text[];
    statement text;
BEGIN
    -- collected first: a CASCADE removes objects whose turn is still to come
    WITH ours AS (
        SELECT 1 AS turn, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) AS line, oid, nspowner AS owner
        FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')
            AND oid NOT IN (SELECT extnamespace FROM pg_extension) -- not a part of the extension that made it, but goes with it
        UNION ALL
        SELECT 2, format('DROP %s IF EXISTS public.%I CASCADE', kind, relname), oid, relowner
        FROM pg_class JOIN (VALUES ('v'::"char", 'VIEW'), ('m', 'MATERIALIZED VIEW'), ('S', 'SEQUENCE'), ('r', 'TABLE'),
            ('p', 'TABLE')) AS kinds (relkind, kind) USING (relkind)
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT 3, format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure), oid, proowner
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT 4, format('DROP TYPE IF EXISTS public.%I CASCADE', typname), oid, typowner
        FROM pg_type WHERE typnamespace = 'public'::regnamespace AND (typtype IN ('e', 'd')
            OR typtype = 'c' AND (SELECT relkind FROM pg_class WHERE pg_class.oid = typrelid) = 'c')
        UNION ALL
        SELECT 5, format('ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON %s FROM %I', kind, grantee::regrole),
            0, defaclrole -- depends on its schema, and is ours all the same
        FROM pg_default_acl d JOIN (VALUES ('r'::"char", 'TABLES'), ('S', 'SEQUENCES'), ('f', 'ROUTINES'), ('T', 'TYPES'))
            AS kinds (defaclobjtype, kind) USING (defaclobjtype), aclexplode(defaclacl)
        WHERE defaclnamespace = 'public'::regnamespace AND grantee <> 0
    )
    SELECT array_agg(line ORDER BY turn) INTO statements FROM ours
    WHERE owner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = ours.oid AND d.deptype IN ('e', 'i', 'a'));
    FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END $$;
"""
"""Drops everything in the database that this login owns and no extension does, and what was granted on tables to come."""


@dataclass(frozen=True)
class BackupReport:
    """What a backup or a restore did."""

    file: Path
    bytes: int
    files: int
    """Written beside the catalogue: photos, pictures of changes, rasters where they were asked for."""
    revision: str
    notes: tuple[str, ...] = ()


def backup(settings: DatabaseSettings, file: Path, *, rasters: bool = False) -> BackupReport:
    """Write catalogue, media and pictures to `file`, which appears whole or not at all.

    The dump is one consistent moment; people may go on working.

    Parameters
    ----------
    rasters
        Also the rasters of scenes and results. They are large, and the catalogue keeps their checksums; without this they
        are to be copied by themselves.

    Raises
    ------
    DatabaseUnavailableError
        The database is down.
    ClusterError
        The file cannot be written, or the dump failed.
    """
    address = database_url(settings, "admin")
    with direct(address) as conn:
        server = conn.info.server_version // 10_000
        revision = _revision(conn)
        login = conn.info.user
        foreign = [f"--exclude-schema={name}" for name in _schemas_of_extensions(conn)]
    programs = install.find_clients(server)
    manifest = Manifest(datetime.now(UTC).isoformat(timespec="seconds"), revision, programs.major, login)
    with archive.atomic(file.absolute()) as part, tempfile.TemporaryDirectory(dir=part.parent) as folder:
        dump = Path(folder) / archive.DUMP
        _run([programs.program("pg_dump"), "-Fc", "-Z", "6", *foreign, "-f", str(dump)], address)
        # after the dump: a file is stored before its row, so every row of the dump finds its file
        names = archive.FOLDERS if rasters else [name for name in archive.FOLDERS if name != "rasters"]
        files = archive.write(part, manifest, dump, {name: settings.home / name for name in names})
    notes = () if rasters else ("rasters are not part of this backup; --rasters takes them along",)
    return BackupReport(file, file.stat().st_size, files, revision, notes)


def backup_into(
    settings: DatabaseSettings, folder: Path, *, keep: int, rasters: bool = False
) -> tuple[BackupReport, list[Path]]:
    """Write a backup named by its time into `folder`, read it back, then remove the oldest beyond `keep`; return both.

    Raises
    ------
    ClusterError
        It cannot be written or is not what was written; nothing is removed.
    """
    report = backup(settings, folder / f"{PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}", rasters=rasters)
    try:
        archive.verify(report.file)
    except InputError as error:
        raise ClusterError(f"the backup just written cannot be read back; is the disk sound? {error}") from error
    old = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))[:-keep]
    for file in old:
        file.unlink()
    return report, old


def restore(settings: DatabaseSettings, file: Path, *, force: bool = False) -> BackupReport:
    """Bring catalogue and files back from `file` and the schema up to date.

    Everything is checked first; then the catalogue is replaced in one transaction.

    Parameters
    ----------
    force
        Replace a catalogue that holds records; they are lost.

    Raises
    ------
    InputError
        The file is no backup, damaged, or made by a newer version.
    ConflictError
        The catalogue holds records and `force` was not given, or somebody is using it.
    """
    manifest = archive.verify(file)
    if manifest.revision not in _known_revisions():
        raise InputError(f"{file} has schema version {manifest.revision}, unknown here; update this installation first")
    address = database_url(settings, "admin")
    with direct(address) as conn:
        server = conn.info.server_version // 10_000
        filled = _filled_table(conn)
    if filled is not None and not force:
        raise ConflictError(f"the catalogue holds records already (table {filled}); `--force` replaces them all")
    if manifest.postgres > server:
        raise InputError(f"{file} was written by PostgreSQL {manifest.postgres}; this server is {server}")
    programs = install.find_clients(max(server, manifest.postgres))
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        dump = Path(folder) / archive.DUMP
        files = archive.extract(file, manifest.sha256, dump, settings.home)
        _replace(programs, dump, address)
    migrate.upgrade(address)
    return BackupReport(file, file.stat().st_size, files, manifest.revision)


def _known_revisions() -> set[str]:
    return {script.revision for script in migrate.scripts().walk_revisions()}


def _revision(conn: psycopg.Connection) -> str:
    try:
        row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    if row is None:
        raise ClusterError("the database holds no catalogue yet; run `kkh db migrate` first")
    return str(row[0])


def _schemas_of_extensions(conn: psycopg.Connection) -> list[str]:
    """Return the schemas that extensions have for themselves, such as `topology` and `tiger`; nothing of the catalogue is there."""
    rows = conn.execute(
        "SELECT DISTINCT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
        "WHERE nspname NOT IN ('public', 'pg_catalog') ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows]


def _filled_table(conn: psycopg.Connection) -> str | None:
    """Return a table of the catalogue that people or programs have filled, None where there is none."""
    tables = conn.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
        "AND c.relname <> 'alembic_version' AND c.relname NOT LIKE 'procrastinate%' "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
    ).fetchall()
    for (table,) in tables:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
        if conn.execute(query).fetchone() == (True,):
            return str(table)
    return None


def _replace(programs: install.Software, dump: Path, address: str) -> None:
    """Clear the database and restore the dump, in one transaction."""
    entries = _run([programs.program("pg_restore"), "-l", str(dump)]).splitlines()
    ours = [line for line in entries if not any(mark in line for mark in SKIPPED)]
    script = _script(programs, dump, "records", [line for line in ours if DEFAULTS not in line])
    defaults = _script(programs, dump, "defaults", [line for line in ours if DEFAULTS in line])
    # of the login that restores, which may be another than the one that wrote the backup
    defaults.write_text(
        re.sub(r"^(ALTER DEFAULT PRIVILEGES) FOR ROLE .*? IN SCHEMA", r"\1 IN SCHEMA", defaults.read_text(), flags=re.M)
    )
    clear = dump.with_name("clear.sql")
    clear.write_text(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s';\n{CLEAR}")
    psql = [programs.program("psql"), "-X", "-q", "--single-transaction", "-v", "ON_ERROR_STOP=1"]
    try:
        _run([*psql, "-f", str(clear), "-f", str(script), "-f", str(defaults)], address)
    except ClusterError as error:
        if "lock timeout" in str(error):
            raise ConflictError("the catalogue is in use; stop `kkh serve` and `kkh worker`, then restore") from error
        raise


def _script(programs: install.Software, dump: Path, name: str, entries: list[str]) -> Path:
    """Return the SQL of some entries of the dump, without owners."""
    chosen, script = dump.with_name(f"{name}.txt"), dump.with_name(f"{name}.sql")
    chosen.write_text("\n".join(entries))
    _run([programs.program("pg_restore"), "-L", str(chosen), "--no-owner", "-f", str(script), str(dump)])
    return script


def _run(command: list[str], address: str | None = None) -> str:
    """Run one of PostgreSQL's programs; the password goes by the environment, never on a command line."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "HAZARD_"))}
    if address is not None:
        environment |= _credentials(address)
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()] or ["no message"]
        raise ClusterError(f"{Path(command[0]).name} failed: {lines[0].rpartition('rror: ')[2]}")
    return done.stdout


def _credentials(address: str) -> dict[str, str]:
    parsed = parse_url(address)
    told = {
        "PGHOST": parsed.host or "localhost",
        "PGPORT": str(parsed.port or 5432),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        "PGSSLMODE": parsed.query.get("sslmode"),
        "PGCONNECT_TIMEOUT": "10",
    }
    return {name: str(value) for name, value in told.items() if value}
