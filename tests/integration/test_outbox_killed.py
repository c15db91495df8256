"""kill -9 between every pair of steps of the outbox: nothing is lost, and what goes out twice bears one key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alerts.deliver import deliver_due
from alerts.run import process_run
from alerts.settings import AlertSettings
from hazard_db import alerts, changes, connect
from tests.integration.test_alerts_delivery import (
    NOW,
    SECRET,
    Receiver,
    follow,
    make_due,
    receiver,
    road,
    settings,
    status,
)  # fmt: skip

__all__ = ["receiver", "road", "settings"]

ROOT = Path(__file__).parents[2]


def killed_at(step: str, road: Any, home: Path, run: int) -> None:
    environment = {
        **os.environ, "HAZARD_HOME": str(home), "HAZARD_WEBHOOK_SECRET": SECRET, "HAZARD_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "HAZARD_WEBHOOK_TIMEOUT_S": "60", "HAZARD_BASE_URL": "https://kkh.example",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.dying_worker", road.app_url, step, str(run)]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def stored_run(road: Any) -> int:
    ring = [[74.802, 36.33], [74.803, 36.33], [74.803, 36.331], [74.802, 36.33]]
    change = changes.ChangeRecord(
        "landslide", {"type": "Polygon", "coordinates": [ring]}, 0.8, 6.0, 40_000.0, 4_000.0, 31.0, 1.0,
        date(2026, 6, 1), date(2026, 6, 20),
    )  # fmt: skip
    run = changes.RunRecord("landslide", "m", "1", {}, [], "sha", "t", NOW, NOW, 0.9, {}, None)
    with connect.transaction(road.engine) as conn:
        return changes.store_run(conn, run, [change], []).run_id


@pytest.mark.parametrize(
    ("step", "path", "arrivals"),
    [
        ("raised, not committed", "ok", 1),
        ("raised", "ok", 1),
        ("claimed, not committed", "ok", 1),
        ("claimed, not sent", "ok", 1),
        ("sent, not noted", "ok", 2),
        ("noted, not committed", "ok", 2),
        ("delivered", "ok", 1),
        ("not noted as failed", "broken", 2),
    ],
)
def test_nothing_is_lost_wherever_the_worker_dies(
    step: str, path: str, arrivals: int, road: Any, receiver: Receiver, settings: AlertSettings, tmp_path: Path
) -> None:
    follow(road, settings, "ops", "webhook", receiver.url(path))
    run = stored_run(road)
    if not step.startswith("raised"):
        with connect.transaction(road.app_engine) as conn:
            process_run(conn, run, "watch", settings=settings)
    killed_at(step, road, tmp_path, run)
    with connect.transaction(road.app_engine) as conn:
        process_run(conn, run, "watch", settings=settings)  # a worker that starts again takes the run up again
        assert len(alerts.list_alerts(conn)) == 1
    follow(road, settings, "ops", "webhook", receiver.url("ok"))
    make_due(road)  # the dead worker's lease ends
    deliver_due(road.app_engine, settings)
    make_due(road)
    assert deliver_due(road.app_engine, settings).delivered == 0
    assert status(road) == {"delivered": 1}
    assert list(receiver.keys().values()) == [arrivals], "one key, however often it was sent"
