"""Engines, transactions and COPY; a database that is down becomes one clear line."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from hazard_db.errors import DatabaseUnavailableError, HazardError, SettingsError, SpaceError

__all__ = [
    "Connection",
    "Engine",
    "actor",
    "cancellable",
    "check",
    "direct",
    "engine",
    "parse_url",
    "raw_copy",
    "raw_row",
    "transaction",
]

log = logging.getLogger("hazard_db")

SLOW_S = 1.0
"""A statement that takes longer is told in the log, without its values."""

READONLY_TIMEOUT_S = 30
"""Longest statement of a reading connection; a page that takes longer is a bug or an attack."""

CONNECT_TIMEOUT_S = 10
TRUSTED_S = 1.0
"""A connection used so short a time ago is taken to live still; after a longer rest it is asked first."""


def engine(url: str, *, readonly: bool = False, pool_size: int = 5, patience_s: int | None = None) -> Engine:
    """Return a pooled engine for `url`; nothing is connected yet.

    Parameters
    ----------
    url
        `postgresql://user:password@host:port/database`, as `kkh db url` prints it.
    readonly
        For what is published: nothing can be written, each statement is for itself and ends after READONLY_TIMEOUT_S.
    pool_size
        Connections kept open; as many again may be opened under load.
    patience_s
        Longest time to connect, and longest statement; None = CONNECT_TIMEOUT_S, and READONLY_TIMEOUT_S or none.

    Raises
    ------
    SettingsError
        The URL is not one of PostgreSQL.
    """
    made = create_engine(
        parse_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        isolation_level="AUTOCOMMIT" if readonly else "READ COMMITTED",
        pool_pre_ping=not readonly,  # a connection that outlived a restart of the server is replaced unseen
        connect_args={
            "application_name": "kkh",
            "connect_timeout": patience_s or CONNECT_TIMEOUT_S,
            "options": _options(readonly=readonly, patience_s=patience_s),
        },
    )
    event.listen(made, "handle_error", _say_unavailable)
    event.listen(made, "before_cursor_execute", _note_start)
    event.listen(made, "after_cursor_execute", _tell_slow)
    if readonly:
        event.listen(made.pool, "checkin", _note_use)
        event.listen(made.pool, "checkout", _ping_after_rest)
    return made


def _note_start(conn: Connection, *_: Any) -> None:
    conn.info["started_s"] = time.monotonic()


def _tell_slow(conn: Connection, cursor: Any, statement: str, *_: Any) -> None:
    del cursor
    seconds = time.monotonic() - conn.info["started_s"]
    if seconds > SLOW_S:
        log.warning(
            "slow statement: %.1f s: %s",
            seconds,
            " ".join(statement.split())[:2000],
            extra={"seconds": round(seconds, 3)},
        )


def _note_use(connection: Any, record: ConnectionPoolEntry) -> None:
    del connection
    record.info["used_s"] = time.monotonic()


def _ping_after_rest(connection: psycopg.Connection, record: ConnectionPoolEntry, proxy: Any) -> None:
    """Have a connection that outlived a restart replaced unseen; one that was just used to read is not asked again."""
    del proxy
    if time.monotonic() - record.info.get("used_s", time.monotonic()) < TRUSTED_S:
        return
    try:
        connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise DisconnectionError from error


@contextmanager
def transaction(source: Engine) -> Iterator[Connection]:
    """Yield a connection inside a transaction that is committed whole, or not at all on an error."""
    with source.begin() as conn:
        yield conn


@contextmanager
def cancellable(conn: Connection, tell: Callable[[Callable[[], None] | None], None]) -> Iterator[None]:
    """Tell how to end what `conn` is running, and take that back at the end of the block.

    The way given may be called from any thread and at any time: once the block is over it does nothing, so that it never
    meets whoever has the connection next.
    """
    lock, over = threading.Lock(), False
    driver: Any = conn.connection.driver_connection

    def cancel() -> None:
        with lock, suppress(psycopg.Error):
            if not over:
                driver.cancel()

    tell(cancel)
    try:
        yield
    finally:
        tell(None)
        with lock:
            over = True


def check(source: Engine) -> None:
    """Return quietly where the database answers.

    Raises
    ------
    DatabaseUnavailableError
        It does not.
    """
    with source.connect() as conn:
        conn.execute(text("SELECT 1"))


def actor(conn: Connection, name: str) -> None:
    """Name who writes, for the audit trail of this transaction only."""
    conn.execute(text("SELECT set_config('hazard.actor', :name, true)"), {"name": name})


@contextmanager
def direct(url: str) -> Iterator[psycopg.Connection]:
    """Yield one driver connection in autocommit, for what is not a transaction: roles, extensions, dumps.

    Raises
    ------
    DatabaseUnavailableError
        The server does not answer or does not let this login in.
    SettingsError
        The URL is not one of PostgreSQL.
    """
    parsed = parse_url(url)
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        conn = psycopg.connect(plain, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="kkh db")
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(_line(parsed, error)) from error
    with conn:
        yield conn


@contextmanager
def raw_copy(conn: Connection, statement: str) -> Iterator[psycopg.Copy]:
    """Yield psycopg's COPY for `statement` inside the transaction of `conn`.

    `copy.set_types([...])` and `copy.write_row(row)` on it are the fast way in for many rows.

    Raises
    ------
    DatabaseUnavailableError
        The server went away meanwhile.
    """
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.OperationalError as error:
        if driver.closed:
            raise DatabaseUnavailableError(_line(conn.engine.url, error)) from error
        raise


def raw_row(conn: Connection, statement: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the one row of a statement; its bytes cross the wire as they are, not as hexadecimal text.

    Raises
    ------
    DatabaseUnavailableError
        The server went away meanwhile.
    """
    driver: Any = conn.connection.driver_connection
    _note_start(conn)
    try:
        with driver.cursor(binary=True) as cursor:
            found: tuple[Any, ...] = cursor.execute(statement, dict(values)).fetchone()
    except psycopg.OperationalError as error:
        if driver.closed:
            conn.invalidate()
            raise DatabaseUnavailableError(_line(conn.engine.url, error)) from error
        raise
    _tell_slow(conn, None, statement)
    return found


