from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from hazard_db import connect, migrate, schema, seed
from hazard_db.errors import ConflictError


def test_models_and_migrations_agree(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        assert migrate.drift(conn) == []
        assert migrate.current(conn) == migrate.head()


def test_down_to_nothing_and_up_again(database: Any) -> None:
    migrate.downgrade(database.url, "base")
    with connect.transaction(database.engine) as conn:
        left = conn.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'spatial_ref_sys'")
        )
        assert left.all() == ["alembic_version"]
    migrate.upgrade(database.url)
    with connect.transaction(database.engine) as conn:
        assert seed.load(conn).sites == 5


def test_public_role_reads_the_published_schema_alone(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    with connect.transaction(database.public_engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM published.sites")) == 5
    for statement in (
        "SELECT password_hash FROM account",
        "SELECT * FROM observation",
        "SELECT * FROM audit_log",
        "INSERT INTO published.sites (name) VALUES ('x')",
        "CREATE TABLE mine (a int)",
    ):
        writable = connect.engine(database.public_url)  # the role itself must hold, not the connection's promise
        with pytest.raises(DBAPIError), connect.transaction(writable) as conn:
            conn.execute(text(statement))
        writable.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_log",
        "UPDATE audit_log SET actor = 'nobody'",
        "INSERT INTO audit_log (actor, role, action, table_name, row_id) VALUES ('a', 'b', 'c', 'd', 'e')",
        "DELETE FROM observation",
        "DELETE FROM observation_revision",
        "DELETE FROM alembic_version",
        "DROP TABLE site",
        "ALTER TABLE site DISABLE TRIGGER ALL",
        "CREATE TABLE mine (a int)",
    ],
)
def test_app_role_cannot_unmake_the_record(database: Any, statement: str) -> None:
    with pytest.raises(ProgrammingError), connect.transaction(database.app_engine) as conn:
        conn.execute(text(statement))


def test_every_write_is_audited_with_its_actor_and_without_secrets(database: Any) -> None:
    with connect.transaction(database.app_engine) as conn:
        connect.actor(conn, "amina")
        conn.execute(text("INSERT INTO account (name, role, password_hash) VALUES ('x', 'viewer', 'secret-hash')"))
        conn.execute(text("UPDATE account SET role = 'field' WHERE name = 'x'"))
    with connect.transaction(database.engine) as conn:
        rows = conn.execute(text("SELECT actor, role, action, before, after FROM audit_log ORDER BY id")).all()
    assert [(row.actor, row.role, row.action) for row in rows] == [
        ("amina", "kkh_app", "insert"),
        ("amina", "kkh_app", "update"),
    ]
    assert rows[1].before["role"] == "viewer"
    assert rows[1].after["role"] == "field"
    assert "secret-hash" not in str(rows)


def test_an_observation_keeps_its_earlier_versions(database: Any) -> None:
    with connect.transaction(database.app_engine) as conn:
        connect.actor(conn, "amina")
        conn.execute(
            text("""INSERT INTO observation (id, kind, dataset, content_sha256, note, geom)
                    VALUES (gen_random_uuid(), 'rockfall', 'd', 'a', 'first', ST_SetSRID(ST_MakePoint(74.8, 36.3), 4326))""")
        )
        conn.execute(text("UPDATE observation SET note = 'second'"))
        conn.execute(text("UPDATE observation SET review_status = 'accepted'"))
        assert conn.scalar(text("SELECT revision FROM observation")) == 3
        notes = conn.execute(
            text("SELECT revision, content ->> 'note', changed_by FROM observation_revision ORDER BY revision")
        ).all()
    assert [tuple(row) for row in notes] == [(1, "first", "amina"), (2, "second", "amina")]


EXPANSION = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "9001", {head!r}, None, None
def upgrade():
    op.add_column("site", sa.Column("name_new", sa.Text))
def downgrade():
    op.drop_column("site", "name_new")
"""
CONTRACTION = """
from alembic import op
import sqlalchemy as sa
KIND = "contract"
revision, down_revision, branch_labels, depends_on = "9002", "9001", None, None
def upgrade():
    op.drop_column("site", "name_new")
def downgrade():
    op.add_column("site", sa.Column("name_new", sa.Text))
"""


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """Return the migrations of a release that expands the schema, then takes something away."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9001_expansion.py").write_text(EXPANSION.format(head=migrate.head()))
    (folder / "versions" / "9002_contraction.py").write_text(CONTRACTION)
    return folder


def test_two_releases_work_side_by_side_between_the_steps(
    database: Any, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present, this_release = migrate.head(), migrate.FOLDER
    monkeypatch.setattr(migrate, "FOLDER", next_release)
    assert not schema.look(database.app_url).current, "the next release waits for the first step"
    assert migrate.upgrade(database.url, expand=True) == "9001"
    assert migrate.upgrade(database.url, expand=True) == "9001", "the second step is asked for by itself"
    assert schema.look(database.app_url).current
    monkeypatch.setattr(migrate, "FOLDER", this_release)
    found = schema.look(database.app_url)
    assert (found.known, found.current) == (False, True), "a server of this release may be started again"
    monkeypatch.setattr(migrate, "FOLDER", next_release)
    assert migrate.upgrade(database.url) == "9002"
    assert schema.look(database.app_url).current
    monkeypatch.setattr(migrate, "FOLDER", this_release)
    assert not schema.look(database.app_url).current, "what this release reads may be gone"
    monkeypatch.setattr(migrate, "FOLDER", next_release)
    migrate.downgrade(database.url, present)
    monkeypatch.setattr(migrate, "FOLDER", this_release)
    assert schema.look(database.app_url).current
    assert not {"9001", "9002"} & set(schema_kinds(database))


def schema_kinds(database: Any) -> dict[str, str]:
    with connect.transaction(database.engine) as conn:
        return migrate.kinds(conn)


def test_a_migration_does_not_make_everybody_wait_for_one(
    database: Any, next_release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "FOLDER", next_release)
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_S", 0.2)
    present = schema.look(database.app_url).present
    with connect.transaction(database.engine) as conn:
        conn.execute(text("SELECT count(*) FROM site"))
        with pytest.raises(ConflictError, match="try again"):
            migrate.upgrade(database.url)
    assert schema.look(database.app_url).present == present
