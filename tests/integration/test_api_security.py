"""Who may see and do what; what a stranger, a wrong program or another site's page can bring about."""

from __future__ import annotations

import io
import json
import logging
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import text

from api import logs
from api.app import create_app
from api.settings import ApiSettings
from hazard_db import accounts, changes, connect, seed
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient
from tests.findings import store_change
from tests.people import PAGE

pytestmark = pytest.mark.integration


XSS = '<script>alert("1")</script>'


@pytest.fixture
def settings(database: Any, tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        database=DatabaseSettings(
            home=tmp_path,
            database_url=SecretStr(database.url),
            database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        ),
        anonymous_role="public",
        max_upload_mb=1,
    )


@pytest.fixture
def client(settings: ApiSettings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


@pytest.fixture
def road(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)


@pytest.fixture
def key(database: Any) -> Callable[[str], dict[str, str]]:
    def make(role: str) -> dict[str, str]:
        with connect.transaction(database.engine) as conn:
            return {"X-API-Key": accounts.create_key(conn, f"test {role}", role)}

    return make


def observation(**values: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "kind": "rockfall", "observed_at": "2026-05-01T14:30:00+05:00", "observer": "A. Geologist",
        "latitude": 36.3372, "longitude": 74.8690, "accuracy_m": 5, "note": "fresh blocks", **values,
    }  # fmt: skip


def test_a_stranger_reads_what_is_published_and_writes_nothing(
    client: TestClient, database: Any, road: None, key: Any
) -> None:
    sent = observation()
    assert client.post("/observations", json=sent).status_code == 401
    made = client.post("/observations", json=sent, headers=key("field"))
    assert made.status_code == 201
    assert made.headers["location"] == f"/observations/{sent['id']}"
    assert made.json()["properties"]["chainage_km"] == pytest.approx(657, abs=1)
    shown = client.get("/observations").json()["features"]
    assert [one["id"] for one in shown] == [sent["id"]]
    assert "observer" not in shown[0]["properties"]
    assert "A. Geologist" not in client.get("/observations").text
    assert "A. Geologist" not in client.get(f"/observations/{sent['id']}", headers=PAGE).text
    inside = client.get(f"/observations/{sent['id']}", headers=key("viewer")).json()
    assert inside["properties"]["observer"] == "A. Geologist"
    for path in (
        f"/observations/{sent['id']}/review",
        f"/observations/{sent['id']}/media",
        "/alerts/1/ack",
        "/changes/1/review",
    ):
        assert client.post(path, json={"verdict": "accepted"}).status_code == 401, path
    assert client.get(f"/observations/{sent['id']}/history").status_code == 401
    assert client.get("/audit").status_code == 401


def test_each_role_does_what_it_may(client: TestClient, database: Any, road: None, key: Any) -> None:
    sent = observation()
    viewer, field, reviewer = key("viewer"), key("field"), key("reviewer")
    refused = client.post("/observations", json=sent, headers=viewer)
    assert refused.status_code == 403
    assert "field" in refused.json()["detail"]
    client.post("/observations", json=sent, headers=field)
    path = f"/observations/{sent['id']}/review"
    assert client.post(path, json={"verdict": "accepted"}, headers=field).status_code == 403
    done = client.post(path, json={"verdict": "accepted", "note": "seen it", "revision": 1}, headers=reviewer)
    assert done.status_code == 200
    assert done.json()["properties"]["review_status"] == "accepted"
    late = client.post(path, json={"verdict": "rejected", "revision": 1}, headers=reviewer)
    assert late.status_code == 409
    past = client.get(f"/observations/{sent['id']}/history", headers=viewer).json()
    assert [version["revision"] for version in past] == [1]
    assert past[0]["changed_by"] == "key:test reviewer"
    assert client.get("/audit", headers=reviewer).status_code == 403
    entries = client.get("/audit", headers=key("admin")).json()
    assert {"actor": "key:test field", "action": "insert", "table_name": "observation"}.items() <= next(
        entry for entry in entries if entry["table_name"] == "observation" and entry["action"] == "insert"
    ).items()


def test_unreviewed_changes_are_not_for_strangers(client: TestClient, database: Any, road: None, key: Any) -> None:
    number = store_change(database)
    assert client.get("/changes").json()["features"] == []
    assert client.get(f"/changes/{number}").status_code == 404
    viewer = key("viewer")
    assert [one["id"] for one in client.get("/changes", headers=viewer).json()["features"]] == [number]
    assert client.post(f"/changes/{number}/review", json={"verdict": "confirmed"}, headers=viewer).status_code == 403
    wrong = client.post(f"/changes/{number}/review", json={"verdict": "perhaps"}, headers=key("reviewer"))
    assert wrong.status_code == 422
    done = client.post(f"/changes/{number}/review", json={"verdict": "confirmed"}, headers=key("reviewer"))
    assert done.status_code == 200
    shown = client.get(f"/changes/{number}").json()
    assert shown["properties"]["status"] == "confirmed"
    assert "test reviewer" not in json.dumps(shown)
    assert [one["development"] for one in shown["properties"]["sightings"]] == ["new"]
    assert "Every time it was seen" in client.get(f"/changes/{number}?lang=en", headers=PAGE).text
    assert client.get("/segments/657?f=json").json()["changes"][0]["id"] == number


def test_restricted_alerts_are_hidden_until_somebody_approves_them(
    client: TestClient, database: Any, road: None, key: Any
) -> None:
    number = store_change(database)
    reviewer = key("reviewer")
    with connect.transaction(database.engine) as conn:
        run = conn.scalar(text("SELECT run_id FROM change WHERE id = :id"), {"id": number})
    from alerts.run import process_run

    raised = process_run(database.app_engine, run, "test")
    assert [alert.scope for alert in raised] == ["Restricted"]
    alert = raised[0].id
    assert client.get("/alerts").json()["features"] == []
    for path in (f"/alerts/{alert}", f"/alerts/{alert}/cap"):
        assert client.get(path).status_code == 404, path
    assert b"<entry" not in client.get("/alerts/feed.atom").content
    assert [one["id"] for one in client.get("/alerts", headers=reviewer).json()["features"]] == [alert]
    assert client.post(f"/alerts/{alert}/approve", headers=key("field")).status_code == 403
    approved = client.post(f"/alerts/{alert}/approve", json={"note": "seen from the road"}, headers=reviewer)
    assert approved.status_code == 200
    assert client.get(f"/alerts/{alert}").status_code == 200
    picture = "/pictures/change-1.png"
    assert picture in client.get(f"/alerts/{alert}", headers={**reviewer, **PAGE}).text
    assert picture not in client.get(f"/alerts/{alert}", headers=PAGE).text, "nobody has reviewed the change yet"
    assert "seen from the road" not in client.get(f"/alerts/{alert}").text
    assert b"<scope>Public</scope>" in client.get(f"/alerts/{alert}/cap").content
    assert client.get(f"/alerts/{alert}/cap").headers["content-type"] == "application/cap+xml"
    assert b"<entry" in client.get("/alerts/feed.atom").content
    assert client.post(f"/alerts/{alert}/ack", headers=reviewer).json()["properties"]["state"] == "acknowledged"
    assert client.post(f"/alerts/{alert}/resolve", headers=reviewer).json()["properties"]["state"] == "resolved"
    assert client.post(f"/alerts/{alert}/resolve", headers=reviewer).status_code == 409
    assert b"<msgType>Cancel</msgType>" in client.get(f"/alerts/{alert}/cap").content


def test_reading_can_be_shut_or_opened(settings: ApiSettings, database: Any, road: None, key: Any) -> None:
    number = store_change(database)
    with TestClient(create_app(settings.model_copy(update={"anonymous_role": "none"})), follow_redirects=False) as shut:
        for path in ("/", "/segments", "/segments/657", "/observations", "/changes", "/alerts"):
            assert shut.get(path, headers={"Accept": "application/json"}).status_code == 401, path
        sent_on = shut.get("/segments/657", headers=PAGE)
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, "/login?next=/segments/657")
        assert shut.get("/segments", headers=key("viewer")).status_code == 200
        assert shut.get("/healthz").status_code == 200
    with TestClient(create_app(settings.model_copy(update={"anonymous_role": "viewer"}))) as wide:
        assert wide.get(f"/changes/{number}").status_code == 200
        assert wide.post(f"/changes/{number}/review", json={"verdict": "confirmed"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "kkh0123456789.wrong"},
        {"X-API-Key": ""},
        pytest.param({"X-API-Key": "x" * 10_000}, id="long"),
        {"Authorization": "Bearer kkh0123456789.wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
    ],
)
def test_a_wrong_key_is_refused_even_where_reading_is_open(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/observations", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_words_from_outside_are_shown_as_words(client: TestClient, database: Any, road: None, key: Any) -> None:
    sent = observation(note=XSS, observer=XSS, attributes={XSS: XSS})
    assert client.post("/observations", json=sent, headers=key("field")).status_code == 201
    viewer = key("viewer") | PAGE
    for path in ("/observations", f"/observations/{sent['id']}", "/segments/657", f"/login?next={XSS}", f"/{XSS}"):
        page = client.get(path, headers=viewer).text
        assert "<script>" not in page, path
    assert "&lt;script&gt;" in client.get(f"/observations/{sent['id']}", headers=viewer).text


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/../secrets/session.key",
        "/pictures/..%2fsecrets%2fsession.key",
        "/pictures/%2e%2e/secrets/session.key",
        "/pictures//etc/passwd",
        "/pictures/change-99.png",
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%00",
        pytest.param("/static/" + "x" * 5000, id="long"),
        "/assets/../__init__.py",
    ],
)
def test_no_way_leads_out_of_the_folders(client: TestClient, settings: ApiSettings, path: str) -> None:
    settings.signing_key()
    assert (settings.home / "secrets" / "session.key").is_file()
    answer = client.get(path)
    assert answer.status_code in {404, 400}
    assert "root:" not in answer.text


