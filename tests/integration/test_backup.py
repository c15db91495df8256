"""Backup and restore: a round trip with media, and everything that is refused."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from detection.settlement.sums import SumFitter
from hazard_db import archive, connect, icebook, migrate
from hazard_db import cluster as private_cluster
from hazard_db.backup import backup, backup_into, restore
from hazard_db.errors import ClusterError, ConflictError, DatabaseUnavailableError, InputError
from hazard_db.settings import DatabaseSettings
from ingest.displacement.load import ingest_displacement
from tests.displacement_files import write_scatterers
from tests.ice_catalogue import GLACIER, LAKE, fill_ice

pytestmark = pytest.mark.integration
PHOTO = bytes(range(256)) * 5000


def at(database: Any, home: Path) -> DatabaseSettings:
    """Return settings that name the test's own database."""
    return DatabaseSettings(home=home, database_url=database.url)


def fill(url: str) -> None:
    """Put a table with every kind of content into the catalogue, the way a later migration might."""
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TYPE mood AS ENUM ('calm', 'moving')")
        conn.execute(
            "CREATE TABLE probe (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text, "
            "mood mood, at timestamptz DEFAULT now(), geom geometry(Point, 4326), tags jsonb)"
        )
        conn.execute(
            "INSERT INTO probe (name, mood, geom, tags) SELECT '巴基斯坦 ' || i, 'moving', "
            "ST_SetSRID(ST_MakePoint(74 + i * 1e-4, 36), 4326), jsonb_build_object('i', i) "
            "FROM generate_series(1, 500) AS i"
        )
        conn.execute("CREATE INDEX ON probe USING gist (geom)")
        conn.execute("CREATE VIEW published.probes AS SELECT id, name, geom FROM probe")


def contents(url: str) -> dict[str, str]:
    """Return a checksum of the rows of every table."""
    with psycopg.connect(url) as conn:
        tables = conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'spatial_ref_sys'"
        )
        return {
            table: str(
                conn.execute(
                    sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t").format(
                        sql.Identifier(table)
                    )
                ).fetchone()
            )
            for (table,) in tables.fetchall()
        }


def granted(url: str) -> dict[str, set[str]]:
    """Return who but the owner may do what with each table, view, sequence, function, schema, and with those to come."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "WITH ours (thing, acl, owner) AS ("
            "  SELECT n.nspname || '.' || relname, relacl, relowner FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            "   UNION ALL SELECT n.nspname || '.' || p.oid::regprocedure, proacl, proowner"
            "   FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
            "   UNION ALL SELECT nspname, nspacl, nspowner FROM pg_namespace"
            "   UNION ALL SELECT 'to come: ' || defaclnamespace::regnamespace || ' ' || defaclobjtype::text, defaclacl, defaclrole"
            "   FROM pg_default_acl) "
            "SELECT thing, coalesce(pg_get_userbyid(nullif(grantee, 0)), 'all') || ' ' || privilege_type "
            "FROM ours, aclexplode(acl) WHERE grantee <> owner AND thing ~ '^(public|published|to come)'"
        ).fetchall()
    found: dict[str, set[str]] = {}
    for thing, what in rows:
        found.setdefault(thing, set()).add(what)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with two photos."""
    folder = tmp_path / "home" / "media" / "ab"
    folder.mkdir(parents=True)
    (folder / "slide.jpg").write_bytes(PHOTO)
    (folder / "照片.jpg").write_bytes(b"\xff\xd8 small")
    return tmp_path / "home"


