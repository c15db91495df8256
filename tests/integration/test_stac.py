"""STAC API: what is found by place, time, name and filter, page by page; what is restricted stays hidden."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import rasterio
from psycopg.types.json import Jsonb
from rasterio.transform import from_origin
from rio_cogeo.cogeo import cog_validate

from api.app import create_app
from api.results import Result, keep
from hazard_db.connect import transaction
from ingest.imagery import cog
from tests.api_client import TestClient
from tests.phones import settings_of

pytestmark = pytest.mark.integration

COUNT = 25
START = datetime(2024, 1, 1, tzinfo=UTC)
HREF = "rasters/one/reflectance.tif"


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    where = from_origin(500_000, 4_020_000, 30, 30)
    with rasterio.open(
        path, "w", driver="GTiff", width=600, height=700, count=2, dtype="float32", crs="EPSG:32643", transform=where, nodata=np.nan
    ) as out:  # fmt: skip
        out.write(np.random.default_rng(1).random((2, 700, 600), dtype=np.float32))
        out.descriptions = ("score", None)


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    home = tmp_path / "home"
    write(tmp_path / "plain.tif")
    (home / HREF).parent.mkdir(parents=True)
    cog.finish(tmp_path / "plain.tif", home / HREF, resampling="AVERAGE")
    asset = {"href": HREF, "bands": ["blue", "swir1"], "scale": 1e-4, "offset": 0, "sha256": "0" * 64}
    with psycopg.connect(database.url) as conn:
        for number in range(COUNT):
            conn.execute(
                """INSERT INTO scene (id, collection, sensor, acquired_at, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, assets,
                                      checksum, scope, geom)
                   VALUES (%s, %s, 'sentinel-2a', %s, 32643, %s, 50, 360, %s, 'x', %s,
                           ST_Multi(ST_MakeEnvelope(%s, 36.3, %s, 36.4, 4326)))""",
                (
                    f"s{number:02}", "landsat" if number % 5 == 4 else "sentinel", START + timedelta(days=number // 2), number,
                    Jsonb({"reflectance": {**asset, "href": HREF if number == 0 else f"rasters/{number}.tif"}}),
                    "Restricted" if number == 7 else "Public", 74 + number / 10, 74.05 + number / 10,
                ),
            )  # fmt: skip
    with TestClient(create_app(settings_of(database, home)), follow_redirects=False) as made:
        yield made


def ids(client: TestClient, **params: Any) -> list[str]:
    answer = client.get("/stac/search", params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return [one["id"] for one in answer.json()["features"]]


PUBLIC = [f"s{number:02}" for number in range(COUNT) if number != 7]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, PUBLIC),
        ({"bbox": "74,36,74.16,37"}, ["s00", "s01"]),
        ({"bbox": "74,36,0,74.16,37,9000"}, ["s00", "s01"]),
        ({"datetime": "2024-01-02T00:00:00Z"}, ["s02", "s03"]),
        ({"datetime": "../2024-01-02T00:00:00Z"}, ["s00", "s01", "s02", "s03"]),
        ({"datetime": "2024-01-12T00:00:00+00:00/"}, ["s22", "s23", "s24"]),
        ({"ids": "s03,s07,s09,nothing"}, ["s03", "s09"]),
        ({"collections": "landsat"}, ["s04", "s09", "s14", "s19", "s24"]),
        ({"collections": "landsat", "bbox": "74,36,75,37"}, ["s04", "s09"]),
        ({"intersects": json.dumps({"type": "Point", "coordinates": [74.22, 36.35]})}, ["s02"]),
        ({"filter": "eo:cloud_cover < 3"}, ["s00", "s01", "s02"]),
        ({"filter": "collection = 'landsat' AND \"eo:cloud_cover\" > 15"}, ["s19", "s24"]),
        ({"filter": json.dumps({"op": "<=", "args": [{"property": "eo:cloud_cover"}, 1]}), "filter-lang": "cql2-json"}, ["s00", "s01"]),
        ({"filter": "S_INTERSECTS(geometry, POINT(74.22 36.35)) AND T_AFTER(datetime, TIMESTAMP('2023-01-01T00:00:00Z'))"}, ["s02"]),
    ],
)  # fmt: skip
def test_search_finds_the_same_by_address_and_by_body(
    client: TestClient, params: dict[str, str], expected: list[str]
) -> None:
    found = ids(client, **params)
    assert sorted(found) == expected
    read = {"bbox": lambda text: [float(part) for part in text.split(",")], "intersects": json.loads,
            "ids": lambda text: text.split(","), "collections": lambda text: text.split(",")}  # fmt: skip
    body = {name: read.get(name, str)(value) for name, value in params.items()}
    if body.get("filter-lang") == "cql2-json":
        body["filter"] = json.loads(body["filter"])
    answer = client.post("/stac/search", json={"limit": 100, **body})
    assert [one["id"] for one in answer.json()["features"]] == found


@pytest.mark.parametrize("by_body", [False, True])
def test_pages_tell_every_item_once_newest_first(client: TestClient, by_body: bool) -> None:
    answer = client.post("/stac/search", json={"limit": 7}) if by_body else client.get("/stac/search?limit=7")
    found, moments = [], []
    for _ in range(10):
        page = answer.json()
        assert page["numberMatched"] == COUNT - 1
        found += [one["id"] for one in page["features"]]
        moments += [one["properties"]["datetime"] for one in page["features"]]
        following = [link for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        link = following[0]
        answer = client.post(link["href"], json=link["body"]) if by_body else client.get(link["href"])
    assert sorted(found) == PUBLIC
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"}, {"limit": "x"}, {"bbox": "1,2,3"}, {"bbox": "74,38,75,36"}, {"datetime": "2024-01-01"}, {"datetime": "../.."},
        {"datetime": "2024-01-02T00:00:00Z/2024-01-01T00:00:00Z"}, {"intersects": "{}"},
        {"intersects": '{"type":"Point","coordinates":["a"]}'},
        {"intersects": '{"type":"Point","coordinates":[1]}'}, {"bbox": "0,0,1,1", "intersects": '{"type":"Point","coordinates":[1,1]}'},
        {"token": "nonsense"}, {"token": "W10"}, {"filter": "nonsense > 1"}, {"filter": "eo:cloud_cover > 'a'"},
        {"filter-lang": "x", "filter": "1=1"},
        {"nonsense": "1"}, {"ids": "a", "datetime": "/"}, {"bbox": "nan,0,1,1"}, {"bbox": "inf,0,1,1"},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_so(client: TestClient, params: dict[str, str]) -> None:
    assert client.get("/stac/search", params=params).status_code == 400


@pytest.mark.parametrize(
    "body", ["", "[]", "1", "{", '{"ids": 3}', '{"limit": true}', '{"bbox": [1, 2]}', '{"ids": ["\\u0000"]}', '{"ids": ["\\ud800"]}',
             '{"filter": 3}', '{"collections": [1]}', '{"token": 3}', '{"datetime": 3}', '{"intersects": 3}', '{"sortby": []}',
             '{"filter": {"op": "=", "args": []}}', '{"filter": []}'],
)  # fmt: skip
def test_what_no_body_can_ask_is_told_so(client: TestClient, body: str) -> None:
    assert client.post("/stac/search", content=body, headers={"content-type": "application/json"}).status_code == 400


def test_what_is_restricted_is_there_for_those_who_are_logged_in_alone(
    client: TestClient, database: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    write(tmp_path / "plain.tif")
    with transaction(database.app_engine) as conn:
        for scope in ("Public", "Restricted"):
            told = Result(
                f"layer-{scope.lower()}", "evidence", "A layer", START, START + timedelta(days=3), scope=scope
            )  # type: ignore[arg-type]
            href = keep(conn, home, tmp_path / "plain.tif", told)
            assert cog_validate(home / href)[0]
    hidden = ("/stac/collections/sentinel/items/s07", "/stac/collections/results-evidence/items/layer-restricted",
              "/stac/assets/results-evidence/layer-restricted/data", f"/imagery/info?url={href}")  # fmt: skip
    for address in hidden:
        assert client.get(address).status_code == 404, address
    assert client.get("/ogc/collections/scenes/items/s07").status_code == 404
    shown = client.get("/stac/collections/results-evidence/items").json()["features"]
    assert [one["id"] for one in shown] == ["layer-public"]
    file = client.get(shown[0]["assets"]["data"]["href"].replace("http://testserver", ""))
    assert file.content == (home / "results/evidence/layer-public.tif").read_bytes()
    part = client.get("/stac/assets/results-evidence/layer-public/data", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, file.content[4:8])
    large = client.get(
        "/stac/assets/results-evidence/layer-public/data", headers={"Range": "bytes=0-1999", "Accept-Encoding": "gzip"}
    )
    assert len(file.content) > 2000
    assert (large.status_code, large.content) == (206, file.content[:2000]), (
        "a part is a part of the file, not of its copy"
    )
    assert "content-encoding" not in large.headers
    assert client.get("/imagery/info?url=results/evidence/layer-public.tif").json()["count"] == 2
    open_to_all = settings_of(database, home, anonymous_role="viewer")
    with TestClient(create_app(open_to_all), follow_redirects=False) as viewer:
        for address in hidden:
            assert viewer.get(address).status_code == 200, address
        assert viewer.get("/stac/search").json()["numberMatched"] == COUNT + 2


def test_documents_lead_to_each_other(client: TestClient) -> None:
    landing = client.get("/stac").json()
    assert landing["conformsTo"] == client.get("/stac/conformance").json()["conformsTo"]
    links = {link["rel"]: link for link in landing["links"]}
    for rel in ("self", "root", "data", "conformance", "service-desc", "service-doc", "child"):
        answer = client.get(links[rel]["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == links[rel]["type"].split(";")[0]
    known = client.get("/stac/collections").json()["collections"]
    assert {one["id"] for one in known} == {"sentinel", "landsat"}
    for one in known:
        assert re.fullmatch(r"[\w.+-]+", one["license"])
        assert client.get(f"/stac/collections/{one['id']}").json() == one
        for link in one["links"]:
            assert client.get(link["href"]).status_code == 200
    item = client.get("/stac/collections/sentinel/items/s00").json()
    for link in item["links"]:
        assert client.get(link["href"]).status_code == 200, link
    assert item["properties"]["view:sun_azimuth"] == 0
    assert client.get("/stac/collections/nothing").status_code == 404
    assert client.get("/stac/collections/nothing/items").status_code == 404
