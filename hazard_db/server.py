"""A PostgreSQL server of one's own (HAZARD_DATABASE_URL) instead of the private cluster."""

from __future__ import annotations

import re
from dataclasses import replace

import psycopg
from pydantic import SecretStr

from hazard_db.cluster import DatabaseStatus, describe
from hazard_db.cluster.roles import APP, PUBLIC, set_login
from hazard_db.connect import direct, parse_url
from hazard_db.errors import DatabaseUnavailableError, SettingsError
from hazard_db.install import MIN_POSTGIS, MIN_POSTGRES
from hazard_db.settings import DatabaseSettings

VARIABLES = {"admin": "HAZARD_DATABASE_URL", "app": "HAZARD_DATABASE_APP_URL", "public": "HAZARD_DATABASE_PUBLIC_URL"}
LOGINS = {"app": APP, "public": PUBLIC}


def up(settings: DatabaseSettings) -> list[str]:
    """Check that the server can carry the catalogue, make the logins that were named; returns notes for people.

    Raises
    ------
    DatabaseUnavailableError
        It does not answer, or lets nobody in by these URLs.
    SettingsError
        PostgreSQL or PostGIS is missing or too old, or a URL is unusable.
    """
    if settings.database_url is None:  # a process that only serves: its two URLs must work, no more
        return [_check(url(settings, role), VARIABLES[role]) for role in LOGINS]
    with direct(settings.database_url.get_secret_value()) as conn:
        _check_versions(conn)
        notes = [_make_login(conn, settings, role) for role in LOGINS]
    return notes


def url(settings: DatabaseSettings, role: str) -> str:
    """Return the URL for the role admin, app or public.

    Where a server has one login only, app and public are that one; reading pages still use
    read-only transactions.

    Raises
    ------
    SettingsError
        No URL was given that this role may use.
    """
    given: dict[str, list[SecretStr | None]] = {
        "admin": [settings.database_url],
        "app": [settings.database_app_url, settings.database_url],
        "public": [settings.database_public_url, settings.database_app_url, settings.database_url],
    }
    if role not in given:
        raise SettingsError(f"there is no role {role!r}; roles are {', '.join(given)}")
    for secret in given[role]:
        if secret is not None:
            return secret.get_secret_value()
    raise SettingsError(f"set {VARIABLES[role]} to work on this server as {role}")


def status(settings: DatabaseSettings) -> DatabaseStatus:
    """Return what is known of the server."""
    address = url(settings, "admin" if settings.database_url else "app")
    parts = parse_url(address)
    known = DatabaseStatus(False, "server", parts.host, parts.port or 5432, parts.database, home=str(settings.home))
    try:
        with direct(address) as conn:
            return replace(known, running=True, **describe(conn))
    except (DatabaseUnavailableError, psycopg.Error) as error:
        return replace(known, problem=str(error).splitlines()[0])


def _check(address: str, variable: str) -> str:
    with direct(address) as conn:
        _check_versions(conn)
        return f"{variable} answers as {conn.info.user}"


def _check_versions(conn: psycopg.Connection) -> None:
    if conn.info.server_version < MIN_POSTGRES * 10_000:
        major = conn.info.server_version // 10_000
        raise SettingsError(f"the server {_where(conn)} is PostgreSQL {major}; {MIN_POSTGRES} or newer is needed")
    postgis = describe(conn)["postgis"] or _add_postgis(conn)
    if tuple(int(part) for part in re.findall(r"\d+", postgis)[:2]) < MIN_POSTGIS:
        raise SettingsError(f"the database {_where(conn)} has PostGIS {postgis}; 3.3 or newer is needed")


def _add_postgis(conn: psycopg.Connection) -> str:
    try:
        conn.execute("CREATE EXTENSION postgis WITH SCHEMA public")
    except psycopg.errors.InsufficientPrivilege as error:
        raise SettingsError(
            f"PostGIS is not in the database {_where(conn)}; let its superuser run there: CREATE EXTENSION postgis"
        ) from error
    except psycopg.Error as error:  # the files are missing on the server
        raise SettingsError(f"the server {_where(conn)} has no PostGIS: {str(error).splitlines()[0]}") from error
    return str(describe(conn)["postgis"])


def _make_login(conn: psycopg.Connection, settings: DatabaseSettings, role: str) -> str:
    """Make the login that the role's URL names, where this is allowed; returns a note for people."""
    secret = settings.database_app_url if role == "app" else settings.database_public_url
    if secret is None:
        return f"{VARIABLES[role]} is not set: {role} works as {conn.info.user}"
    parts = parse_url(secret.get_secret_value())
    if parts.username != LOGINS[role] or not parts.password:
        raise SettingsError(f"{VARIABLES[role]} must name user {LOGINS[role]} and a password")
    try:
        set_login(conn, LOGINS[role], parts.password)
    except psycopg.errors.InsufficientPrivilege:
        return _check(secret.get_secret_value(), VARIABLES[role])  # then somebody else must have made it
    return f"login {LOGINS[role]} is ready"


def _where(conn: psycopg.Connection) -> str:
    return f"{conn.info.host}:{conn.info.port}/{conn.info.dbname}"
