"""The demonstration fills every published view, says of what it adds that it is simulated, and repeating it adds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.run import cap_document, open_feed
from api import demo, demo_data
from api.opening import Catalogue
from hazard_db import connect, seed
from hazard_db.errors import ConflictError
from hazard_db.triggers import sensors
from tests.phones import settings_of

pytestmark = pytest.mark.integration

LABELS = {
    "alerts": "headline", "bulletins": "title", "cascades": "dem", "displacement_points": "code", "displacement_sets": "name",
    "earthquakes": "place", "glaciers": "name", "sensors": "name", "works": "description",
}  # fmt: skip
"""Views that have only simulated records here, and the column that says so."""


def counts(database: Any) -> dict[str, int]:
    with psycopg.connect(database.url) as conn:
        views = [row[0] for row in conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'published'")]
        return {view: conn.execute(f"SELECT count(*) FROM published.{view}").fetchone()[0] for view in views}  # type: ignore[index]


def test_every_published_view_has_something_once(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_data, "PIXELS", (160, 160))
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    demo._work(catalogue, demo._Progress())
    first = counts(database)
    assert [view for view, count in first.items() if count == 0] == []
    with psycopg.connect(database.url) as conn:
        for view, column in LABELS.items():
            told = [row[0] for row in conn.execute(f"SELECT {column} FROM published.{view}")]
            assert all("SIMULATED" in one for one in told), (view, told)
        closed = conn.execute("SELECT count(*) FROM published.closures WHERE source = 'SIMULATED'").fetchone()
        public = conn.execute("SELECT headline->>'en' FROM alert WHERE scope = 'Public'").fetchall()
        status = conn.execute("SELECT DISTINCT evidence->>'status' FROM alert").fetchall()
        told = conn.execute("SELECT min(id) FROM alert WHERE scope = 'Public'").fetchone()
    assert closed == (1,)
    assert len(public) == 1, "no alert of a simulated landslide is public"
    assert public[0][0].startswith("Exercise: ")
    assert status == [("Exercise",)], "receivers know by CAP that nothing has happened"
    with connect.transaction(database.app_engine) as conn:
        assert b"<status>Exercise</status>" in cap_document(conn, told[0], public_only=True)
        assert b">Exercise</" in open_feed(conn)
    demo._work(catalogue, demo._Progress())
    assert counts(database) == first


def test_it_does_not_come_among_real_records(database: Any, tmp_path: Path) -> None:
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    demo._check_alone(catalogue)
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    demo._check_alone(catalogue)
    instrument = sensors.Sensor("HUNZA", "Hunza at Attabad", "water_level", "m", 74.8, 36.3, 3.0, 4.0)
    with connect.transaction(database.app_engine) as conn:
        connect.actor(conn, "engineer")
        sensors.add(conn, instrument)
    with pytest.raises(
        ConflictError, match="instruments that are not simulated; give the demonstration a home of its own"
    ):
        demo._check_alone(catalogue)
