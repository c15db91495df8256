"""The private cluster after crashes, thefts of its port, and several starts at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hazard_db import cluster
from hazard_db.cluster import creation, process
from hazard_db.cluster import home as home_module
from hazard_db.cluster.home import Home
from hazard_db.errors import ClusterError

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield one home for the tests that kill and revive its server."""
    home = tmp_path_factory.mktemp("home")
    cluster.up(home)
    with psycopg.connect(cluster.url(home, "admin")) as conn:
        conn.execute("CREATE TABLE kept (id int PRIMARY KEY)")
    yield home
    cluster.down(home)


@pytest.fixture
def home(kept: Path) -> Path:
    """Return the home with its server running."""
    cluster.up(kept)
    return kept


def rows(home: Path) -> int:
    with psycopg.connect(cluster.url(home, "admin")) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def kill_postmaster(home: Path) -> int:
    pid = process.postmaster(home / "postgres")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while process.postmaster(home / "postgres") is not None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return pid


def test_up_again_is_instant_and_changes_nothing(home: Path) -> None:
    first = cluster.up(home)
    begin = time.perf_counter()
    again = cluster.up(home)
    assert time.perf_counter() - begin < 0.3
    assert (again.pid, again.port, again.started) == (first.pid, first.port, False)


def test_committed_rows_survive_kill_and_open_ones_vanish(home: Path) -> None:
    before = rows(home)
    with psycopg.connect(cluster.url(home, "admin")) as conn:
        conn.execute("INSERT INTO kept SELECT coalesce(max(id), 0) + 1 FROM kept")
    doomed = psycopg.connect(cluster.url(home, "admin"))
    doomed.execute("INSERT INTO kept SELECT generate_series(1000, 2000)")
    killed = kill_postmaster(home)
    info = cluster.up(home)
    doomed.close()
    assert info.started
    assert info.pid != killed
    assert rows(home) == before + 1


def test_up_right_after_a_kill_or_during_a_stop_starts_a_new_server(home: Path) -> None:
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
        pid = cluster.up(home).pid
        os.kill(pid, number)  # and no wait: the process may still be there
        assert cluster.up(home).pid != pid
        assert rows(home) >= 0


