"""Roles, the database and its extension: least privilege, the same for a private cluster and a server."""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

DATABASE = "hazard"
ADMIN, APP, PUBLIC = "kkh_admin", "kkh_app", "kkh_public"
ROLES = {"admin": ADMIN, "app": APP, "public": PUBLIC}
"""Names on the command line -> names in the database."""

LAYOUT = 1
"""Raised when the statements below change, so that existing clusters get them at their next start."""

LIMITS: dict[str, dict[str, str]] = {
    APP: {"idle_in_transaction_session_timeout": "10min", "lock_timeout": "60s"},
    PUBLIC: {
        "default_transaction_read_only": "on",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
        "search_path": "published, public",
    },
}


def create_roles(conn: psycopg.Connection, passwords: dict[str, str]) -> None:
    """Make or renew the three logins; none is superuser, none can make roles or databases."""
    for role in ROLES.values():
        set_login(conn, role, passwords[role])


def set_login(conn: psycopg.Connection, role: str, password: str) -> None:
    """Make or renew one login with its password and limits."""
    name = sql.Identifier(role)
    if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    # hashed here: the server's log never sees the password itself
    verifier = conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    conn.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(verifier)))
    for setting, value in LIMITS.get(role, {}).items():
        assignment = sql.SQL("ALTER ROLE {} SET {} = {}")
        conn.execute(assignment.format(name, sql.Identifier(setting), _setting(setting, value)))


def _setting(name: str, value: str) -> sql.Composable:
    if name == "search_path":  # a list: quoted as a whole it would name one schema
        return sql.SQL(", ").join(sql.Identifier(part.strip()) for part in value.split(","))
    return sql.Literal(value)


def create_database(conn: psycopg.Connection, name: str = DATABASE) -> None:
    """Make the database where it is absent; `conn` is in autocommit."""
    if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ADMIN)))


def prepare_database(conn: psycopg.Connection) -> None:
    """Bring PostGIS into the database that `conn` (superuser) is connected to, and shut it to other roles.

    The superuser makes the extension, so the admin role needs to be none. Everything inside
    (tables, schema `published`, what app and public may do with them) is made by the migrations.
    """
    conn.execute("CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public")
    _run(conn, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "GRANT USAGE, CREATE ON SCHEMA public TO {admin}")
    grant_connections(conn, conn.info.dbname)


def grant_connections(conn: psycopg.Connection, name: str) -> None:
    """Let the three roles, and nobody else, connect to the database `name`."""
    _run(
        conn,
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT ALL ON DATABASE {database} TO {admin}",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}",
        "GRANT CONNECT ON DATABASE {database} TO {public}",
        database=name,
    )


def _run(conn: psycopg.Connection, *statements: LiteralString, database: str = DATABASE) -> None:
    names = {"admin": ADMIN, "app": APP, "public": PUBLIC, "database": database}
    identifiers = {name: sql.Identifier(value) for name, value in names.items()}
    for statement in statements:
        conn.execute(sql.SQL(statement).format(**identifiers))
