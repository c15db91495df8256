"""The demonstration fills every published view, says of what it adds that it is simulated, and repeating it adds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import demo, demo_data
from api.opening import Catalogue
from hazard_db import connect, seed
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
    assert closed == (1,)
    assert len(public) == 1, "no alert of a simulated landslide is public"
    demo._work(catalogue, demo._Progress())
    assert counts(database) == first
