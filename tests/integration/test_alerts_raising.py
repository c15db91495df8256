from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.run import AlertSummary, cap_document, open_feed, process_run, review_change
from alerts.settings import AlertSettings
from hazard_db import alerts, changes, connect, seed
from hazard_db.connect import Engine
from hazard_db.errors import ConflictError, InputError, NotFoundError

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ATTABAD = (74.8675, 36.3368)


@pytest.fixture
def road(database: Any) -> Iterator[Any]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    yield database


def found(lon: float = ATTABAD[0], lat: float = ATTABAD[1], **values: Any) -> changes.ChangeRecord:
    size = values.pop("size", 0.002)
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    defaults: dict[str, Any] = {
        "kind": "landslide", "geometry": {"type": "Polygon", "coordinates": [ring]}, "confidence": 0.8, "magnitude": 6.0,
        "area_m2": 40_000.0, "area_uncertainty_m2": 4_000.0, "mean_slope_deg": 31.0, "observed_share": 1.0,
        "first_date": date(2026, 6, 1), "last_date": date(2026, 6, 20),
    }  # fmt: skip
    return changes.ChangeRecord(**(defaults | values))


def store(
    engine: Engine, *listed: changes.ChangeRecord, name: str = "a", method: str = "matched_filter"
) -> changes.StoredChanges:
    run = changes.RunRecord("landslide", method, "1", {}, [], name, "test", NOW, NOW, 0.9, {}, None)
    with connect.transaction(engine) as conn:
        return changes.store_run(conn, run, listed, [])


def detect(engine: Engine, *listed: changes.ChangeRecord, name: str = "a", **more: Any) -> list[AlertSummary]:
    return process_run(engine, store(engine, *listed, name=name, **more).run_id, "watch")


def subscribe(engine: Engine, name: str, **values: Any) -> alerts.Subscription:
    with connect.transaction(engine) as conn:
        return alerts.add_subscription(conn, alerts.Subscription(name, "file", name, **values))


def queued(engine: Engine) -> list[tuple[str, int, str]]:
    with connect.transaction(engine) as conn:
        rows = conn.execute(
            text("""SELECT s.name, e.alert_id, e.msg_type FROM delivery d JOIN alert_event e ON e.id = d.alert_event_id
                    JOIN subscription s ON s.id = d.subscription_id ORDER BY d.id""")
        )
        return [tuple(row) for row in rows]


