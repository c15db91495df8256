"""Two workers, the API and PostgreSQL are killed (SIGKILL) at random while scenes of an archive become changes.

    nohup python benchmarks/queue_survival.py --kills 50 --every-s 3 --progress FILE > OUT.json &

There are so many items that --jobs jobs are certain: each item is a job `take` and at least one `look`, of which those for
ice are joined where they wait together. FILE has a line for each kill and each wait, so that one can see how far it is.
At the end every item must be one scene, its rasters on the disk and valid, every job done, no run stored twice, nothing
left lying about. Told is also the longest time from the last sign of life of a worker to its job being given to another,
with and without the seconds in which no other worker lived, and the longest that `kkh status` took to answer meanwhile.
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
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import psycopg
from rio_cogeo.cogeo import cog_validate

from hazard_db.errors import ClusterError
from tests.archive_scenes import WEST, day, sentinel2
from tests.archive_server import write_catalogue

KKH = [sys.executable, "-m", "api.cli"]
TILES = "ABCDE"
LEFT = "queue_name <> 'ticks' AND status IN ('todo', 'doing')"


def main() -> None:
    """Run it and print what was found, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300, help="That there must be at least.")
    parser.add_argument("--items", type=int, help="By default half of --jobs.")
    parser.add_argument("--progress", type=Path, help="File to write how far it is to, a line a step.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--every-s", type=float, default=6.0)
    parser.add_argument("--alive", type=int, default=1, help="Workers that must live before the next kill.")
    parser.add_argument("--only", choices=("worker", "api", "postgres"), help="Kill nothing else.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="Leave the home and the logs where they are.")
    given = parser.parse_args()
    given.items = given.items or -(-given.jobs // 2)
    folder = Path(tempfile.mkdtemp(prefix="survival-"))
    try:
        print(json.dumps(Run(folder, given).everything(), indent=1))
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


class Watcher(threading.Thread):
    """Looks at the queue twice a second, and sees when which worker last lived and when its jobs went to another."""

    def __init__(self, run: Run) -> None:
        super().__init__(daemon=True)
        self.run_, self.ended = run, threading.Event()
        self.lived: dict[int, datetime] = {}
        self.holders: dict[int, int] = {}
        """Job under way -> its worker."""
        self.rescues: dict[tuple[int, int], float] = {}
        """Job and its worker -> seconds from that one's last sign of life to the next event of the job."""
        self.living: dict[tuple[int, int], float] = {}
        """The same, but only the seconds in which another worker lived that could have seen it."""
        self.seen: list[tuple[datetime, frozenset[int]]] = []
        """When the queue was looked at, and which workers lived then."""

    def run(self) -> None:
        """Look until it is ended."""
        while not self.ended.wait(0.5):
            try:
                self.look()
            except (psycopg.Error, ClusterError, IndexError):
                continue  # it was killed just now

    def look(self) -> None:
        """Look once."""
        rows = self.run_.sql(
            "SELECT id, last_heartbeat, now() - last_heartbeat < interval '6 s', now() FROM procrastinate_workers"
        )
        self.lived.update((worker, at) for worker, at, _, _ in rows)
        if rows:
            self.seen.append((rows[0][3], frozenset(worker for worker, _, alive, _ in rows if alive)))
        now = dict(
            self.run_.sql("SELECT id, worker_id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id > 0")
        )
        for job, worker in self.holders.items():
            if now.get(job) != worker:
                rows = self.run_.sql(
                    f"SELECT type, at FROM procrastinate_events WHERE job_id = {job} ORDER BY id DESC LIMIT 2"
                )
                back = next((at for kind, at in rows if kind == "deferred_for_retry"), None)
                if back is not None and worker in self.lived:
                    self.rescues[job, worker] = (back - self.lived[worker]).total_seconds()
                    self.living[job, worker] = self.living_between(self.lived[worker], back, worker)
        self.holders = now

    def living_between(self, begin: datetime, end: datetime, but: int) -> float:
        """Return the seconds in which some other worker lived; looks further apart than 2 s are a database that was down."""
        total = 0.0
        for (one, alive), (other, _) in pairwise(self.seen):
            apart = (min(other, end) - max(one, begin)).total_seconds()
            total += apart if 0 < apart < 2 and alive - {but} else 0.0
        return total


class Run:
    """One run in a home of its own."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder, self.given, self.random = folder, given, random.Random(given.seed)
        self.home = folder / "home"
        (folder / "tmp").mkdir()
        self.environment = {
            **os.environ, "HAZARD_HOME": str(self.home), "HAZARD_ARCHIVE_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "HAZARD_ARCHIVE_REQUESTS_PER_S": "500", "TMPDIR": str(folder / "tmp"), "GDAL_NUM_THREADS": "1",
        }  # fmt: skip
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: dict[str, int] = {"worker": 0, "api": 0, "postgres": 0}
        self.status_s: list[float] = []

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
        log = (self.folder / f"{name}.log").open("ab")
        out = subprocess.PIPE if name == "archive" else log
        self.running[name] = subprocess.Popen(command, env=self.environment, stdout=out, stderr=log)
        log.close()

    def everything(self) -> dict[str, Any]:
        """Return the findings."""
        archive = self.folder / "archive"
        items = [
            sentinel2(
                archive, day((n // len(TILES)) % 73, 2015 + n // len(TILES) // 73), seed=n,
                tile=f"43SD{TILES[n % len(TILES)]}", west=WEST + 1200 * (n % len(TILES)),
            )
            for n in range(self.given.items)
        ]  # fmt: skip
        self.random.shuffle(items)
        root = write_catalogue(archive, "sentinel-2-l2a", items)
        self.kkh("db", "up")
        self.login = self.kkh("db", "url").rpartition("@")[0]
        self.kkh("corridor", "segments")
        self.start("archive")
        stdout = self.running["archive"].stdout
        assert stdout is not None
        self.watch(f"http://127.0.0.1:{stdout.readline().decode().strip()}/{root}")
        watcher, started = Watcher(self), time.monotonic()
        watcher.start()
        for name in ("worker-1", "worker-2", "api"):
            self.start(name)
        try:
            while sum(self.killed.values()) < self.given.kills:
                self.until_alive()
                time.sleep(self.random.uniform(0, 2) * self.given.every_s)
                self.kill()
            under_fire = round(time.monotonic() - started)
            self.until_done()
            took = round(time.monotonic() - started)
            return {"seconds": took, "under_fire_s": under_fire, "killed": self.killed, **self.verdict(watcher)}
        finally:
            watcher.ended.set()
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
        """Kill one at random, ask how things stand, and start it again."""
        every = ["worker-1", "worker-2", "worker-1", "worker-2", "api", "postgres"]
        name = self.random.choice([one for one in every if one.startswith(self.given.only or "")])
        if name == "postgres":
            pid = next(self.home.rglob("postmaster.pid"))
            os.kill(int(pid.read_text().splitlines()[0]), signal.SIGKILL)
        else:
            self.running[name].kill()
            self.running[name].wait()
        if sum(self.killed.values()) % 5 == 0 or name == "postgres":
            began = time.monotonic()
            self.kkh("status")
            self.status_s.append(time.monotonic() - began)
        if name == "postgres":
            self.kkh("db", "up")
        else:
            self.start(name)
        self.killed[name.partition("-")[0]] += 1
        self.tell(f"killed {name}: {sum(self.killed.values())} of {self.given.kills}")

    def tell(self, line: str) -> None:
        """Add a line to the file that says how far it is."""
        if self.given.progress:
            with self.given.progress.open("a", encoding="utf8") as file:
                file.write(f"{datetime.now():%H:%M:%S} {line}\n")

    def sql(self, statement: str) -> list[Any]:
        """Return rows."""
        postgres = self.home / "postgres" / "postmaster.pid"
        port = int(postgres.read_text().splitlines()[3]) if postgres.exists() else 0
        with psycopg.connect(f"{self.login}@127.0.0.1:{port}/hazard", autocommit=True, connect_timeout=5) as conn:
            return conn.execute(statement).fetchall()  # type: ignore[arg-type]

    def until_alive(self) -> None:
        """Wait for workers to work, two minutes at most: on a busy machine they are slow to start."""
        time.sleep(7 if self.given.alive > 1 else 0)  # the last sign of life of one killed just now counts no more then
        for _ in range(120):
            (alive,) = self.sql(
                "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '6 s'"
            )[0]
            if alive >= self.given.alive:
                return
            time.sleep(1)

    def until_done(self) -> None:
        """Wait for the queue to be empty; an hour at most."""
        for _ in range(1800):
            (left,) = self.sql(f"SELECT count(*) FROM procrastinate_jobs WHERE {LEFT}")[0]
            self.tell(f"{left} jobs left")
            if not left:
                return
            time.sleep(2)

    def verdict(self, watcher: Watcher) -> dict[str, Any]:
        """Return whether anything was lost or doubled."""
        jobs = self.sql(
            "SELECT task_name || ' ' || status, count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' GROUP BY 1"
        )
        scenes = self.sql("SELECT id, assets -> 'reflectance' ->> 'href' FROM scene")
        folders = [one for one in (self.home / "rasters").iterdir() if not one.name.startswith(".")]
        counted = {
            "runs_stored_twice": "SELECT count(*) FROM (SELECT FROM detection_run GROUP BY kind, inputs_sha256 HAVING count(*) > 1) t",
            "scenes_not_looked_at": """SELECT count(*) FROM scene AS s, (VALUES ('landslide'), ('lake')) AS k (kind)
                WHERE NOT EXISTS (SELECT FROM detection_run AS r, jsonb_array_elements(r.inputs) AS i
                WHERE r.kind = k.kind AND i ->> 'scene' = s.id)""",
            "most_attempts": "SELECT max(attempts) FROM procrastinate_jobs WHERE queue_name <> 'ticks'",
            "jobs_done": "SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' AND status = 'succeeded'",
        }
        rescues, living = sorted(watcher.rescues.values()), sorted(watcher.living.values())
        return {
            "items": self.given.items, "scenes": len(scenes), "raster_folders": len(folders),
            "valid_cogs": sum(bool(cog_validate(self.home / href)[0]) for _, href in scenes),
            "items_by_state": dict(self.sql("SELECT state, count(*) FROM archive_item GROUP BY 1")), "jobs": dict(jobs),
            **{name: self.sql(statement)[0][0] for name, statement in counted.items()},
            "rescued_jobs": len(rescues), "longest_silence_of_a_job_s": round(rescues[-1], 1) if rescues else None,
            "longest_silence_while_another_lived_s": round(living[-1], 1) if living else None,
            "median_silence_of_a_job_s": round(rescues[len(rescues) // 2], 1) if rescues else None,
            "status_asked": len(self.status_s), "status_longest_s": round(max(self.status_s), 1),
            "left_behind": sorted(
                str(one.relative_to(self.folder)) for place in ("tmp", "home/work", "home/downloads", "home/rasters/.incoming")
                for one in (self.folder / place).glob("*")
            ),
        }  # fmt: skip


if __name__ == "__main__":
    main()
