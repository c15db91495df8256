"""Alerts that two sides act on at once, and what is done to rules, silences and subscriptions while an alert is open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.run import cap_document, process_findings, process_run
from alerts.settings import AlertSettings
from hazard_db import alerts, connect
from hazard_db.errors import ConflictError
from tests.integration.test_alerts_raising import detect, found, queued, road, store, subscribe
from tests.integration.test_alerts_silences import HOUR, run, silence, states
from tests.integration.test_alerts_triggers import gauge

__all__ = ["road"]


def told(engine: Any, alert_id: int) -> list[str]:
    with connect.transaction(engine) as conn:
        return [one.msg_type for one in alerts.events_of(conn, alert_id)]


def against(engine: Any, first: Callable[[Any], Any], second: Callable[[Any], Any]) -> list[Any]:
    """Return what came of the second of two transactions, which has to wait for the first one's end."""
    outcome: list[Any] = []

    def other() -> None:
        try:
            with connect.transaction(engine) as conn:
                outcome.append(second(conn))
        except ConflictError as error:
            outcome.append(str(error))

    with connect.transaction(engine) as conn:
        first(conn)
        waiting = threading.Thread(target=other)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive(), "it must wait"
    waiting.join(30)
    return outcome


@pytest.mark.parametrize("acknowledged_first", [True, False])
def test_acknowledging_races_the_end_that_looks_show(road: Any, acknowledged_first: bool) -> None:
    (raised,) = process_findings(road.engine, [gauge(0)], "watch")
    calm = [gauge(hour, shows=False) for hour in (1, 2, 3)]

    def take(conn: Any) -> str:
        return alerts.acknowledge(conn, raised.id, "bilal").state

    def end(conn: Any) -> str:
        return process_findings(conn, calm, "watch")[0].state

    first, second = (take, end) if acknowledged_first else (end, take)
    (outcome,) = against(road.app_engine, first, second)
    with connect.transaction(road.engine) as conn:
        assert alerts.get_alert(conn, raised.id).state == "resolved"
    if acknowledged_first:
        assert (outcome, told(road.engine, raised.id)) == ("resolved", ["Alert", "Ack", "Cancel"])
    else:
        assert "is resolved" in outcome
        assert told(road.engine, raised.id) == ["Alert", "Cancel"]


def test_a_rule_that_goes_while_its_alert_is_open_takes_nothing_back(road: Any, tmp_path: Path) -> None:
    """No rule asks for slides any more: the alert stays as serious as it was, is not raised twice, and a person ends it."""
    first = detect(road.engine, found())[0]
    none = tmp_path / "rules.yml"
    none.write_text("version: none\nrules: []\n")
    later = store(road.engine, found(last_date=date(2026, 6, 25)), name="b").run_id
    (again,) = process_run(road.engine, later, "watch", settings=AlertSettings(alert_rules=none))
    assert (again.id, again.new, again.state, again.severity) == (first.id, False, "open", first.severity)
    other = store(road.engine, found(lon=74.6, lat=36.31), name="c").run_id
    assert process_run(road.engine, other, "watch", settings=AlertSettings(alert_rules=none)) == []
    assert run(road.engine, alerts.resolve, first.id, "bilal").state == "resolved"


def test_looks_do_not_end_what_no_rule_watches_over(road: Any, tmp_path: Path) -> None:
    (raised,) = process_findings(road.engine, [gauge(0)], "watch")
    none = AlertSettings(alert_rules=tmp_path / "rules.yml")
    (tmp_path / "rules.yml").write_text("version: none\nrules: []\n")
    process_findings(road.engine, [gauge(hour, shows=False) for hour in (1, 2, 3)], "watch", settings=none)
    with connect.transaction(road.engine) as conn:
        assert alerts.get_alert(conn, raised.id).state == "open"


