"""What satellites could not see, and why: kept per segment, told on every page, carried to a new line of the road."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli import app
from hazard_db import changes, connect, corridor, rechaining, risk
from tests.api_client import TestClient
from tests.integration.test_risk import run

pytestmark = pytest.mark.integration
HIDDEN = {"cloud": 0.6, "snow": 0.15, "dark": 0.05}


@pytest.fixture
def looked(database: Any, client: TestClient) -> TestClient:
    """The client over a road of which km 655-656 was hidden and km 656-657 was seen."""
    with connect.transaction(database.engine) as conn:
        numbers = [one.id for one in corridor.segments(conn, 655, 657)]
        views = [
            changes.SegmentView(numbers[0], 0.2, 1.0, date(2026, 6, 20), HIDDEN),
            changes.SegmentView(numbers[1], 0.9, 1.0, date(2026, 6, 20), {"cloud": 0.1}),
        ]
        changes.store_run(conn, run(), [], views)
        risk.update(conn)
    return client


def test_why_a_kilometre_was_not_seen_is_told_everywhere(
    database: Any, looked: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = looked.get("/segments/655", headers={"Accept": "application/json"}).json()["looks"][0]
    assert look["hidden"] == HIDDEN
    assert look["last_good_look"] is None
    graded = [one["properties"]["grade"] for one in looked.get("/segments?km=655-657").json()["features"]]
    assert graded[0] == "unknown", "a look into clouds makes nothing low"
    page = looked.get("/segments/655?f=html&lang=en").text
    assert "cloud 60 %, snow 15 %, terrain shadow 5 %" in page
    stretch = looked.get("/segments?km=655-658&f=html&lang=en").text
    assert "km 655–656: never seen clearly; looked at on 2026-06-20: 20 % seen, hidden by cloud 60 %" in stretch
    assert "cloud 60 %, snow 15 %" in stretch[stretch.index("Hidden by") :]
    assert "积雪 15 %" in looked.get("/segments?km=655-658&f=html&lang=zh").text
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_DATABASE_APP_URL", database.app_url)
    shown = CliRunner().invoke(app, ["risk", "show", "--km", "655-656"])
    assert shown.exit_code == 0, shown.output
    assert "cloud 60 %, snow 15 %, terrain shadow 5 %" in shown.output
    told = json.loads(CliRunner().invoke(app, ["risk", "show", "--km", "655-656", "--json"]).stdout)
    assert told[0]["looks"][0]["hidden"] == HIDDEN


def test_looks_follow_the_road_as_far_as_it_runs_where_it_ran(
    database: Any, looked: TestClient, tmp_path: Path
) -> None:
    del looked
    with connect.transaction(database.engine) as conn:
        old = corridor.segments(conn, 655, 657)
        here = [list(corner) for one in old for corner in one.lonlat]
        end = here[-1]
        path = tmp_path / "new.json"
        line = [*here, [end[0], end[1] + 0.05]]  # goes on where no road was
        path.write_text(json.dumps({"type": "LineString", "coordinates": line}))
        corridor.load(conn, path, version="new", valid_from=date(2026, 7, 1), start_km=0)
        carried = rechaining.carry_looks(conn)
        looks = changes.last_looks(conn, 0, 100)
        again = rechaining.carry_looks(conn)
        seen = conn.scalar(text("SELECT sum(share * (s.km_to - s.km_from)) FROM visibility JOIN segment AS s ON s.id = segment_id "
                                "WHERE s.alignment_id = current_alignment()"))  # fmt: skip
        length = conn.scalar(text("SELECT sum(ST_Length(CAST(geom AS geography))) / 1000 FROM segment WHERE id = ANY(:ids)"),
                             {"ids": [one.id for one in old]})  # fmt: skip
    assert carried == len(looks) > 0
    assert again == 0
    assert {look["last_look"] for look in looks} == {date(2026, 6, 20)}
    assert looks[0]["share"] == pytest.approx(0.2, abs=1e-9)
    assert looks[0]["hidden"] == pytest.approx(HIDDEN)
    for look in looks:
        assert look["share"] + sum(look["hidden"].values()) == pytest.approx(look["covered_share"])
    assert seen == pytest.approx((0.2 + 0.9) / 2 * length, rel=0.12), "no more was seen than before"
    assert min(look["covered_share"] for look in looks) < 0.9, "where no road was, nobody looked"