def parse_url(url: str) -> URL:
    """Return the URL's parts, with the driver spoken here.

    Raises
    ------
    SettingsError
        The URL is not one of PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # not chained: their messages quote the URL, password and all
        raise SettingsError("the database URL cannot be read: postgresql://user:password@host:port/database") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(f"the database URL names {parsed.get_backend_name()}; only postgresql:// is spoken here")
    return parsed.set(drivername="postgresql+psycopg")


def _options(*, readonly: bool, patience_s: int | None) -> str:
    # Our statements are short or bound by PostGIS: compiling them and starting parallel workers
    # costs more than it brings (tiles: 51 -> 1,679 a second).
    options = {"jit": "off", "max_parallel_workers_per_gather": "0", "timezone": "UTC"}
    if readonly:
        options |= {"default_transaction_read_only": "on", "statement_timeout": f"{READONLY_TIMEOUT_S}s"}
    if patience_s is not None:
        options["statement_timeout"] = f"{patience_s}s"
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def _say_unavailable(context: ExceptionContext) -> HazardError | None:
    """Return the error to raise instead of the driver's: the server could not be reached, went away, or its disk is full."""
    error = context.original_exception
    if isinstance(error, psycopg.errors.DiskFull):
        line = str(error).partition("\n")[0]
        return SpaceError(f"the database's disk is full ({line}); make room there, the work goes on by itself")
    if context.is_pre_ping or not isinstance(error, psycopg.OperationalError):
        return None  # a failed ping only makes the pool reconnect
    if context.connection is not None and not context.is_disconnect:
        return None
    return DatabaseUnavailableError(_line(context.engine.url if context.engine is not None else None, error))


def _line(url: URL | None, error: psycopg.Error) -> str:
    """Return one line without the password: where, why, what to do."""
    where = f"{url.host or 'localhost'}:{url.port or 5432}" if url is not None else "the configured address"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0].rpartition("failed: ")[2] if lines else "no answer"
    return f"the database at {where} cannot be used ({reason}); start it with `kkh db up` or check HAZARD_DATABASE_URL"