def test_a_silence_in_the_middle_of_an_alert(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    first = detect(road.engine, found())[0]
    made = silence(road.engine, chainage_from_km=600, chainage_to_km=700)
    for number, area in enumerate((60_000.0, 90_000.0)):
        detect(road.engine, found(area_m2=area, last_date=date(2026, 6, 22 + number)), name=f"b{number}")
    assert states(road.engine) == [("Alert", "waiting"), ("Update", "withheld"), ("Update", "withheld")]
    run(road.engine, alerts.end_silence, made.id, "amina")
    (number,) = run(road.engine, alerts.release)
    assert states(road.engine) == [("Alert", "waiting"), ("Update", "withheld"), ("Update", "waiting")]
    assert run(road.engine, alerts.release) == [], "once"
    with connect.transaction(road.engine) as conn:
        assert {one.id: one.status for one in alerts.deliveries(conn, alert_id=first.id)}[number] == "waiting"


def test_references_after_several_updates_name_every_message_but_acknowledgements(road: Any) -> None:
    first = detect(road.engine, found(area_m2=900.0))[0]
    for number, area in enumerate((9_000.0, 60_000.0, 300_000.0)):
        detect(road.engine, found(area_m2=area, last_date=date(2026, 6, 21 + number)), name=f"b{number}")
        with connect.transaction(road.engine) as conn:
            alerts.acknowledge(conn, first.id, "bilal")
    run(road.engine, alerts.resolve, first.id, "bilal")
    with connect.transaction(road.engine) as conn:
        earlier = [one for one in alerts.events_of(conn, first.id) if one.msg_type != "Ack"][:-1]
        document = parse(cap_document(conn, first.id, public_only=False))
    references = (document.findtext("{*}references") or "").split()
    assert check(document) == []
    assert document.findtext("{*}msgType") == "Cancel"
    assert [one.split(",")[1] for one in references] == [str(one.identifier) for one in earlier]
    assert len({one.split(",")[1] for one in references}) == len(references) >= 4


def test_a_segment_that_opens_is_told_of_again_and_closes_again(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE closure SET withdrawn_at = now()"))
        conn.execute(text(CLOSE))
    (raised,) = detect(road.engine, found(area_m2=900.0))
    assert (raised.severity, states(road.engine)) == ("Minor", [("Alert", "withheld")])
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE closure SET opened_at = now() WHERE withdrawn_at IS NULL"))
    assert len(run(road.engine, alerts.release)) == 1
    with connect.transaction(road.engine) as conn:
        conn.execute(text(CLOSE))
        alerts.escalate(conn, raised.id, "amina")
    assert states(road.engine) == [("Alert", "waiting"), ("Update", "withheld")]
    run(road.engine, alerts.resolve, raised.id, "amina")
    assert states(road.engine)[-1] == ("Cancel", "waiting"), "who knows of it is told its end"


CLOSE = """INSERT INTO closure (chainage_from_km, chainage_to_km, closed_at, cause, source)
           VALUES (600, 700, now() - interval '1 hour', 'landslide', 'police')"""


@pytest.mark.parametrize(("hour", "karachi", "kashgar"), [(15, False, True), (18, True, True), (23, True, False)])
def test_quiet_across_midnight_on_both_sides_of_the_pass(
    database: Any, hour: int, karachi: bool, kashgar: bool
) -> None:
    moment = datetime(2026, 7, 1, hour, 0, tzinfo=UTC)
    with connect.transaction(database.app_engine) as conn:
        asked = text("SELECT is_quiet(time '22:00', time '06:00', :zone, :at)")
        quiet = [conn.scalar(asked, {"zone": zone, "at": moment}) for zone in ("Asia/Karachi", "Asia/Shanghai")]
    assert quiet == [karachi, kashgar]


def test_what_became_worse_goes_up_the_chain_where_the_first_does_not_answer_again(road: Any) -> None:
    """Who acknowledged the small slide may be asleep when it has become a large one."""
    subscribe(road.engine, "deputy", scope="Restricted", min_severity="Extreme", hazards=("lake",))
    subscribe(road.engine, "duty", scope="Restricted", escalate_to="deputy", escalate_after_min=10)
    first = detect(road.engine, found(area_m2=900.0))[0]
    run(road.engine, alerts.acknowledge, first.id, "bilal")
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET queued_at = queued_at - interval '1 hour'"))
    assert run(road.engine, alerts.pass_on) == []
    (worse,) = detect(road.engine, found(area_m2=200_000.0, last_date=date(2026, 6, 25)), name="b")
    assert worse.state == "escalated"
    assert run(road.engine, alerts.pass_on) == [], "the first has ten minutes for the new word"
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET queued_at = queued_at - interval '11 minutes'"))
    assert len(run(road.engine, alerts.pass_on)) == 1
    assert queued(road.engine)[-1] == ("deputy", first.id, "Update")


def test_what_a_person_passes_on_reaches_the_next_at_once_and_nobody_else(road: Any) -> None:
    subscribe(road.engine, "director", scope="Restricted", min_severity="Extreme", hazards=("lake",))
    for name, following in (("deputy", "director"), ("duty", "deputy")):
        narrow = {"min_severity": "Extreme", "hazards": ("lake",)} if name == "deputy" else {}
        subscribe(road.engine, name, scope="Restricted", escalate_to=following, escalate_after_min=600, **narrow)
    (first,) = detect(road.engine, found())
    detect(road.engine, found(lon=74.62, lat=36.31), name="b")
    run(road.engine, alerts.escalate, first.id, "amina")
    assert [one for one in queued(road.engine) if one[0] != "duty"] == [("deputy", first.id, "Update")]
    assert run(road.engine, alerts.pass_on) == [], "neither the director nor the other alert is due"


def test_a_broken_channel_does_not_stop_the_chain(road: Any) -> None:
    subscribe(road.engine, "deputy", scope="Restricted", min_severity="Extreme", hazards=("lake",))
    subscribe(road.engine, "duty", scope="Restricted", escalate_to="deputy", escalate_after_min=10)
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        (claim,) = alerts.claim_deliveries(conn, 5)
        gone = alerts.mark_failed(
            conn, claim, "no such address", retry_in=HOUR, give_up_after=timedelta(0), bounced=True
        )  # fmt: skip
        conn.execute(text("UPDATE delivery SET queued_at = queued_at - interval '11 minutes'"))
    assert gone == "failed"
    assert len(run(road.engine, alerts.pass_on)) == 1
    assert queued(road.engine)[-1] == ("deputy", first.id, "Alert")


def test_a_thousand_changes_are_one_message_to_each_of_three_channels(road: Any) -> None:
    for name in ("mail", "hook", "sms"):
        subscribe(road.engine, name, scope="Restricted")
    with connect.transaction(road.engine) as conn:
        line = conn.execute(
            text("""SELECT ST_X(p), ST_Y(p) FROM generate_series(60, 799, 0.739) AS km,
                    point_at_chainage(km, current_alignment()) AS p""")
        ).all()
    bad = store(road.engine, *[found(lon=x, lat=y, size=0.0003, area_m2=900.0) for x, y in line], name="bad scene")
    for _ in range(3):
        process_run(road.engine, bad.run_id, "watch")
    assert len(bad.new) > 900
    assert [(name, kind) for name, _, kind in queued(road.engine)] == [
        (name, "Alert") for name in ("mail", "hook", "sms")
    ]
