"""Who gets alerts, as an administrator sees and changes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from alerts.settings import AlertSettings
from api.texts import texts
from hazard_db import accounts, alerts, connect
from tests.api_client import TestClient
from tests.integration.test_alerts_channels import raise_at
from tests.integration.test_alerts_delivery import Receiver, receiver

__all__ = ["receiver"]
PASSWORD = "a long enough password"
PAGE = {"Accept": "text/html"}


@pytest.fixture
def admin(client: TestClient, database: Any) -> TestClient:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "amina", "admin", PASSWORD)
    client.app.state.hazard.__dict__["alerts"] = AlertSettings(
        webhook_allowed_networks="127.0.0.0/8", webhook_timeout_s=2
    )
    token = _token(client.get("/login", headers=PAGE).text)
    client.post("/login", data={"csrf": token, "name": "amina", "password": PASSWORD}, headers=PAGE)
    return client


def _token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def send(client: TestClient, path: str, **fields: str) -> Any:
    token = _token(client.get("/subscriptions", headers=PAGE).text)
    return client.post(path, data={"csrf": token, **fields}, headers=PAGE)


def test_somebody_is_added_tested_and_removed(admin: TestClient, database: Any, receiver: Receiver) -> None:
    fields = {
        "name": "control room", "channel": "webhook", "address": receiver.url("ok"), "language": "ur", "min_severity": "Moderate",
        "scope": "Restricted", "km": "600-700", "hazards": "landslide, rain", "quiet_from": "22:00", "quiet_to": "06:00",
    }  # fmt: skip
    assert send(admin, "/subscriptions", **fields).status_code == 303
    with connect.transaction(database.engine) as conn:
        (made,) = alerts.subscriptions(conn)
    assert (made.hazards, made.chainage_from_km, made.language) == (("landslide", "rain"), 600, "ur")
    assert str(made.quiet_from) == "22:00:00"
    for language in ("en", "zh", "ur"):
        page = admin.get(f"/subscriptions?lang={language}", headers=PAGE).text
        assert texts()["subs.title"][language] in page
        assert "22:00–06:00 Asia/Karachi" in page
        assert texts()["term.rain"][language] in page
    tested = send(admin, "/subscriptions/test", name="control room")
    assert tested.status_code == 200
    assert b'"status": "Test"' in receiver.got[0][2]
    assert send(admin, "/subscriptions/remove", name="control room").status_code == 303
    with connect.transaction(database.engine) as conn:
        assert alerts.subscriptions(conn) == []


def test_what_cannot_be_delivered_is_refused_at_once_and_what_was_typed_stays(
    admin: TestClient, receiver: Receiver
) -> None:
    fields = {"name": "inside", "channel": "webhook", "address": "http://10.0.0.8/hook", "km": "600-700"}
    answer = send(admin, "/subscriptions", **fields)
    assert answer.status_code == 422
    assert "not a public address" in answer.text
    assert 'value="http://10.0.0.8/hook"' in answer.text
    assert "none of landslide" in send(admin, "/subscriptions", **{**fields, "hazards": "aliens"}).text
    send(admin, "/subscriptions", **{**fields, "address": receiver.url("broken")})
    failed = send(admin, "/subscriptions/test", name="inside")
    assert failed.status_code == 502
    assert "answered 500" in failed.text


def test_dead_letters_are_a_page_with_a_button(admin: TestClient, database: Any, receiver: Receiver) -> None:
    send(admin, "/subscriptions", name="x", channel="webhook", address=receiver.url("ok"), scope="Restricted")
    raise_at(database, 650)
    with connect.transaction(database.app_engine) as conn:
        (claim,) = alerts.claim_deliveries(conn, 1)
        alerts.note_receipt(conn, claim.key, "bounced", "mailbox full")
    page = admin.get("/deliveries?status=dead", headers=PAGE).text
    assert "mailbox full" in page
    answer = admin.post(f"/deliveries/{claim.delivery_id}/retry", data={"csrf": _token(page)}, headers=PAGE)
    assert answer.status_code == 303
    with connect.transaction(database.app_engine) as conn:
        (again,) = alerts.claim_deliveries(conn, 1)
    assert again.key == claim.key
    assert "mailbox full" in admin.get("/deliveries?lang=zh", headers=PAGE).text


def test_only_administrators_see_addresses(client: TestClient, key: Callable[..., dict[str, str]]) -> None:
    assert client.get("/subscriptions", headers=key("engineer")).status_code == 403
    assert client.get("/subscriptions").status_code == 401
    assert client.get("/subscriptions", headers=key("admin")).json() == []
    made = client.post(
        "/subscriptions", headers=key("admin", "a"), json={"name": "f", "channel": "file", "address": "inbox"}
    )
    assert made.status_code == 201


def test_keys_in_addresses_are_not_shown_and_the_way_there_is(admin: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        alerts.add_subscription(conn, alerts.Subscription("director", "sms", "twilio://SID:secret@1/2"))
    page = admin.get("/subscriptions", headers=PAGE).text
    assert "twilio://…" in page
    assert "secret" not in page
    assert 'href="/subscriptions"' in admin.get("/alerts", headers=PAGE).text
