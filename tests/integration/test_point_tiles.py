"""Tiles of points that are encoded here hold what ST_AsMVT puts into them, feature by feature and value by value."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest

from hazard_db import connect, published, published_tiles
from hazard_db.published import Collection, Condition, Page
from tests import mvt

pytestmark = pytest.mark.integration

ODD = """
CREATE TABLE odd (id bigint PRIMARY KEY, small smallint, large bigint, exact numeric, single real, broken float8, sure boolean,
                  name text, unlike text, edge text, day date, seldom date,
                  moment timestamptz, tags text[], more jsonb, nothing text, geom geometry(Point, 4326));
INSERT INTO odd
SELECT i - 3, CASE WHEN i % 5 > 0 THEN (i % 400) - 200 END, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 9223372036854775807 - i
           WHEN 2 THEN -9223372036854775807 + i ELSE i END,
       CASE WHEN i % 3 > 0 THEN (i % 700) / 7.0 END, i / 3.0,
       CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN '-0' ELSE i * 1e-300 END,
       CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN true ELSE false END,
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'Ürümqi ' || i ELSE repeat('خطر', i % 900) END,
       'u' || i, repeat('x', 122 + i % 4), CASE WHEN i % 9 > 0 THEN date '2017-01-01' + i % 30 END,
       (ARRAY['infinity', '-infinity', '0044-03-15 BC', '4713-01-01 BC', '0001-12-31 BC', '0001-01-01', '9999-12-31', '10000-01-01',
              '5874897-12-31', NULL])[i % 10 + 1]::date, CASE WHEN i % 2 = 0 THEN now() + i * interval '1 s' END, ARRAY['a', (i % 9)::text],
       jsonb_build_object('k', i % 3), NULL,
       CASE WHEN i % 50 > 0 THEN ST_SetSRID(ST_MakePoint(60 + (i * 7919 % 30011) / 1000.0, 20 + (i * 104729 % 30013) / 1000.0), 4326) END
FROM generate_series(1, 3000) AS i;
INSERT INTO odd (id, geom) VALUES
    (9000, ST_SetSRID(ST_MakePoint(-180, 85.0511287), 4326)), (9001, ST_SetSRID(ST_MakePoint(180, -85.0511287), 4326)),
    (9002, ST_SetSRID(ST_MakePoint(0, 0), 4326)), (9223372036854775807, ST_SetSRID(ST_MakePoint(75, 36), 4326));
CREATE VIEW published.odd AS SELECT * FROM odd;
CREATE VIEW published.odd_named AS SELECT 'n' || id AS id, sure, geom FROM odd;
CREATE VIEW published.odd_bare AS SELECT id, geom FROM odd;
"""
PLACES = [
    (0, 0, 0),
    (1, 1, 0),
    (4, 11, 6),
    (6, 45, 25),
    (6, 44, 24),
    (8, 181, 100),
    (10, 725, 402),
    (1, 0, 0),
    (20, 3, 4),
]


@pytest.fixture
def collections(database: Any) -> dict[str, Collection]:
    with psycopg.connect(database.url) as conn:
        conn.execute(ODD)
    with connect.transaction(database.engine) as conn:
        return {one.name: one for one in published.collections(conn) if one.name.startswith("odd")}


def told(tile: bytes) -> list[Any]:
    """Return a tile's features in one order; a number that is none is equal to another such."""
    (found,) = mvt.layers(tile).values() if tile else ([],)
    return sorted([repr((number, kind, shape, sorted(values.items()))) for number, kind, shape, values in found])


@pytest.mark.parametrize("name", ["odd", "odd_named", "odd_bare"])
def test_both_makers_give_the_same_tile(database: Any, collections: dict[str, Collection], name: str) -> None:
    seen = 0
    with connect.transaction(database.engine) as conn:
        for place in PLACES:
            plain, crowded = (
                published_tiles.tile(conn, collections[name], place, Page(), crowded=crowded)
                for crowded in (False, True)
            )
            assert told(plain) == told(crowded), place
            seen += len(told(plain))
    assert seen > 6000


def test_points_lie_in_tiles_where_the_general_transformation_puts_them(
    database: Any, collections: dict[str, Collection]
) -> None:
    general = """SELECT ST_AsMVT(m, 'odd', 4096, 'shape', 'id') FROM (
        SELECT id, ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, false) AS shape
        FROM odd WHERE geom && ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625), 4326)) AS m"""
    with connect.transaction(database.engine) as conn:
        for place in PLACES:
            plain = published_tiles.tile(conn, collections["odd_bare"], place, Page())
            wanted = conn.exec_driver_sql(general, dict(zip("zxy", place, strict=True))).scalar()
            assert told(plain) == told(bytes(wanted)), place


def test_a_crowded_tile_has_the_chosen_properties_of_the_chosen_features(
    database: Any, collections: dict[str, Collection]
) -> None:
    page = Page(where=(Condition("t.small > %(least)s", {"least": 150}),), properties=("small", "name"))
    with connect.transaction(database.engine) as conn:
        (features,) = mvt.layers(
            published_tiles.tile(conn, collections["odd"], (4, 11, 6), page, crowded=True)
        ).values()
        wanted = conn.exec_driver_sql("SELECT id, small FROM odd WHERE small > 150 AND geom && "
            "ST_Transform(ST_TileEnvelope(4, 11, 6, margin => 0.015625), 4326)").all()  # fmt: skip
    assert len(wanted) > 50
    assert sorted((one[0], one[3]["small"]) for one in features) == sorted(tuple(row) for row in wanted)
    assert {key for one in features for key in one[3]} == {"small", "name"}


def test_a_point_lies_where_the_formula_of_web_mercator_puts_it(
    database: Any, collections: dict[str, Collection]
) -> None:
    with connect.transaction(database.engine) as conn:
        tile = published_tiles.tile(
            conn, collections["odd"], (4, 11, 6), Page(where=(Condition("t.id = 9223372036854775807"),)), crowded=True
        )
    (((_, _, (command, x, y), values),),) = mvt.layers(tile).values()
    north = (1 - math.asinh(math.tan(math.radians(36))) / math.pi) / 2 * 16
    assert (command, x / 2, y / 2) == (9, round(((75 + 180) / 360 * 16 - 11) * 4096), round((north - 6) * 4096))
    assert values == {}
