"""200 people at once for ten minutes, reading pages, lists and tiles and writing observations: answers, latencies, memory.

The server is a process of its own on the demonstration's catalogue; the people are tasks of this process, each waiting a while
between two requests as people do. Nothing may be lost: every observation that was answered 201 is in the catalogue at the end, once.
Run: uv run --no-sync python benchmarks/load.py [--people 200] [--minutes 10] [--pause 5]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from field_catalogue import Bench, catalogue
from sqlalchemy import text

from hazard_db import accounts, connect

TILE = "/ogc/collections/segments/tiles/WebMercatorQuad/8/100/181"
READS = {
    "corridor map": "/maps/corridor", "stretch": "/maps/segment?km=650-660", "kilometre": "/segments/{km}", "home": "/",
    "alerts": "/alerts", "items": "/ogc/collections/segments/items?limit=50", "tile": TILE, "observations": "/observations",
    "ready": "/readyz",
}  # fmt: skip
WRITES = 0.1
"""Share of requests that store an observation."""


@dataclass
class Tally:
    """What was answered."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)


@contextmanager
def serving(bench: Bench) -> Iterator[tuple[str, int]]:
    """Yield address and process id of a server on the catalogue."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HAZARD_HOME": str(bench.settings.home),
        "HAZARD_ANONYMOUS_ROLE": "viewer",
        "HAZARD_LOG_LEVEL": "warning",
    }
    server = subprocess.Popen([sys.executable, "-m", "api.cli", "serve", "--port", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while not _ready(address):
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server does not answer")
            time.sleep(0.1)
        yield address, server.pid
    finally:
        server.terminate()
        server.wait(30)


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == 200
    except httpx.TransportError:
        return False


async def person(client: httpx.AsyncClient, tally: Tally, until: float, pause_s: float, dice: random.Random) -> None:
    """Read and write until it is time to go."""
    await asyncio.sleep(dice.uniform(0, pause_s))
    while time.monotonic() < until:
        write = dice.random() < WRITES
        name = "write" if write else dice.choice(list(READS))
        key = str(uuid.uuid4())
        began = time.perf_counter()
        try:
            if write:
                body = {"id": key, "kind": "rockfall", "observed_at": "2026-05-01T09:00:00Z", "latitude": 36.33 + dice.random() / 100,
                        "longitude": 74.86, "accuracy_m": 10, "observer": "load"}  # fmt: skip
                answer = await client.post("/observations", json=body)
            else:
                answer = await client.get(READS[name].format(km=dice.randint(600, 700)))
            tally.statuses[name, str(answer.status_code)] += 1
            if write and answer.status_code == 201:
                tally.stored.append(key)
        except httpx.HTTPError as error:
            tally.statuses[name, type(error).__name__] += 1
        tally.seconds[name].append(time.perf_counter() - began)
        await asyncio.sleep(dice.expovariate(1 / pause_s))


def memory_mb(pid: int) -> float:
    """Return the memory a process holds, MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def watch(pid: int, until: float, seen: list[float]) -> None:
    """Note the memory every ten seconds."""
    while time.monotonic() < until:
        seen.append(memory_mb(pid))
        await asyncio.sleep(10)


async def crowd(address: str, key: str, pid: int, asked: argparse.Namespace) -> tuple[Tally, list[float]]:
    """Return what all of them met."""
    tally, seen, until = Tally(), list[float](), time.monotonic() + asked.minutes * 60
    limits = httpx.Limits(max_connections=asked.people)
    async with httpx.AsyncClient(base_url=address, headers={"X-API-Key": key}, timeout=60, limits=limits) as client:
        people = [person(client, tally, until, asked.pause, random.Random(number)) for number in range(asked.people)]
        await asyncio.gather(watch(pid, until, seen), *people)
    return tally, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--pause", type=float, default=5, help="mean seconds between two requests of one person")
    asked = parser.parse_args()
    with catalogue() as bench, serving(bench) as (address, pid):
        with connect.transaction(bench.engine) as conn:
            key = accounts.create_key(conn, "load", "field")
        tally, seen = asyncio.run(crowd(address, key, pid, asked))
        with connect.transaction(bench.engine) as conn:
            rows = conn.execute(text("SELECT id::text FROM observation")).scalars().all()
    total = sum(tally.statuses.values())
    print(
        f"{asked.people} people, {asked.minutes:g} minutes: {total:,} requests, {total / asked.minutes / 60:.0f} a second"
    )
    print(f"{'':14}{'n':>7}{'median':>9}{'95 %':>9}{'99 %':>9}  ms")
    for name, seconds in sorted(tally.seconds.items()):
        seconds.sort()
        at = [seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000 for share in (0.5, 0.95, 0.99)]
        print(f"{name:14}{len(seconds):7,}" + "".join(f"{one:9.0f}" for one in at))
    odd = {
        f"{name}: {status}": count for (name, status), count in tally.statuses.items() if status not in {"200", "201"}
    }
    print(f"other answers: {odd or 'none'}")
    third = len(seen) // 3
    print(
        f"memory of the server, MB: begin {seen[0]:.0f}, after a third {seen[third]:.0f}, end {seen[-1]:.0f}, most {max(seen):.0f}"
    )
    lost, twice = set(tally.stored) - set(rows), len(rows) - len(set(rows))
    print(f"observations answered 201: {len(tally.stored)}, lost: {len(lost)}, stored twice: {twice}")
    assert not lost
    assert not twice


if __name__ == "__main__":
    main()
