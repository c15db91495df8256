"""Scenes and result rasters as the items of a STAC API; what a reader may not see is not there."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hazard_db.errors import InputError, NotFoundError
from hazard_db.published import Collection, Column, Condition, Page, where_sql

QUERYABLE = Collection(
    "items", "Items", "text", "GEOMETRY",
    tuple(Column(name, kind) for name, kind in (
        ("id", "text"), ("collection", "text"), ("datetime", "timestamp"), ("start_datetime", "timestamp"),
        ("end_datetime", "timestamp"), ("created", "timestamp"), ("title", "text"), ("platform", "text"), ("proj:code", "text"),
        ("eo:cloud_cover", "number"), ("view:sun_elevation", "number"), ("view:sun_azimuth", "number"),
    )),
)  # fmt: skip
"""What filters may name."""
NEWEST_FIRST = "datetime DESC, collection DESC, id DESC"


@dataclass(frozen=True)
class StacItem:
    """A scene or a result."""

    id: str
    collection: str
    at: datetime
    start: datetime
    end: datetime
    created: datetime
    title: str | None
    values: Mapping[str, Any]
    """Named as STAC names them; None where not known."""
    assets: Mapping[str, Mapping[str, Any]]
    properties: Mapping[str, Any]
    geometry: Mapping[str, Any]
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True)
class StacCollection:
    """Items that belong together."""

    id: str
    platforms: tuple[str, ...]
    bbox: tuple[float, float, float, float]
    first: datetime
    last: datetime
    items: int


@dataclass(frozen=True)
class Search:
    """Which items."""

    where: tuple[Condition, ...] = ()
    limit: int = 10
    token: str | None = None
    """Of the page before; its last item, written so that it fits into an address."""


@dataclass(frozen=True)
class Found:
    """A page of items, the newest first."""

    items: Sequence[StacItem]
    matched: int
    following: str | None = field(default=None)
    """Token of the page after; None where this is the last."""


def _source(everything: bool) -> str:
    return f"{'stac_item' if everything else 'published.stac_items'} AS t"


def collections(conn: Connection, *, everything: bool) -> list[StacCollection]:
    """Return the collections that have items, by id.

    Parameters
    ----------
    everything
        Count what is restricted as well; only the application's role can.
    """
    rows = conn.exec_driver_sql(
        "SELECT collection, array_remove(array_agg(DISTINCT platform ORDER BY platform), NULL) AS platforms, min(start_datetime) AS first, "
        "max(end_datetime) AS last, count(*) AS items, min(ST_XMin(geom)) AS w, min(ST_YMin(geom)) AS s, max(ST_XMax(geom)) AS e, "
        f"max(ST_YMax(geom)) AS n FROM {_source(everything)} GROUP BY collection ORDER BY collection"
    )
    return [
        StacCollection(
            row.collection, tuple(row.platforms), (row.w, row.s, row.e, row.n), row.first, row.last, row.items
        )
        for row in rows
    ]


def search(conn: Connection, wanted: Search, *, everything: bool) -> Found:
    """Return a page of items.

    Raises
    ------
    InputError
        The token is not one of ours, or a value does not suit what it is compared with.
    """
    where, values = where_sql(Page(wanted.where))
    after = ""
    if wanted.token is not None:
        values |= dict(zip(("last_at", "last_collection", "last_id"), _read(wanted.token), strict=True))
        after = "AND (datetime, collection, id) < (CAST(%(last_at)s AS timestamptz), %(last_collection)s, %(last_id)s)"
    source = _source(everything)
    rows = _rows(
        conn,
        f"""SELECT *, CAST(ST_AsGeoJSON(geom, 7) AS json) AS geometry, ST_XMin(geom) AS w, ST_YMin(geom) AS s, ST_XMax(geom) AS e,
                   ST_YMax(geom) AS n FROM (SELECT * FROM {source} WHERE {where} {after}
                                            ORDER BY {NEWEST_FIRST} LIMIT %(limit)s) AS page ORDER BY {NEWEST_FIRST}""",
        {**values, "limit": wanted.limit + 1},
    )
    matched = _rows(conn, f"SELECT count(*) AS n FROM {source} WHERE {where}", values)[0].n
    items = [_item(row) for row in rows[: wanted.limit]]
    more = len(rows) > wanted.limit
    return Found(items, matched, _written(items[-1]) if more and items else None)


def item(conn: Connection, collection: str, identifier: str, *, everything: bool) -> StacItem:
    """Return one item.

    Raises
    ------
    NotFoundError
        There is none of that id, or the reader may not see it.
    """
    wanted = Condition("t.collection = %(c)s AND t.id = %(i)s", {"c": collection, "i": identifier})
    found = search(conn, Search((wanted,), limit=1), everything=everything)
    if not found.items:
        raise NotFoundError(f"there is no item {identifier[:100]} in {collection[:100]}")
    return found.items[0]


def _rows(conn: Connection, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
    try:
        return conn.exec_driver_sql(statement, dict(values)).all()
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.DataError | psycopg.errors.UndefinedFunction):
            raise InputError(f"the search does not suit the data: {str(error.orig).splitlines()[0]}") from error
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            raise InputError("this takes too long; ask for a smaller area or a simpler filter") from error
        raise


def _item(row: Any) -> StacItem:
    found = row._mapping
    return StacItem(
        id=row.id, collection=row.collection, at=row.datetime, start=row.start_datetime, end=row.end_datetime,
        created=row.created, title=row.title,
        values={name: found[name] for name in ("platform", "proj:code", "eo:cloud_cover", "view:sun_elevation", "view:sun_azimuth")}
        | {"grid_tile": row.grid_tile},
        assets=row.assets, properties=row.properties, geometry=row.geometry, bbox=(row.w, row.s, row.e, row.n),
    )  # fmt: skip


def _written(last: StacItem) -> str:
    told = json.dumps([last.at.isoformat(), last.collection, last.id])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _read(token: str) -> tuple[str, str, str]:
    try:
        at, collection, identifier = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not all(isinstance(one, str) and "\0" not in one for one in (at, collection, identifier)):
            raise ValueError(token)
        return datetime.fromisoformat(at).isoformat(), collection, identifier
    except (ValueError, TypeError, binascii.Error) as error:
        raise InputError("the token is not one that a page of items gave; begin again without it") from error
