"""Time of the pages of a stretch and of a segment over a full catalogue; prints Markdown.

The catalogue is that of `benchmarks/risk_rating.py`, rated once. Each address is asked for by a visitor and by a member, in turn;
the first answer of each is not counted. CPU is that of the server process and of the database's processes together.
Run (an own cluster, minutes to fill a million):
uv run --no-sync python benchmarks/segment_page.py --size 1000000
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from pydantic import SecretStr
from risk_rating import ON, fill
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import ApiSettings
from hazard_db import cluster, connect, migrate, risk, seed
from hazard_db.settings import DatabaseSettings

ADDRESSES = ("/segments?km=640-660&f=html", "/segments/657?f=html", "/segments?km=640-660", "/segments/657?f=json")
TICKS = os.sysconf("SC_CLK_TCK")


def database_cpu_s(postmaster: int) -> float:
    """Return the CPU seconds of all processes of the cluster that live."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == postmaster:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def cpu_s(postmaster: int) -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + database_cpu_s(postmaster)


@contextmanager
def client_of(home: Path, role: str) -> Iterator[httpx.Client]:
    urls = {name: SecretStr(cluster.url(home, name)) for name in ("admin", "app", "public")}
    database = DatabaseSettings(
        home=home, database_url=urls["admin"], database_app_url=urls["app"], database_public_url=urls["public"]
    )
    with TestClient(create_app(ApiSettings(database=database, anonymous_role=role))) as client:  # type: ignore[arg-type]
        yield client


def measure(home: Path, postmaster: int, repeats: int) -> None:
    print("| page | as | bytes | wall median (ms) | wall p95 (ms) | CPU per answer (ms) |")
    print("|---|---|---|---|---|---|")
    for role in ("public", "viewer"):
        with client_of(home, role) as client:
            for address in ADDRESSES:
                size = len(client.get(address).raise_for_status().content)
                client.get(address)
                took, used = [], cpu_s(postmaster)
                for _ in range(repeats):
                    began = time.perf_counter()
                    client.get(address).raise_for_status()
                    took.append(1000 * (time.perf_counter() - began))
                used = 1000 * (cpu_s(postmaster) - used) / repeats
                low, high = np.percentile(took, [50, 95])
                print(f"| {address} | {role} | {size:,} | {low:.0f} | {high:.0f} | {used:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        info = cluster.up(home)
        try:
            migrate.upgrade(cluster.url(home, "admin"))
            url = cluster.superuser_url(home)
            engine = connect.engine(url)
            with connect.transaction(engine) as conn:
                seed.load(conn)
            fill(engine, url, asked.size)
            with connect.transaction(engine) as conn:
                risk.update(conn, ON)
            engine.dispose()
            measure(home, info.pid, asked.repeats)
        finally:
            cluster.down(home)


if __name__ == "__main__":
    main()
