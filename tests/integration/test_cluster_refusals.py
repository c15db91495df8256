"""What the private cluster refuses, in one line, and leaves untouched; who it runs as."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hazard_db import cluster, install
from hazard_db.cluster import process, starting
from hazard_db.cluster.home import Home
from hazard_db.errors import ClusterError, MissingSoftwareError

pytestmark = pytest.mark.integration
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_size) for path in folder.rglob("*") if path.name != "lock")


def refused(home: Path, match: str, error: type[Exception] = ClusterError) -> None:
    before = listing(home)
    with pytest.raises(error, match=match) as caught:
        cluster.up(home)
    assert "\n" not in str(caught.value)
    assert listing(home) == before


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.odt").write_text("years of work")
    refused(tmp_path, "something else than a database")


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("15\n")
    refused(tmp_path, "not made by `kkh db up`")


@pytest.mark.parametrize("version", ["99", "12"])
def test_another_format_is_refused(tmp_path: Path, version: str) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text(f"{version}\n")
    (tmp_path / "postgres" / "hazard.conf").write_text("")
    refused(tmp_path, rf"written by PostgreSQL {version}, here is \d+", MissingSoftwareError)


def test_a_damaged_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_bytes(b"\x00\xff")
    refused(tmp_path, "no version of PostgreSQL")


def test_a_home_that_is_itself_a_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    refused(tmp_path, "itself a PostgreSQL data directory")


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ClusterError, match="home"):
        cluster.up(tmp_path / "home")


def test_missing_software_is_said_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_folders", lambda: iter([]))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_output", lambda *command: None)  # sudo would ask for a password
    with pytest.raises(MissingSoftwareError, match=r"sudo apt-get install -y postgresql-postgis|brew|packages"):
        starting.software(Home.at(tmp_path), None)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a file system of 24 MB, too small for a cluster."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@as_root
def test_a_full_disk_is_said_and_leaves_nothing_half_made(small_disk: Path) -> None:
    with pytest.raises(ClusterError, match=r"(?i)no space left on device"):
        cluster.up(small_disk / "home")
    assert not list((small_disk / "home").glob("postgres.new-*"))
    assert not (small_disk / "home" / "postgres").exists()


@as_root
def test_a_read_only_disk_is_said(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ClusterError, match="read-only file system"):
        cluster.up(small_disk / "home")


@as_root
def test_started_as_root_it_runs_unprivileged_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    info = cluster.up(closed / "home")
    try:
        for pid in process.workers(closed / "home" / "postgres"):
            lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
            told = dict(line.split(":", 1) for line in lines)
            assert "0" not in told["Uid"].split(), "a server process runs as root"
            assert "0" not in told["Gid"].split()
            assert int(told["CapEff"], 16) == 0
        assert (closed / "home" / "postgres" / "postmaster.pid").read_text().startswith(f"{info.pid}\n")
        assert closed.stat().st_mode & 0o777 == 0o700, "the folder's rights were changed"
        with psycopg.connect(info.url("admin")) as conn:
            conn.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
            conn.commit()
            conn.execute("SET work_mem = '64kB'")  # temporary files, new relations: all through the open folder
            conn.execute("SELECT i FROM generate_series(1, 100000) AS i ORDER BY -i")
            conn.execute("CREATE INDEX ON t (i)")
    finally:
        cluster.down(closed / "home")


@as_root
def test_a_home_of_a_normal_user_is_served_as_that_user(tmp_path: Path) -> None:
    nobody = 65534
    home = tmp_path / "home"
    cluster.up(home)
    cluster.down(home)
    for path in [home / "postgres", *(home / "postgres").rglob("*")]:
        os.chown(path, nobody, nobody)
    pid = cluster.up(home).pid
    try:
        assert (Path("/proc") / str(pid)).stat().st_uid == nobody
    finally:
        cluster.down(home)


@as_root
def test_a_data_directory_copied_as_root_is_settled(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    cluster.up(first)
    port = cluster.status(first).port
    try:
        # a copy of the folder of a running server: as after a crash, and with a live pid in postmaster.pid
        subprocess.run(["cp", "-r", str(first), str(second)], check=True)
        assert not cluster.status(second).running
        assert cluster.up(second).port != port
        assert cluster.status(first).running
    finally:
        cluster.down(first)
        cluster.down(second)


@as_root
def test_another_user_is_told_whose_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    cluster.up(home)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(ClusterError, match=r"permission denied|belongs to"):
            cluster.up(home)
    finally:
        os.seteuid(0)
        cluster.down(home)
