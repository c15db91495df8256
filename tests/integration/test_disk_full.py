"""A disk that is full in the middle of a write: told in one line, nothing half-stored, and all goes on once there is room."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import text

from api import archives as watching
from api import jobs, worker
from hazard_db import connect, queue, scenes, seed
from hazard_db.errors import RasterError, SpaceError
from ingest.imagery.polite import Manners, Polite
from ingest.imagery.remote import ArchiveSettings
from tests.archive_scenes import day, sentinel2
from tests.archive_server import Faults, server, write_catalogue
from tests.phones import settings_of

pytestmark = pytest.mark.integration

DISK_MB, SIDE = 64, 700
LOCAL = ArchiveSettings(allowed_networks=["127.0.0.0/8"]).allowed_networks


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a home on a small disk of its own."""
    home = tmp_path / "disk"
    home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(home)], capture_output=True, text=True, check=False
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here ({mounted.stderr.strip()})")
    monkeypatch.setenv("HAZARD_MIN_FREE_MB", "0")
    monkeypatch.setenv("HAZARD_ARCHIVE_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    yield home
    subprocess.run(["umount", "--lazy", str(home)], check=True)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function that serves an archive of one scene of 6 MB."""
    running = []

    def serve(*, checksums: bool) -> str:
        rng = np.random.default_rng(1)
        values = {
            name: rng.integers(1300, 3000, (SIDE * 10 // pixel,) * 2).astype(np.uint16)
            for name, pixel in {"blue": 10, "green": 10, "red": 10, "nir": 10, "swir16": 20, "swir22": 20}.items()
        } | {"scl": np.full((SIDE // 2, SIDE // 2), 4, np.uint8)}
        item = sentinel2(tmp_path / "archive", day(0), values=values, checksums=checksums)
        root = write_catalogue(tmp_path / "archive", "sentinel-2-l2a", [item])
        made = server(tmp_path / "archive", Faults())
        threading.Thread(target=made.serve_forever, daemon=True).start()
        running.append(made)
        return f"http://127.0.0.1:{made.server_address[1]}/{root}"

    yield serve
    for one in running:
        one.shutdown()
        one.server_close()


def fill(disk: Path, left_mb: float) -> Path:
    """Return the file that leaves so much room."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        for _ in range(int((DISK_MB - left_mb) * 8)):
            file.write(bytes(1 << 17))
    return filler


def due_now(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))


@pytest.mark.parametrize("checksums", [False, True], ids=["read in part", "fetched whole"])
def test_a_scene_that_does_not_fit_waits_and_comes_in_whole(
    database: Any, disk: Path, archive: Any, monkeypatch: pytest.MonkeyPatch, *, checksums: bool
) -> None:
    monkeypatch.setattr(worker, "JOBS", {})
    monkeypatch.setattr(worker, "TASKS", {**jobs.TASKS, "look": lambda tools, kind, scenes: None})
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    one = watching.watch(database.app_engine, archive(checksums=checksums), "sentinel-2-l2a", None, ArchiveSettings())
    with connect.transaction(database.app_engine) as conn:
        watching.defer_ask(conn, one)
    filler = fill(disk, left_mb=2.5)
    settings = settings_of(database, disk)
    worker.run(settings, threading.Event(), concurrency=1, wait=False)
    with connect.transaction(database.app_engine) as conn:
        (job,) = (job for job in queue.jobs(conn) if job.task == "take")
        assert scenes.find(conn, superseded=True) == []
    assert job.status == "todo"
    assert "make room" in (job.note or "")
    assert not list((disk / "rasters").glob("*")) or not list((disk / "rasters" / ".incoming").glob("*"))
    filler.unlink()
    due_now(database)
    worker.run(settings, threading.Event(), concurrency=1, wait=False)
    with connect.transaction(database.app_engine) as conn:
        (scene,) = scenes.find(conn)
        assert queue.backlog(conn).failed == 0
    assert (disk / scene.assets["reflectance"]["href"]).is_file()
    assert scene.properties["valid_share"] > 0.99
    assert not list((disk / "downloads").glob("*"))


def test_what_falls_on_a_full_disk_is_put_off_whatever_it_says(
    database: Any, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(tools: jobs.Tools) -> None:
        raise RasterError("x.tif: cannot be written")

    monkeypatch.setattr(worker, "JOBS", {})
    monkeypatch.setattr(worker, "TASKS", {"act": act})
    with connect.transaction(database.app_engine) as conn:
        queue.defer(conn, "act", {}, key="k")
    filler = fill(disk, left_mb=2.5)
    worker.run(settings_of(database, disk), threading.Event(), concurrency=1, wait=False)
    with connect.transaction(database.app_engine) as conn:
        (job,) = queue.jobs(conn)
    assert job.status == "todo"
    assert (job.note or "").startswith("x.tif: cannot be written: only 3 MB are free")
    filler.unlink()
    due_now(database)
    worker.run(settings_of(database, disk), threading.Event(), concurrency=1, wait=False)
    with connect.transaction(database.app_engine) as conn:
        (job,) = queue.jobs(conn)
    assert (job.status, job.note) == ("failed", "x.tif: cannot be written")


def test_a_download_is_not_tried_again_where_there_is_no_room(disk: Path, archive: Any) -> None:
    fill(disk, left_mb=0.2)
    manners = Manners(10_000.0, attempts=5, first_pause_s=0.0, allowed_networks=LOCAL)
    url = archive(checksums=True).rpartition("/")[0]
    scene = next((disk.parent / "archive" / "data").iterdir()).name
    with closing(Polite(manners)) as polite:
        with pytest.raises(SpaceError, match="no room"):
            polite.download(f"{url}/data/{scene}/red.tif", disk / "red.tif")
        assert polite.traffic.repeated == 0


def test_new_work_waits_while_there_is_less_room_than_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_MIN_FREE_MB", "1e12")
    tools = jobs.Tools(None, None, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="HAZARD_MIN_FREE_MB"):
        jobs.look(tools, kind="landslide", scenes=["x"])


def test_a_database_whose_disk_is_full_is_told_as_that(database: Any) -> None:
    with pytest.raises(SpaceError, match="the database's disk is full"), connect.transaction(database.engine) as conn:
        conn.execute(text("DO $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END$$"))
    assert issubclass(psycopg.errors.DiskFull, psycopg.OperationalError)
