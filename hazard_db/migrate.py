"""The schema's versions: up, down, in two steps where people go on working, and whether the models have drifted from them.

A migration either expands the schema, so that the release before works on it as well, or says `KIND = "contract"`: it takes away what
no release in use reads any more. The kinds of all that were applied stand in the comment of Alembic's table, so that a release can
tell of one it does not know whether it can go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.migration import MigrationInfo
from alembic.script import Script, ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

from hazard_db.connect import Connection, engine
from hazard_db.errors import ConflictError

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6B6B68  # one migration at a time, whoever starts it
LOCK_TIMEOUT_S = 15
"""A statement that waits longer for a table would make everybody behind it wait too."""
EXPAND, CONTRACT = "expand", "contract"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration without any file on disk."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.attributes["connection"] = connection
    return settings


def scripts() -> ScriptDirectory:
    """Return the migrations this code knows, read once."""
    return _scripts(FOLDER)


@cache
def _scripts(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder))


def upgrade(url: str, revision: str = "head", *, expand: bool = False) -> str | None:
    """Bring the database at `url` up to `revision`, whole or not at all; returns the revision it is at then.

    Parameters
    ----------
    expand
        Stop before the first pending contraction: the release before this one can work on the schema too.

    Raises
    ------
    ConflictError
        A table is in use for too long.
    """
    return _run(url, command.upgrade, revision, expand=expand)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to `revision`, whole or not at all."""
    _run(url, command.downgrade, revision)


def expanded(connection: Connection) -> str:
    """Return the newest revision before the first pending contraction; the present one where that is next."""
    present = current(connection)
    pending = [one for one in scripts().walk_revisions(base=present or "base") if one.revision != present]
    reached = present or "base"
    for one in reversed(pending):
        if kind_of(one.module) == CONTRACT:
            break
        reached = one.revision
    return reached


def kind_of(module: Any) -> str:
    """Return whether a migration expands or contracts."""
    return str(getattr(module, "KIND", EXPAND))


def kinds(connection: Connection) -> dict[str, str]:
    """Return revision -> kind of the migrations that were applied since kinds are noted."""
    noted = connection.exec_driver_sql("SELECT obj_description(to_regclass('alembic_version'), 'pg_class')").scalar()
    return dict(json.loads(noted)) if noted else {}


def note_kind(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:
    """Note the kind of a migration that has just been applied or taken back; for Alembic's `on_version_apply`."""
    del heads, run_args
    connection, revision = ctx.connection, step.up_revision
    assert connection is not None
    assert revision is not None
    noted = kinds(connection)
    if step.is_upgrade:
        noted[revision.revision] = kind_of(cast(Script, revision).module)
    else:
        noted.pop(revision.revision, None)
    _comment(connection, noted)


def _comment(connection: Connection, noted: Mapping[str, str]) -> None:
    text = json.dumps(noted, sort_keys=True)
    # COMMENT takes no parameters; revisions are ours and hold no quotes
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{text.replace(chr(39), '')}'")


def head() -> str:
    """Return the newest revision this code knows."""
    return scripts().get_current_head() or ""


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None for an empty one."""
    # not by Alembic, which makes a table and its statements anew each time it is asked
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def drift(connection: Connection) -> list[Any]:
    """Return the differences between the models and the database; empty when they agree."""
    from hazard_db.tables import Base  # noqa: PLC0415 - slow, and hardly ever asked for

    context = MigrationContext.configure(connection, opts={"include_object": include_object, "compare_type": True})
    return list(compare_metadata(context, Base.metadata))


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Return whether a table or index is ours to compare: PostGIS' own and automatic spatial ones are not."""
    from hazard_db.tables import Base  # noqa: PLC0415 - slow, and hardly ever asked for

    if kind == "table":
        return name in Base.metadata.tables
    return not (kind == "index" and name is not None and name.startswith("idx_"))


def _run(url: str, action: Any, revision: str, *, expand: bool = False) -> str | None:
    source = engine(url)
    try:
        with source.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
            action(config(connection), expanded(connection) if expand else revision)
            return current(connection)
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise ConflictError(
            f"a table was in use for more than {LOCK_TIMEOUT_S} s and nothing was changed; try again when less goes on"
        ) from error
    finally:
        source.dispose()
