"""Retention: what is old goes, what anything rests on stays, and a kill in the middle leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import MultiPolygon, box, mapping
from sqlalchemy import text

from api import keeping
from hazard_db import changes, connect, rasters, scenes
from hazard_db.retention import Policy
from ingest.imagery import shelf
from tests.archive_scenes import bounds

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)
Add = Callable[..., scenes.SceneRecord]


@pytest.fixture
def add(database: Any, tmp_path: Path) -> Add:
    """Return a function that puts a scene with its file into the catalogue."""

    def add(name: str, days_ago: int, **more: Any) -> scenes.SceneRecord:
        file = tmp_path / "rasters" / name / "reflectance.tif"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1000)
        scene = scenes.SceneRecord(
            id=name, collection="c", sensor="s", acquired_at=NOW - timedelta(days=days_ago), epsg=32643, sun_elevation_deg=60.0,
            sun_azimuth_deg=150.0, assets={"reflectance": {"href": f"rasters/{name}/reflectance.tif", "bands": ["red"]}},
            checksum=name, grid_tile="43SDA", footprint=MultiPolygon([box(*bounds())]), **more,
        )  # fmt: skip
        with connect.transaction(database.app_engine) as conn:
            scenes.insert_scene(conn, scene)
        return scene

    return add


def apply(database: Any, home: Path, *, dry_run: bool = False, **policy: Any) -> keeping.KeepReport:
    return keeping.apply(database.app_engine, home, Policy(**{"newest": 1, **policy}), actor_name="t", dry_run=dry_run)


def on_disk(home: Path) -> set[str]:
    return {path.parent.name for path in (home / "rasters").glob("*/*.tif")}


def found(database: Any) -> set[str]:
    with connect.transaction(database.app_engine) as conn:
        return {one.id for one in scenes.find(conn, superseded=True)}


def run_on(database: Any, scene: scenes.SceneRecord) -> tuple[int, tuple[int, ...]]:
    """Return a run and the change that it saw on a scene."""
    run = changes.RunRecord(
        kind="landslide", method="m", method_version="1", parameters={}, inputs=[{"scene": scene.id, "role": "after"}],
        inputs_sha256=scene.id, code_version="1", started_at=NOW - timedelta(days=90), finished_at=NOW - timedelta(days=90),
        observed_share=1.0, stats={}, footprint_wkb=shapely.to_wkb(scene.footprint),
    )  # fmt: skip
    west, south, _, _ = bounds()
    change = changes.ChangeRecord(
        kind="landslide", geometry=mapping(box(west, south, west + 0.001, south + 0.001)), first_date=scene.acquired_at.date(),
        last_date=scene.acquired_at.date(), confidence=0.9, magnitude=1.0, area_m2=9000.0, area_uncertainty_m2=100.0,
        mean_slope_deg=30.0, observed_share=1.0, properties={},
    )  # fmt: skip
    with connect.transaction(database.engine) as conn:
        stored = changes.store_run(conn, run, [change], [])
    return stored.run_id, stored.new


def test_old_rasters_go_and_their_records_stay(database: Any, tmp_path: Path, add: Add) -> None:
    for days_ago in (10, 400, 500):
        add(f"d{days_ago}", days_ago)
    told = apply(database, tmp_path, scenes_days=365, dry_run=True)
    assert ({one.id for one in told.removed}, told.freed_bytes) == ({"d400", "d500"}, 2000)
    assert on_disk(tmp_path) == found(database) == {"d10", "d400", "d500"}
    assert {one.id for one in apply(database, tmp_path, scenes_days=365).removed} == {"d400", "d500"}
    assert on_disk(tmp_path) == found(database) == {"d10"}
    assert {path.name for path in (tmp_path / "rasters").iterdir()} == {"d10"}
    with connect.transaction(database.app_engine) as conn:
        kept = scenes.get(conn, "d400")
    assert kept.assets == {}
    assert kept.properties["removed"]["assets"]["reflectance"]["href"] == "rasters/d400/reflectance.tif"
    assert apply(database, tmp_path, scenes_days=365).removed == ()


def test_without_a_time_everything_is_kept(database: Any, tmp_path: Path, add: Add) -> None:
    add("old", 9000)
    add("new", 1)
    assert apply(database, tmp_path) == keeping.KeepReport((), (), False)


def test_the_newest_dates_of_a_place_stay_whatever_their_age(database: Any, tmp_path: Path, add: Add) -> None:
    for days_ago in (1000, 1100, 1200):
        add(f"d{days_ago}", days_ago)
    report = apply(database, tmp_path, scenes_days=365, newest=2)
    assert [one.id for one in report.removed] == ["d1200"]
    assert {one.held_by for one in report.held} == {"the newest dates of its place"}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1", "a change that waits for review"),
        ("UPDATE change SET status = 'confirmed'", "a confirmed change"),
        (
            """UPDATE change SET status = 'false_alarm';
               INSERT INTO site (code, kind, name, activity, source, geom) VALUES ('KKH-LS-9999', 'landslide', '{}', 'active', 't',
                   ST_SetSRID(ST_MakePoint(74.8, 36.3), 4326));
               INSERT INTO evidence (site_id, change_id) SELECT s.id, c.id FROM site AS s, change AS c""",
            "the evidence of a site",
        ),
        (
            """UPDATE change SET status = 'false_alarm';
               INSERT INTO alert (identifier, group_key, kind, state, scope, severity, certainty, urgency, headline,
                   description, geom, raised_at, expires_at, chainage_from_km, chainage_to_km, evidence)
               VALUES (gen_random_uuid(), 'g', 'landslide', 'open', 'Restricted', 'Severe', 'Possible', 'Future',
                   '{}', '{}', ST_SetSRID(ST_MakePoint(74.8, 36.3), 4326), now(), now() + interval '1 day', 650, 651, '{}');
               INSERT INTO alert_change (alert_id, change_id) SELECT a.id, c.id FROM alert AS a, change AS c""",
            "an open alert",
        ),
    ],
)
def test_what_anything_rests_on_stays(database: Any, tmp_path: Path, add: Add, sql: str, reason: str) -> None:
    add("new", 1)
    run_id, _ = run_on(database, add("old", 500))
    with connect.transaction(database.engine) as conn:
        rasters.store(
            conn,
            rasters.RasterRecord(
                id="evidence-1", kind="evidence", title="e", first_at=NOW, last_at=NOW, epsg=32643, assets={},
                footprint=MultiPolygon([box(*bounds())]), run_id=run_id,
            ),
        )  # fmt: skip
        for statement in sql.split(";"):
            conn.execute(text(statement))
    report = apply(database, tmp_path, scenes_days=365, evidence_days=30)
    assert [(one.id, one.held_by) for one in report.held] == [("old", reason), ("evidence-1", reason)]
    assert report.removed == ()
    assert on_disk(tmp_path) == {"old", "new"}
    with connect.transaction(database.engine) as conn:
        conn.execute(text("DELETE FROM evidence"))
        conn.execute(text("UPDATE alert SET state = 'resolved'"))
        conn.execute(text("UPDATE change SET status = 'false_alarm'"))
    assert len(apply(database, tmp_path, scenes_days=365, evidence_days=30).removed) == 2
    assert on_disk(tmp_path) == {"new"}


def test_what_was_processed_anew_goes_sooner(database: Any, tmp_path: Path, add: Add) -> None:
    add("newer", 50)
    add("older", 50, properties={"superseded_by": "newer"})
    assert apply(database, tmp_path, superseded_days=30).removed == ()  # the newer one came in just now
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE scene SET created_at = now() - interval '40 days'"))
    (gone,) = apply(database, tmp_path, superseded_days=30).removed
    assert (gone.id, gone.reason) == ("older", "superseded")


def test_a_kill_between_commit_and_removal_leaves_nothing_behind(
    database: Any, tmp_path: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("new", 1)
    add("old", 500)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("api.keeping.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            apply(database, tmp_path, scenes_days=365)
    assert on_disk(tmp_path) == {"new", "old"}
    assert found(database) == {"new"}
    assert shelf.clean(database.app_engine, tmp_path) == ["old"]
    assert on_disk(tmp_path) == {"new"}


def test_what_came_to_be_rested_on_meanwhile_stays(
    database: Any, tmp_path: Path, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("new", 1)
    old = add("old", 500)
    remove = keeping._remove

    def late(*args: Any, **more: Any) -> bool:
        run_on(database, replace(old))
        return remove(*args, **more)

    monkeypatch.setattr(keeping, "_remove", late)
    assert apply(database, tmp_path, scenes_days=365).removed == ()
    assert on_disk(tmp_path) == {"new", "old"}
