"""Schema `published` as collections of features: what views there are, their items as GeoJSON.

PostgreSQL builds the GeoJSON; what arrives here goes out as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hazard_db.connect import raw_row
from hazard_db.errors import InputError, NotFoundError

MOST_COUNTED = 100_000
"""Beyond this a count costs more than it tells: numberMatched is left out."""
KINDS: Mapping[str, str] = {
    "int2": "integer", "int4": "integer", "int8": "integer", "float4": "number", "float8": "number", "numeric": "number",
    "bool": "boolean", "date": "date", "timestamptz": "timestamp", "timestamp": "timestamp", "text": "text",
    "varchar": "text", "bpchar": "text", "uuid": "uuid", "json": "json", "jsonb": "json", "_text": "array",
}  # fmt: skip
TIMES = ("observed_at", "occurred_on", "acquired_at", "raised_at", "date", "created_at")
"""The column that `datetime` asks for, the first that there is; first_date with last_date is an interval."""


@dataclass(frozen=True)
class Column:
    """A property of the features."""

    name: str
    kind: str
    """integer, number, boolean, date, timestamp, text, uuid, json, array, or other."""

    @property
    def sql(self) -> str:
        """Its name in a statement."""
        return f"t.{quoted(self.name)}"


@dataclass(frozen=True)
class Collection:
    """A view of schema `published` with a column `id`, and mostly a geometry `geom`."""

    name: str
    title: str
    id_kind: str
    geometry: str | None
    """Type of geometry, None where the view has none."""
    columns: tuple[Column, ...]
    """All but the geometry, `id` among them."""

    def column(self, name: str) -> Column | None:
        """Return the column of that very name."""
        return next((one for one in self.columns if one.name == name), None)

    @property
    def interval(self) -> tuple[str, str] | None:
        """Statements for begin and end of a feature's time, None where it has none."""
        first, last = self.column("first_date"), self.column("last_date")
        if first and last:
            return first.sql, last.sql
        named = (self.column(name) for name in TIMES)
        any_time = (one for one in self.columns if one.kind in {"date", "timestamp"})
        found = next((one for one in named if one and one.kind in {"date", "timestamp"}), next(any_time, None))
        return (found.sql, found.sql) if found else None


@dataclass(frozen=True)
class Condition:
    """Part of a statement with its values; several are joined by AND."""

    sql: str = "true"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """Which features, and how they are told."""

    where: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    """(column, descending); `id` comes last in any case, so that pages do not overlap."""
    properties: tuple[str, ...] | None = None
    """None = all."""
    srid: int = 4326
    flipped: bool = False
    """Northing or latitude first."""
    limit: int = 10
    offset: int = 0


def quoted(name: str) -> str:
    """Return a name as an identifier of a statement with parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def collections(conn: Connection) -> tuple[Collection, ...]:
    """Return the views of schema `published` that have a column `id`, by name."""
    rows = conn.exec_driver_sql(_COLUMNS).all()
    views: dict[str, list[Any]] = {}
    for row in rows:
        views.setdefault(row.view, []).append(row)
    made = []
    for name, found in views.items():
        by_name = {row.column: row for row in found}
        if "id" not in by_name:
            continue
        geom = by_name.get("geom")
        made.append(
            Collection(
                name=name,
                title=found[0].comment or name.replace("_", " ").capitalize(),
                id_kind=KINDS.get(by_name["id"].type, "other"),
                geometry=geom.geometry if geom is not None and geom.type == "geometry" else None,
                columns=tuple(
                    Column(row.column, KINDS.get(row.type, "other")) for row in found if row.type != "geometry"
                ),
            )
        )
    return tuple(made)


def extent(conn: Connection, collection: Collection) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of all features in degrees; None where there are none."""
    if collection.geometry is None:
        return None
    box = conn.exec_driver_sql(f"SELECT ST_Extent(geom) AS box FROM {view_sql(collection)}").scalar()
    if box is None:
        return None
    numbers = box.removeprefix("BOX(").removesuffix(")").replace(",", " ").split()
    west, south, east, north = (float(one) for one in numbers)
    return west, south, east, north


def span(conn: Connection, collection: Collection) -> tuple[datetime, datetime] | None:
    """Return the first and last moment of all features, None where they tell no time."""
    if collection.interval is None:
        return None
    begin, end = collection.interval
    row = conn.exec_driver_sql(
        f"SELECT min(CAST({begin} AS timestamptz)), max(CAST({end} AS timestamptz)) FROM {view_sql(collection)} AS t"
    ).one()
    return None if row[0] is None else (row[0], row[1])


