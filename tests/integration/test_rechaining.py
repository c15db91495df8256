"""A new line of the road: every record follows, and every kilometre of an earlier version is still found."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli import app
from hazard_db import connect, corridor, rechaining, seed
from tests.api_client import TestClient

pytestmark = pytest.mark.integration
STEP = st.tuples(st.floats(0.01, 0.08), st.floats(-0.05, 0.05))
"""Degrees east and north: roads that do not meet themselves again, where a place has one kilometre."""


def road(path: Path, steps: list[tuple[float, float]], north: float = 0.0) -> Path:
    at, line = (73.5, 35.5), [[73.5, 35.5 + north]]
    for east, up in steps:
        at = (at[0] + east, at[1] + up)
        line.append([at[0], at[1] + north])
    path.write_text(json.dumps({"type": "LineString", "coordinates": line}))
    return path


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEP, min_size=2, max_size=8), share=st.floats(0, 1), start=st.floats(0, 900), north=st.floats(-0.02, 0.02)
)  # fmt: skip
def test_every_kilometre_comes_back(
    database: Any, tmp_path: Path, steps: list[tuple[float, float]], share: float, start: float, north: float
) -> None:
    with database.engine.connect() as conn:  # never committed: the next road finds none
        old = corridor.load(
            conn, road(tmp_path / "a.json", steps), version="a", valid_from=date(2020, 1, 1), start_km=start
        )
        km = old.km_from + share * (old.km_to - old.km_from)
        place = corridor.locate_km(conn, km)
        assert place.present_km is None
        assert corridor.locate_point(conn, place.lon, place.lat).km == pytest.approx(km, abs=0.001)
        corridor.load(
            conn, road(tmp_path / "b.json", steps), version="same", valid_from=date(2021, 1, 1), start_km=start + 100
        )
        then = corridor.locate_km(conn, km, version="a")
        assert then.present_km == pytest.approx(km + 100, abs=0.001)
        assert then.present_offset_m == pytest.approx(0, abs=0.1)
        corridor.load(
            conn, road(tmp_path / "c.json", steps, north), version="moved", valid_from=date(2022, 1, 1), start_km=7
        )
        there = corridor.locate_km(conn, km, version="a")
        assert there.present_km is not None
        assert there.present_offset_m is not None
        assert there.present_offset_m <= abs(north) * 111_700 + 0.5
        back = corridor.locate_km(conn, there.present_km)
        again = corridor.locate_point(conn, back.lon, back.lat, version="a")
        assert (
            again.offset_m <= there.present_offset_m + 0.5
        )  # the nearest place of the old line is no further than where we came from


def test_records_follow_and_it_is_told_in_numbers(database: Any, tmp_path: Path) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        still = {one.table: one for one in rechaining.rechain(conn)}
        assert still["site"].records > 0
        assert sum(one.moved + one.gained for one in still.values()) == 0
        before = dict(conn.execute(text("SELECT code, chainage_km FROM site WHERE chainage_km IS NOT NULL")).all())
        line = [[74.5, 36.2], [74.7, 36.3], [74.9, 36.35]]
        path = tmp_path / "new.json"
        path.write_text(json.dumps({"type": "LineString", "coordinates": line}))
        report = corridor.load(conn, path, version="new", valid_from=date(2026, 1, 1), start_km=0)
        after = dict(conn.execute(text("SELECT code, chainage_km FROM site WHERE chainage_km IS NOT NULL")).all())
        total = conn.scalar(text("SELECT count(*) FROM site"))
    site = next(one for one in report.tables if one.table == "site")
    assert (site.records, site.on_road, site.beyond) == (total, len(after), total - len(after))
    assert site.moved == sum(abs(after[code] - before[code]) > 0.001 for code in after if code in before)
    assert site.furthest_km == pytest.approx(max(abs(after[code] - before[code]) for code in after if code in before))


def test_one_call_from_an_old_kilometre_to_todays(
    database: Any, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new.json"
    with connect.transaction(database.engine) as conn:
        segment = corridor.segments(conn, 650, 660)
        line = [list(corner) for one in segment for corner in one.lonlat]
        path.write_text(json.dumps({"type": "LineString", "coordinates": line}))
        version = conn.scalar(text("SELECT version FROM alignment WHERE valid_to IS NULL"))
        corridor.load(conn, path, version="stretch", valid_from=date(2026, 1, 1), start_km=0)
    found = client.get("/segments/locate", params={"km": 655, "version": version}).json()
    assert found["alignment"] == version
    assert found["present_offset_m"] == pytest.approx(0, abs=1)
    assert 0 < found["present_km"] < 30
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_DATABASE_APP_URL", database.app_url)
    told = CliRunner().invoke(app, ["corridor", "locate", "--km", "655", "--version", str(version)])
    assert told.exit_code == 0, told.output
    assert f"today km {found['present_km']:.3f}" in told.output
    again = CliRunner().invoke(app, ["corridor", "rechain", "--json"])
    assert again.exit_code == 0, again.output
    counted = json.loads(again.stdout)
    assert all(one["moved"] == 0 for one in counted["tables"])
    assert counted["followed"]["layers"] == 0
