"""Whole collections as files, and clients that leave while their answer is made."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyogrio
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.ogc import bulk
from api.settings import ApiSettings
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

COUNT = 45_000
"""More than two chunks of rows, the last not full."""
TABLE = """
CREATE TABLE place AS SELECT i AS id, CASE i WHEN 1 THEN '=cmd|''x''' WHEN 2 THEN E'a\\\\b\\n"c"\\t公路' ELSE 'p' || i END AS name,
    nullif(i %% 7, 0) / 2.0 AS score, nullif(i %% 5, 0) AS lanes, i %% 2 = 0 AS open, date '2020-01-01' + i %% 900 AS since,
    CASE WHEN i <> 3 THEN ST_SetSRID(ST_MakePoint(74 + i * 1e-5, 36), 4326) END::geometry(Point, 4326) AS geom
FROM generate_series(1, %(count)s) AS i;
CREATE VIEW published.places AS SELECT * FROM place;
CREATE VIEW published.slow AS SELECT i AS id, pg_sleep(30)::text AS slept FROM generate_series(1, 2) AS i;
CREATE VIEW published.empty AS SELECT * FROM place WHERE false;
"""


@pytest.fixture
def app(database: Any, tmp_path: Path) -> Any:
    with psycopg.connect(database.url) as conn:
        for statement in TABLE.split(";\n"):
            if statement.strip():
                conn.execute(statement % {"count": COUNT} if "%(count)s" in statement else statement)  # type: ignore[arg-type]
    settings = ApiSettings(
        database=DatabaseSettings(
            home=tmp_path, database_url=SecretStr(database.url), database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        )
    )  # fmt: skip
    return create_app(settings)


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, follow_redirects=False) as made:
        yield made


def fetched(client: TestClient, **params: str) -> bytes:
    answer = client.get("/ogc/collections/places/download", params=params)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_every_kind_of_file_holds_every_feature(client: TestClient, tmp_path: Path) -> None:
    whole = json.loads(fetched(client))["features"]
    assert [one["id"] for one in whole] == list(range(1, COUNT + 1))
    assert whole[1]["properties"]["name"] == 'a\\b\n"c"\t公路'
    assert (whole[2]["geometry"], whole[6]["properties"]["score"]) == (None, None)
    lines = fetched(client, f="geojsonseq").decode().splitlines()
    assert [json.loads(line) for line in lines] == whole
    for ending in ("fgb", "gpkg"):
        path = tmp_path / f"places.{ending}"
        path.write_bytes(fetched(client, f=ending))
        meta, _, shapes, values = pyogrio.raw.read(path)
        found = dict(zip(meta["fields"], values, strict=True))
        order = found["id"].argsort()
        assert found["id"][order].tolist() == list(range(1, COUNT + 1)), ending
        assert found["name"][order][1] == 'a\\b\n"c"\t公路'
        assert sum(shape is None for shape in shapes) == 1
        assert meta["crs"] == "EPSG:4326"
        assert [str(value) for value in found["since"][order][:2]] == ["2020-01-02", "2020-01-03"]


def test_csv_runs_no_formula_and_tells_positions(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(fetched(client, f="csv", filter="id <= 3").decode())))
    assert [row["name"] for row in rows] == ["'=cmd|'x'", 'a\\b\n"c"\t公路', "p3"]
    assert (rows[0]["longitude"], rows[0]["latitude"], rows[2]["longitude"]) == ("74.00001", "36", "")


def test_a_file_holds_what_is_asked_for(client: TestClient) -> None:
    found = json.loads(fetched(client, filter="id > 10 AND open", bbox="74,35,74.0002,37", properties="id"))["features"]
    assert [one["properties"] for one in found] == [{"id": number} for number in (12, 14, 16, 18, 20)]
    assert json.loads(client.get("/ogc/collections/empty/download").content)["features"] == []
    assert client.get("/ogc/collections/empty/download", params={"f": "gpkg"}).content.startswith(b"SQLite")


@pytest.mark.parametrize(
    ("params", "status"),
    [({"f": "shp"}, 400), ({"limit": "3"}, 400), ({"filter": "nix = 1"}, 400), ({"filter": "since = 'soon'"}, 400)],
)
def test_what_cannot_be_had_is_told_before_the_file_begins(
    client: TestClient, params: dict[str, str], status: int
) -> None:
    answer = client.get("/ogc/collections/places/download", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_so_many_downloads_at_once_and_each_gives_its_place_back(client: TestClient) -> None:
    for _ in range(3):
        assert client.get("/ogc/collections/places/download", params={"filter": "since = 'soon'"}).status_code == 400
    held = [bulk.AT_ONCE.acquire(blocking=False) for _ in range(4)]
    try:
        assert all(held)
        answer = client.get("/ogc/collections/places/download")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    finally:
        for _ in held:
            bulk.AT_ONCE.release()


def test_a_statement_ends_when_its_client_leaves(app: Any) -> None:
    async def leave_after(seconds: float, path: str) -> float:
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
                 "raw_path": path.encode(), "query_string": b"", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
                 "server": ("127.0.0.1", 80), "root_path": ""}  # fmt: skip
        begun = time.monotonic()

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            del message

        await app(scope, receive, send)
        return time.monotonic() - begun

    with TestClient(app):
        for path in ("/ogc/collections/slow/items", "/ogc/collections/slow/download"):
            assert asyncio.run(leave_after(0.5, path)) < 28, "30 s and more where nothing ends it"
