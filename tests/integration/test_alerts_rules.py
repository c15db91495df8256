"""Rules changed by people: tried before, kept with their reasons, taken back; the same as YAML and in the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts import rulebook
from alerts.rulefile import load_rules
from alerts.rules import AlertRule, RuleBook, parse_rule
from alerts.run import rules_in_force
from alerts.settings import AlertSettings
from api.texts import texts
from hazard_db import accounts, alerts, connect
from hazard_db.errors import ConflictError, InputError, NotFoundError
from tests.api_client import TestClient
from tests.integration.test_alerts_raising import detect, found

PASSWORD = "a long enough password"
PAGE = {"Accept": "text/html"}


@given(rule=st.sampled_from(load_rules().rules), distance=st.floats(0, 100_000), confidence=st.floats(0, 1))
def test_a_rule_written_and_read_is_the_same(rule: AlertRule, distance: float, confidence: float) -> None:
    changed = AlertRule.model_validate({**rule.model_dump(), "max_distance_m": distance, "min_confidence": confidence})
    assert rulebook.read_rule(rulebook.written(changed)) == changed


def test_what_cannot_be_read_is_told_in_a_line() -> None:
    for text, told in (
        ("a: [", "not YAML"),
        ("just words", "lines of"),
        ("name: x", "kinds"),
        ("{name: x, aliens: 1}", "the rule"),
    ):
        with pytest.raises(InputError, match=told):
            rulebook.read_rule(text)


def test_versions_are_kept_and_a_file_leaves_alone_what_was_changed_here(database: Any) -> None:
    settings = AlertSettings()
    with connect.transaction(database.app_engine) as conn:
        connect.actor(conn, "amina")
        stored = rules_in_force(conn, settings)[0]
        wider = stored.rule.model_copy(update={"max_distance_m": 450.0})
        with pytest.raises(InputError, match="why"):
            rulebook.save(conn, wider, " ")
        rulebook.save(conn, wider, "blocks came from higher up", expected=1)
        with pytest.raises(ConflictError, match="version 2"):
            rulebook.save(conn, wider, "again", expected=1)
        assert {one.rule.name: one.rule.max_distance_m for one in rules_in_force(conn, settings)}[wider.name] == 450
        versions = alerts.rule_versions(conn, stored.id)
        assert (versions[0].version, versions[0].why, versions[0].changed_by) == (
            2,
            "blocks came from higher up",
            "amina",
        )
        exported = RuleBook.model_validate(yaml.safe_load(rulebook.exported(alerts.all_rules(conn))))
        assert {rule.name for rule in exported.rules} == {rule.name for rule in load_rules().rules}
        assert rulebook.import_book(conn, exported, "the same") == []
        back = alerts.roll_back(conn, stored.id, 1, "too many")
        assert (back.version, parse_rule(back.definition)) == (3, stored.rule)
        assert back.definition["source"] == "file"
        with pytest.raises(NotFoundError):
            alerts.roll_back(conn, stored.id, 9, "no")
        rulebook.save(conn, wider, "off for now", enabled=False)
        assert wider.name not in {one.rule.name for one in rules_in_force(conn, settings)}


def _field(page: str, name: str) -> str:
    made = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert made
    return made[1]


def test_a_rule_is_tried_on_the_last_year_before_it_can_be_saved(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "amina", "engineer", PASSWORD)
    detect(database.engine, found())
    token = _field(client.get("/login", headers=PAGE).text, "csrf")
    client.post("/login", data={"csrf": token, "name": "amina", "password": PASSWORD}, headers=PAGE)
    listed = client.get("/alerts/rules", headers={"Accept": "application/json"}).json()
    number = next(one["id"] for one in listed if one["name"] == "change at the road")
    page = client.get(f"/alerts/rules/{number}", headers=PAGE).text
    with connect.transaction(database.engine) as conn:
        rule = parse_rule(alerts.get_rule(conn, number).definition).model_copy(update={"min_area_m2": 1e6})
    form = {
        "csrf": _field(page, "csrf"), "expected": _field(page, "expected"), "rule": rulebook.written(rule), "enabled": "true",
        "why": "only large ones", "save": "1", "tried": "",
    }  # fmt: skip
    tried = client.post("/alerts/rules", data=form, headers=PAGE)
    assert tried.status_code == 200
    assert "would have raised 0 alerts from 0 findings" in tried.text
    assert "As it stands now: 1 alerts" in tried.text
    assert client.post("/alerts/rules", data={**form, "csrf": "x"}, headers=PAGE).status_code == 403
    form["tried"] = _field(tried.text, "tried")
    other = client.post("/alerts/rules", data={**form, "rule": form["rule"] + "\n# more"}, headers=PAGE)
    assert other.status_code == 200  # not what was tried: tried again instead of saved
    assert client.post("/alerts/rules", data=form, headers=PAGE).status_code == 303
    stale = client.post("/alerts/rules", data=form, headers=PAGE)
    assert stale.status_code == 422
    assert "version 2 by now" in stale.text
    for lang in ("en", "zh", "ur"):
        page = client.get(f"/alerts/rules/{number}?lang={lang}", headers=PAGE).text
        assert "only large ones" in page and "amina" in page and "min_area_m2: 1000000.0" in page
        assert texts()["rules.title"][lang] in client.get(f"/alerts/rules?lang={lang}", headers=PAGE).text
        assert client.get(f"/alerts/rules/new?lang={lang}", headers=PAGE).status_code == 200
    back = client.post(
        f"/alerts/rules/{number}/back", headers=PAGE, data={"csrf": form["csrf"], "version": "1", "why": "back"}
    )
    assert back.status_code == 303


def test_roles_and_programs(client: TestClient, key: Callable[..., dict[str, str]]) -> None:
    text = rulebook.written(load_rules().rules[0])
    assert client.get("/alerts/rules").status_code == 401
    assert client.get("/alerts/rules", headers=key("field")).status_code == 403
    assert client.post("/alerts/rules", headers=key("reviewer"), json={"rule": text, "why": "x"}).status_code == 403
    tried = client.post("/alerts/rules/try", headers=key("reviewer", "b"), json={"rule": text}).json()
    assert tried["wanted"]["alerts"] == 0
    saved = client.post("/alerts/rules", headers=key("engineer"), json={"rule": text, "why": "x", "enabled": True})
    assert saved.status_code == 200
    export = client.get("/alerts/rules.yml", headers=key("reviewer", "c")).text
    assert RuleBook.model_validate(yaml.safe_load(export)).rules[0].name == "change at the road"
