"""Two workers, the API and PostgreSQL are killed (SIGKILL) at random while scenes of an archive become changes.

    python benchmarks/queue_survival.py --items 75 --kills 50

Each item is a job `take` and three jobs `look`. At the end every item must be one scene, its rasters on the disk and valid,
every job done, no run stored twice; the longest time from a worker's death to the restart of its job is told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from rio_cogeo.cogeo import cog_validate

from hazard_db import connect
from tests.archive_scenes import day, sentinel2
from tests.archive_server import write_catalogue

KKH = [sys.executable, "-m", "api.cli"]


def main() -> None:
    """Run it and print what was found, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=75)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--every-s", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="survival-"))
    try:
        print(json.dumps(Run(folder, given).everything(), indent=1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Run:
    """One run in a home of its own."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder, self.given, self.random = folder, given, random.Random(given.seed)
        self.home = folder / "home"
        self.environment = {
            **os.environ, "HAZARD_HOME": str(self.home), "HAZARD_ARCHIVE_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "HAZARD_ARCHIVE_REQUESTS_PER_S": "500",
        }  # fmt: skip
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: dict[str, int] = {"worker": 0, "api": 0, "postgres": 0}

    def kkh(self, *command: str) -> str:
        """Return what a command prints."""
        done = subprocess.run([*KKH, *command], env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() or done.stderr.strip()

    def start(self, name: str) -> None:
        """Start a worker, the API or the archive."""
        command = {
            "api": [*KKH, "serve", "--port", "0"],
            "archive": [sys.executable, "-m", "tests.archive_server", str(self.folder / "archive"), "--error", "0.05"],
        }.get(name, [*KKH, "worker", "--concurrency", "2"])
        out = subprocess.PIPE if name == "archive" else (self.folder / f"{name}.log").open("ab")
        self.running[name] = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)

    def everything(self) -> dict[str, Any]:
        """Return the findings."""
        archive = self.folder / "archive"
        items = [sentinel2(archive, day(n % 73, 2015 + n // 73), seed=n) for n in range(self.given.items)]
        self.random.shuffle(items)
        root = write_catalogue(archive, "sentinel-2-l2a", items)
        self.kkh("db", "up")
        self.kkh("corridor", "segments")
        self.start("archive")
        stdout = self.running["archive"].stdout
        assert stdout is not None
        port = stdout.readline().decode().strip()
        self.watch(f"http://127.0.0.1:{port}/{root}")
        started = time.monotonic()
        for name in ("worker-1", "worker-2", "api"):
            self.start(name)
        try:
            while sum(self.killed.values()) < self.given.kills:
                time.sleep(self.random.uniform(0.5, 1.5) * self.given.every_s)
                self.kill()
            self.until_done()
            return {"seconds": round(time.monotonic() - started), "killed": self.killed, **self.verdict()}
        finally:
            for process in self.running.values():
                process.kill()
            self.kkh("db", "down")

    def watch(self, url: str) -> None:
        """Have the archive asked by workers."""
        code = (
            "import sys; from api import archives; from api.opening import opened; from hazard_db import connect\n"
            "from ingest.imagery.remote import ArchiveSettings\n"
            "with opened(road=True) as c:\n"
            "    a = archives.watch(c.engine, sys.argv[1], 'sentinel-2-l2a', None, ArchiveSettings())\n"
            "    with connect.transaction(c.engine) as conn: archives.defer_ask(conn, a)\n"
        )
        subprocess.run([sys.executable, "-c", code, url], env=self.environment, check=True)

    def kill(self) -> None:
        """Kill one at random, and start it again."""
        name = self.random.choice(["worker-1", "worker-2", "worker-1", "worker-2", "api", "postgres"])
        if name == "postgres":
            pid = next(self.home.rglob("postmaster.pid"))
            os.kill(int(pid.read_text().splitlines()[0]), signal.SIGKILL)
            self.kkh("db", "up")
        else:
            self.running[name].kill()
            self.running[name].wait()
            self.start(name)
        self.killed[name.partition("-")[0]] += 1

    def sql(self, statement: str) -> list[Any]:
        """Return rows."""
        with connect.direct(self.kkh("db", "url")) as conn:
            return conn.execute(statement).fetchall()  # type: ignore[arg-type]

    def until_done(self) -> None:
        """Wait for the queue to be empty; half an hour at most."""
        for _ in range(900):
            (left,) = self.sql(
                "SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' AND status IN ('todo', 'doing')"
            )[0]
            if not left:
                return
            time.sleep(2)

    def verdict(self) -> dict[str, Any]:
        """Return whether anything was lost or doubled."""
        jobs = dict(
            self.sql("SELECT status::text, count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' GROUP BY 1")
        )
        scenes = self.sql("SELECT id, assets -> 'reflectance' ->> 'href' FROM scene")
        folders = [one for one in (self.home / "rasters").iterdir() if not one.name.startswith(".")]
        (twice,) = self.sql(
            "SELECT count(*) FROM (SELECT FROM detection_run GROUP BY kind, inputs_sha256 HAVING count(*) > 1) AS t"
        )[0]
        (waited,) = self.sql(
            """SELECT max(extract(epoch FROM next - at)) FROM (
                   SELECT type, at, lead(at) OVER w AS next, lead(type) OVER w AS then FROM procrastinate_events
                   WINDOW w AS (PARTITION BY job_id ORDER BY id)) AS e
               WHERE type = 'started' AND then = 'deferred_for_retry'"""
        )[0]
        return {
            "items": self.given.items, "scenes": len(scenes), "raster_folders": len(folders),
            "valid_cogs": sum(bool(cog_validate(self.home / href)[0]) for _, href in scenes),
            "items_by_state": dict(self.sql("SELECT state, count(*) FROM archive_item GROUP BY 1")), "jobs": jobs,
            "runs_stored_twice": twice,
            "most_attempts": self.sql("SELECT max(attempts) FROM procrastinate_jobs WHERE queue_name <> 'ticks'")[0][0],
            "longest_from_start_to_rescue_s": None if waited is None else round(float(waited), 1),
        }  # fmt: skip


if __name__ == "__main__":
    main()