def test_only_pictures_of_the_catalogue_are_handed_out(
    client: TestClient, database: Any, settings: ApiSettings, key: Any
) -> None:
    folder = settings.home / "pictures"
    folder.mkdir()
    for name in ("change-1.png", "other.png"):
        Image.new("RGB", (2, 2)).save(folder / name)
    (folder / "link.png").symlink_to(settings.home / "secrets" / "session.key")
    number = store_change(database)
    viewer = key("viewer")
    assert client.get("/pictures/change-1.png").status_code == 404
    assert client.get("/pictures/change-1.png", headers=viewer).headers["content-type"] == "image/png"
    assert client.get("/pictures/other.png", headers=viewer).status_code == 404
    with connect.transaction(database.engine) as conn:
        changes.set_picture(conn, number, "pictures/link.png")
    assert client.get("/pictures/link.png", headers=viewer).status_code == 404


def test_big_requests_are_refused_whether_they_tell_their_size_or_not(client: TestClient, key: Any, road: None) -> None:
    field, sent = key("field"), observation()
    client.post("/observations", json=sent, headers=field)
    path = f"/observations/{sent['id']}/media"
    told = client.post(path, files={"file": ("a.jpg", b"x" * (2 * 2**20))}, headers=field)
    assert told.status_code == 413
    assert told.headers["content-type"] == "application/problem+json"

    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65536
        yield b"\r\n--b--\r\n"

    chunked = client.post(path, content=endless(), headers=field | {"Content-Type": "multipart/form-data; boundary=b"})
    assert chunked.status_code == 413


