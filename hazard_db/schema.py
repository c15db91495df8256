"""How the database's schema stands to the one this program knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alembic.script import Script

from hazard_db import connect, migrate
from hazard_db.connect import Connection


@dataclass(frozen=True)
class Schema:
    """Versions of the schema."""

    present: str | None
    """What the database has; None for an empty one."""
    needed: str
    known: bool
    """Whether this program knows the present one (an empty one counts as known)."""
    current: bool
    """Whether this program can work on it as it is: it is the one needed, it is expanded already for the release after this one,
    or only what the release before needed is still to be taken away."""


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
            return stand(conn)
    finally:
        source.dispose()


def stand(conn: Connection) -> Schema:
    """Return how the schema stands on an open connection."""
    present, needed = migrate.current(conn), migrate.head()
    if present is None or present == needed:
        return Schema(present, needed, known=True, current=present == needed)
    scripts = {one.revision: one for one in migrate.scripts().walk_revisions()}
    if present not in scripts:  # a newer release was here
        unknown = {name: kind for name, kind in migrate.kinds(conn).items() if name not in scripts}
        expanded = present in unknown and set(unknown.values()) == {migrate.EXPAND}
        return Schema(present, needed, known=False, current=expanded)
    pending = {migrate.kind_of(one.module) for one in _until(scripts, needed, present)}
    return Schema(present, needed, known=True, current=pending == {migrate.CONTRACT})


def _until(scripts: Mapping[str, Script], newest: str, oldest: str) -> Iterator[Script]:
    """Yield the migrations from the newest down to, and without, the oldest."""
    step = newest
    while step != oldest:
        yield scripts[step]
        step = str(scripts[step].down_revision)