def items(conn: Connection, collection: Collection, page: Page) -> tuple[bytes, int, int | None]:
    """Return features as GeoJSON joined by commas, how many they are, and how many match: None beyond MOST_COUNTED.

    One statement for all three; what matches is only counted where the page does not tell it by its end.

    Raises
    ------
    InputError
        A value does not suit the column that it is compared with.
    """
    where, values = where_sql(page)
    order = ", ".join([f"{quoted(name)} {'DESC' if down else 'ASC'}" for name, down in page.order] + ['"id"'])
    statement = f"""
        WITH shown AS (
            SELECT textsend(coalesce(string_agg({feature_sql(collection, page)}, ',' ORDER BY "__n"), '')) AS features,
                   count(*) AS returned
            FROM (SELECT *, row_number() OVER () AS "__n" FROM (
                SELECT * FROM {view_sql(collection)} AS t WHERE {where} ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s
            ) AS p) AS t)
        SELECT features, returned, CASE
            WHEN returned BETWEEN 1 AND %(limit)s - 1 OR (returned = 0 AND %(offset)s = 0) THEN %(offset)s + returned
            ELSE (SELECT count(*) FROM (
                SELECT FROM {view_sql(collection)} AS t WHERE {where} LIMIT {MOST_COUNTED + 1}) AS q) END
        FROM shown"""
    with told_plainly():
        features, returned, matched = raw_row(conn, statement, {**values, "limit": page.limit, "offset": page.offset})
    return features, returned, matched if matched <= MOST_COUNTED else None


def item(conn: Connection, collection: Collection, identifier: str, page: Page) -> bytes:
    """Return one feature as GeoJSON.

    Raises
    ------
    NotFoundError
        There is none of that id.
    """
    wanted = Condition('CAST(t."id" AS text) = %(identifier)s', {"identifier": identifier})
    if collection.id_kind == "integer":  # as a number, so that the index is used
        if not (identifier.isascii() and identifier.isdigit() and int(identifier) < 2**63):
            raise NotFoundError(f"there is no {collection.name} {identifier}")
        wanted = Condition('t."id" = %(identifier)s', {"identifier": int(identifier)})
    found, returned, _ = items(conn, collection, Page((wanted,), srid=page.srid, flipped=page.flipped, limit=1))
    if not returned:
        raise NotFoundError(f"there is no {collection.name} {identifier}")
    return found


def view_sql(collection: Collection) -> str:
    """Return the view as a name of a statement."""
    return f"published.{quoted(collection.name)}"


def where_sql(page: Page) -> tuple[str, dict[str, Any]]:
    """Return the conditions of a page as one, with their values."""
    values: dict[str, Any] = {}
    for condition in page.where:
        values |= condition.values
    return " AND ".join(f"({condition.sql})" for condition in page.where) or "true", values


def feature_sql(collection: Collection, page: Page) -> str:
    """Return what makes a row `t` of the view a feature of GeoJSON."""
    shape = "t.geom"
    if page.srid != 4326:
        shape = f"ST_Transform({shape}, {page.srid})"
    if page.flipped:
        shape = f"ST_FlipCoordinates({shape})"
    digits = 3 if page.srid != 4326 else 7
    geometry = f"coalesce(ST_AsGeoJSON({shape}, {digits}, 0), 'null')" if collection.geometry else "'null'"
    shown = [one for one in collection.columns if page.properties is None or one.name in page.properties]
    pairs = " || ',' || ".join(f"{_text(one.name)} || ':' || coalesce({_value(one)}, 'null')" for one in shown) or "''"
    return f"""'{{"type":"Feature","id":' || to_json(t."id") || ',"geometry":' || {geometry} || ',"properties":{{' || {pairs} || '}}}}'"""


def _text(name: str) -> str:
    """Return a name as a JSON text inside a statement."""
    return f"CAST(to_json(CAST('{name.replace(chr(39), chr(39) * 2).replace('%', '%%')}' AS text)) AS text)"


def _value(column: Column) -> str:
    """Return a property as JSON text; what JSON has no word for is null, and whole values of a broken number keep their point.

    Readers take the kind of a column from its first values: of 0, 0, 13.7 they would make whole numbers.
    """
    if column.kind == "number":
        number = f"CAST({column.sql} AS float8)"
        sure = f"nullif(nullif(nullif({number}, 'NaN'), 'Infinity'), '-Infinity')"
        whole = f"{number} = trunc({number}) AND abs({number}) < 1e15"
        return f"CASE WHEN {whole} THEN {number}::text || '.0' ELSE CAST(to_json({sure}) AS text) END"
    return f"CAST(to_json({column.sql}) AS text)"


@contextmanager
def told_plainly() -> Iterator[None]:
    """Have what a reader asked for wrongly told as such.

    Raises
    ------
    InputError
        What they sent does not suit columns whose types only the database knows to the last, or takes too long.
    """
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(reason, psycopg.DataError | psycopg.errors.UndefinedFunction):
            raise InputError(f"the filter does not suit the data: {str(reason).splitlines()[0]}") from error
        if isinstance(reason, psycopg.errors.QueryCanceled):
            raise InputError("this takes too long; ask for a smaller area or a simpler filter") from error
        raise


_COLUMNS = """
SELECT c.relname AS view, a.attname AS column, ty.typname AS type, obj_description(c.oid, 'pg_class') AS comment,
       CASE WHEN ty.typname = 'geometry' THEN postgis_typmod_type(a.atttypmod) END AS geometry
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS ty ON ty.oid = a.atttypid
WHERE n.nspname = 'published' AND c.relkind IN ('v', 'm', 'r', 'p', 'f') AND has_table_privilege(c.oid, 'SELECT')
ORDER BY c.relname, a.attnum
"""