def test_busy_orphans_of_a_killed_server_are_ended(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "ORPHAN_PATIENCE_S", 0.5)
    address = cluster.url(home, "admin")

    def compute() -> None:  # a backend that computes does not notice that its postmaster is gone
        with pytest.raises(psycopg.OperationalError), psycopg.connect(address) as conn:
            conn.execute("SELECT count(*) FROM generate_series(1, 4000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    with psycopg.connect(cluster.superuser_url(home)) as conn:
        query = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%4000000000%' AND pid <> pg_backend_pid()"
        while (row := conn.execute(query).fetchone()) is None:
            time.sleep(0.02)
            conn.rollback()
    kill_postmaster(home)
    assert row[0] in process.workers(home / "postgres")
    cluster.up(home)
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert row[0] not in process.workers(home / "postgres")
    assert rows(home) >= 0


def test_a_stale_pid_file_naming_another_program_does_not_stop_the_start(home: Path) -> None:
    cluster.down(home)
    pid_file = home / "postgres" / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(f"{stranger.pid}\n{home / 'postgres'}\n1\n5432\n\n127.0.0.1\n  1  1\nready   \n")
        assert not cluster.status(home).running
        info = cluster.up(home)
        assert info.pid != stranger.pid
        assert stranger.poll() is None, "another program was ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stale_pid_file_naming_another_database_server_leaves_that_one_alone(
    home: Path, tmp_path: Path, cluster_home: Path
) -> None:
    cluster.down(home)
    other = cluster.up(cluster_home)
    (home / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n/nowhere\n1\n{other.port}\n\n127.0.0.1\n  1  1\n")
    assert not cluster.status(home).running
    assert not cluster.down(home), "there was nothing of ours to stop"
    assert cluster.up(home).pid != other.pid
    assert cluster.up(cluster_home).pid == other.pid


@pytest.fixture
def cluster_home(cluster: Path) -> Path:  # the shared cluster, under a name that the module `cluster` leaves free
    return cluster


@pytest.mark.parametrize("content", ["", "not a number\n", "0\n", "-1\n"])
def test_a_damaged_pid_file_is_no_server(home: Path, content: str) -> None:
    cluster.down(home)
    (home / "postgres" / "postmaster.pid").write_text(content)
    assert cluster.up(home).started


def test_the_port_is_remembered_and_replaced_when_stolen(home: Path) -> None:
    port = cluster.up(home).port
    cluster.down(home)
    assert cluster.up(home).port == port
    cluster.down(home)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        moved = cluster.up(home)
        assert moved.port != port
        assert rows(home) >= 0
    assert cluster.status(home).port == moved.port


def test_a_port_taken_between_choice_and_start_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.down(home)
    real = creation.free_port
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        taken = thief.getsockname()[1]
        answers = iter([taken])
        monkeypatch.setattr(creation, "free_port", lambda wanted: next(answers, None) or real(None))
        assert cluster.up(home).port != taken


def test_lost_passwords_are_made_anew(home: Path) -> None:
    before = rows(home)
    (home / "secrets" / "postgres.json").write_text("{")
    with pytest.raises(ClusterError, match="kkh db up"):
        cluster.url(home, "app")
    cluster.up(home)
    assert rows(home) == before
    mode = (home / "secrets" / "postgres.json").stat().st_mode & 0o777
    assert mode == 0o600


def test_an_interrupted_preparation_is_completed(home: Path) -> None:
    with psycopg.connect(cluster.superuser_url(home), autocommit=True) as conn:
        conn.execute("DROP OWNED BY kkh_public")
        conn.execute("DROP ROLE kkh_public")
    memory = json.loads((home / "cluster.json").read_text())
    (home / "cluster.json").write_text(json.dumps({"port": memory["port"]}))
    cluster.up(home)
    with psycopg.connect(cluster.url(home, "public")) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_cannot_be_seen_keeps_its_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as from another container with the same folder mounted: its processes are invisible, its lock is not
    monkeypatch.setattr(process, "workers", lambda folder: [])
    monkeypatch.setattr(process, "postmaster", lambda data: None)
    monkeypatch.setattr(home_module, "CLAIM_TIMEOUT_S", 0.2)
    with pytest.raises(ClusterError, match="in use by a server that cannot be seen"):
        cluster.up(home)
    monkeypatch.undo()
    assert not cluster.up(home).started


@pytest.mark.parametrize("memory", ["", "[]", '{"port": "many"}', '{"port": 99999999}', '{"port": true, "layout": 1}'])
def test_a_damaged_memory_is_only_a_memory(home: Path, memory: str) -> None:
    cluster.down(home)
    (home / "cluster.json").write_text(memory)
    assert cluster.up(home).started
    assert rows(home) >= 0


@pytest.mark.parametrize("name", ["a home", "喀喇昆仑", 'quo"te $HOME `id`', "dash'-D"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    try:
        assert cluster.up(home).started
        kill_postmaster(home)
        assert cluster.up(home).started
        assert [path.name for path in tmp_path.iterdir()] == [name]
    finally:
        assert cluster.down(home)


UP = "import sys; from pathlib import Path; from hazard_db import cluster; print(cluster.up(Path(sys.argv[1])).pid)"


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", UP, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    try:
        pids = {start.communicate(timeout=60)[0].strip() for start in starts}
        assert [start.returncode for start in starts] == [0, 0, 0]
        assert len(pids) == 1
        assert not list(tmp_path.glob("postgres.new-*"))
    finally:
        cluster.down(tmp_path)


@pytest.mark.parametrize("moment", ["initdb", "start", "extension"])
def test_a_killed_first_start_is_redone(tmp_path: Path, moment: str) -> None:
    first = subprocess.Popen([sys.executable, "-c", UP, str(tmp_path)], stdout=subprocess.DEVNULL)
    home = Home.at(tmp_path)
    until = time.monotonic() + 30

    def reached() -> bool:
        if moment == "initdb":
            return any(tmp_path.glob("postgres.new-*/global"))
        if process.recorded_pid(home.data) is None or moment == "start":
            return process.recorded_pid(home.data) is not None
        try:
            with psycopg.connect(cluster.superuser_url(tmp_path, "postgres")) as conn:
                return bool(conn.execute(making).fetchone())
        except (psycopg.Error, ClusterError):
            return False

    making = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE EXTENSION%'"
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.002)
    first.kill()
    first.wait()
    try:
        cluster.up(tmp_path)
        assert not list(tmp_path.glob("postgres.new-*"))
        with psycopg.connect(cluster.url(tmp_path, "admin")) as conn:
            row = conn.execute("SELECT postgis_version()").fetchone()
        assert row
    finally:
        cluster.down(tmp_path)


def test_down_twice_and_down_of_nothing(home: Path, tmp_path: Path) -> None:
    assert cluster.down(home)
    assert not cluster.down(home)
    assert not cluster.down(tmp_path / "never")
    assert not (tmp_path / "never").exists()
    with pytest.raises(ClusterError, match="kkh db up"):
        cluster.url(home, "admin")