def count(engine: Engine, table: str) -> int:
    with connect.transaction(engine) as conn:
        return conn.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def test_a_change_near_the_road_raises_one_restricted_alert(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    subscribe(road.engine, "public")
    raised = detect(road.engine, found())
    assert len(raised) == 1
    assert raised[0].new
    with connect.transaction(road.engine) as conn:
        alert = alerts.get_alert(conn, raised[0].id)
        told = alerts.events_of(conn, alert.id)
        document = parse(cap_document(conn, alert.id, public_only=False))
    assert (alert.state, alert.scope, alert.certainty) == ("open", "Restricted", "Possible")
    assert alert.severity in {"Moderate", "Severe"}
    assert set(alert.headline) == {"en", "zh", "ur"}
    assert alert.chainage_km is not None
    assert alert.evidence["reasons"]
    assert [(one.msg_type, one.scope, one.references) for one in told] == [("Alert", "Restricted", ())]
    assert check(document) == []
    assert queued(road.engine) == [("duty", alert.id, "Alert")]


def test_evaluating_a_run_again_changes_nothing(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    stored = store(road.engine, found())
    assert len(process_run(road.engine, stored.run_id, "watch")) == 1
    before = [count(road.engine, table) for table in ("alert", "alert_event", "delivery", "alert_rule")]
    with connect.transaction(road.engine) as conn:
        rules = conn.execute(text("SELECT name, version FROM alert_rule ORDER BY id")).all()
    for _ in range(3):
        assert process_run(road.engine, stored.run_id, "watch") == []
    assert [count(road.engine, table) for table in ("alert", "alert_event", "delivery", "alert_rule")] == before
    with connect.transaction(road.engine) as conn:
        assert conn.execute(text("SELECT name, version FROM alert_rule ORDER BY id")).all() == rules
        alerts.resolve(conn, 1, "amina")
    assert process_run(road.engine, stored.run_id, "watch") == []


def test_nothing_far_small_doubtful_or_refused_is_raised(road: Any) -> None:
    far = found(lon=75.3, lat=36.2)
    doubtful = found(confidence=0.1)
    assert detect(road.engine, far, doubtful) == []
    stored = store(road.engine, found(lon=74.86, lat=36.33), name="b")
    with connect.transaction(road.engine) as conn:
        changes.review(conn, stored.new[0], "false_alarm", "amina")
    assert process_run(road.engine, stored.run_id, "watch") == []
    assert count(road.engine, "alert") == 0


def test_neighbours_are_one_alert_and_a_thousand_changes_are_few(road: Any) -> None:
    near = [found(lon=ATTABAD[0] + 0.0015 * step, size=0.0005) for step in range(4)]
    assert len(detect(road.engine, *near)) == 1
    with connect.transaction(road.engine) as conn:
        line = conn.execute(
            text(
                """SELECT ST_X(p), ST_Y(p) FROM generate_series(640, 655, 0.05) AS km, point_at_chainage(km, current_alignment()) AS p"""
            )
        ).all()
    bad = [found(lon=x, lat=y, size=0.0003, area_m2=900.0) for x, y in line]
    subscribe(road.engine, "duty", scope="Restricted")
    stored = store(road.engine, *bad, name="bad scene")
    raised = process_run(road.engine, stored.run_id, "watch")
    assert 1 <= len(raised) <= 8
    spoken_of = {number for one in raised for number in one.change_ids}
    assert len(stored.new) > 200
    assert set(stored.new) <= spoken_of, "none of them is lost"
    assert len(queued(road.engine)) == len(raised)


def test_a_thousand_changes_along_the_whole_road_are_one_message_and_hide_nothing_later(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    with connect.transaction(road.engine) as conn:
        line = conn.execute(
            text("""SELECT ST_X(p), ST_Y(p) FROM generate_series(60, 799, 0.739) AS km,
                    point_at_chainage(km, current_alignment()) AS p""")
        ).all()
    bad = [found(lon=x, lat=y, size=0.0003, area_m2=900.0) for x, y in line]
    stored = store(road.engine, *bad, name="bad scene")
    assert len(stored.new) > 900
    (raised,) = process_run(road.engine, stored.run_id, "watch")
    assert set(raised.change_ids) == set(stored.new), "none of them is lost"
    assert "places in one look" in raised.headline
    assert queued(road.engine) == [("duty", raised.id, "Alert")]
    with connect.transaction(road.engine) as conn:
        assert check(parse(cap_document(conn, raised.id, public_only=False))) == []
    (later,) = detect(road.engine, found(lon=ATTABAD[0] + 0.01), name="good scene")
    assert (later.new, later.change_ids) == (True, (max(stored.new) + 1,)), "a slide found later is no part of it"
    assert [kind for _, _, kind in queued(road.engine)] == ["Alert", "Alert"]


def test_seen_again_joins_its_alert_and_is_likely(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    first = detect(road.engine, found())[0]
    again = detect(road.engine, found(lon=74.8676, last_date=date(2026, 6, 25)), name="b")
    assert [(one.id, one.new, one.message, one.certainty) for one in again] == [(first.id, False, "Update", "Likely")]
    same = detect(road.engine, found(lon=74.8676, last_date=date(2026, 6, 25)), name="reprocessed")
    with connect.transaction(road.engine) as conn:
        alert = alerts.get_alert(conn, first.id)
        told = alerts.events_of(conn, first.id)
    assert [one.certainty for one in same] == ["Likely"]
    assert alert.raise_count == 3
    assert [len(one.references) for one in told] == [0, 1, 2]
    assert [kind for _, _, kind in queued(road.engine)] == ["Alert", "Update"], "a third look tells nothing new"


def test_a_second_detector_makes_it_likely(road: Any) -> None:
    detect(road.engine, found())
    again = detect(road.engine, found(), name="b", method="irmad")
    assert again[0].certainty == "Likely"


def test_a_resolved_slide_is_not_raised_again_unless_it_has_grown(road: Any) -> None:
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        alerts.resolve(conn, first.id, "bilal", "road cleared")
    assert detect(road.engine, found(last_date=date(2026, 6, 25)), name="b") == []
    grown = detect(road.engine, found(last_date=date(2026, 6, 30), area_m2=90_000.0, size=0.003), name="c")
    assert [one.new for one in grown] == [True]
    assert grown[0].id != first.id


def test_an_expired_one_is_raised_again_when_seen_again(road: Any) -> None:
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        assert alerts.expire_due(conn) == []
        assert alerts.expire_due(conn, datetime.now(UTC) + timedelta(days=60)) == [first.id]
        assert alerts.expire_due(conn, datetime.now(UTC) + timedelta(days=60)) == []
        assert alerts.get_alert(conn, first.id).state == "expired"
    again = detect(road.engine, found(last_date=date(2026, 6, 25)), name="b")
    assert [one.new for one in again] == [True]


def test_an_acknowledged_alert_that_worsens_is_escalated(road: Any) -> None:
    first = detect(road.engine, found(area_m2=900.0))[0]
    with connect.transaction(road.engine) as conn:
        alerts.acknowledge(conn, first.id, "bilal")
    worse = detect(road.engine, found(area_m2=200_000.0, last_date=date(2026, 6, 25)), name="b")
    assert [(one.id, one.state) for one in worse] == [(first.id, "escalated")]


def test_restricted_is_never_public_and_approval_makes_it_so(road: Any) -> None:
    subscribe(road.engine, "public")
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        assert b"<entry>" not in open_feed(conn)
        assert alerts.list_alerts(conn, scope="Public") == []
        with pytest.raises(NotFoundError):
            alerts.get_alert(conn, first.id, scope="Public")
        with pytest.raises(NotFoundError):
            cap_document(conn, first.id, public_only=True)
        alerts.acknowledge(conn, first.id, "bilal", "private words")
        approved = alerts.approve(conn, first.id, "amina", "seen from Karimabad")
        feed = open_feed(conn, language="ur")
        public = cap_document(conn, first.id, public_only=True)
        seen = alerts.events_of(conn, first.id, scope="Public")
        with pytest.raises(ConflictError, match="public already"):
            alerts.approve(conn, first.id, "amina")
    assert (approved.scope, approved.certainty, approved.state) == ("Public", "Observed", "acknowledged")
    assert feed.count(b"<entry>") == 1
    assert [one.msg_type for one in seen] == ["Update"]
    for words in (b"amina", b"bilal", b"private words", b"Karimabad", b"Unreviewed"):
        assert words not in public
        assert words not in feed
    assert queued(road.engine) == [("public", first.id, "Update")]
    with connect.transaction(road.engine) as conn:
        alerts.resolve(conn, first.id, "bilal")
        ended = parse(cap_document(conn, first.id, public_only=True))
    assert queued(road.engine)[-1] == ("public", first.id, "Cancel")
    assert check(ended) == []
    with connect.transaction(road.public_engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM published.alerts")) == 1


def test_an_unreviewed_neighbour_does_not_slip_into_a_public_alert(road: Any) -> None:
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        alerts.approve(conn, first.id, "amina")
    beside = detect(road.engine, found(lon=ATTABAD[0] + 0.0025), name="b")
    assert [(one.new, one.scope) for one in beside] == [(True, "Restricted")]
    with connect.transaction(road.engine) as conn:
        assert len(alerts.get_alert(conn, first.id).change_ids) == 1


def test_a_verdict_on_a_change_closes_updates_or_raises(road: Any) -> None:
    one, two = found(), found(lon=ATTABAD[0] + 0.0025)
    stored = store(road.engine, one, two)
    alert = process_run(road.engine, stored.run_id, "watch")[0]
    with connect.transaction(road.engine) as conn:
        review_change(conn, stored.new[0], "confirmed", "amina")
        assert alerts.get_alert(conn, alert.id).certainty == "Observed"
        review_change(conn, stored.new[0], "false_alarm", "amina", "a shadow")
        left = alerts.get_alert(conn, alert.id)
        assert (left.state, left.certainty) == ("open", "Possible")
        assert left.evidence["changes"] == [stored.new[1]]
        review_change(conn, stored.new[1], "false_alarm", "amina")
        assert alerts.get_alert(conn, alert.id).state == "false_alarm"
        assert alerts.events_of(conn, alert.id)[-1].msg_type == "Cancel"
        review_change(conn, stored.new[1], "confirmed", "bilal", "it is one after all")
        again = alerts.list_alerts(conn, state="live")
    assert [(one.certainty, one.change_ids) for one in again] == [("Observed", (stored.new[1],))]


def test_a_false_alarm_stays_quiet(road: Any) -> None:
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        alerts.mark_false_alarm(conn, first.id, "amina", "new snow")
        assert changes.get_change(conn, first.change_ids[0])["status"] == "false_alarm"
    assert detect(road.engine, found(last_date=date(2026, 6, 25)), name="b") == []


def test_acknowledging_twice_and_out_of_turn(road: Any) -> None:
    first = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        one = alerts.acknowledge(conn, first.id, "bilal")
        assert alerts.acknowledge(conn, first.id, "bilal") == one
        with pytest.raises(ConflictError, match="acknowledged \\(by bilal\\)"):
            alerts.acknowledge(conn, first.id, "chen")
        alerts.resolve(conn, first.id, "chen")
        for action in (alerts.acknowledge, alerts.resolve, alerts.escalate, alerts.mark_false_alarm, alerts.approve):
            with pytest.raises(ConflictError, match="resolved"):
                action(conn, first.id, "bilal")
        with pytest.raises(NotFoundError):
            alerts.resolve(conn, 999, "chen")
        with pytest.raises(InputError):
            alerts.list_alerts(conn, state="done")


@pytest.mark.parametrize("first_action", ["acknowledge", "resolve"])
def test_acknowledge_racing_resolve(road: Any, first_action: str) -> None:
    """The second waits for the first to commit and then sees what has become of the alert."""
    alert = detect(road.engine, found())[0]
    second_action = {"acknowledge": "resolve", "resolve": "acknowledge"}[first_action]
    outcome: list[str] = []

    def second() -> None:
        try:
            with connect.transaction(road.app_engine) as conn:
                outcome.append(getattr(alerts, second_action)(conn, alert.id, "chen").state)
        except ConflictError as error:
            outcome.append(str(error))

    with connect.transaction(road.app_engine) as conn:
        getattr(alerts, first_action)(conn, alert.id, "bilal")
        other = threading.Thread(target=second)
        other.start()
        other.join(0.3)
        assert other.is_alive(), "it must wait for the first one's verdict"
    other.join(10)
    with connect.transaction(road.engine) as conn:
        told = [one.msg_type for one in alerts.events_of(conn, alert.id)]
        assert alerts.get_alert(conn, alert.id).state == "resolved"
    if first_action == "acknowledge":
        assert outcome == ["resolved"]
        assert told == ["Alert", "Ack", "Cancel"]
    else:
        assert outcome == [f"alert {alert.id} is resolved (by bilal) already; look again before you decide"]
        assert told == ["Alert", "Cancel"]


def test_two_runs_at_once_raise_one_alert(road: Any) -> None:
    runs = [store(road.engine, found(lon=ATTABAD[0] + 0.003 * number), name=str(number)).run_id for number in range(4)]
    told: list[AlertSummary] = []
    workers = [
        threading.Thread(target=lambda run=run: told.extend(process_run(road.app_engine, run, "w"))) for run in runs
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(one.new for one in told) == [False, False, False, True]
    assert count(road.engine, "alert") == 1


def test_raising_fails_whole(road: Any) -> None:
    subscribe(road.engine, "duty", scope="Restricted")
    run = store(road.engine, found()).run_id
    with pytest.raises(RuntimeError), connect.transaction(road.engine) as conn:
        process_run(conn, run, "watch")
        raise RuntimeError("killed before the commit")
    assert [count(road.engine, table) for table in ("alert", "alert_event", "delivery")] == [0, 0, 0]
    assert len(process_run(road.engine, run, "watch")) == 1


def test_subscribers_get_what_they_asked_for(road: Any) -> None:
    km = detect(road.engine, found(area_m2=2000.0))[0].chainage_km or 0.0
    with connect.transaction(road.engine) as conn:
        conn.execute(text("DELETE FROM delivery; UPDATE segment SET consequence = 3"))
    subscribe(road.engine, "here", scope="Restricted", chainage_from_km=km - 5, chainage_to_km=km + 5)
    subscribe(road.engine, "elsewhere", scope="Restricted", chainage_to_km=km - 50)
    subscribe(road.engine, "grave", scope="Restricted", min_severity="Extreme")
    subscribe(road.engine, "off", scope="Restricted", enabled=False)
    subscribe(road.engine, "open feed")
    worse = detect(road.engine, found(area_m2=50_000.0, last_date=date(2026, 6, 25)), name="b")
    assert [name for name, _, _ in queued(road.engine)] == ["here"]
    subscribe(road.engine, "here", scope="Restricted", min_severity="Extreme")
    with connect.transaction(road.engine) as conn:
        alerts.resolve(conn, worse[0].id, "bilal")
    assert queued(road.engine)[-1] == ("here", worse[0].id, "Cancel"), "who was told of it is told of its end"
    with connect.transaction(road.engine) as conn:
        assert [one.name for one in alerts.subscriptions(conn, enabled_only=True)] == [
            "elsewhere",
            "grave",
            "here",
            "open feed",
        ]
        alerts.remove_subscription(conn, "here")
        with pytest.raises(NotFoundError):
            alerts.get_subscription(conn, "here")
        for wrong in (
            {"language": "fr"},
            {"scope": "All"},
            {"min_severity": "Bad"},
            {"chainage_from_km": 9, "chainage_to_km": 8},
        ):
            with pytest.raises(InputError):
                alerts.add_subscription(conn, alerts.Subscription("x", "file", "x", **wrong))


def test_rules_of_a_file_get_versions(road: Any, tmp_path: Path) -> None:
    from alerts.rulefile import FILE
    from alerts.run import rules_in_force

    own = tmp_path / "rules.yml"
    own.write_text(FILE.read_text().replace("max_distance_m: 300", "max_distance_m: 400"))
    with connect.transaction(road.engine) as conn:
        before = rules_in_force(conn, AlertSettings())
        changed = rules_in_force(conn, AlertSettings(alert_rules=own))
        conn.execute(
            text(
                'UPDATE alert_rule SET definition = definition || \'{"source": "hand", "max_distance_m": 50}\' WHERE id = :id'
            ),
            {"id": before[0].id},
        )
        by_hand = rules_in_force(conn, AlertSettings())
    assert [rule.version for rule in before] == [1] * len(before)
    assert [(rule.version, rule.rule.max_distance_m) for rule in changed[:2]] == [(2, 400), (1, 2000)]
    assert by_hand[0].rule.max_distance_m == 50


def test_lists_are_filtered(road: Any) -> None:
    here = detect(road.engine, found())[0]
    with connect.transaction(road.engine) as conn:
        km = here.chainage_km or 0
        assert [one.id for one in alerts.list_alerts(conn, km=(km + 1, km - 1))] == [here.id]
        assert alerts.list_alerts(conn, km=(km + 20, km + 30)) == []
        assert alerts.list_alerts(conn, since=datetime.now(UTC) + timedelta(hours=1)) == []
        assert alerts.list_alerts(conn, state=["resolved", "expired"]) == []
        assert alerts.list_alerts(conn, limit=1, offset=1) == []
