"""Silences, closures that keep minor alerts back, and being told again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hazard_db import alerts, connect
from hazard_db.connect import Engine
from hazard_db.errors import ConflictError, InputError, OutsideCorridorError
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import detect, found, queued, road, subscribe

__all__ = ["road"]
HOUR = timedelta(hours=1)


def silence(engine: Engine, **values: Any) -> alerts.Silence:
    now = datetime.now(UTC)
    given = {"reason": "blasting at the portal", "starts_at": now - HOUR, "ends_at": now + HOUR} | values
    with connect.transaction(engine) as conn:
        connect.actor(conn, "amina")
        return alerts.add_silence(conn, alerts.Silence(**given))


def run(engine: Engine, action: Callable[..., Any], *given: Any) -> Any:
    with connect.transaction(engine) as conn:
        return action(conn, *given)


def states(engine: Engine) -> list[tuple[str, str]]:
    with connect.transaction(engine) as conn:
        rows = conn.execute(
            text(
                """SELECT e.msg_type, d.status FROM delivery d JOIN alert_event e ON e.id = d.alert_event_id ORDER BY d.id"""
            )
        )
        return [tuple(row) for row in rows]


def test_a_silenced_alert_is_raised_and_shown_and_told_when_the_silence_ends(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    made = silence(road.engine, chainage_from_km=600, chainage_to_km=700, hazards=("landslide",))
    (raised,) = detect(road.engine, found())
    assert states(road.engine) == [("Alert", "withheld")]
    with connect.transaction(road.engine) as conn:
        shown = alerts.get_alert(conn, raised.id)
        assert shown.state == "open"
        assert shown.held is not None
        assert (shown.held["by"], shown.held["reason"], shown.held["author"]) == (
            "silence",
            "blasting at the portal",
            "amina",
        )
        assert alerts.claim_deliveries(conn, 10) == []
        assert alerts.release(conn) == []
        (kept,) = alerts.deliveries(conn, status="withheld")
        assert kept.held is not None and kept.held["id"] == made.id
    run(road.engine, alerts.end_silence, made.id, "amina")
    assert len(run(road.engine, alerts.release)) == 1
    assert run(road.engine, alerts.release) == []
    (claim,) = run(road.app_engine, alerts.claim_deliveries, 10)
    assert (claim.message.alert_id, claim.message.msg_type) == (raised.id, "Alert")
    assert run(road.engine, alerts.get_silence, made.id).withheld == 1
    with pytest.raises(ConflictError, match="over already"):
        run(road.engine, alerts.end_silence, made.id, "amina")


def test_of_many_messages_kept_back_the_newest_is_told_and_of_what_ended_nothing(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    made = silence(road.engine)
    (first,) = detect(road.engine, found())
    (second,) = detect(road.engine, found(lon=74.62, lat=36.31), name="b")
    run(road.engine, alerts.escalate, first.id, "amina")
    run(road.engine, alerts.resolve, second.id, "amina")
    assert {status for _, status in states(road.engine)} == {"withheld"}
    run(road.engine, alerts.end_silence, made.id, "amina")
    run(road.engine, alerts.release)
    claims = run(road.engine, alerts.claim_deliveries, 10)
    assert [(one.message.alert_id, one.message.state) for one in claims] == [(first.id, "escalated")]


def test_trying_again_what_a_silence_keeps_back_is_refused_with_its_reason(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    made = silence(road.engine)
    detect(road.engine, found())
    (kept,) = run(road.engine, alerts.deliveries)
    with pytest.raises(
        ConflictError, match=rf"message {kept.id} is kept back by silence {made.id} until .*{made.reason}"
    ):
        run(road.engine, alerts.try_again, [kept.id])
    assert states(road.engine) == [("Alert", "withheld")]
    assert run(road.engine, alerts.try_again) == 0
    run(road.engine, alerts.end_silence, made.id, "amina")
    assert run(road.engine, alerts.try_again, [kept.id]) == 1


def test_what_was_told_before_a_silence_is_taken_back_within_it(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    (raised,) = detect(road.engine, found())
    silence(road.engine)
    run(road.engine, alerts.escalate, raised.id, "amina")
    run(road.engine, alerts.resolve, raised.id, "amina")
    assert states(road.engine) == [("Alert", "waiting"), ("Update", "withheld"), ("Cancel", "waiting")]


def test_what_is_elsewhere_of_another_kind_or_extreme_passes(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    silence(road.engine, chainage_from_km=100, chainage_to_km=200)
    silence(road.engine, hazards=("rain",))
    silence(road.engine, rule="large change above the road") if _has_rules(road.engine) else None
    silence(road.engine, passes_from="Minor")
    now = datetime.now(UTC)
    silence(road.engine, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    detect(road.engine, found())
    assert states(road.engine) == [("Alert", "waiting")]


def _has_rules(engine: Engine) -> bool:
    return bool(run(engine, alerts.enabled_rules))


def test_a_silence_that_makes_no_sense_is_refused(road: Any) -> None:
    now = datetime.now(UTC)
    for values in (
        {"reason": " "}, {"ends_at": now - 2 * HOUR}, {"ends_at": now - HOUR / 2}, {"rule": "none of that name"},
        {"chainage_from_km": 600.0}, {"ends_at": now + timedelta(days=400)},
    ):  # fmt: skip
        with pytest.raises(InputError):
            silence(road.engine, **values)
    with pytest.raises(OutsideCorridorError):
        silence(road.engine, chainage_from_km=2000, chainage_to_km=2001)


def test_a_closed_stretch_keeps_its_minor_alerts_back_and_they_stay_to_be_seen(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE closure SET withdrawn_at = now()"))
        conn.execute(
            text("""INSERT INTO closure (chainage_from_km, chainage_to_km, closed_at, cause, source)
                    VALUES (600, 700, now() - interval '1 day', 'landslide', 'police')""")
        )
    (raised,) = detect(road.engine, found())
    assert states(road.engine) == [("Alert", "waiting")]  # not minor
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE alert SET severity = 'Minor'"))
        shown = alerts.get_alert(conn, raised.id)
        assert shown.held is not None and (shown.held["by"], shown.held["reason"]) == ("closure", "landslide")
        alerts.escalate(conn, raised.id, "amina")
    assert states(road.engine)[-1] == ("Update", "withheld")
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE closure SET opened_at = now() WHERE withdrawn_at IS NULL"))
    assert len(run(road.engine, alerts.release)) == 1


def test_a_closure_whose_end_nobody_entered_keeps_nothing_back_for_ever(road: Any) -> None:
    with connect.transaction(road.engine) as conn:
        conn.execute(
            text("""INSERT INTO closure (chainage_from_km, chainage_to_km, closed_at, cause, source)
                    VALUES (600, 700, now() - interval '31 days', 'landslide', 'police')""")
        )
    (raised,) = detect(road.engine, found())
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE alert SET severity = 'Minor'"))
        assert alerts.hold_of(conn, raised.id) is None


def test_duty_officers_are_told_again_until_somebody_acknowledges(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    subscribe(road.engine, "public")
    (raised,) = detect(road.engine, found())
    run(road.engine, alerts.approve, raised.id, "amina")
    hours = {raised.severity: 6.0}
    assert run(road.engine, alerts.remind, hours) == []

    def later() -> None:
        with connect.transaction(road.engine) as conn:
            conn.execute(text("UPDATE delivery SET queued_at = queued_at - interval '6 hours'"))

    later()
    before = len(queued(road.engine))
    assert run(road.engine, alerts.remind, {"Minor": 1.0}) == []
    assert run(road.engine, alerts.remind, hours) == [raised.id]
    assert run(road.engine, alerts.remind, hours) == []
    assert queued(road.engine)[before:] == [("duty", raised.id, "Update")]
    with connect.transaction(road.engine) as conn:
        assert alerts.events_of(conn, raised.id)[-1].note == "nobody has acknowledged this yet"
        assert len(alerts.public_messages(conn)) == 1
        assert alerts.public_messages(conn)[0].actor == "amina"
    later()
    run(road.engine, alerts.acknowledge, raised.id, "amina")
    later()
    assert run(road.engine, alerts.remind, hours) == []


def test_silences_by_http_and_on_their_page(
    client: TestClient, key: Callable[..., dict[str, str]], database: Any
) -> None:
    body = {
        "reason": "works at the tunnel",
        "purpose": "maintenance",
        "km": "640-660",
        "hours": 5,
        "hazards": "landslide",
    }
    assert client.post("/alerts/silences", json=body).status_code == 401
    assert client.post("/alerts/silences", json=body, headers=key("field")).status_code == 403
    made = client.post("/alerts/silences", json=body, headers=key("reviewer"))
    assert made.status_code == 201
    told = made.json()
    assert (told["chainage_from_km"], told["hazards"], told["passes_from"]) == (640, ["landslide"], "Extreme")
    refused = client.post("/alerts/silences", json={**body, "reason": " "}, headers=key("reviewer", "r"))
    assert refused.status_code in {400, 422}
    subscribe(database.engine, "duty", scope="Restricted")
    with connect.transaction(database.engine) as conn:
        lon, lat = conn.execute(
            text("SELECT ST_X(p), ST_Y(p) FROM point_at_chainage(650, current_alignment()) AS p")
        ).one()
    (raised,) = detect(database.engine, found(lon=lon, lat=lat))
    viewer = key("reviewer", "looks") | {"Accept": "text/html"}
    for lang in ("en", "zh", "ur"):
        page = client.get(f"/alerts/silences?lang={lang}", headers=viewer)
        assert page.status_code == 200
        assert "works at the tunnel" in page.text
        assert "works at the tunnel" in client.get(f"/alerts/{raised.id}?lang={lang}", headers=viewer).text
        assert client.get(f"/alerts?lang={lang}", headers=viewer).status_code == 200
    assert (
        client.get(f"/alerts/{raised.id}", headers=key("reviewer", "j")).json()["properties"]["held"]["by"]
        == "maintenance"
    )
    ended = client.post(f"/alerts/silences/{told['id']}/end", json={}, headers=key("reviewer", "e"))
    assert ended.status_code == 200
    assert ended.json()["ended_by"] == "key:e"
    assert len(run(database.engine, alerts.release)) == 1
