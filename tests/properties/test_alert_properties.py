from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from alerts import cap, feed, texts
from alerts.deliver import retry_in
from alerts.drafting import Occasion, StoredRule, best_rule, is_told, new_alert, renewed_alert, story
from alerts.grouping import group_changes, group_key, stretch
from alerts.rulefile import load_rules
from alerts.rules import evaluate, misses
from alerts.settings import AlertSettings
from alerts.states import (
    CERTAINTIES,
    CLOSED,
    LIVE,
    SEVERITIES,
    STATES,
    STEPS,
    certainty,
    highest,
    next_action,
    possible,
    step,
)
from hazard_db.alerts import AlertMessage, Facts, LiveAlert, Reference
from hazard_db.errors import ConflictError

RULES = [StoredRule(number, 1, rule) for number, rule in enumerate(load_rules().rules, start=1)]
NOW = datetime(2026, 7, 1, tzinfo=UTC)

days = st.dates(date(2015, 6, 1), date(2026, 6, 30))
nasty = st.text(
    st.characters(codec="utf8") | st.sampled_from("\x00\x07\u202e\u2028\ufffe<&>]\r\n\ud7ff،滑"), max_size=400
)


@st.composite
def facts(draw: st.DrawFn, number: int = 1) -> Facts:
    low = draw(st.floats(0, 800))
    high = low + draw(st.sampled_from([0.0, 0.1, 0.7, 6.0]))
    seen = sorted(draw(st.sets(days, min_size=1, max_size=3)))
    return Facts(
        id=number, kind=draw(st.sampled_from(["landslide", "lake", "glacier"])),
        status=draw(st.sampled_from(["candidate", "candidate", "confirmed", "false_alarm"])),
        confidence=draw(st.floats(0, 1)), area_m2=draw(st.floats(0, 1e7)), area_uncertainty_m2=draw(st.floats(0, 1e5)),
        first_date=seen[0], last_date=seen[-1], seen_on=tuple(seen),
        methods=draw(st.sampled_from([("a",), ("a", "b")])), chainage_km=(low + high) / 2, chainage_from_km=low,
        chainage_to_km=high, offset_m=draw(st.none() | st.floats(0, 50_000)), side=draw(st.sampled_from(["left", "right", "on", None])),
        alignment_id=1, alignment="v1", road_accuracy_m=draw(st.sampled_from([0.0, 300.0])), road_is_infill=draw(st.booleans()),
        consequence=draw(st.integers(1, 4)), place=draw(st.none() | nasty),
    )  # fmt: skip


@st.composite
def several(draw: st.DrawFn) -> list[Facts]:
    return [draw(facts(number)) for number in range(1, draw(st.integers(1, 12)) + 1)]


@given(st.lists(st.sampled_from(sorted(STEPS))), st.sampled_from(STATES))
def test_no_way_leads_out_of_the_machine(actions: list[Any], state: Any) -> None:
    for action in actions:
        if action in possible(state):
            state = step(state, action)
            assert state in STATES
        else:
            with pytest.raises(ConflictError):
                step(state, action)
        if state in CLOSED:
            assert possible(state) == ()


def test_every_live_state_can_end_and_every_state_can_be_reached() -> None:
    for state in LIVE:
        assert {"mark_false_alarm", "expire"} <= set(possible(state))
    reached = {"candidate"}
    while more := {way.target for way in STEPS.values() if way.sources & reached} - reached:
        reached |= more
    assert reached == set(STATES)


@given(
    st.sampled_from(sorted(LIVE)),
    st.sampled_from(["candidate", "open"]),
    st.sampled_from(SEVERITIES),
    st.sampled_from(SEVERITIES),
)
def test_a_new_look_only_takes_allowed_steps(state: Any, wanted: Any, before: str, now: str) -> None:
    action = next_action(state, wanted=wanted, before=before, now=now)
    assert action is None or action in possible(state)
    if state in {"open", "acknowledged", "escalated"}:
        assert action is None or STEPS[action].target != "candidate"


@given(facts())
def test_a_rule_either_speaks_or_says_why_not(change: Facts) -> None:
    for rule in RULES:
        decision = evaluate(rule.rule, change)
        assert (decision is None) == bool(misses(rule.rule, change))
        assert certainty(change) in CERTAINTIES
        if decision is not None:
            assert decision.distance_m <= rule.rule.max_distance_m
            larger = evaluate(rule.rule, replace(change, area_m2=change.area_m2 * 10, consequence=4))
            assert larger is not None
            assert highest(SEVERITIES, [decision.severity, larger.severity]) == larger.severity


@given(several(), st.randoms())
def test_groups_keep_every_change_once(listed: list[Facts], chance: Any) -> None:
    live = [
        LiveAlert(
            9,
            "landslide",
            "open",
            scope,
            f"key {scope}",
            "Minor",
            "Possible",
            "Future",
            100.0,
            101.0,
            1,
            (99,),
            {},
            {},
            NOW,
        )
        for scope in ("Public", "Restricted")
    ]
    groups = group_changes(listed, live, distance_m=500, span_km=5)
    members = [change.id for group in groups for change in group.changes]
    assert sorted(members) == [change.id for change in listed]
    taken: set[str] = {alert.group_key for alert in live}
    for group in groups:
        assert {change.kind for change in group.changes} == {group.kind}
        longest = max(5.0, *(high - low for low, high in map(stretch, group.changes)))
        assert group.km_to - group.km_from <= longest + 1e-9
        assert all(group.km_from <= low and high <= group.km_to for low, high in map(stretch, group.changes))
        if group.alert is not None and group.alert.scope == "Public":
            assert {change.status for change in group.changes} == {"confirmed"}
        if group.alert is None:
            key = group_key(group, taken)
            assert key not in taken
            taken.add(key)
    shuffled = list(listed)
    chance.shuffle(shuffled)
    again = group_changes(shuffled, live, distance_m=500, span_km=5)
    assert [[change.id for change in group.changes] for group in again] == [
        [change.id for change in group.changes] for group in groups
    ]


