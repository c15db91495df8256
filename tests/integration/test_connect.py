"""Connections: what they set, what a transaction keeps, and what is said when the server goes away."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from hazard_db import connect
from hazard_db.errors import DatabaseUnavailableError

pytestmark = pytest.mark.integration


def show(source: connect.Engine, name: str) -> str:
    with source.connect() as conn:
        return str(conn.execute(text(f"SHOW {name}")).scalar_one())


def test_reading_connections_are_bounded_and_cannot_write(database: Any) -> None:
    source = database.public_engine
    assert show(source, "transaction_read_only") == "on"
    assert show(source, "statement_timeout") == "30s"
    assert show(source, "jit") == "off"
    assert show(source, "max_parallel_workers_per_gather") == "0"
    assert show(source, "timezone") == "UTC"
    with source.connect() as conn, pytest.raises(DBAPIError, match="read-only"):
        conn.execute(text("CREATE TABLE t (id int)"))


def test_a_transaction_is_kept_whole_or_not_at_all(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        conn.execute(text("CREATE TABLE t (id int)"))
    with pytest.raises(ZeroDivisionError), connect.transaction(database.engine) as conn:
        conn.execute(text("INSERT INTO t VALUES (1)"))
        raise ZeroDivisionError
    with connect.transaction(database.engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 0


def test_the_actor_is_named_for_one_transaction(database: Any) -> None:
    told = text("SELECT current_setting('hazard.actor', true)")
    with connect.transaction(database.app_engine) as conn:
        connect.actor(conn, "o'hara; --")
        assert conn.execute(told).scalar_one() == "o'hara; --"
    with connect.transaction(database.app_engine) as conn:
        assert not conn.execute(told).scalar_one()


def test_copy_belongs_to_the_transaction(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        conn.execute(text("CREATE TABLE t (id int, name text)"))
    with pytest.raises(ZeroDivisionError), connect.transaction(database.engine) as conn:
        with connect.raw_copy(conn, "COPY t FROM STDIN") as copy:
            copy.write_row((1, "undone"))
        raise ZeroDivisionError
    with connect.transaction(database.engine) as conn, connect.raw_copy(conn, "COPY t FROM STDIN") as copy:
        for i in range(1000):
            copy.write_row((i, "滑坡\t\\"))
    with connect.transaction(database.engine) as conn:
        assert conn.execute(text("SELECT count(*), min(name) FROM t")).one() == (1000, "滑坡\t\\")


def end_sessions(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_pooled_connection_that_was_cut_is_replaced_unseen(database: Any) -> None:
    connect.check(database.engine)
    end_sessions(database.url)
    connect.check(database.engine)


def test_a_connection_cut_in_mid_transaction_is_said(database: Any) -> None:
    with pytest.raises(DatabaseUnavailableError) as caught, connect.transaction(database.engine) as conn:
        conn.execute(text("SELECT 1"))
        end_sessions(database.url)
        conn.execute(text("SELECT 1"))
    assert "\n" not in str(caught.value)


def test_a_copy_cut_in_the_middle_is_said(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        conn.execute(text("CREATE TABLE t (id int)"))
    with (
        pytest.raises(DatabaseUnavailableError),
        connect.transaction(database.engine) as conn,
        connect.raw_copy(conn, "COPY t FROM STDIN") as copy,
    ):
        copy.write_row((1,))
        end_sessions(database.url)
        for i in range(1_000_000):
            copy.write_row((i,))
    with connect.transaction(database.engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 0


def test_a_mistake_in_sql_is_not_called_an_outage(database: Any) -> None:
    with database.engine.connect() as conn, pytest.raises(ProgrammingError):
        conn.execute(text("SELECT nonsense"))


def test_slow_statements_are_told_without_their_values(
    database: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connect, "SLOW_S", 0.05)
    with caplog.at_level(logging.WARNING, "hazard_db"), connect.transaction(database.engine) as conn:
        conn.execute(text("SELECT pg_sleep(0.1), CAST(:secret AS text)"), {"secret": "hidden"})
        conn.execute(text("SELECT 1"))
    assert [record.getMessage().split(": ")[0] for record in caplog.records] == ["slow statement"]
    assert "pg_sleep" in caplog.text
    assert "hidden" not in caplog.text
