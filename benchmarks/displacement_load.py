r"""A table of scatterers into the catalogue, beside psql's \\copy of the very same bytes; prints Markdown.

    python benchmarks/displacement_load.py [--points 200000] [--dates 120]

psql loads the file into a plain table of one column each, without an index: the least that any loading could do. This project
parses, checks and transforms the same file, fits every point, chooses the points of each zoom and writes rows with arrays and four
indexes, in one transaction. Both write into the same private cluster, which vanishes again. On a machine that others use too wall
times say little: processor time, of client and server together, is printed beside them.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import numpy as np

from detection.settlement.sums import SumFitter
from hazard_db import backup, connect, database, install, migrate
from hazard_db.settings import DatabaseSettings
from ingest.displacement.load import ingest_displacement

FIRST = date(2019, 1, 5)
GOAL = 2.0


def write(path: Path, points: int, dates: int) -> list[str]:
    """Write a table as makers of persistent scatterers do; return its columns."""
    days = [f"D{FIRST + timedelta(days=12 * k):%Y%m%d}" for k in range(dates)]
    columns = ["ID", "Lat", "Lon", "height", "coherence", *days]
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        file.write(",".join(columns) + "\n")
        for at in range(0, points, 10_000):
            n = min(10_000, points - at)
            rate = rng.normal(size=n) * 4
            y = rate[:, None] * np.arange(dates) * 12 / 365.25 + rng.normal(size=(n, dates)) * 2
            lat, lon = rng.uniform(36.1, 36.6, n), rng.uniform(74.4, 75.0, n)
            for k in range(n):
                numbers = ",".join(f"{value:.2f}" for value in y[k])
                file.write(f"P{at + k},{lat[k]:.6f},{lon[k]:.6f},{2000 + k % 900},0.{70 + k % 30},{numbers}\n")
    return columns


def psql(address: str, path: Path, columns: list[str], major: int) -> None:
    r"""Load the file by \\copy into a plain table."""
    program = install.find_clients(major).program("psql")
    kinds = ["text", *["real"] * (len(columns) - 1)]
    table = ", ".join(f'"{name}" {kind}' for name, kind in zip(columns, kinds, strict=True))
    script = f"CREATE TABLE plain ({table});\n\\copy plain FROM '{path}' WITH (FORMAT csv, HEADER)\n"
    environment = dict(os.environ) | backup._credentials(address)
    subprocess.run([program, "-X", "-q", "-v", "ON_ERROR_STOP=1"], input=script, env=environment, text=True, check=True)


def ours(address: str, path: Path) -> None:
    """Ingest the file."""
    engine = connect.engine(address)
    report = ingest_displacement(engine, path, fitter=SumFitter(), actor="benchmark")
    print(f"<!-- {report.points:,} points stored, {report.new_dates} dates, {report.rejected} rejected -->")
    engine.dispose()


def measured(work: Callable[[], None], postmaster: int) -> tuple[float, float, float]:
    """Return wall seconds, and processor seconds of client and server; its backends end with the work."""
    server, client, begun = _reaped(postmaster), _own(), time.perf_counter()
    work()
    wall, used = time.perf_counter() - begun, _own() - client
    time.sleep(0.5)  # until the server has noticed that the client left
    return wall, used, _reaped(postmaster) - server


def _own() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usages)


def _reaped(process: int) -> float:
    """Return processor seconds of the children of a process that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--dates", type=int, default=120)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        path, settings = Path(folder) / "scatterers.csv", DatabaseSettings(home=Path(folder) / "home")
        columns = write(path, asked.points, asked.dates)
        size = path.stat().st_size / 1e6
        database.up(settings)
        try:
            admin, app = (database.url(settings, role) for role in ("admin", "app"))
            migrate.upgrade(admin)
            with connect.direct(admin) as conn:
                major = conn.info.server_version // 10_000
                fields = Path(f"/proc/{conn.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
            path.read_bytes()  # both find it in memory
            peer = measured(lambda: psql(admin, path, columns, major), int(fields[1]))
            own = measured(lambda: ours(app, path), int(fields[1]))
        finally:
            database.down(settings)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{asked.points:,} points x {asked.dates} dates, {size:.0f} MB of CSV\n")
    print("| | wall, s | client CPU, s | server CPU, s |\n| --- | --- | --- | --- |")
    for name, (wall, client, server) in ((r"psql \\copy, plain table", peer), ("kkh ingest displacement", own)):
        print(f"| {name} | {wall:.1f} | {client:.1f} | {server:.1f} |")
    print(
        f"\nRatio of wall times {own[0] / peer[0]:.2f}, of processor times {sum(own[1:]) / sum(peer[1:]):.2f} (goal {GOAL:g}); "
    )
    print(f"largest memory of this project {memory:.2f} GB")


if __name__ == "__main__":
    main()