@given(several())
def test_nothing_new_is_told_twice(listed: list[Facts]) -> None:
    same = [replace(change, kind="landslide") for change in listed if change.status != "false_alarm"]
    findings = [found for change in same if (found := best_rule(RULES, change)) is not None]
    if not findings:
        return
    draft = new_alert(findings, "key", Occasion(NOW, 1, "me"))
    assert all(len(text) <= texts.HEADLINE_LENGTH for text in draft.headline.values())
    alert = LiveAlert(
        5, draft.kind, draft.state, "Restricted", "key", draft.severity, draft.certainty, draft.urgency, 0.0, 1.0, 1,
        draft.change_ids, draft.evidence, draft.headline, draft.expires_at,
    )  # fmt: skip
    kept = [found.change for found in findings]
    again = renewed_alert(alert, kept, RULES, Occasion(NOW + timedelta(hours=1), 2, "me"), sighted=True)
    assert not again.notify
    assert (again.state, again.severity, again.expires_at) == (draft.state, draft.severity, draft.expires_at)
    assert again.evidence["runs"] == [1, 2]
    late = renewed_alert(alert, kept, RULES, Occasion(draft.expires_at - timedelta(hours=1), 2, "me"), sighted=True)
    assert late.notify, "who relies on the end of the alert must learn that it goes on"
    assert late.expires_at > draft.expires_at
    tightened = renewed_alert(alert, kept, [], Occasion(NOW, 3, "me"), sighted=False)
    assert (tightened.severity, tightened.rule_id) == (draft.severity, draft.rule_id)
    told = story(kept)
    assert told.area_m2 >= max(change.area_m2 for change in kept)


@given(facts(), st.sampled_from(STATES), st.floats(0, 1e7))
def test_a_live_alert_is_never_raised_twice_and_an_open_danger_never_forgotten(
    change: Facts, state: Any, area: float
) -> None:
    from hazard_db.alerts import AlertLink

    linked = replace(change, links=(AlertLink(1, state, "Public", area, (3,)),))
    assert is_told(linked, 3, 0.5)
    if state in LIVE:
        assert is_told(linked, 4, 0.5)
    if state in {"expired", "false_alarm"}:
        assert not is_told(linked, 4, 0.5)
    if state == "resolved":
        assert is_told(linked, 4, 0.5) == (change.area_m2 < 1.5 * area)


@st.composite
def messages(draw: st.DrawFn) -> AlertMessage:
    words = draw(st.fixed_dictionaries({"en": nasty, "zh": nasty, "ur": nasty}))
    place, km = draw(st.none() | nasty), draw(st.none() | st.floats(-10, 2000))
    corners = draw(st.lists(st.tuples(st.floats(60, 90), st.floats(20, 55)), min_size=1, max_size=150))
    ends = NOW + draw(st.timedeltas(timedelta(days=-20), timedelta(days=20)))
    content: dict[str, Any] = {
        "identifier": str(UUID(int=1)), "kind": draw(nasty), "severity": draw(st.sampled_from(SEVERITIES)), "certainty": "Likely",
        "urgency": "Expected", "headline": words, "description": words, "raised_at": NOW.isoformat(), "expires_at": ends.isoformat(),
        "chainage_km": km, "chainage_from_km": km, "chainage_to_km": km, "alignment": place,
        "evidence": {"sender": "kkh@example.org", "place": place, "confidence": 0.5},
        "geometry": {"type": "MultiPoint", "coordinates": [list(corner) for corner in corners]},
    }  # fmt: skip
    return AlertMessage(
        id=1, alert_id=2, identifier=UUID(int=3), msg_type=draw(st.sampled_from(["Alert", "Update", "Cancel", "Ack"])),
        state=draw(st.sampled_from(STATES)), scope=draw(st.sampled_from(["Public", "Restricted"])), actor="someone",
        note=draw(st.none() | nasty), sent_at=NOW, content=content, references=(Reference(UUID(int=4), "kkh@example.org", NOW),),
    )  # fmt: skip


@given(messages(), nasty)
def test_whatever_people_write_the_document_is_valid(message: AlertMessage, sender_name: str) -> None:
    root = cap.parse(cap.render(message, "https://kkh.example", sender_name))
    assert cap.check(root) == []
    names = {"c": cap.NAMESPACE}
    headlines: Any = root.xpath("c:info/c:headline", namespaces=names)
    assert len(headlines) == 3
    assert all(len(headline.text or "") <= 160 for headline in headlines)
    vertices: Any = root.xpath("c:info[1]/c:area/c:polygon", namespaces=names)
    assert 4 <= sum(ring.text.count(",") for ring in vertices) <= 100
    assert all(ring.text.split()[0] == ring.text.split()[-1] for ring in vertices)
    if message.state in CLOSED:
        assert cap.expires(message) > message.sent_at
    if message.scope == "Public":
        etree.fromstring(feed.atom([message], "https://kkh.example", author=sender_name))


@given(st.integers(1, 1000))
def test_waiting_grows_and_stays_within_bounds(attempt: int) -> None:
    settings = AlertSettings()
    wait = retry_in(attempt, settings).total_seconds()
    assert 0.8 * settings.delivery_first_retry_s <= wait <= 1.2 * settings.delivery_longest_wait_s
