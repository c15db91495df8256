from __future__ import annotations

import time
from typing import Any

from alerts import links
from alerts.run import process_run
from hazard_db import alerts, connect
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import found, store

PAGE = {"Accept": "text/html"}


def test_a_link_acknowledges_only_by_its_button(client: TestClient, database: Any) -> None:
    (raised,) = process_run(database.engine, store(database.engine, found()).run_id, "watch")
    key = client.app.state.hazard.signing_key  # type: ignore[attr-defined]
    token, path = links.token(key, raised.id, "duty officer"), f"/alerts/{raised.id}/take"
    for lang in ("en", "zh", "ur"):
        page = client.get(path, params={"token": token, "lang": lang}, headers=PAGE)
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
        assert "<button" in page.text
    with connect.transaction(database.engine) as conn:
        assert alerts.get_alert(conn, raised.id).state == "open", "looking at it changes nothing"
    for wrong in (
        links.token(key, raised.id + 1, "duty officer"), links.token("another key " * 4, raised.id, "duty officer"),
        links.token(key, raised.id, "duty officer", now=time.time() - 49 * 3600), "nonsense",
    ):  # fmt: skip
        assert client.get(path, params={"token": wrong}).status_code == 403
        assert client.post(path, data={"token": wrong}).status_code == 403
    for _ in range(2):  # a second tap does no harm
        assert client.post(path, data={"token": token}, headers=PAGE).status_code == 200
    with connect.transaction(database.engine) as conn:
        taken = alerts.get_alert(conn, raised.id)
        assert [one.msg_type for one in alerts.events_of(conn, raised.id)] == ["Alert", "Ack"]
    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "duty officer")


def test_messages_to_duty_officers_carry_the_link(client: TestClient, database: Any, tmp_path: Any) -> None:
    from alerts.outgoing import prepare
    from alerts.settings import AlertSettings

    with connect.transaction(database.engine) as conn:
        alerts.add_subscription(conn, alerts.Subscription("duty", "file", "duty", scope="Restricted"))
    (raised,) = process_run(database.engine, store(database.engine, found()).run_id, "watch")
    with connect.transaction(database.engine) as conn:
        (claim,) = alerts.claim_deliveries(conn, 10)
    text = prepare(claim, AlertSettings(home=tmp_path)).text
    token = text.partition("/take?token=")[2].strip()
    assert links.bearer(client.app.state.hazard.signing_key, raised.id, token) == "duty"  # type: ignore[attr-defined]
    assert "/take" not in prepare(claim, AlertSettings(home=tmp_path / "elsewhere")).text
