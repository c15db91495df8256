"""A catalogue of its own for the benchmarks of field work, and the processor time that it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hazard_db import connect, database, migrate, seed
from hazard_db.settings import DatabaseSettings

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """What a piece of work took, seconds."""

    wall: float
    own_cpu: float
    database_cpu: float


@dataclass
class Bench:
    """A private cluster with the road and its register."""

    settings: DatabaseSettings
    engine: connect.Engine

    @contextmanager
    def spending(self) -> Iterator[list[Spent]]:
        """Yield a list that holds what the work took once it is done."""
        result: list[Spent] = []
        began = (time.perf_counter(), time.process_time(), self._database_cpu())
        yield result
        self.engine.dispose()  # a server process is counted when it has ended
        time.sleep(0.3)
        wall, own = time.perf_counter() - began[0] - 0.3, time.process_time() - began[1]
        result.append(Spent(wall, own, self._database_cpu() - began[2]))

    def _database_cpu(self) -> float:
        """Return processor seconds of the server and of all its processes, ended or not."""
        pid = int((self.settings.home / "postgres" / "postmaster.pid").read_text().split()[0])
        total = _cpu(pid, ended=True)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _parent(int(entry.name)) == pid:
                total += _cpu(int(entry.name), ended=False)
        return total


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def _cpu(pid: int, *, ended: bool) -> float:
    """Return processor seconds of a process, with those of its children that have ended."""
    fields = _stat(pid)
    return sum(int(value) for value in fields[11 : 15 if ended else 13]) / TICKS if fields else 0.0


@contextmanager
def catalogue() -> Iterator[Bench]:
    """Yield a private cluster that is gone afterwards."""
    with TemporaryDirectory(prefix="kkh-bench-") as folder:
        settings = DatabaseSettings(home=Path(folder))
        database.up(settings)
        try:
            migrate.upgrade(database.url(settings, "admin"))
            owner = connect.engine(database.url(settings, "admin"))
            with connect.transaction(owner) as conn:
                seed.load(conn)
            owner.dispose()
            yield Bench(settings, connect.engine(database.url(settings, "app")))
        finally:
            database.down(settings)
