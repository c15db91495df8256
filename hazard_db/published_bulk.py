"""Whole collections of schema `published` as a stream: memory does not grow with the number of features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection

from hazard_db.errors import DatabaseUnavailableError, InputError
from hazard_db.published import Collection, Column, Page, feature_sql, view_sql, where_sql

LONGEST_S = 3600
"""A download over a slow line may take this long."""
FORMULA = r"^[=+@\t\r\n-]"
"""What spreadsheets take for the beginning of a formula; some run programs."""
TYPES = {"integer": "int8", "number": "float8", "boolean": "bool"}


def features(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    """Yield features as GeoJSON, one a piece, without line end; limit, offset and order of the page are not heeded.

    Raises
    ------
    InputError
        A value does not suit the column that it is compared with.
    """
    where, values = where_sql(page)
    statement = f"SELECT {feature_sql(collection, page)} FROM {view_sql(collection)} AS t WHERE {where}"
    for row in _copied(conn, f"COPY ({statement}) TO STDOUT", values):
        # JSON has no raw control characters: all that COPY's text form escapes are backslashes
        yield row[:-1].replace(b"\\\\", b"\\")


def csv(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    """Yield lines of CSV, the names of the columns first; points as longitude and latitude, other geometry as WKT.

    Texts that a spreadsheet would run get an apostrophe before them.

    Raises
    ------
    InputError
        A value does not suit the column that it is compared with.
    """
    where, values = where_sql(page)
    told = [f"{_harmless(one)} AS {_name(one)}" for one in _shown(collection, page)]
    if (collection.geometry or "").upper() == "POINT":
        told += [f"ST_{axis}(t.geom) AS {name}" for axis, name in (("X", "longitude"), ("Y", "latitude"))]
    elif collection.geometry:
        told.append("ST_AsText(t.geom, 7) AS wkt")
    statement = f"SELECT {', '.join(told)} FROM {view_sql(collection)} AS t WHERE {where}"
    yield from _copied(conn, f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER)", values)


def rows(conn: Connection, collection: Collection, page: Page) -> Iterator[tuple[Any, ...]]:
    """Yield the values of `kept(collection, page)` of each feature, and last its geometry as WKB.

    Raises
    ------
    InputError
        A value does not suit the column that it is compared with.
    """
    where, values = where_sql(page)
    shown = _shown(collection, page)
    told = [f"CAST({one.sql} AS {TYPES.get(one.kind, 'text')})" for one in shown]
    shape = "ST_AsBinary(t.geom)" if collection.geometry else "NULL::bytea"
    statement = f"SELECT {', '.join([*told, shape])} FROM {view_sql(collection)} AS t WHERE {where}"
    with _copying(conn, f"COPY ({statement}) TO STDOUT WITH (FORMAT binary)", values) as copy:
        copy.set_types([*(TYPES.get(one.kind, "text") for one in shown), "bytea"])
        yield from copy.rows()


def kept(collection: Collection, page: Page) -> list[tuple[str, str]]:
    """Return name and kind (int8, float8, bool, text) of the columns of `rows`."""
    return [(one.name, TYPES.get(one.kind, "text")) for one in _shown(collection, page)]


def _shown(collection: Collection, page: Page) -> list[Column]:
    return [one for one in collection.columns if page.properties is None or one.name in page.properties]


def _name(column: Column) -> str:
    return column.sql.removeprefix("t.")


def _harmless(column: Column) -> str:
    if column.kind in {"integer", "number", "boolean", "date", "timestamp", "uuid"}:
        return column.sql
    text = f"CAST({column.sql} AS text)"
    return f"CASE WHEN {text} ~ '{FORMULA}' THEN '''' || {text} ELSE {text} END"


def _copied(conn: Connection, statement: str, values: dict[str, Any]) -> Iterator[bytes]:
    with _copying(conn, statement, values) as copy:
        for block in copy:
            yield bytes(block)


@contextmanager
def _copying(conn: Connection, statement: str, values: dict[str, Any]) -> Iterator[psycopg.Copy]:
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{LONGEST_S}s'")
            with cursor.copy(statement, values) as copy:
                yield copy
            cursor.execute("RESET statement_timeout")
    except (psycopg.DataError, psycopg.errors.UndefinedFunction) as error:
        raise InputError(f"the filter does not suit the data: {str(error).splitlines()[0]}") from error
    except psycopg.OperationalError as error:
        if driver.closed:
            raise DatabaseUnavailableError("the database went away in the middle of the download") from error
        raise