def test_round_trip_with_media(database: Any, empty_database: Any, home: Path, tmp_path: Path) -> None:
    fill(database.url)
    file = tmp_path / "kkh.backup"
    made = backup(at(database, home), file)
    assert made.files == 2
    assert made.bytes == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    elsewhere = tmp_path / "elsewhere"
    done = restore(at(empty_database, elsewhere), file)
    assert done.files == 2
    assert contents(empty_database.url) == contents(database.url)
    assert (elsewhere / "media" / "ab" / "slide.jpg").read_bytes() == PHOTO
    assert (elsewhere / "media" / "ab" / "照片.jpg").exists()
    with psycopg.connect(empty_database.public_url) as conn:  # privileges came along
        assert conn.execute("SELECT count(*) FROM published.probes").fetchone() == (500,)
    with psycopg.connect(empty_database.url) as conn:
        conn.execute("INSERT INTO probe (name) VALUES ('next')")  # sequences go on where they were
        assert conn.execute("SELECT max(id) FROM probe").fetchone() == (501,)


def test_extensions_with_schemas_of_their_own_are_left_alone(
    cluster: Path, database: Any, empty_database: Any, home: Path, tmp_path: Path
) -> None:
    """As on servers of the PostGIS image, which holds `topology` and `tiger`; one that has less takes the backup too."""
    fill(database.url)
    name, owner = make_url(database.url).database, make_url(database.url).username
    with psycopg.connect(private_cluster.superuser_url(cluster, str(name))) as conn:
        conn.execute("CREATE EXTENSION postgis_topology")
        conn.execute(sql.SQL("ALTER SCHEMA topology OWNER TO {}").format(sql.Identifier(str(owner))))
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    restore(at(database, home), file, force=True)
    with psycopg.connect(database.url) as conn:
        assert conn.execute("SELECT count(*) FROM probe").fetchone() == (500,)
        assert conn.execute("SELECT extname FROM pg_extension WHERE extname = 'postgis_topology'").fetchone()
        assert conn.execute("SELECT to_regclass('topology.topology') IS NOT NULL").fetchone() == (True,)
    restore(at(empty_database, tmp_path / "elsewhere"), file)
    assert contents(empty_database.url) == contents(database.url)


def test_nobody_may_do_more_after_a_restore(database: Any, empty_database: Any, home: Path, tmp_path: Path) -> None:
    before = granted(database.url)
    assert before["public.audit_log"] == {"kkh_app SELECT"}
    assert before["to come: public r"] == {f"kkh_app {what}" for what in ("SELECT", "INSERT", "UPDATE", "DELETE")}
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    restore(at(empty_database, tmp_path / "elsewhere"), file)
    assert granted(empty_database.url) == before
    restore(at(empty_database, tmp_path / "elsewhere"), file, force=True)
    assert granted(empty_database.url) == before
    with psycopg.connect(empty_database.app_url) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("DELETE FROM audit_log")


def test_another_login_restores_what_roles_may_do(cluster: Path, database: Any, home: Path, tmp_path: Path) -> None:
    before = granted(database.url)
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    root = private_cluster.superuser_url(cluster, "postgres")
    with psycopg.connect(root, autocommit=True) as conn:
        conn.execute("CREATE DATABASE of_another")
    try:
        url = private_cluster.superuser_url(cluster, "of_another")
        with psycopg.connect(url) as conn:
            conn.execute("CREATE EXTENSION postgis")
        restore(DatabaseSettings(home=tmp_path / "elsewhere", database_url=SecretStr(url)), file)
        assert granted(url) == before
    finally:
        with psycopg.connect(root, autocommit=True) as conn:
            conn.execute("DROP DATABASE of_another WITH (FORCE)")


