"""Rain, shaking, gauges, bulletins and silence raise alerts by the rules, once, in the transaction that stores them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from api.triggering import followers, listen
from hazard_db import accounts, alerts, connect, seed
from hazard_db.triggers import sensors, sources
from ingest.triggers.load import ingest_bulletins, ingest_earthquakes, ingest_rainfall
from tests import rain_files
from tests.api_client import TestClient
from tests.integration.test_triggers import GAUGE

THEN = followers("test")
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def road(database: Any) -> Any:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        alerts.add_subscription(conn, alerts.Subscription("duty", "file", "duty", scope="Restricted"))
    return database


def raised(road: Any) -> list[tuple[str, str, str]]:
    with connect.transaction(road.engine) as conn:
        return [(one.kind, one.state, one.severity) for one in alerts.list_alerts(conn)]


def messages(road: Any) -> int:
    with connect.transaction(road.engine) as conn:
        return len(alerts.deliveries(conn))


def test_a_cloudburst_is_an_alert_and_history_is_none(road: Any, tmp_path: Path) -> None:
    burst = np.zeros(rain_files.SHAPE)
    burst[36, 28] = 200.0  # 74.8 E 36.3 N: more than 73.9 x 24^-0.79 x 24 mm
    for day, name in ((TODAY - timedelta(days=1), "new"), (TODAY - timedelta(days=400), "old")):
        path = rain_files.geotiff(tmp_path / rain_files.daily_name(day), burst)
        assert ingest_rainfall(road.app_engine, path, actor=name, then=THEN["rainfall"]).status == "stored"
        assert ingest_rainfall(road.app_engine, path, actor=name, then=THEN["rainfall"]).status == "unchanged"
    ((kind, state, _),) = raised(road)
    assert (kind, state, messages(road)) == ("rain", "open", 1)


def quake(path: Path, mag: float, minutes_ago: int, **more: Any) -> Path:
    now = datetime.now(UTC)
    told = {"mag": mag, "time": (now - timedelta(hours=2)).timestamp() * 1000, "place": "Hunza", **more}
    told["updated"] = (now - timedelta(minutes=minutes_ago)).timestamp() * 1000
    place = {"type": "Point", "coordinates": [74.8, 36.3, 12.0]}
    path.write_text(json.dumps({"features": [{"id": "us1", "properties": told, "geometry": place}]}))
    return path


def test_an_earthquake_is_told_once_and_its_update_too(road: Any, tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    for mag, ago in ((6.4, 60), (6.4, 60), (4.0, 90)):  # again, and an earlier word that comes late
        ingest_earthquakes(road.app_engine, quake(file, mag, ago), actor="test", then=THEN["earthquakes"])
    assert [kind for kind, _, _ in raised(road)] == ["earthquake"]
    assert messages(road) == 1
    ingest_earthquakes(road.app_engine, quake(file, 7.4, 10), actor="test", then=THEN["earthquakes"])
    assert len(raised(road)) == 1
    assert messages(road) == 2
    ingest_earthquakes(road.app_engine, quake(file, 3.0, 5, time=0), actor="test", then=THEN["earthquakes"])
    assert len(raised(road)) == 1


def test_a_bulletin_near_the_road(road: Any, tmp_path: Path) -> None:
    now = format_datetime(datetime.now(UTC))
    item = "<item><title>Flood</title><guid>FL1</guid><pubDate>{0}</pubDate><point>36.3 74.8</point><alertlevel>{1}</alertlevel></item>"
    path = tmp_path / "g.xml"
    path.write_text(f"<rss>{item.format(now, 'Orange')}</rss>")
    ingest_bulletins(road.app_engine, path, actor="test", then=THEN["bulletins"])
    assert [kind for kind, _, _ in raised(road)] == ["bulletin"]


def test_a_gauge_over_http_raises_and_its_fall_ends_it(
    client: TestClient, database: Any, key: Callable[..., dict[str, str]]
) -> None:
    with connect.transaction(database.engine) as conn:
        sensors.add(conn, GAUGE)
        own = {"X-API-Key": accounts.create_sensor_key(conn, "gauge")}
    start = datetime.now(UTC) - timedelta(hours=3)
    for step, value in enumerate((1.0, 5.5, 5.6, 1.0, 1.0, 1.0)):
        sent = {"at": (start + timedelta(minutes=10 * step)).isoformat(), "value": value}
        assert client.post("/sensors/hunza-1/values", json=sent, headers=own).status_code == 201
    ((kind, state, _),) = raised(database)
    assert (kind, state) == ("sensor", "resolved")


def test_silence_is_an_alert_and_ends_when_the_source_speaks(road: Any) -> None:
    def hear(interval: str) -> list[tuple[str, str, str]]:
        with connect.transaction(road.engine) as conn:
            conn.execute(text(f"UPDATE source SET answered_at = now() - interval '{interval}'"))
            listen(conn, "worker")
        return raised(road)

    with connect.transaction(road.engine) as conn:
        sources.heard(conn, "imerg", "feed", silent_after_s=3600)
    assert hear("1 minute") == []
    assert [kind for kind, _, _ in hear("5 hours")] == ["silent"]
    assert len(hear("6 hours")) == 1
