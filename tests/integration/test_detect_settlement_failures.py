from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from api import settlement
from api.cli import app
from hazard_db import connect, displacement, seed


@pytest.fixture
def broken(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three sets of which the second breaks in a way that nobody foresaw."""
    looked_at: list[int] = []

    def look(work: Any, set_id: int, tell: Any) -> None:
        looked_at.append(set_id)
        if set_id == 2:
            raise ZeroDivisionError("division\nby zero")

    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    monkeypatch.setattr(displacement, "sets_since", lambda conn, since: [1, 2, 3])
    monkeypatch.setattr(settlement, "_detect_set", look)
    return looked_at


def test_a_set_that_breaks_does_not_stop_those_after_it(database: Any, broken: list[int], tmp_path: Any) -> None:
    report = settlement.detect_settlement(database.engine, tmp_path, since=date(2026, 1, 1), actor_name="test")
    assert broken == [1, 2, 3]
    assert report.failures == ("displacement set 2: ZeroDivisionError: division by zero",)
    assert report.skipped == 2


def test_it_is_told_at_the_end_and_by_the_exit_code(
    database: Any, broken: list[int], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["detect", "settlement", "--since", "2026-01-01", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["failures"] == ["displacement set 2: ZeroDivisionError: division by zero"]
    assert "error: displacement set 2: ZeroDivisionError: division by zero" in done.stderr
