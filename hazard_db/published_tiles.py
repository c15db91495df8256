"""Vector tiles of schema `published`: drawn by PostGIS, or of many points by `point_tiles`, feature by feature the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from hazard_db import point_tiles
from hazard_db.connect import raw_row
from hazard_db.published import Collection, Column, Page, quoted, told_plainly, view_sql, where_sql

MOST_IN_TILE = 20_000
MIN_ZOOM = "min_zoom"
"""Column of views with more features than a tile can show: the least zoom at which each is in tiles."""
TILE_UNITS, TILE_BUFFER = point_tiles.UNITS, 64
CROWDED_BYTES = 100_000
"""Tiles of points from this size on are made sooner by `point_tiles`, smaller ones by PostGIS."""
QUANTISED_POINT = f"""ST_MakePoint(
    round(ST_X(t.geom) * {point_tiles.M_PER_DEGREE} * %(scale)s - %(west)s),
    round(%(north)s - {point_tiles.RADIUS_M} * asinh(tan(radians(ST_Y(t.geom)))) * %(scale)s))"""
"""A point in the units of a tile, where the general transformation and ST_AsMVTGeom would be half of its cost; points meet the
box of a tile whole or not at all."""


@dataclass(frozen=True)
class _Wanted:
    """Which tile, of what."""

    collection: Collection
    place: tuple[int, int, int]
    shown: Sequence[Column]
    found: str
    """The statement from FROM on."""
    values: Mapping[str, Any]

    @property
    def points(self) -> bool:
        """Whether all features are points."""
        return (self.collection.geometry or "").upper() == "POINT"


def tile(
    conn: Connection, collection: Collection, place: tuple[int, int, int], page: Page, *, crowded: bool = False
) -> bytes:
    """Return a Mapbox vector tile of the WebMercatorQuad scheme; empty where there is nothing.

    Features of a crowded tile end at MOST_IN_TILE; `place` is zoom, column, row. A view with a column MIN_ZOOM says itself
    which features stand for the others from afar. `crowded` chooses what makes tiles of many points soonest; the tile is the same.

    Raises
    ------
    InputError
        A condition does not suit the data, or the tile takes too long.
    """
    where, values = where_sql(page)
    if collection.column(MIN_ZOOM):  # a number in the text, as only so the planner sees that a partial index suits
        where += f" AND t.{quoted(MIN_ZOOM)} <= {int(place[0])}"
    shown = [
        one for one in collection.columns if page.properties is None or one.name in page.properties or one.name == "id"
    ]
    around = f"ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {TILE_BUFFER / TILE_UNITS}), 4326)"
    found = f"FROM {view_sql(collection)} AS t WHERE t.geom && {around} AND {where} LIMIT {MOST_IN_TILE}"
    named = dict(zip("zxy", place, strict=True))
    wanted = _Wanted(collection, place, shown, found, {**values, **named, "layer": collection.name})
    with told_plainly():
        return (_encoded if wanted.points and crowded else _drawn)(conn, wanted)


def _encoded(conn: Connection, wanted: _Wanted) -> bytes:
    """Return a tile of points that is made of blocks of their properties."""
    identified = wanted.collection.id_kind == "integer"
    told = [one for one in wanted.shown if not (identified and one.name == "id")]
    kinds = [one.kind if one.kind in {"integer", "number", "boolean", "date"} else "text" for one in told]
    selected = [f"{one.sql if one.kind == 'date' else _value(one)} AS v{number}" for number, one in enumerate(told)]
    blocks = [point_tiles.sent(f"v{number}", kind) for number, kind in enumerate(kinds)]
    if identified:
        selected.append('t."id" AS identifier')
        blocks.append(point_tiles.sent("identifier", "integer"))
    sent = ", ".join([point_tiles.sent(f"ST_{axis}(geom)", "number") for axis in "XY"] + blocks)
    statement = f"SELECT {sent} FROM (SELECT {', '.join(['t.geom', *selected])} {wanted.found}) AS p"
    lon, lat, *rest = raw_row(conn, statement, wanted.values)
    if lon is None:
        return b""
    ids = rest.pop() if identified else None
    properties = [
        point_tiles.Property(one.name, kind, block) for one, kind, block in zip(told, kinds, rest, strict=True)
    ]
    return point_tiles.encoded(wanted.collection.name, wanted.place, (lon, lat), ids, properties)


def _drawn(conn: Connection, wanted: _Wanted) -> bytes:
    """Return a tile that PostGIS draws."""
    told = ", ".join(f"{_value(one)} AS {quoted(one.name)}" for one in wanted.shown)
    identified = ", 'id'" if wanted.collection.id_kind == "integer" else ""
    corner, values = "ST_TileEnvelope(%(z)s, %(x)s, %(y)s)", dict(wanted.values)
    shape = f"ST_AsMVTGeom(ST_Transform(t.geom, 3857), {corner}, {TILE_UNITS}, {TILE_BUFFER}, true)"
    if wanted.points:
        shape = QUANTISED_POINT
        values |= dict(zip(("scale", "west", "north"), point_tiles.window(wanted.place), strict=True))
    statement = f"""
        SELECT ST_AsMVT(shown, %(layer)s, {TILE_UNITS}, '__shape'{identified}) FROM (
            SELECT {shape} AS "__shape", {told} {wanted.found}) AS shown
        WHERE "__shape" IS NOT NULL"""
    tile: bytes = raw_row(conn, statement, values)[0]
    return tile


def _value(column: Column) -> str:
    """Return a property as tiles hold it; exact numbers would go there by way of texts."""
    if column.kind in {"integer", "boolean", "text"}:
        return column.sql
    return f"CAST({column.sql} AS {'float8' if column.kind == 'number' else 'text'})"