def jpeg(exif: Image.Exif | None = None) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 80, 70)).save(stream, "JPEG", exif=Image.Exif() if exif is None else exif)
    return stream.getvalue()


def test_photos_are_what_they_are_whatever_they_are_called(
    client: TestClient, key: Any, road: None, settings: ApiSettings
) -> None:
    field, viewer, sent = key("field"), key("viewer"), observation()
    client.post("/observations", json=sent, headers=field)
    path = f"/observations/{sent['id']}/media"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003], exif.get_ifd(0x8769)[0x9011] = "2026:05:01 14:30:00", "+05:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (36.0, 20.0, 14.0), 3: "E", 4: (74.0, 52.0, 8.0)})
    photo = jpeg(exif)
    made = client.post(path, files={"file": ("../../IMG 1.html", photo, "text/html")}, headers=field)
    assert made.status_code == 201
    assert made.json()["mime_type"] == "image/jpeg"
    assert made.json()["filename"] == "IMG 1.html"
    assert made.json()["taken_at"] == "2026-05-01T09:30:00Z"
    assert made.json()["lat"] == pytest.approx(36.33722, abs=1e-4)
    again = client.post(path, files={"file": ("IMG 1.html", photo)}, headers=field)
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    other = client.post(path, files={"file": ("IMG 1.html", jpeg() + b"\0")}, headers=field)
    assert other.status_code == 409
    listed = client.get(path, headers=viewer).json()
    assert [one["sha256"] for one in listed] == [made.json()["sha256"]]
    assert client.get(path).status_code == 401, "photos of what nobody has accepted are not for strangers"
    got = client.get(listed[0]["href"], headers=viewer)
    assert got.content == photo
    assert got.headers["content-type"] == "image/jpeg"
    assert "sandbox" in got.headers["content-security-policy"]
    stored = settings.home / "media" / listed[0]["sha256"][:2] / listed[0]["sha256"]
    assert stored.read_bytes() == photo
    client.post(f"/observations/{sent['id']}/review", json={"verdict": "accepted"}, headers=key("reviewer"))
    assert client.get(listed[0]["href"], headers=viewer).content == photo
    with Image.open(io.BytesIO(client.get(listed[0]["href"]).content)) as copy:
        assert not copy.getexif(), "strangers are not told what the camera noted"
    bad = {
        "page.jpg": b"<html><script>alert(1)</script>", "empty.jpg": b"", "cut.jpg": photo[:-200],
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "program.jpg": b"MZ" + b"\0" * 200,
    }  # fmt: skip
    for name, content in bad.items():
        answer = client.post(path, files={"file": (name, content, "image/jpeg")}, headers=field)
        assert answer.status_code == 400, name
    assert not list((settings.home / "media").glob(".part-*"))
    assert client.post(path, json={"file": "x"}, headers=field).status_code == 422
    missing = client.post(f"/observations/{uuid.uuid4()}/media", files={"file": ("a.jpg", photo)}, headers=field)
    assert missing.status_code == 404


