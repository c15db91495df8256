from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.run import cap_document, process_findings
from hazard_db import alerts, connect, seed
from hazard_db.alerts import Finding
from hazard_db.errors import InputError

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def road(database: Any) -> Iterator[Any]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        alerts.add_subscription(conn, alerts.Subscription("duty", "file", "duty", scope="Restricted"))
    yield database


def gauge(hour: float, *, shows: bool = True, level: float = 2, value: float = 4.2) -> Finding:
    return Finding(
        "sensor/PASSU-1", "sensor", "gauge PASSU-1", NOON + timedelta(hours=hour), 690.0, 691.0,
        measures={"level": level, "value": value}, labels={"name": "Passu gauge", "unit": "m"}, shows=shows,
    )  # fmt: skip


def sent(engine: Any) -> list[str]:
    with connect.transaction(engine) as conn:
        rows = conn.scalars(
            text("SELECT e.msg_type FROM delivery d JOIN alert_event e ON e.id = d.alert_event_id ORDER BY d.id")
        )
        return list(rows)


def test_a_gauge_raises_once_and_its_recovery_tells_how_long(road: Any) -> None:
    (raised,) = process_findings(road.engine, [gauge(0)], "watch")
    with connect.transaction(road.engine) as conn:
        alert = alerts.get_alert(conn, raised.id)
        document = parse(cap_document(conn, alert.id, public_only=False))
    assert alert.headline["en"].startswith("Instrument: km 690.0 to 691.0")
    assert alert.headline["en"].endswith("Passu gauge, 4.2 m")
    assert (alert.certainty, alert.scope, alert.state) == ("Observed", "Restricted", "open")
    assert alert.chainage_from_km == pytest.approx(690, abs=0.05)
    assert alert.chainage_to_km == pytest.approx(691, abs=0.05)
    assert check(document) == []
    for _ in range(3):  # the same value sent again, and an older one that arrives late
        process_findings(road.engine, [gauge(0), gauge(-2, shows=False)], "watch")
    assert sent(road.engine) == ["Alert"]
    process_findings(road.engine, [gauge(1, shows=False), gauge(2, shows=False)], "watch")
    assert sent(road.engine) == ["Alert"], "two of three that it takes"
    (ended,) = process_findings(road.engine, [gauge(3, shows=False)], "watch")
    assert (ended.state, sent(road.engine)) == ("resolved", ["Alert", "Cancel"])
    with connect.transaction(road.engine) as conn:
        assert alerts.events_of(conn, alert.id)[-1].note == "over since 2026-07-01 13:00 UTC; it lasted 1.0 hours"
    assert process_findings(road.engine, [gauge(0)], "watch") == [], "an old value raises nothing again"
    (again,) = process_findings(road.engine, [gauge(5)], "watch")
    assert (again.new, again.id) == (True, again.id)
    assert again.id != alert.id


def test_what_flaps_does_not_end_and_is_told_once(road: Any) -> None:
    for hour in range(8):
        process_findings(road.engine, [gauge(hour, shows=hour % 2 == 0)], "watch")
    for hour in range(8, 11):
        process_findings(road.engine, [gauge(hour, shows=False)], "watch")
    with connect.transaction(road.engine) as conn:
        (alert,) = alerts.list_alerts(conn)
    assert (alert.state, alert.evidence["flapping"]) == ("open", True)
    assert sent(road.engine) == ["Alert"]


def test_rain_on_neighbouring_kilometres_is_one_alert_and_a_quiet_one_none(road: Any) -> None:
    def rain(km: int, percentile: float) -> Finding:
        measures = {"rain_mm": 143.0, "window_h": 72.0, "percentile": percentile}
        return Finding(f"rain/{km}", "rain", "GPM IMERG early", NOON, km, km + 1.0, measures=measures)

    raised = process_findings(road.engine, [rain(km, 99.5) for km in range(280, 292)] + [rain(400, 98.0)], "watch")
    assert len(raised) == 1
    assert "143 mm in 72 h, more than on 99.5 % of days there" in raised[0].headline
    with connect.transaction(road.engine) as conn:
        alert = alerts.get_alert(conn, raised[0].id)
    assert len(alert.evidence["findings"]) == 12
    assert alert.chainage_from_km == pytest.approx(280, abs=0.1)


def test_an_earthquake_told_anew_grows_its_alert(road: Any) -> None:
    def shaken(mmi: float, hour: float) -> Finding:
        return Finding(
            "earthquake/us7000abcd", "earthquake", "USGS ShakeMap", NOON + timedelta(hours=hour), 600.0, 640.0,
            measures={"mmi": mmi, "magnitude": 6.2}, labels={"title": "30 km W of Gilgit"},
        )  # fmt: skip

    (first,) = process_findings(road.engine, [shaken(5.4, 0)], "watch")
    (second,) = process_findings(road.engine, [shaken(7.6, 1)], "watch")
    assert (second.id, second.new, second.message) == (first.id, False, "Update")
    assert second.severity in {"Severe", "Extreme"}
    assert process_findings(road.engine, [shaken(4.9, -1)], "watch")[0].severity == second.severity, (
        "told late, said earlier"
    )
    assert "intensity 7.6, magnitude 6.2, 30 km W of Gilgit" in second.headline


def test_a_silent_source_concerns_the_whole_road_and_mistakes_are_one_line(road: Any) -> None:
    silent = Finding(
        "silent/imerg", "silent", "watch", NOON, None, None, measures={"hours": 30.0}, labels={"name": "IMERG"}
    )
    (raised,) = process_findings(road.engine, [silent], "watch")
    assert raised.headline.endswith("IMERG, nothing heard for 30 hours")
    with pytest.raises(InputError, match="is not on the current road"):
        process_findings(road.engine, [Finding("rain/9", "rain", "x", NOON, 5000.0, 5001.0)], "watch")
    with pytest.raises(InputError, match="runs backwards"):
        Finding("rain/9", "rain", "x", NOON, 5.0, 4.0)
    with pytest.raises(InputError, match="no time zone"):
        Finding("rain/9", "rain", "x", datetime(2026, 7, 1), 5.0, 6.0)
