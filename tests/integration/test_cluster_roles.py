"""What each role may do in a migrated database."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.integration


def test_admin_is_owner_but_not_superuser(database: Any) -> None:
    with psycopg.connect(database.url) as conn:
        row = conn.execute("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'kkh_admin'")
        assert row.fetchone() == (False, False, False)
        conn.execute("CREATE TABLE extra (id int)")


def test_public_reads_published_and_nothing_else(database: Any) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute("CREATE TABLE kept (id int)")
        conn.execute("CREATE VIEW published.shown AS SELECT * FROM kept")
    with psycopg.connect(database.public_url, autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM published.shown").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM public.kept")
        conn.execute("SET default_transaction_read_only = off")  # a reader could try this
        for statement in (
            "INSERT INTO published.shown VALUES (1)",
            "CREATE TABLE t (id int)",
            "CREATE TEMP TABLE t (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)


def test_app_cannot_change_the_schema_or_the_audit_trail(database: Any) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as conn:
        for statement in ("CREATE TABLE t (id int)", "DROP TABLE observation", "DELETE FROM audit_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)


def test_every_published_view_is_readable_by_the_public(database: Any) -> None:
    with psycopg.connect(database.public_url, autocommit=True) as conn:
        views = conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'published'").fetchall()
        assert views
        for (view,) in views:
            conn.execute(psycopg.sql.SQL("SELECT * FROM published.{} LIMIT 1").format(psycopg.sql.Identifier(view)))


def test_a_password_is_needed_and_only_this_machine_is_let_in(database: Any) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database.url, password="wrong")
