from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text

from alerts.rulefile import load_rules
from alerts.run import process_run, review_change
from alerts.trial import Trial, try_rule
from hazard_db import alerts, connect
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import found, store


def test_rules_are_tried_and_verdicts_are_counted(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        line = conn.execute(
            text("""SELECT ST_X(p), ST_Y(p) FROM unnest(ARRAY[640, 650, 660]) AS km,
                    point_at_chainage(km, current_alignment()) AS p""")
        ).all()
    stored = store(database.engine, *(found(lon=lon, lat=lat) for lon, lat in line))
    raised = process_run(database.engine, stored.run_id, "watch")
    assert len(raised) == 3
    with connect.transaction(database.engine) as conn:
        review_change(conn, stored.new[0], "confirmed", "amina")
        review_change(conn, stored.new[1], "false_alarm", "amina", "a shadow")
    with connect.transaction(database.engine) as conn:
        facts = alerts.facts_since(conn, date(2026, 1, 1))
        assert alerts.facts_since(conn, date(2026, 7, 1)) == []
    book = load_rules()
    trials = {rule.name: try_rule(rule, facts) for rule in book.rules}
    all_three = Trial("large change above the road", 3, 1, 1, 1, 3)
    assert trials[all_three.rule] == all_three
    assert trials["rain that is rare here"].alerts == 0
    strict = book.rules[1].model_copy(update={"min_area_m2": 50_000.0})
    assert try_rule(strict, facts).alerts == 0
    by_name = {one["name"]: one for one in client.get("/alerts/reliability").json()}
    assert (by_name["matched_filter"]["hit_rate"], by_name["matched_filter"]["total"]) == (0.5, 3)
    assert sum(one["confirmed"] for one in by_name.values() if one["by"] == "rule") == 1
    assert sum(one["false_alarms"] for one in by_name.values() if one["by"] == "rule") == 1
    for lang in ("en", "zh", "ur"):
        page = client.get(f"/alerts/reliability?lang={lang}", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "50 %" in page.text


def test_the_sentence_of_a_trial() -> None:
    assert str(Trial("x", 14, 3, 2, 9, 20)).startswith("x: would have raised 14 alerts from 20 findings; 3 confirmed")