def test_restored_schema_is_the_migrated_one(database: Any, empty_database: Any, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    restore(at(empty_database, tmp_path / "elsewhere"), file)
    with empty_database.engine.connect() as conn:
        assert migrate.current(conn) == migrate.head()
        assert migrate.drift(conn) == []


def test_records_are_replaced_only_by_force(database: Any, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    fill(database.url)
    before = contents(database.url)
    with pytest.raises(ConflictError, match=r"table probe\b.*--force"):
        restore(at(database, home), file)
    assert contents(database.url) == before
    restore(at(database, home), file, force=True)
    assert "probe" not in contents(database.url)


def test_a_catalogue_in_use_is_left_as_it_is(
    database: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hazard_db.backup.LOCK_TIMEOUT_S", 1)
    fill(database.url)
    file = tmp_path / "kkh.backup"
    backup(at(database, home), file)
    before = contents(database.url)
    with psycopg.connect(database.app_url) as reader:
        reader.execute("SELECT count(*) FROM observation")
        with pytest.raises(ConflictError, match="in use"):
            restore(at(database, home), file, force=True)
    assert contents(database.url) == before


@pytest.fixture
def good(database: Any, home: Path, tmp_path: Path) -> Path:
    """Return a good backup of a catalogue without records."""
    backup(at(database, home), tmp_path / "kkh.backup")
    return tmp_path / "kkh.backup"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9])
def test_a_backup_cut_off_is_refused(good: Path, database: Any, home: Path, share: float) -> None:
    good.write_bytes(good.read_bytes()[: int(good.stat().st_size * share)])
    with pytest.raises(InputError, match=r"no backup|cut off"):
        restore(at(database, home), good, force=True)


def test_a_changed_byte_is_found(good: Path, database: Any, home: Path) -> None:
    content = bytearray(good.read_bytes())
    content[content.index(PHOTO[:256]) + 1000] ^= 1
    good.write_bytes(content)
    with pytest.raises(InputError, match=r"slide\.jpg does not match its checksum"):
        restore(at(database, home), good, force=True)


def rewritten(good: Path, target: Path, change: dict[str, Any] | str) -> Path:
    """Return a copy with other values in its manifest, or with one more member."""
    with tarfile.open(good) as old, tarfile.open(target, "w") as new:
        for info in old:
            content = old.extractfile(info)
            assert content is not None
            block = content.read()
            if info.name == archive.MANIFEST and isinstance(change, dict):
                block = json.dumps(json.loads(block) | change).encode()
                info.size = len(block)
            new.addfile(info, io.BytesIO(block))
        if isinstance(change, str):
            new.addfile(tarfile.TarInfo(change), io.BytesIO())
    return target


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 2}, "newer version"),
        ({"revision": "9999"}, "schema version 9999"),
        ({"postgres": 99}, "PostgreSQL 99"),
        ({"nonsense": 1}, "cannot be read"),
        ("media/../../outside", "unexpected member"),
        ("/etc/outside", "unexpected member"),
        ("media/ab/added.jpg", "does not match"),
    ],
)
def test_strange_backups_are_refused(
    good: Path, database: Any, home: Path, change: dict[str, Any] | str, match: str
) -> None:
    strange = rewritten(good, good.with_name("strange"), change)
    before = contents(database.url)
    with pytest.raises(InputError, match=match) as caught:
        restore(at(database, home), strange, force=True)
    assert "\n" not in str(caught.value)
    assert contents(database.url) == before


