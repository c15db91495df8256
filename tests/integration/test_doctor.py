"""The examination of an installation: what it calls well, and that it sees each thing that is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api import cli, examination
from hazard_db import checkup, connect, seed
from hazard_db.alerts.outbox import Subscription, add_subscription
from hazard_db.backup import backup
from hazard_db.settings import DatabaseSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(database: Any, tmp_path: Path) -> DatabaseSettings:
    """Return the settings of a server with three logins and a home that is there."""
    return DatabaseSettings(
        home=tmp_path,
        database_url=database.url,
        database_app_url=database.app_url,
        database_public_url=database.public_url,
    )


def found(settings: DatabaseSettings) -> dict[str, list[tuple[str, str]]]:
    """Return level and line of every finding, by what was examined."""
    told: dict[str, list[tuple[str, str]]] = {}
    for one in examination.examine(settings):
        told.setdefault(one.what, []).append((one.level, one.told))
    return told


def test_a_sound_installation_has_no_trouble(database: Any, settings: DatabaseSettings) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        add_subscription(conn, Subscription(name="office", channel="file", address="office"))
    checkup.note_backup(settings.home, backup(settings, settings.home / "one.backup"), rasters=False)
    told = found(settings)
    assert [one for lines in told.values() for one in lines if one[0] == "trouble"] == []
    for what in (
        "settings",
        "formats",
        "projections",
        "pages",
        "home",
        "database",
        "schema",
        "logins",
        "clock",
        "files",
        "backup",
    ):
        assert [level for level, _ in told[what]] == ["well"], what
    assert told["road"][0][0] == "warning"  # the approximate one
    assert told["watch"][0] == ("warning", "no worker is alive")


def test_what_is_wrong_is_told_each_by_a_line(database: Any, settings: DatabaseSettings, tmp_path: Path) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute(
            "INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets, checksum, geom) "
            "VALUES ('S2A_1', 'sentinel-2-l2a', 'sentinel-2', now(), 32643, 50, 150, %s, 'x', "
            "ST_Multi(ST_MakeEnvelope(74, 36, 75, 37, 4326)))",
            [json.dumps({"data": {"href": "rasters/gone.tif"}, "far": {"href": "https://archive.example/a.tif"}})],
        )
    with psycopg.connect(database.url) as conn:
        conn.execute(
            "INSERT INTO audit_log (at, actor, role, table_name, row_id, action) "
            "VALUES (now() + interval '1 day', 'x', 'app', 'y', '1', 'INSERT')"
        )
    with connect.transaction(database.engine) as opened:
        add_subscription(opened, Subscription(name="mail", channel="email", address="duty@example.org"))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "session.key").write_text("k")
    (tmp_path / "secrets" / "session.key").chmod(0o644)
    told = found(settings)
    assert told["files"] == [("trouble", f"scene of S2A_1 is gone: {tmp_path / 'rasters/gone.tif'}")]
    assert told["clock"][0][0] == "trouble"
    assert "in the future" in told["clock"][0][1]
    assert told["road"] == [("trouble", "no road is loaded: nothing has a kilometre")]
    assert told["secrets"] == [("trouble", f"{tmp_path / 'secrets/session.key'} can be read by others")]
    assert told["alerts"][0][0] == "trouble"
    assert "HAZARD_SMTP_HOST" in told["alerts"][0][1]
    assert told["backup"] == [("warning", "no backup was ever made here")]


def test_one_login_for_everything_is_a_warning(database: Any, tmp_path: Path) -> None:
    told = found(DatabaseSettings(home=tmp_path, database_url=database.url))
    assert told["logins"] == [("warning", "kkh_admin can change the schema and can edit the audit trail")]


def test_without_a_database_what_rests_on_it_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    done = CliRunner().invoke(cli.app, ["doctor"])
    assert done.exit_code == 1
    assert "BAD  database     the private cluster is not running" in done.stdout
    assert "kkh db up" in done.stdout
    assert "clock" not in done.stdout
    as_json = CliRunner().invoke(cli.app, ["doctor", "--json"])
    assert {one["level"] for one in json.loads(as_json.stdout)} <= {"well", "warning", "trouble"}


def test_an_old_schema_is_told_before_anything_rests_on_it(database: Any, settings: DatabaseSettings) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '0001'")
    told = found(settings)
    assert told["schema"][0][0] == "trouble"
    assert "0001" in told["schema"][0][1]
    assert "clock" not in told
