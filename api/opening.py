"""The catalogue opened for a command: the private cluster is started where it is down, an empty database gets its schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.console import actor, tell
from hazard_db import backup, connect, corridor, database, migrate, schema, seed
from hazard_db.connect import Connection, Engine
from hazard_db.errors import NotFoundError, OutsideCorridorError, SettingsError
from hazard_db.schema import Schema
from hazard_db.settings import DatabaseSettings


@dataclass(frozen=True)
class Catalogue:
    """An open catalogue."""

    settings: DatabaseSettings
    engine: Engine

    @property
    def home(self) -> Path:
        """HAZARD_HOME as an absolute path."""
        return self.settings.home.expanduser().absolute()


@contextmanager
def opened(role: str = "app", *, road: bool = False) -> Iterator[Catalogue]:
    """Yield the catalogue, ready to be used.

    Parameters
    ----------
    role
        `app`, or `owner`: the role that owns the tables, where this process knows it.
    road
        Whether an alignment is needed; where none is loaded, the approximate one of this program is.

    Raises
    ------
    DatabaseUnavailableError
        The server does not answer.
    SettingsError
        The schema is not the one of this program.
    """
    settings = DatabaseSettings()
    ensure_running(settings)
    ensure_schema(settings)
    if road:
        ensure_road(settings)
    source = connect.engine(_url(settings, role))
    try:
        yield Catalogue(settings, source)
    finally:
        source.dispose()


def ensure_running(settings: DatabaseSettings) -> None:
    """Return once the private cluster runs; a server of one's own is left to its keepers."""
    if settings.embedded and not database.status(settings).running:
        tell(f"starting the database in {settings.home}")
        database.up(settings)


def ensure_schema(settings: DatabaseSettings, *, migrate_old: bool = False) -> None:
    """Return where the schema is the one of this program; an empty private database is given it.

    Parameters
    ----------
    migrate_old
        Bring an older private catalogue up to date, after a backup beside it.

    Raises
    ------
    SettingsError
        It is an older one, a newer one, or there is none on a server of one's own.
    """
    found = schema.look(_url(settings, "owner"))
    if found.current:
        return
    if found.present is None and settings.embedded:
        tell("making the tables of the catalogue")
        migrate.upgrade(database.url(settings, "admin"))
        return
    if found.present is None:
        raise SettingsError("the database holds no catalogue yet; run `kkh db migrate`")
    refuse_unknown(found)
    if migrate_old and settings.embedded:
        (settings.home / "backups").mkdir(exist_ok=True)
        kept = backup.backup(settings, settings.home / "backups" / f"before-schema-{found.needed}.tar")
        tell(
            f"the catalogue had schema version {found.present}; it is kept in {kept.file}, and brought to {found.needed}"
        )
        migrate.upgrade(database.url(settings, "admin"))
        return
    raise SettingsError(
        f"the catalogue has schema version {found.present}, this program needs {found.needed}; run `kkh db migrate`"
    )


def refuse_unknown(found: Schema) -> None:
    """Return quietly where this program knows the version of the schema.

    Raises
    ------
    SettingsError
        A newer program made it.
    """
    if not found.known:
        raise SettingsError(f"the catalogue has schema version {found.present}, unknown here; update this installation")


def ensure_road(settings: DatabaseSettings) -> None:
    """Return once there is an alignment, so that whatever comes in is given its kilometre."""
    source = connect.engine(_url(settings, "owner"), pool_size=1)
    try:
        with connect.transaction(source) as conn:
            if not has_road(conn):
                connect.actor(conn, actor())
                took = seed.load(conn)
                tell(
                    f"no road was loaded: took the approximate alignment with {took.sites} sites and {took.events} events of "
                    "public sources; `kkh corridor load FILE` brings a surveyed one"
                )
    finally:
        source.dispose()


def has_road(conn: Connection) -> bool:
    """Return whether an alignment is loaded."""
    try:
        corridor.locate_km(conn, 0.0)
    except OutsideCorridorError:
        return True
    except NotFoundError:
        return False
    return True


def _url(settings: DatabaseSettings, role: str) -> str:
    if role != "owner":
        return database.url(settings, role)
    try:
        return database.url(settings, "admin")
    except SettingsError:  # a process that only serves knows no owner
        return database.url(settings, "app")
