"""OGC API Features and Tiles as other programs use it: every published view, filters against plain Python, tiles."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

PLACES: list[dict[str, Any]] = [
    {"id": 1, "Name": "Gilgit", "pop": 216760, "open": True, "since": date(2010, 1, 4), "until": date(2012, 1, 1), "at": (74.312, 35.919)},
    {"id": 2, "Name": "Passu", "pop": 1000, "open": False, "since": date(2022, 5, 7), "until": date(2022, 5, 9), "at": (74.87, 36.467)},
    {"id": 3, "Name": "passu", "pop": None, "open": None, "since": None, "until": None, "at": (74.88, 36.47)},
    {"id": 4, "Name": "Ürümqi 100%", "pop": 4000000, "open": True, "since": date(2015, 9, 14), "until": date(2020, 2, 2),
     "at": (87.6, 43.8)},
    {"id": 5, "Name": "O'Brien \"x\"", "pop": -5, "open": True, "since": date(2000, 1, 1), "until": date(2000, 1, 1), "at": None},
]  # fmt: skip


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with psycopg.connect(database.url) as conn:
        conn.execute(
            """CREATE TABLE place (id int PRIMARY KEY, "Name" text, pop float8, open bool, since date, until date, tags text[],
                                   more jsonb, geom geometry(Point, 4326))"""
        )
        for row in PLACES:
            lon, lat = row["at"] or (None, None)
            conn.execute(
                "INSERT INTO place VALUES (%s, %s, %s, %s, %s, %s, %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
                (row["id"], row["Name"], row["pop"], row["open"], row["since"], row["until"],
                 ["a", str(row["id"])], Jsonb({"k": [1]}), lon, lat),
            )  # fmt: skip
        conn.execute("CREATE VIEW published.places AS SELECT * FROM place")
    settings = ApiSettings(
        database=DatabaseSettings(
            home=tmp_path, database_url=SecretStr(database.url), database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        )
    )  # fmt: skip
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


def ids(client: TestClient, **params: str) -> list[int]:
    answer = client.get("/ogc/collections/places/items", params=params)
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


FILTERS: list[tuple[str, list[int]]] = [
    ("\"Name\" = 'Passu'", [2]),
    ("\"Name\" = 'O''Brien \"x\"'", [5]),
    ("pop > 1000", [1, 4]),
    ("pop >= 1000 AND pop <> 4000000", [1, 2]),
    ("NOT (pop > 0)", [5]),
    ("pop IS NULL OR open = FALSE", [2, 3]),
    ("open", [1, 4, 5]),
    ("pop BETWEEN -5 AND 1000", [2, 5]),
    ("\"Name\" LIKE 'P%'", [2]),
    ("\"Name\" LIKE '%100\\%'", [4]),
    ("CASEI(\"Name\") = CASEI('PASSU')", [2, 3]),
    ("CASEI(\"Name\") LIKE CASEI('pa%')", [2, 3]),
    ("ACCENTI(\"Name\") LIKE ACCENTI('Urumqi%')", [4]),
    ("ACCENTI(\"Name\") = ACCENTI('Ürümqi 100%') OR ACCENTI('København') <> ACCENTI('Kobenhavn')", [4]),
    ("\"Name\" IN ('Gilgit', 'passu')", [1, 3]),
    ("id NOT IN (1, 2, 3)", [4, 5]),
    ("pop + 5 = 0", [5]),
    ("pop * 2 / 4 = 500", [2]),
    ("pop % 7 = 6", [2]),
    ("pop DIV 300 = 3", [2]),
    ("id ^ 2 = 16", [4]),
    ("S_INTERSECTS(geom, BBOX(74, 35, 75, 37))", [1, 2, 3]),
    ("S_INTERSECTS(geom, POLYGON((74.8 36.4, 74.9 36.4, 74.9 36.5, 74.8 36.5, 74.8 36.4)))", [2, 3]),
    ("S_DISJOINT(geom, BBOX(74, 35, 75, 37))", [4]),
    ("S_INTERSECTS(geom, BBOX(87, 40, -170, 50))", [4]),
    ("S_INTERSECTS(BBOX(170, 40, 75, 50), geom)", []),
    ("S_WITHIN(geom, BBOX(87, 43, 88, 44))", [4]),
    ("S_EQUALS(geom, POINT(74.312 35.919))", [1]),
    ("since > DATE('2015-01-01')", [2, 4]),
    ("T_AFTER(since, DATE('2015-09-14'))", [2]),
    ("T_BEFORE(since, TIMESTAMP('2010-01-01T00:00:00Z'))", [5]),
    ("T_DURING(INTERVAL(since, until), INTERVAL('2015-01-01', '2022-01-01'))", [4]),
    ("T_INTERSECTS(INTERVAL(since, until), INTERVAL('2011-01-01', '2016-01-01'))", [1, 4]),
    ("T_EQUALS(since, DATE('2022-05-07'))", [2]),
    ("T_CONTAINS(INTERVAL('2009-01-01', '..'), INTERVAL(since, until))", [1, 2, 4]),
    ("A_CONTAINS(tags, ('a', '2'))", [2]),
    ("A_OVERLAPS(tags, ('1', '3'))", [1, 3]),
    ("id = 1 OR id = 2 AND open", [1]),
]


def test_filters_choose_what_they_say(client: TestClient) -> None:
    assert {condition: ids(client, filter=condition) for condition, _ in FILTERS} == dict(FILTERS)


def test_filters_in_json_and_in_other_axes(client: TestClient) -> None:
    tree = {
        "op": "and",
        "args": [{"op": ">", "args": [{"property": "pop"}, 0]}, {"op": "=", "args": [{"property": "open"}, True]}],
    }
    assert ids(client, filter=json.dumps(tree), **{"filter-lang": "cql2-json"}) == [1, 4]
    swapped = "S_INTERSECTS(geom, POLYGON((36.4 74.8, 36.5 74.8, 36.5 74.9, 36.4 74.9, 36.4 74.8)))"
    assert ids(client, filter=swapped, **{"filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}) == [2, 3]


UNUSABLE_FILTERS = [
    "pop >", "nix = 1", "\"Name\" > 1", "pop = 'a'", "foo(pop) = 1", "pop", "geom = 1", "S_INTERSECTS(pop, POINT(1 2))",
    "T_AFTER(pop, DATE('2000-01-01'))", "since > DATE('2000-13-01')", "(" * 500 + "pop = 1" + ")" * 500,
    "pop = 1" + " OR pop = 1" * 3000, "\"Name\" LIKE pop", "pop IN ()",
    "S_INTERSECTS(geom, POINT(90 180))", "S_DISJOINT(geom, MULTIPOINT(7 49, 190 0))", "S_WITHIN(geom, BBOX(0, -91, 1, 0))",
    "'; DROP TABLE place; --", "since > '%s'", "pop BETWEEN 'a' AND 3",
]  # fmt: skip


def test_filters_that_cannot_be_used_are_told_so(client: TestClient) -> None:
    for condition in UNUSABLE_FILTERS:
        answer = client.get("/ogc/collections/places/items", params={"filter": condition})
        assert answer.status_code == 400, (condition[:100], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(ids(client)) == 5


PARAMETERS: list[tuple[dict[str, str], list[int]]] = [
    ({"Name": "passu"}, [3]),
    ({"pop": "1000"}, [2]),
    ({"open": "false"}, [2]),
    ({"id": "4"}, [4]),
    ({"since": "2022-05-07"}, [2]),
    ({"bbox": "74,35,75,37"}, [1, 2, 3]),
    ({"bbox": "35,74,37,75", "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4326"}, [1, 2, 3]),
    ({"bbox": "74,35,0,75,37,9000"}, [1, 2, 3]),
    ({"bbox": "87,40,-170,50"}, [4]),
    ({"datetime": "2022-05-07"}, [2, 3]),
    ({"datetime": "2015-01-01/.."}, [2, 3, 4]),
    ({"datetime": "../2010-01-04"}, [1, 3, 5]),
    ({"datetime": "2010-01-04/2015-09-14T00:00:00Z"}, [1, 3, 4]),
    ({"sortby": "-pop", "properties": "pop", "filter": "pop IS NOT NULL"}, [4, 1, 2, 5]),
    ({"sortby": "Name", "filter": "id IN (1, 2)"}, [1, 2]),
    ({"limit": "2", "offset": "3"}, [4, 5]),
]


def test_parameters_choose_what_they_say(client: TestClient) -> None:
    assert [(params, ids(client, **params)) for params, _ in PARAMETERS] == PARAMETERS


UNUSABLE_PARAMETERS: list[dict[str, str]] = [
    {"foo": "1"}, {"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"bbox": "1,2,3"}, {"bbox": "a,b,c,d"},
    {"bbox": "nan,0,1,1"}, {"bbox": "0,9,1,1"}, {"crs": "EPSG:99999"}, {"datetime": "soon"},
    {"datetime": "2020-01-02/2020-01-01"}, {"sortby": "nix"}, {"properties": "nix"}, {"pop": "many"},
    {"filter-lang": "sql", "filter": "pop=1"}, {"name": "Passu"},
]  # fmt: skip


def test_parameters_that_cannot_be_used_are_told_so(client: TestClient) -> None:
    for params in UNUSABLE_PARAMETERS:
        answer = client.get("/ogc/collections/places/items", params=params)
        assert answer.status_code == 400, (params, answer.text)


def test_pages_follow_each_other_without_gap_or_overlap(client: TestClient) -> None:
    seen, address = [], "/ogc/collections/places/items?limit=2&f=json"
    while address:
        page = client.get(address).json()
        assert page["numberMatched"] == 5
        assert page["numberReturned"] == len(page["features"])
        seen += [feature["id"] for feature in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == [1, 2, 3, 4, 5]


def test_links_are_told_in_the_header_and_lead_to_typed_queryables(client: TestClient) -> None:
    answer = client.get("/ogc/collections/places/items", params={"bbox": "74,35,75,37", "limit": "1"})
    told = links_of(answer.headers["link"])
    assert told == {one["rel"]: one["href"] for one in answer.json()["links"]}
    queryables = client.get(told["http://www.opengis.net/def/rel/ogc/1.0/queryables"]).json()
    assert set(queryables["properties"]) >= {"Name", "more", "geom"}
    for name, one in queryables["properties"].items():
        assert "type" in one or one["format"].startswith("geometry-"), name


def links_of(header: str) -> dict[str, str]:
    """Return the address of each relation, as programs that know nothing of ours read the header."""
    return {part.split('rel="')[1].split('"')[0]: part[1 : part.index(">")] for part in header.split(", ")}


def test_a_feature_is_told_whole(client: TestClient) -> None:
    feature = client.get("/ogc/collections/places/items/4").json()
    assert feature["geometry"] == {"type": "Point", "coordinates": [87.6, 43.8]}
    expected = {"id": 4, "Name": "Ürümqi 100%", "pop": 4000000, "open": True, "since": "2015-09-14", "until": "2020-02-02",
                "tags": ["a", "4"], "more": {"k": [1]}}  # fmt: skip
    assert feature["properties"] == expected
    assert client.get("/ogc/collections/places/items/5").json()["geometry"] is None
    for missing in ("99", "x", "-1", "1.0", "9" * 30):
        assert client.get(f"/ogc/collections/places/items/{missing}").status_code == 404


def test_other_reference_systems(client: TestClient) -> None:
    uri = "http://www.opengis.net/def/crs/EPSG/0/4326"
    answer = client.get("/ogc/collections/places/items/1", params={"crs": uri})
    assert answer.headers["content-crs"] == f"<{uri}>"
    assert answer.json()["geometry"]["coordinates"] == [35.919, 74.312]
    answer = client.get("/ogc/collections/places/items/1", params={"crs": uri.replace("4326", "32643")})
    east, north = answer.json()["geometry"]["coordinates"]
    assert east == pytest.approx(437_900, abs=300)
    assert north == pytest.approx(3_975_000, abs=2000)


def test_a_tile_is_given_again_for_seconds_and_then_shows_a_new_row(client: TestClient, database: Any) -> None:
    address = "/ogc/collections/places/tiles/WebMercatorQuad/6/25/45"
    first = client.get(address)
    assert first.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert first.content.count(b"Passu") == 1
    assert b"Shimshal" not in first.content
    with psycopg.connect(database.url) as conn:
        conn.execute(
            "INSERT INTO place (id, \"Name\", geom) VALUES (9, 'Shimshal', ST_SetSRID(ST_MakePoint(75.3, 36.4), 4326))"
        )
    client.app.state.ogc_tiles.clock = lambda: time.monotonic() + 5.0  # type: ignore[attr-defined]
    again = client.get(address, headers={"If-None-Match": first.headers["etag"], "Accept-Encoding": "gzip"})
    assert b"Shimshal" in again.content
    same = client.get(address, headers={"If-None-Match": again.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert client.get("/ogc/collections/places/tiles/WebMercatorQuad/6/0/0").content == b""
    assert b"Shimshal" not in client.get(address, params={"filter": "id < 9"}).content
    for missing in ("6/64/0", "23/0/0", "0/0/1"):
        assert client.get(f"/ogc/collections/places/tiles/WebMercatorQuad/{missing}").status_code == 404


@pytest.mark.parametrize("way", ["br", "gzip"])
def test_answers_are_compressed_as_the_client_accepts(client: TestClient, way: str) -> None:
    plain = client.get("/ogc/conformance", headers={"Accept-Encoding": "identity"})
    packed = client.get("/ogc/conformance", headers={"Accept-Encoding": way})
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, way)
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "Accept-Encoding" in packed.headers["vary"]


def test_every_published_view_is_a_collection_in_every_document(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url) as conn:
        views = {row[0] for row in conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'published'")}
    told = client.get("/ogc/collections").json()["collections"]
    assert {one["id"] for one in told} == views
    definition = client.get("/ogc/api").json()
    assert definition["openapi"].startswith("3.0")
    assert "$ref" not in json.dumps(definition)
    for name in views:
        assert f"/collections/{name}/items" in definition["paths"]
        for path in ("", "/items", "/queryables", "/tiles", "/tiles/WebMercatorQuad", "/tiles/WebMercatorQuad/0/0/0"):
            assert client.get(f"/ogc/collections/{name}{path}").status_code == 200, (name, path)
            if "/0" not in path:
                page = client.get(f"/ogc/collections/{name}{path}", headers={"Accept": "text/html"})
                assert page.status_code == 200, (name, path, page.text[:300])
                assert page.headers["content-type"].startswith("text/html")


def test_the_way_in(client: TestClient) -> None:
    assert client.get("/ogc").json() == client.get("/ogc/").json()
    for path in ("", "/conformance", "/api", "/collections", "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad"):
        assert client.get(f"/ogc{path}").status_code == 200
        assert client.get(f"/ogc{path}", headers={"Accept": "text/html"}).status_code == 200, path
        assert client.get(f"/ogc{path}", params={"nix": "1"}).status_code == 400
    for link in client.get("/ogc").json()["links"]:
        assert client.get(link["href"]).status_code == 200, link
    assert client.get("/ogc/collections/nix/items").status_code == 404


def test_hostile_text_stays_text_in_the_page(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute("INSERT INTO place (id, \"Name\") VALUES (10, '<script>alert(1)</script>')")
    page = client.get("/ogc/collections/places/items?limit=50", headers={"Accept": "text/html"}).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
