"""The schema's versions: up, down, and whether the models have drifted from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from hazard_db.connect import Connection, engine
from hazard_db.tables import Base

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6B6B68  # one migration at a time, whoever starts it


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration without any file on disk."""
    settings = Config()
    settings.set_main_option("script_location", str(FOLDER))
    settings.attributes["connection"] = connection
    return settings


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to `revision`, whole or not at all."""
    _run(url, command.upgrade, revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to `revision`, whole or not at all."""
    _run(url, command.downgrade, revision)


def head() -> str:
    """Return the newest revision this code knows."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def current(connection: Connection) -> str | None:
    """Return the revision the database is at, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def drift(connection: Connection) -> list[Any]:
    """Return the differences between the models and the database; empty when they agree."""
    context = MigrationContext.configure(connection, opts={"include_object": include_object, "compare_type": True})
    return list(compare_metadata(context, Base.metadata))


def include_object(item: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Return whether a table or index is ours to compare: PostGIS' own and automatic spatial ones are not."""
    if kind == "table":
        return name in Base.metadata.tables
    return not (kind == "index" and name is not None and name.startswith("idx_"))


def _run(url: str, action: Any, revision: str) -> None:
    source = engine(url)
    try:
        with source.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            action(config(connection), revision)
    finally:
        source.dispose()
