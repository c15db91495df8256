"""A server of one's own instead of the private cluster: checks, logins, and what is said when it will not do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from hazard_db import cluster as private_cluster
from hazard_db import database as entry
from hazard_db import server
from hazard_db.errors import DatabaseUnavailableError, SettingsError
from hazard_db.settings import DatabaseSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def plain(cluster: Path) -> Iterator[str]:
    """Yield the superuser's URL of a database without PostGIS, as an administrator hands it over."""
    name = f"plain_{uuid.uuid4().hex[:8]}"
    root = private_cluster.superuser_url(cluster, "postgres")
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield private_cluster.superuser_url(cluster, name)
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def settings(**urls: Any) -> DatabaseSettings:
    return DatabaseSettings.model_validate(urls)


def test_up_brings_postgis_where_it_may(plain: str) -> None:
    ready = entry.up(settings(database_url=plain))
    assert not ready.started
    assert any("HAZARD_DATABASE_APP_URL is not set" in note for note in ready.notes)
    told = entry.status(settings(database_url=plain))
    assert told.running
    assert told.kind == "server"
    assert told.postgis


def test_up_says_who_must_bring_postgis_where_it_may_not(plain: str, cluster: Path) -> None:
    weak = make_url(private_cluster.url(cluster, "app")).set(database=make_url(plain).database)
    with pytest.raises(SettingsError, match="CREATE EXTENSION postgis"):
        entry.up(settings(database_url=weak.render_as_string(hide_password=False)))


def test_existing_logins_are_used_where_none_may_be_made(database: Any) -> None:
    named = settings(
        database_url=database.url, database_app_url=database.app_url, database_public_url=database.public_url
    )
    notes = entry.up(named).notes
    assert [note.split()[0] for note in notes] == ["HAZARD_DATABASE_APP_URL", "HAZARD_DATABASE_PUBLIC_URL"]
    assert entry.url(named, "public") == database.public_url


def test_a_login_under_another_name_is_refused(database: Any) -> None:
    with pytest.raises(SettingsError, match="must name user kkh_app"):
        entry.up(settings(database_url=database.url, database_app_url=database.url))


def test_a_serving_process_is_checked_by_its_own_logins(database: Any) -> None:
    notes = entry.up(settings(database_app_url=database.app_url, database_public_url=database.public_url)).notes
    assert "kkh_app" in notes[0]
    assert "kkh_public" in notes[1]


def test_a_wrong_password_is_said_without_showing_it(database: Any) -> None:
    wrong = make_url(database.url).set(password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(DatabaseUnavailableError, match="password authentication failed") as caught:
        entry.up(settings(database_url=wrong))
    assert "s3cret" not in str(caught.value)
    told = entry.status(settings(database_url=wrong))
    assert not told.running
    assert told.problem is not None
    assert "s3cret" not in told.problem


@pytest.mark.parametrize("postgis", ["2.5.1", "3.2.9"])
def test_an_old_postgis_is_refused(database: Any, monkeypatch: pytest.MonkeyPatch, postgis: str) -> None:
    real = server.describe
    monkeypatch.setattr(server, "describe", lambda conn: real(conn) | {"postgis": postgis})
    with pytest.raises(SettingsError, match=rf"PostGIS {postgis}; 3\.3 or newer"):
        entry.up(settings(database_url=database.url))


def test_an_old_postgresql_is_refused(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MIN_POSTGRES", 99)
    with pytest.raises(SettingsError, match="99 or newer"):
        entry.up(settings(database_url=database.url))


def test_a_server_is_not_stopped_from_here(database: Any) -> None:
    with pytest.raises(SettingsError, match="not started or stopped"):
        entry.down(settings(database_url=database.url))
