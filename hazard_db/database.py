"""The catalogue's database, wherever the settings put it: the private cluster or a server of one's own."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from hazard_db import cluster, connect, server
from hazard_db.cluster import DatabaseStatus
from hazard_db.errors import HazardError, SettingsError
from hazard_db.settings import DatabaseSettings

__all__ = ["DatabaseStatus", "Readiness", "down", "status", "up", "url"]


@dataclass(frozen=True)
class Readiness:
    """What `up` found or did."""

    where: str
    """The private cluster's folder, or the server's host, port and database."""
    started: bool
    port: int | None = None
    notes: list[str] = field(default_factory=list)


def up(settings: DatabaseSettings) -> Readiness:
    """Return once the database answers and has PostGIS; the schema is `hazard_db.migrate`'s to bring."""
    if settings.embedded:
        info = cluster.up(settings.home)
        return Readiness(str(info.home), info.started, info.port)
    notes = server.up(settings)
    told = server.status(settings)
    return Readiness(f"{told.host}:{told.port}/{told.database}", False, told.port, notes)


def down(settings: DatabaseSettings) -> bool:
    """Stop the private cluster; True where it was running.

    Raises
    ------
    SettingsError
        The settings name a server: it was not started from here and is not stopped from here.
    """
    if not settings.embedded:
        raise SettingsError("HAZARD_DATABASE_URL names a server; it is not started or stopped from here")
    return cluster.down(settings.home)


def status(settings: DatabaseSettings) -> DatabaseStatus:
    """Return what is known of the database without changing anything."""
    return cluster.status(settings.home) if settings.embedded else server.status(settings)


def url(settings: DatabaseSettings, role: str = "admin") -> str:
    """Return the database's URL, with its password, for the role admin, app or public."""
    return cluster.url(settings.home, role) if settings.embedded else server.url(settings, role)


def main() -> int:
    """Return 0 where the database answers the application's role; a health check for containers."""
    try:
        with connect.direct(url(DatabaseSettings(), "app")):
            return 0
    except HazardError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