def test_headers_keep_browsers_safe(client: TestClient) -> None:
    for path, status in (("/", 200), ("/nothing", 404), ("/observations", 200), ("/static/style.css", 200)):
        answer = client.get(path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self' 'nonce-" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
    assert "http://" not in re.sub(r'xmlns="[^"]+"', "", client.get("/", headers=PAGE).text)
    assert not re.search(r"""(src|href)=["']?https?:""", client.get("/docs", headers=PAGE).text)


def test_texts_that_cannot_be_kept_are_refused(client: TestClient, key: Any) -> None:
    headers = {**key("admin"), "content-type": "application/json"}
    for odd in ("a\0b", "half \ud800"):
        body = json.dumps({"attribute": "volume", "value": odd, "source": "test"})
        answer = client.post("/events/1/claims", content=body, headers=headers)
        assert answer.status_code == 422, answer.text


def test_the_log_names_the_request_and_holds_no_address(
    client: TestClient, road: None, caplog: pytest.LogCaptureFixture
) -> None:
    names: list[dict[str, str]] = []
    handler = logging.Handler()
    handler.emit = lambda record: names.append(dict(logs.NAMES.get()))  # type: ignore[method-assign]
    logging.getLogger("api").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "api"):
            answer = client.get("/segments/657?key=secret")
    finally:
        logging.getLogger("api").removeHandler(handler)
    assert names == [{"request_id": answer.headers["x-request-id"]}]
    assert "GET /segments/{km} 200" in caplog.text
    assert "secret" not in caplog.text
