"""Alerts as list, map and calendar; and stretches that nobody has seen for long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import text

from alerts.run import process_findings
from api.triggering import BLIND_DAYS, blind_findings, look_out
from hazard_db import alerts, connect, visibility
from hazard_db.visibility import GoodLook
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import detect, found, road, store

__all__ = ["road"]
PAGE = {"Accept": "text/html"}


def test_views_of_alerts(client: TestClient, database: Any, key: Callable[..., dict[str, str]]) -> None:
    (raised,) = detect(database.engine, found())
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE alert SET raised_at = '2026-02-28 23:30+00'"))
    reader = key("viewer") | PAGE
    for lang in ("en", "zh", "ur"):
        page = client.get(f"/alerts?view=map&lang={lang}", headers=reader).text
        told = re.search(r"data-minimap='([^']+)'", page)
        assert told
        (mark,) = json.loads(unescape(told[1]))["marks"]
        assert mark["href"] == f"/alerts/{raised.id}"
        assert abs(mark["lat"] - 36.34) < 0.01
        page = client.get(f"/alerts?view=calendar&month=2026-02&lang={lang}", headers=reader).text
        assert re.search(rf'<b>28</b><a class="on \w+" href="/alerts/{raised.id}"', page)
        assert (
            f'href="/alerts/{raised.id}"'
            not in client.get(f"/alerts?view=calendar&month=2026-03&lang={lang}", headers=reader).text
        )
    assert f"/alerts/{raised.id}" not in client.get("/alerts?view=calendar&month=2026-02", headers=PAGE).text
    assert (
        f"/alerts/{raised.id}"
        not in client.get("/alerts?view=calendar&month=2026-02&state=resolved", headers=reader).text
    )
    assert client.get("/alerts?view=calendar&month=2026-13", headers=PAGE).status_code == 422
    assert (
        'href="/alerts?view=calendar&amp;month=2025-12"'
        in client.get("/alerts?view=calendar&month=2026-01", headers=PAGE).text
    )


def test_what_nobody_has_taken_on_is_listed_until_somebody_does(
    client: TestClient, database: Any, key: Callable[..., dict[str, str]]
) -> None:
    (raised,) = detect(database.engine, found())
    reader, link = key("viewer") | PAGE, f'href="/alerts/{raised.id}"'
    assert link in client.get("/alerts?state=untaken", headers=reader).text
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE alert SET state = 'acknowledged'"))
    assert link not in client.get("/alerts?state=untaken", headers=reader).text
    assert link in client.get("/alerts?state=live", headers=reader).text


def test_a_kilometre_counts_from_its_last_clear_look_or_from_the_first_look_at_all() -> None:
    day = datetime(2026, 7, 1, tzinfo=UTC)
    looks = [
        GoodLook(650, 651, date(2026, 1, 1), date(2026, 6, 20)), GoodLook(651, 652, date(2026, 1, 1), date(2026, 5, 1)),
        GoodLook(652, 653, date(2026, 6, 1), None),
    ]  # fmt: skip
    told = blind_findings(looks, day)
    assert [(one.key, one.measures["days"], one.shows) for one in told] == [
        ("blind/650", 11, False), ("blind/651", 61, True), ("blind/652", 30, True),
    ]  # fmt: skip


def test_a_stretch_that_nobody_saw_for_long_is_an_alert_that_ends_when_it_is_seen(road: Any) -> None:
    stored = store(road.engine, found())
    today = datetime.now(UTC).date()

    def looked(share: float, on: date) -> None:
        with connect.transaction(road.engine) as conn:
            conn.execute(
                text("""INSERT INTO visibility (run_id, segment_id, share, covered_share, observed_on)
                        SELECT :run, id, :share, 1, :on FROM segment
                        WHERE alignment_id = current_alignment() AND km_from >= 650 AND km_to <= 655
                        ON CONFLICT DO NOTHING"""),
                {"run": stored.run_id, "share": share, "on": on},
            )

    def blind() -> list[alerts.AlertRecord]:
        with connect.transaction(road.engine) as conn:
            look_out(conn, "worker")
            return [one for one in alerts.list_alerts(conn, state="live") if one.kind == "blind"]

    assert blind() == [], "of what nothing was ever taken there is no news"
    looked(0.9, today - timedelta(days=40))
    (raised,) = blind()
    assert raised.chainage_from_km == pytest.approx(650, abs=0.001)
    assert raised.chainage_to_km == pytest.approx(655, abs=0.001)
    assert "40" in raised.description["en"]
    assert [one.id for one in blind()] == [raised.id], "the same day brings no other"
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE visibility SET observed_on = :on"), {"on": today - timedelta(days=2)})
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        process_findings(conn, blind_findings(visibility.last_good_looks(conn), tomorrow), "worker")
        assert alerts.get_alert(conn, raised.id).state == "resolved"
    assert BLIND_DAYS < 30