def test_other_files_and_absent_ones_are_refused(database: Any, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("not a tar" * 1000)
    for name in ("letter", "absent"):
        with pytest.raises(InputError, match=name):
            restore(at(database, tmp_path), tmp_path / name)


def test_a_backup_that_cannot_be_written_leaves_the_old_one(
    database: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kkh.backup"
    file.write_text("the last good one")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "write", full)
    with pytest.raises(ClusterError, match="no space left"):
        backup(at(database, home), file)
    assert file.read_text() == "the last good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "kkh.backup"]


def test_pictures_always_come_along_and_rasters_where_asked_for(
    database: Any, empty_database: Any, home: Path, tmp_path: Path
) -> None:
    for name in ("pictures/12.png", "rasters/s2/B04.tif", "rasters/.incoming/half/B04.tif", "demo/scene.tif"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(PHOTO)
    assert backup(at(database, home), tmp_path / "small").files == 3
    assert backup(at(database, home), tmp_path / "large", rasters=True).files == 4
    elsewhere = tmp_path / "elsewhere"
    restore(at(empty_database, elsewhere), tmp_path / "large")
    files = [path.relative_to(elsewhere).as_posix() for path in elsewhere.rglob("*") if path.is_file()]
    assert sorted(files) == ["media/ab/slide.jpg", "media/ab/照片.jpg", "pictures/12.png", "rasters/s2/B04.tif"]


def test_a_folder_keeps_the_newest_backups_and_what_is_not_one(
    database: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("kkh-20240101T000000Z.backup", "kkh-20240102T000000Z.backup", "letter.txt"):
        (folder / name).write_text("of before")
    report, removed = backup_into(at(database, home), folder, keep=2)
    assert [path.name for path in removed] == ["kkh-20240101T000000Z.backup"]
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["kkh-20240102T000000Z.backup", report.file.name, "letter.txt"]
    assert archive.verify(report.file).revision == report.revision

    write = archive.write

    def damaged(part: Path, *rest: Any) -> int:
        count = write(part, *rest)
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
        return count

    monkeypatch.setattr(archive, "write", damaged)
    with pytest.raises(ClusterError, match="cannot be read back"):
        backup_into(at(database, home), folder, keep=1)
    assert set(names) <= {path.name for path in folder.iterdir()}


def test_nothing_to_back_up_is_said(cluster: Path, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="kkh db migrate"):
        backup(DatabaseSettings(home=tmp_path, database_url=address(cluster)), tmp_path / "f")
    down = DatabaseSettings(home=tmp_path, database_url="postgresql://kkh_admin:x@127.0.0.1:1/hazard")
    with pytest.raises(DatabaseUnavailableError):
        backup(down, tmp_path / "f")
    assert not (tmp_path / "f").exists()


def address(home: Path) -> str:
    return private_cluster.url(home, "admin")


def test_displacement_comes_back_and_goes_on(database: Any, empty_database: Any, home: Path, tmp_path: Path) -> None:
    days = [date(2023, 1, 5) + timedelta(days=12 * k) for k in range(12)]
    y = np.random.default_rng(0).normal(size=(12, 3, 4))
    path = write_scatterers(tmp_path / "track.csv", y[:9], days[:9])
    source = connect.engine(database.app_url)
    ingest_displacement(source, path, fitter=SumFitter(), actor="tester")
    source.dispose()
    backup(at(database, home), tmp_path / "kkh.backup")
    restore(at(empty_database, tmp_path / "elsewhere"), tmp_path / "kkh.backup")
    assert contents(empty_database.url) == contents(database.url)
    with psycopg.connect(empty_database.public_url) as conn:
        assert conn.execute("SELECT count(*) FROM published.displacement_points").fetchone() == (12,)
    more = write_scatterers(tmp_path / "more.csv", y[6:], days[6:])
    engine = connect.engine(empty_database.app_url)
    report = ingest_displacement(engine, more, fitter=SumFitter(), name="track", actor="tester")
    engine.dispose()
    assert (report.status, report.new_dates) == ("appended", 3)


def test_lakes_glaciers_and_their_ways_come_back(
    database: Any, empty_database: Any, home: Path, tmp_path: Path
) -> None:
    fill_ice(database.engine)
    backup(at(database, home), tmp_path / "kkh.backup")
    restore(at(empty_database, tmp_path / "elsewhere"), tmp_path / "kkh.backup")
    before, after = contents(database.url), contents(empty_database.url)
    ice = ("glacier", "glacier_outline", "terminus", "glacial_lake", "lake_outline", "cascade")
    assert all(not before[table].startswith("(0,") for table in ice)
    assert after == before
    found = []
    for engine in (database.public_engine, empty_database.public_engine):
        with connect.transaction(engine) as conn:
            found.append((icebook.get_lake(conn, LAKE), icebook.get_glacier(conn, GLACIER)))
    assert found[0] == found[1]
    assert found[1][0]["way"] is not None
