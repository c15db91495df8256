"""The catalogue as it was at a moment, out of what its cluster has written since."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hazard_db import cluster

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # the database runs as another user, who gets there
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "home"
    cluster.up(made)
    yield made
    for one in tmp_path.iterdir():
        if (one / "postgres").is_dir():
            cluster.down(one)


def script(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HAZARD_HOME": str(home), "KKH": str(Path(sys.executable).with_name("kkh"))}
    return subprocess.run(
        ["bash", "scripts/point_in_time.sh", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip


def notes(home: Path) -> list[str]:
    with psycopg.connect(cluster.url(home, "admin")) as conn:
        return [str(row[0]) for row in conn.execute("SELECT note FROM kept ORDER BY at").fetchall()]


def test_what_was_deleted_is_there_again_as_of_before(home: Path, folder: Path, tmp_path: Path) -> None:
    with psycopg.connect(cluster.url(home, "admin"), autocommit=True) as conn:
        conn.execute("CREATE TABLE kept (note text, at timestamptz DEFAULT clock_timestamp())")
        conn.execute("INSERT INTO kept VALUES ('before the copy')")
    begun = script(home, "begin", str(folder))
    assert begun.returncode == 0, begun.stderr
    with psycopg.connect(cluster.url(home, "admin"), autocommit=True) as conn:
        conn.execute("INSERT INTO kept VALUES ('after the copy')")
        (moment,) = conn.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
        time.sleep(0.05)
        conn.execute("DELETE FROM kept")
        conn.execute("INSERT INTO kept VALUES ('too late')")
    with psycopg.connect(cluster.superuser_url(home), autocommit=True) as conn:
        (segment,) = conn.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
    until = time.monotonic() + 60
    while not (folder / "wal" / segment).exists():
        assert time.monotonic() < until, f"{segment} was never kept"
        time.sleep(0.05)

    recovered = tmp_path / "recovered"
    done = script(home, "recover", str(folder), moment, str(recovered))
    assert done.returncode == 0, done.stderr
    assert notes(recovered) == ["before the copy", "after the copy"]
    assert notes(home) == ["too late"]  # the other one goes on untouched
    with psycopg.connect(cluster.url(recovered, "admin"), autocommit=True) as conn:
        conn.execute("INSERT INTO kept VALUES ('goes on')")
    again = script(home, "recover", str(folder), moment, str(recovered))
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")


def test_a_folder_the_database_cannot_reach_is_refused_before_anything_is_changed(home: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the database runs as this user, who reaches every folder of the test")
    shut = tmp_path / "shut"
    (shut / "kept").mkdir(parents=True)
    shut.chmod(0o700)
    done = script(home, "begin", str(shut / "kept"))
    assert (done.returncode, done.stderr.startswith("error: the user of the database cannot get to")) == (1, True)
    assert "point_in_time" not in (home / "postgres" / "postgresql.conf").read_text()
