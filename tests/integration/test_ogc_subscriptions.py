"""Metadata of collections, and the list of what changed: nothing is left out, nothing unpublished is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from defusedxml.ElementTree import fromstring
from pydantic import SecretStr

from api.app import create_app
from api.settings import ApiSettings
from hazard_db.published_updates import FEEDS
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

SITE = """INSERT INTO site (code, kind, name, activity, accuracy_m, source, geom)
          VALUES (%s, 'landslide', 'test', 'active', 10, 'test', ST_SetSRID(ST_MakePoint(74.6, 36.3), 4326)) RETURNING id"""


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    settings = ApiSettings(
        data_license="CC-BY-4.0",
        database=DatabaseSettings(
            home=tmp_path, database_url=SecretStr(database.url), database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        ),
    )  # fmt: skip
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


def told(client: TestClient, name: str, since: str = "", limit: int = 1000) -> dict[str, Any]:
    params = {"limit": limit} | ({"since": since} if since else {})
    answer = client.get(f"/ogc/collections/{name}/updates", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_came_changed_and_went_is_told_once_each(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        ids = [str(conn.execute(SITE, (f"KKH-LS-9{n:03}",)).fetchone()[0]) for n in range(5)]  # type: ignore[index]
        seen: list[str] = []
        since = ""
        while (page := told(client, "sites", since, 2))["updates"]:
            seen += [one["id"] for one in page["updates"]]
            since = page["until"]
        assert seen == ids
        assert client.get(page["links"][0]["href"]).json()["updates"] == []
        conn.execute("UPDATE site SET activity = 'dormant' WHERE id = %s", (ids[3],))
        conn.execute("DELETE FROM site WHERE id = %s", (ids[1],))
        page = told(client, "sites", since)
    assert [(one["id"], one["action"], "href" in one) for one in page["updates"]] == [
        (ids[3], "upsert", True),
        (ids[1], "removed", False),
    ]
    assert client.get(page["updates"][0]["href"]).json()["properties"]["activity"] == "dormant"


def test_what_was_never_published_is_not_told(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        change = conn.execute(
            """WITH run AS (INSERT INTO detection_run (kind, method, method_version, parameters, inputs, inputs_sha256, code_version,
                                                       started_at)
                            VALUES ('landslide', 'test', '1', '{}', '[]', 'x', '1', now()) RETURNING id)
               INSERT INTO change (run_id, kind, confidence, area_m2, area_uncertainty_m2, first_date, last_date, geom)
               SELECT id, 'landslide', 0.9, 100, 10, '2024-01-01', '2024-02-01',
                      ST_Multi(ST_Buffer(ST_SetSRID(ST_MakePoint(74.6, 36.3), 4326), 0.001)) FROM run RETURNING id"""
        ).fetchone()[0]  # type: ignore[index]
        assert told(client, "changes")["updates"] == []
        conn.execute("UPDATE change SET status = 'confirmed' WHERE id = %s", (change,))
        page = told(client, "changes")
        assert [(one["id"], one["action"]) for one in page["updates"]] == [(str(change), "upsert")]
        conn.execute("UPDATE change SET status = 'false_alarm' WHERE id = %s", (change,))
        assert [one["action"] for one in told(client, "changes", page["until"])["updates"]] == ["removed"]


def test_a_write_that_ends_late_is_not_skipped(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url) as slow, psycopg.connect(database.url, autocommit=True) as quick:
        first = str(slow.execute(SITE, ("KKH-LS-9001",)).fetchone()[0])  # type: ignore[index]
        second = str(quick.execute(SITE, ("KKH-LS-9002",)).fetchone()[0])  # type: ignore[index]
        early = told(client, "sites")
        assert early["updates"] == [], "the second is held back, as the first will come before it"
        slow.commit()
        assert [one["id"] for one in told(client, "sites", early["until"])["updates"]] == [first, second]


def test_metadata_names_licence_files_and_extent(client: TestClient, database: Any) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute(SITE, ("KKH-LS-9001",))
        conn.execute(
            """INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets, checksum, geom)
               VALUES ('a-scene', 'test', 'S2', '2024-07-01', 32643, 50, 150, '{}', 'x',
                       ST_Multi(ST_MakeEnvelope(74.6, 36.3, 74.8, 36.4, 4326)))"""
        )
    about = client.get("/ogc/collections/sites/metadata").json()
    assert (about["@type"], about["dct:license"]) == ("dcat:Dataset", "CC-BY-4.0")
    for one in about["dcat:distribution"]:
        assert client.get(one["dcat:downloadURL"]["@id"]).headers["content-type"].startswith(one["dcat:mediaType"])
    assert about["dct:spatial"]["dcat:bbox"]["@value"].startswith("POLYGON ((74.6 36.3")
    assert client.get("/ogc/collections/sites").json()["keywords"]
    for name in FEEDS:
        assert client.get(f"/ogc/collections/{name}/updates").status_code == 200, name
    for name in client.get("/ogc/collections").json()["collections"]:
        assert client.get(f"/ogc/collections/{name['id']}/metadata").status_code == 200


def test_every_published_view_tells_whose_it_is_and_how_often_it_changes(client: TestClient) -> None:
    for one in client.get("/ogc/collections").json()["collections"]:
        assert one["keywords"], one["id"]
        assert one["attribution"], one["id"]
        about = client.get(f"/ogc/collections/{one['id']}/metadata").json()
        assert about["dct:accrualPeriodicity"]["@id"].rpartition("/")[2] in {"CONT", "DAILY", "IRREG"}, one["id"]


@pytest.mark.parametrize("params", [{"since": "soon"}, {"limit": "0"}, {"after": "1"}])
def test_what_cannot_be_asked_is_told_so(client: TestClient, params: dict[str, str]) -> None:
    assert client.get("/ogc/collections/sites/updates", params=params).status_code == 400
    assert client.get("/ogc/collections/segments/updates").status_code == 404


def test_the_project_for_qgis_reads_this_server(client: TestClient) -> None:
    project = fromstring(client.get("/ogc/project.qgs").content)
    sources = [one.text for one in project.iter("datasource") if one.text]
    assert len(sources) >= 13
    known = {one["id"] for one in client.get("/ogc/collections").json()["collections"]}
    for source in sources:
        assert "url='http://testserver/ogc'" in source
        assert re.search(r"typename='([a-z_]+)'", source)[1] in known  # type: ignore[index]
