"""What pages and programs get: languages, formats, problems, entity tags, health; and what lists and segments tell."""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from api.app import create_app
from api.settings import ApiSettings
from hazard_db import accounts, changes, connect, risk, seed
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

PAGE = {"Accept": "text/html"}
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def settings_of(database: Any, home: Path) -> ApiSettings:
    return ApiSettings(
        database=DatabaseSettings(
            home=home,
            database_url=SecretStr(database.url),
            database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        )
    )


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        risk.update(conn)
    with TestClient(create_app(settings_of(database, tmp_path)), follow_redirects=False) as made:
        yield made


@pytest.fixture
def key(database: Any) -> Callable[[str], dict[str, str]]:
    def make(role: str) -> dict[str, str]:
        with connect.transaction(database.engine) as conn:
            return {"Authorization": f"Bearer {accounts.create_key(conn, 'test', role)}"}

    return make


@pytest.mark.parametrize(
    ("query", "headers", "lang", "direction"),
    [
        ("", {}, "en", "ltr"),
        ("?lang=zh", {}, "zh", "ltr"),
        ("?lang=ur", {}, "ur", "rtl"),
        ("?lang=xx", {}, "en", "ltr"),
        ("", {"Accept-Language": "ur-PK,ur;q=0.9,en;q=0.8"}, "ur", "rtl"),
        ("", {"Accept-Language": "fr, zh-CN;q=0.5, en;q=0.2"}, "zh", "ltr"),
        ("", {"Accept-Language": "fr;q=x, de"}, "en", "ltr"),
        ("?lang=en", {"Accept-Language": "ur"}, "en", "ltr"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/segments/657", "/login"])
def test_pages_speak_the_readers_language(
    client: TestClient, path: str, query: str, headers: dict[str, str], lang: str, direction: str
) -> None:
    answer = client.get(path + query, headers=headers)
    assert answer.headers["content-type"].startswith("text/html")
    assert f'<html lang="{lang}" dir="{direction}">' in answer.text
    assert answer.headers["content-language"] == lang


def test_the_language_is_remembered(client: TestClient) -> None:
    client.get("/?lang=ur")
    assert '<html lang="ur"' in client.get("/segments/657").text
    assert '<html lang="zh"' in client.get("/segments/657?lang=zh").text


@pytest.mark.parametrize("path", ["/segments", "/observations", "/sites", "/events", "/changes", "/alerts"])
def test_browsers_get_pages_and_programs_data(client: TestClient, path: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    assert client.get(path, headers=browser).headers["content-type"].startswith("text/html")
    for headers, query in (
        ({}, ""),
        ({"Accept": "application/json"}, ""),
        (browser, "?f=json"),
        ({"Accept": "*/*"}, ""),
    ):
        answer = client.get(path + query, headers=headers)
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.json()["type"] == "FeatureCollection"
        assert "Accept" in answer.headers["vary"]
    assert client.get(f"{path}?f=html").headers["content-type"].startswith("text/html")


def test_a_segment_tells_why_and_when_it_was_seen(client: TestClient, database: Any, key: Any) -> None:
    told = client.get("/segments/657.3?f=json").json()
    assert (told["segment"]["km_from"], told["segment"]["km_to"]) == (657, 658)
    whole = next(rating for rating in told["ratings"] if rating["hazard"] == "all")
    assert sum(part["points"] for part in whole["contributions"]) == pytest.approx(whole["score"])
    assert told["last_good_look"] is None
    assert [site["code"] for site in told["sites"]] == ["KKH-LS-0001"]
    assert "Not observed so far" in client.get("/segments/657").text
    assert client.get("/segments/5000").status_code == 404
    assert client.get("/segments/nan").status_code in {404, 422}
    page = client.get("/segments/657").text
    assert 'href="/segments/656"' in page
    assert 'href="/segments/658"' in page


def test_an_old_look_is_told_as_not_observed_since(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        segment = conn.scalar(text("SELECT id FROM segment WHERE km_from = 657"))
        run = changes.RunRecord("landslide", "m", "1", {}, [], "s", "t", NOW, NOW, 0.9, {}, None)
        changes.store_run(conn, run, [], [changes.SegmentView(segment, 0.9, 1.0, date(2020, 5, 4))])
    assert "Not observed since 2020-05-04" in client.get("/segments/657").text
    assert "Not observed so far" in client.get("/segments/658").text


def test_of_an_unreviewed_change_the_public_learns_only_that_there_is_one(
    client: TestClient, database: Any, key: Any
) -> None:
    ring = [[74.866, 36.336], [74.869, 36.336], [74.869, 36.339], [74.866, 36.336]]
    found = changes.ChangeRecord(
        kind="landslide", geometry={"type": "Polygon", "coordinates": [ring]}, confidence=0.8, magnitude=6.0,
        area_m2=43_210.0, area_uncertainty_m2=4_000.0, mean_slope_deg=31.0, observed_share=1.0,
        first_date=date(2026, 6, 1), last_date=date(2026, 6, 20),
    )  # fmt: skip
    run = changes.RunRecord("landslide", "m", "1", {}, [], "s", "t", NOW, NOW, 0.9, {}, None)
    with connect.transaction(database.engine) as conn:
        changes.store_run(conn, run, [found], [])
        risk.update(conn)
    public, inside = (client.get("/segments/657?f=json", headers=headers) for headers in ({}, key("viewer")))
    assert "43,210" in inside.text
    assert "43,210" not in public.text
    assert "unreviewed finding" in public.text
    assert public.json()["ratings"][0]["score"] == inside.json()["ratings"][0]["score"]


def test_places_and_kilometres_are_found(client: TestClient) -> None:
    place = client.get("/segments/locate?km=657").json()
    back = client.get(f"/segments/locate?lon={place['lon']}&lat={place['lat']}").json()
    assert back["km"] == pytest.approx(657, abs=0.01)
    assert back["offset_m"] < 1
    for query in ("", "?km=1&lon=2", "?lon=74", "?lon=500&lat=36"):
        assert client.get(f"/segments/locate{query}").status_code == 400, query
    assert client.get("/segments/locate?km=99999").status_code == 404
    assert client.get("/segments/locate?km=abc").status_code == 422


@pytest.mark.parametrize(
    ("km", "target"), [("657", "/segments/657"), ("657.5", "/segments/657.5"), ("640-660", "/maps/segment?km=640-660")]
)
def test_the_form_on_the_roads_page_leads_to_the_kilometre(client: TestClient, km: str, target: str) -> None:
    assert client.get(f"/segments/go?km={km}").headers["location"] == target


def test_lists_are_filtered(client: TestClient, key: Any) -> None:
    field = key("field")
    for number, (lon, lat) in enumerate([(74.869, 36.337), (74.86, 36.46), (74.55, 35.47)]):
        sent = {
            "id": str(uuid.uuid4()), "kind": "rockfall" if number else "landslide", "longitude": lon, "latitude": lat,
            "observed_at": f"2026-0{number + 1}-01T00:00:00Z",
        }  # fmt: skip
        assert client.post("/observations", json=sent, headers=field).status_code == 201

    def count(query: str) -> int:
        return len(client.get(f"/observations?{query}").json()["features"])

    assert count("") == 3
    assert count("kind=rockfall") == 2
    assert count("km=650-700") == 2
    assert count("bbox=74.5,35,74.6,36") == 1
    assert count("since=2026-02-01") == 2
    assert count("limit=1") == 1
    assert count("limit=2&offset=2") == 1
    assert count("status=accepted") == 0
    for bad in ("km=x", "km=9-1", "bbox=1,2,3", "bbox=80,1,70,2", "bbox=a,b,c,d"):
        assert client.get(f"/observations?{bad}").status_code == 400, bad
    for bad in ("limit=0", "limit=100000", "offset=-1", "since=yesterday", "status=x"):
        assert client.get(f"/observations?{bad}").status_code == 422, bad
    pages = client.get("/observations?limit=1&offset=1", headers=PAGE).text
    links = dict(re.findall(r'<a rel="(prev|next)" href="/observations\?([^"]+)"', pages))
    assert {name: sorted(link.split("&amp;")) for name, link in links.items()} == {
        "prev": ["limit=1", "offset=0"],
        "next": ["limit=1", "offset=2"],
    }


def test_an_observation_is_stored_once_and_checked(client: TestClient, key: Any) -> None:
    field = key("field")
    good = {
        "id": str(uuid.uuid4()), "kind": "rockfall", "observed_at": "2026-05-01T14:30:00+05:00", "longitude": 74.869,
        "latitude": 36.337,
    }  # fmt: skip
    first = client.post("/observations", json=good, headers=field)
    assert first.json()["properties"]["observed_at"] == "2026-05-01T09:30:00Z"
    assert first.json()["properties"]["observer"] == "key:test"
    assert client.post("/observations", json=good, headers=field).status_code == 200
    assert client.post("/observations", json={**good, "kind": "landslide"}, headers=field).status_code == 409
    other = {name: value for name, value in good.items() if name != "id"}
    by_header = str(uuid.uuid4())
    made = client.post("/observations", json=other, headers=field | {"Idempotency-Key": by_header})
    assert (made.status_code, made.json()["id"]) == (201, by_header)
    assert client.post("/observations", json=other, headers=field | {"Idempotency-Key": by_header}).status_code == 200
    wrong: list[dict[str, Any]] = [
        {"observed_at": "2026-05-01T14:30:00"}, {"observed_at": "2999-01-01T00:00:00Z"}, {"observed_at": "0001-01-01T00:00:00Z"},
        {"longitude": 36.337, "latitude": 74.869}, {"longitude": 200}, {"latitude": None}, {"kind": "Rock fall!"},
        {"accuracy_m": -1}, {"observer": "x" * 1001}, {"note": "x" * 10_001}, {"note": "a\0b"}, {"unknown": 1},
        {"attributes": {"a": "x" * 70_000}}, {"attributes": {"a": "\0"}}, {"id": "1"},
    ]  # fmt: skip
    for change in wrong:
        answer = client.post("/observations", json=good | {"id": str(uuid.uuid4())} | change, headers=field)
        assert answer.status_code == 422, change
        assert answer.json()["errors"][0]["where"].startswith("body")
    assert client.post("/observations", content=b"{", headers=field).status_code == 422
    assert client.post("/observations", content=b"[" * 100_000, headers=field).status_code == 422
    assert (
        client.post("/observations", content=b"<x/>", headers=field | {"Content-Type": "text/xml"}).status_code == 415
    )
    assert client.post("/observations", json=[good], headers=field).status_code == 422
    assert len(client.get("/observations").json()["features"]) == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/observations", 405),
        ("GET", "/changes/abc", 422),
        ("GET", "/changes/0", 422),
        ("GET", "/changes/99999999999999999999", 422),
        ("GET", "/changes/9223372036854775807", 404),
        ("GET", "/observations/not-a-uuid", 422),
        ("GET", f"/observations/{uuid.UUID(int=0)}", 404),
        ("GET", "/sites/%00", 400),
        ("GET", "/sites/KKH-XX-9999", 404),
        ("GET", "/segments?km=%00", 400),
        ("GET", "/observations?kind=%00", 400),
    ],
)
def test_problems_are_documents_for_programs_and_pages_for_people(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told["request_id"] == answer.headers["x-request-id"]
    page = client.request(method, path, headers=PAGE | {"Accept-Language": "ur"})
    assert page.status_code == status
    assert '<html lang="ur" dir="rtl">' in page.text
    assert str(status) in page.text


def test_our_own_faults_show_nothing_of_the_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("hazard_db.register.list_sites", fail)
    with caplog.at_level(logging.ERROR):
        for headers in ({}, PAGE):
            answer = client.get("/sites", headers=headers)
            assert answer.status_code == 500
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
            assert answer.headers["x-request-id"] in answer.text
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret of the inside" in caplog.text


def test_without_its_database_it_says_so_and_recovers(database: Any, tmp_path: Path) -> None:
    gone = "postgresql://kkh_app:hidden-password@127.0.0.1:1/hazard"
    settings = ApiSettings(
        database=DatabaseSettings(home=tmp_path, database_app_url=SecretStr(gone), database_public_url=SecretStr(gone))
    )
    with TestClient(create_app(settings)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        for path in ("/", "/segments", "/observations"):
            for headers in ({}, PAGE):
                answer = client.get(path, headers=headers)
                assert answer.status_code == 503, path
                assert answer.headers["retry-after"]
                assert "hidden-password" not in answer.text
                assert "127.0.0.1" not in answer.text
        assert "kkh_database_up 0.0" in client.get("/metrics").text


def test_health_and_measurements(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ok", "database": "ok", "workers": 0}
    client.get("/segments/657")
    client.get("/segments/658")
    measured = client.get("/metrics").text
    assert 'kkh_http_requests_total{method="GET",route="/segments/{km}",status="200"} 2.0' in measured
    assert "kkh_database_up 1.0" in measured
    assert "kkh_segments_never_seen 1164.0" in measured


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/events")
    again = client.get("/events", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/events?limit=1", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    packed = client.get("/segments", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert client.get("/segments", headers={"Accept-Encoding": "*"}).headers["content-encoding"] == "gzip", "not brotli"
    assert "immutable" in client.get("/static/style.css").headers["cache-control"]


def test_the_description_tells_every_route_and_loads_nothing_from_elsewhere(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    routes = ("/observations", "/observations/{identifier}/media", "/segments/{km}", "/alerts/{alert_id}/cap")
    for path in (*routes, "/changes/{change_id}/review"):
        assert path in description["paths"]
    page = client.get("/docs").text
    assert "/observations/{identifier}/media" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_site_and_event_show_what_sources_say(client: TestClient) -> None:
    site = client.get("/sites/KKH-LS-0001").json()
    assert {claim["value"] for claim in site["properties"]["claims"] if claim["attribute"] == "fatalities"} == {
        "19",
        "20",
    }
    assert "19" in client.get("/sites/KKH-LS-0001", headers=PAGE).text
    attabad = next(
        one for one in client.get("/events").json()["features"] if one["properties"]["source_id"] == "attabad-2010"
    )
    assert client.get(f"/events/{attabad['id']}").json()["properties"]["closures"]


def test_simulated_data_is_named_on_every_page(client: TestClient, database: Any, tmp_path: Path) -> None:
    assert "simulated data" not in client.get("/").text
    with connect.transaction(database.engine) as conn:
        conn.execute(
            text("""INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets,
                                       checksum, geom)
                    VALUES ('s', 'simulated', 'none', now(), 32643, 50, 150, '{}', 'x',
                            ST_Multi(ST_MakeEnvelope(74, 36, 75, 37, 4326)))""")
        )
    with TestClient(create_app(settings_of(database, tmp_path))) as fresh:
        for path in ("/", "/segments/657", "/alerts?f=html", "/login"):
            assert "simulated data" in fresh.get(path).text, path


def test_two_senders_of_the_same_observation_at_once_store_it_once(client: TestClient, key: Any, database: Any) -> None:
    field = key("field")
    sent = {
        "id": str(uuid.uuid4()), "kind": "rockfall", "observed_at": "2026-05-01T09:30:00Z", "longitude": 74.869,
        "latitude": 36.337,
    }  # fmt: skip
    codes: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: codes.append(client.post("/observations", json=sent, headers=field).status_code)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] * 5 + [201]
    with connect.transaction(database.engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation")) == 1


def test_geojson_is_geojson(client: TestClient) -> None:
    for path in ("/segments", "/sites", "/events"):
        collection = json.loads(client.get(path).content)
        assert collection["numberReturned"] == len(collection["features"]) > 0
        for feature in collection["features"]:
            assert feature["type"] == "Feature"
            assert feature["id"]
            if feature["geometry"] is not None:
                lon, lat = _first(feature["geometry"]["coordinates"])
                assert 70 < lon < 80
                assert 33 < lat < 41


def _first(coordinates: Any) -> tuple[float, float]:
    while isinstance(coordinates[0], list):
        coordinates = coordinates[0]
    return coordinates[0], coordinates[1]
