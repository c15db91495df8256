"""The private PostgreSQL cluster under HAZARD_HOME: up, down, status, url.

Everything here is safe to repeat and to interrupt: a lock keeps processes apart, a cluster appears
whole or not at all, and a killed server is recovered at the next `up`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg

from hazard_db.cluster import creation, process, roles, starting
from hazard_db.cluster.home import Home
from hazard_db.cluster.roles import DATABASE, ROLES
from hazard_db.errors import ClusterError

__all__ = ["ClusterInfo", "DatabaseStatus", "describe", "down", "status", "superuser_url", "up", "url"]

HOST = "127.0.0.1"
START_ATTEMPTS = 3
ALONE = "SELECT pg_advisory_lock(7039848)"
"""Waits for the statement of a killed `kkh`, which the server still carries out."""


class _VanishedError(ClusterError):
    """The server ended while it was being looked at."""


@dataclass(frozen=True)
class ClusterInfo:
    """A running private cluster; the URLs hold passwords and stay out of every log."""

    home: Path
    port: int
    pid: int
    started: bool
    """True where this call started it, False where it was up already."""

    def url(self, role: str = "admin") -> str:
        """Return the URL of the database for the role admin, app or public."""
        return _url(Home.at(self.home), role, self.port)


@dataclass(frozen=True)
class DatabaseStatus:
    """What `kkh db status` shows, of the private cluster or of a server."""

    running: bool
    kind: str
    """`private` or `server`."""
    host: str | None = None
    port: int | None = None
    database: str | None = None
    pid: int | None = None
    version: str | None = None
    postgis: str | None = None
    database_size_bytes: int | None = None
    started_at: str | None = None
    home: str | None = None
    data_dir: str | None = None
    problem: str | None = None


def up(home: Path) -> ClusterInfo:
    """Return the running cluster of `home`, made and started where needed.

    Raises
    ------
    ClusterError
        It cannot be made or started; the line says what to do.
    MissingSoftwareError
        PostgreSQL with PostGIS is missing and cannot be installed from here.
    """
    place = Home.at(home)
    place.make()
    with place.lock():
        for _ in range(START_ATTEMPTS):
            try:
                return _bring_up(place)
            except _VanishedError:
                continue  # it was killed or stopped a moment ago, and was still to be seen
        raise ClusterError(f"the database in {place.root} ends again and again; see {place.data}/log")


def _bring_up(place: Home) -> ClusterInfo:
    form = creation.data_format(place.data)
    pid = process.postmaster(place.data)
    started = pid is None
    if form is None:
        creation.create(place, starting.software(place, None))
    if pid is None:
        pid = starting.start(place, starting.software(place, creation.data_format(place.data)))
    if place.remembered().get("layout") != roles.LAYOUT or not _lets_in(place, "kkh_app", DATABASE):
        pid = _prepare(place)
    return ClusterInfo(place.root, _port(place), pid, started)


def down(home: Path) -> bool:
    """Stop the cluster; True where it was running, False where there was nothing to stop.

    Raises
    ------
    ClusterError
        It does not stop, or belongs to another user.
    """
    place = Home.at(home)
    if not place.root.is_dir():
        return False
    with place.lock():
        pid = process.postmaster(place.data)
        if pid is not None:
            process.stop(pid, place.data)
        process.clear_orphans(place.data)
    return pid is not None


def status(home: Path) -> DatabaseStatus:
    """Return what is known of the cluster without starting or changing anything."""
    place = Home.at(home)
    pid = process.postmaster(place.data)
    port = process.recorded_port(place.data) if pid is not None else place.port
    known = DatabaseStatus(
        pid is not None, "private", HOST, port, DATABASE, pid, home=str(place.root), data_dir=str(place.data)
    )
    if pid is None:
        return replace(known, problem=_foreign(place))
    try:
        with _connect(superuser_url(home), timeout_s=5) as conn:
            return replace(known, **describe(conn))
    except (psycopg.Error, ClusterError) as error:
        return replace(known, problem=str(error).splitlines()[0])


def _foreign(place: Home) -> str | None:
    """Return why a folder cannot be a home of ours; None where it is one, or may become one."""
    try:
        if (place.root / "PG_VERSION").exists():
            return f"{place.root} is itself a PostgreSQL data directory; set HAZARD_HOME elsewhere"
        creation.data_format(place.data)
    except ClusterError as error:
        return str(error)
    return None


def describe(conn: psycopg.Connection) -> dict[str, Any]:
    """Return version, PostGIS version, size and start of the connected database."""
    row = conn.execute(
        "SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'postgis'), "
        "pg_database_size(current_database()), pg_postmaster_start_time()"
    ).fetchone()
    assert row is not None
    version, postgis, size, started = row
    return {
        "version": version.split()[0],
        "postgis": postgis,
        "database_size_bytes": size,
        "started_at": started.astimezone(UTC).isoformat(timespec="seconds"),
    }


def url(home: Path, role: str = "admin") -> str:
    """Return the database's URL for the role admin, app or public of the running cluster.

    Raises
    ------
    ClusterError
        The cluster is not running, or there is no such role.
    """
    place = Home.at(home)
    return _url(place, role, _running_port(place))


def superuser_url(home: Path, database: str = DATABASE) -> str:
    """Return the URL of the cluster's superuser: for making databases, never handed out.

    Raises
    ------
    ClusterError
        The cluster is not running.
    """
    place = Home.at(home)
    return _address("postgres", place.passwords()["postgres"], _running_port(place), database)


def _url(place: Home, role: str, port: int) -> str:
    if role not in ROLES:
        raise ClusterError(f"there is no role {role!r}; roles are {', '.join(ROLES)}")
    return _address(ROLES[role], place.passwords()[ROLES[role]], port, DATABASE)


def _address(login: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{login}:{password}@{HOST}:{port}/{database}"


def _running_port(place: Home) -> int:
    if process.postmaster(place.data) is None:
        raise ClusterError(f"the database in {place.root} is not running; start it with `kkh db up`")
    return _port(place)


def _port(place: Home) -> int:
    port = process.recorded_port(place.data)
    if port is None:
        raise _VanishedError(f"the database in {place.root} is just ending; start it again with `kkh db up`")
    return port


def _prepare(place: Home) -> int:
    """Make roles, database and extension, each step repeatable; returns the server's process id.

    Passwords that were lost are made anew: whoever owns the data directory may do so.
    """
    passwords = place.read_passwords() or place.make_passwords()
    if not _lets_in(place, "postgres", "postgres"):
        starting.reset_superuser(place, passwords["postgres"])
    try:
        with _connect(_address("postgres", passwords["postgres"], _port(place), "postgres")) as conn:
            conn.execute(ALONE)
            roles.create_roles(conn, passwords)
            roles.create_database(conn)
        with _connect(_address("postgres", passwords["postgres"], _port(place), DATABASE)) as conn:
            conn.execute(ALONE)
            roles.prepare_database(conn)
    except psycopg.Error as error:
        pid = process.postmaster(place.data)
        line = str(error).splitlines()[0]
        raise (ClusterError if pid else _VanishedError)(f"the database cannot be prepared: {line}") from error
    place.remember(layout=roles.LAYOUT)
    return process.postmaster(place.data) or 0


def _lets_in(place: Home, login: str, database: str) -> bool:
    """Return whether the server lets this login in, waiting for one that is still starting.

    Raises
    ------
    _VanishedError
        The server ended meanwhile.
    ClusterError
        The server does not answer at all.
    """
    passwords = place.read_passwords()
    if passwords is None:
        return False
    until = time.monotonic() + process.START_TIMEOUT_S
    while True:
        try:
            with _connect(_address(login, passwords[login], _port(place), database)):
                return True
        except psycopg.OperationalError as error:
            line = str(error).splitlines()[0].rpartition("failed: ")[2]
            if "authentication failed" in line or "does not exist" in line:
                return False
            if "too many clients" in line or "connection slots" in line:
                return True  # busy, and well
            if process.postmaster(place.data) is None:
                raise _VanishedError from error
            if time.monotonic() > until:
                raise ClusterError(f"the database in {place.root} does not answer: {line}") from error
        time.sleep(0.05)


@contextmanager
def _connect(address: str, timeout_s: int = 30) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address, autocommit=True, connect_timeout=timeout_s, application_name="kkh db") as conn:
        yield conn
