"""The nearest team is asked to look, and what it finds decides the alert and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from alerts.checking import settle
from alerts.outgoing import prepare
from alerts.settings import AlertSettings
from hazard_db import alerts, connect
from hazard_db.alerts import Team
from hazard_db.errors import ConflictError, NotFoundError, OutsideCorridorError
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import detect, found, road, subscribe

__all__ = ["road"]


@pytest.fixture
def teams(road: Any) -> Any:
    subscribe(road.engine, "duty", scope="Restricted")
    subscribe(road.engine, "aliabad phone", language="ur")
    with connect.transaction(road.engine) as conn:
        alerts.add_team(conn, Team("Aliabad", 74.615, 36.307, "aliabad phone"))
        alerts.add_team(conn, Team("Chilas", 74.104, 35.413))
    return road


def test_the_nearest_team_is_asked_and_told(teams: Any) -> None:
    (raised,) = detect(teams.engine, found())
    with connect.transaction(teams.engine) as conn:
        (check,) = alerts.checks(conn, open_only=True)
        assert (check.alert_id, check.team) == (raised.id, "Aliabad")
        assert check.distance_km is not None and 5 < check.distance_km < 30
        claims = {one.subscription.name: one for one in alerts.claim_deliveries(conn, 10)}
        assert claims["aliabad phone"].reason == "check"
        assert alerts.ask(conn, [raised.id]) == []
    outgoing = prepare(claims["aliabad phone"], AlertSettings())
    assert f"/alerts/checks/{check.id}" in outgoing.text
    assert "موقع پر" in outgoing.text
    assert "/alerts/checks/" not in prepare(claims["duty"], AlertSettings()).text
    detect(teams.engine, found(), name="b")  # the same again is no other check
    with connect.transaction(teams.engine) as conn:
        assert len(alerts.checks(conn)) == 1


def test_confirmed_makes_the_alert_observed_and_counts(teams: Any) -> None:
    (raised,) = detect(teams.engine, found())
    with connect.transaction(teams.engine) as conn:
        (check,) = alerts.checks(conn)
        done = settle(conn, check.id, "confirmed", "karim", "fresh blocks on the road")
        alert = alerts.get_alert(conn, raised.id)
        assert (alert.state, alert.certainty, done.verdict) == ("open", "Observed", "confirmed")
        assert "Aliabad: fresh blocks" in str(alerts.events_of(conn, raised.id)[-1].note)
        rates = {one.name: one for one in alerts.reliability(conn)}
        assert rates["matched_filter"].confirmed == 1
        assert sum(one.confirmed for one in rates.values() if one.by == "rule") == 1
        with pytest.raises(ConflictError, match="karim"):
            settle(conn, check.id, "false_alarm", "noor")


def test_nothing_there_closes_what_is_not_public(teams: Any) -> None:
    (raised,) = detect(teams.engine, found())
    with connect.transaction(teams.engine) as conn:
        (check,) = alerts.checks(conn)
        settle(conn, check.id, "false_alarm", "karim", "a shadow")
        assert alerts.get_alert(conn, raised.id).state == "false_alarm"
        assert alerts.events_of(conn, raised.id)[-1].msg_type == "Cancel"
        assert sum(one.false_alarms for one in alerts.reliability(conn) if one.by == "rule") == 1


def test_a_team_takes_back_nothing_that_is_public_or_confirmed(teams: Any) -> None:
    (raised,) = detect(teams.engine, found())
    with connect.transaction(teams.engine) as conn:
        alerts.approve(conn, raised.id, "amina")
        (check,) = alerts.checks(conn)
        settle(conn, check.id, "false_alarm", "karim")
        assert alerts.get_alert(conn, raised.id).state == "open"
        assert alerts.checks(conn)[0].verdict == "false_alarm"
        assert len(alerts.ask(conn, [raised.id], "look again")) == 1


def test_without_teams_nobody_is_asked_and_teams_are_at_the_road(road: Any) -> None:
    (raised,) = detect(road.engine, found())
    with connect.transaction(road.engine) as conn:
        assert alerts.checks(conn) == []
        assert alerts.ask(conn, [raised.id]) == []
    with connect.transaction(road.engine) as conn, pytest.raises(NotFoundError):
        alerts.add_team(conn, Team("x", 74.6, 36.3, "nobody"))
    with pytest.raises(OutsideCorridorError), connect.transaction(road.engine) as conn:
        alerts.add_team(conn, Team("Karachi", 67.0, 24.9))
    with connect.transaction(road.engine) as conn:
        assert alerts.teams(conn) == []


def test_checks_by_http(client: TestClient, database: Any, key: Callable[..., dict[str, str]]) -> None:
    team = {"name": "Aliabad", "lon": 74.615, "lat": 36.307}
    assert client.post("/alerts/teams", json=team, headers=key("field")).status_code == 403
    assert client.post("/alerts/teams", json=team, headers=key("engineer")).status_code == 201
    with connect.transaction(database.engine) as conn:
        lon, lat = conn.execute(
            text("SELECT ST_X(p), ST_Y(p) FROM point_at_chainage(650, current_alignment()) AS p")
        ).one()
    (raised,) = detect(database.engine, found(lon=lon, lat=lat))
    (check,) = client.get("/alerts/checks?open_only=true", headers=key("field", "f")).json()
    reader = key("field", "reads") | {"Accept": "text/html"}
    for lang in ("en", "zh", "ur"):
        for path in ("/alerts/checks", f"/alerts/checks/{check['id']}", f"/alerts/{raised.id}"):
            page = client.get(f"{path}?lang={lang}", headers=reader)
            assert page.status_code == 200
            assert "Aliabad" in page.text
    path = f"/alerts/checks/{check['id']}/verdict"
    assert client.post(path, json={"verdict": "confirmed"}, headers=key("viewer")).status_code == 403
    assert client.post(path, json={"verdict": "confirmed"}, headers=key("field", "g")).json()["judged_by"] == "key:g"
    assert client.post(path, json={"verdict": "unclear"}, headers=key("field", "h")).status_code == 409
    told = client.get(f"/alerts/{raised.id}", headers=key("viewer", "v")).json()["properties"]
    assert (told["certainty"], told["checks"][0]["verdict"]) == ("Observed", "confirmed")
    assert client.post(f"/alerts/{raised.id}/check", json={}, headers=key("reviewer")).status_code == 200
