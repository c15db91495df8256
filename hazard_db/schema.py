"""How the database's schema stands to the one this program knows."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.script import ScriptDirectory

from hazard_db import connect, migrate


@dataclass(frozen=True)
class Schema:
    """Versions of the schema."""

    present: str | None
    """What the database has; None for an empty one."""
    needed: str
    known: bool
    """Whether this program knows the present one (an empty one counts as known)."""

    @property
    def current(self) -> bool:
        """Whether the catalogue can be used as it is."""
        return self.present == self.needed


def look(url: str) -> Schema:
    """Return how the database at `url` stands.

    Raises
    ------
    DatabaseUnavailableError
        It does not answer.
    """
    source = connect.engine(url, pool_size=1)
    try:
        with connect.transaction(source) as conn:
            present = migrate.current(conn)
    finally:
        source.dispose()
    scripts = ScriptDirectory.from_config(migrate.config())
    known = {script.revision for script in scripts.walk_revisions()}
    return Schema(present, migrate.head(), present is None or present in known)
