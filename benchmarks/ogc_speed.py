"""OGC API Features and Tiles under load: this server, tipg and the bare SQL on the same table, ids compared first.

"ours" gives tiles of the last 3 s again, as it does by default; "each drawn" draws every one.

One server process each, the same addresses in the same order, `--clients` connections that stay open. tipg is installed into an
environment of its own for the run. Run:
python benchmarks/ogc_speed.py --rows 100000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import numpy as np
import psycopg

from benchmarks import mapserver

TABLE = """
CREATE TABLE bench AS
SELECT i AS id, 'place ' || i AS name, (i::bigint * 7919) % 1000 / 10.0 AS score, date '2017-01-01' + i % 3000 AS observed_on,
       ST_SetSRID(ST_MakePoint(73 + 3 * random(), 35 + 3 * random()), 4326)::geometry(Point, 4326) AS geom
FROM generate_series(1, %(rows)s) AS i;
ALTER TABLE bench ADD PRIMARY KEY (id);
CREATE INDEX ON bench USING gist (geom);
CREATE VIEW published.bench AS SELECT * FROM bench;
ANALYZE bench;
"""
ZOOMS = (6, 10, 14)
MOST = 10_000
"""Features of a box that are compared: all that there are."""
START_S = 120.0
"""A server may take this long to answer first, on a machine that is busy."""
SQL_ITEMS = """
SELECT json_agg(json_build_object('type', 'Feature', 'id', id, 'geometry', ST_AsGeoJSON(geom, 7, 0)::json, 'properties',
       json_build_object('id', id, 'name', name, 'score', score, 'observed_on', observed_on)))::text
FROM (SELECT * FROM published.bench WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326) ORDER BY id LIMIT %s) AS t"""
SQL_TILE = """
WITH box AS (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS at,
                    ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625), 4326) AS around)
SELECT ST_AsMVT(m, 'bench') FROM (SELECT ST_AsMVTGeom(ST_Transform(geom, 3857), at, 4096, 64, true) AS g, id, name, score, observed_on
FROM published.bench, box WHERE geom && around LIMIT 20000) AS m"""


@dataclass(frozen=True)
class Rate:
    """What came of many requests: answers per second, 99th percentile in ms, bytes, CPU time in ms an answer."""

    per_s: float
    p99_ms: float
    size: int
    cpu_ms: float


class Cpu:
    """CPU time of this benchmark's servers and database, with all their processes: the same on a busy machine as on a quiet one."""

    roots: ClassVar[list[int]] = []

    @classmethod
    def spent_s(cls) -> float:
        """Return it, in seconds since they started."""
        told = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                told[int(path.parent.name)] = (int(fields[1]), sum(int(one) for one in fields[11:15]))
        own = set(cls.roots)
        while more := {pid for pid, (parent, _) in told.items() if parent in own and pid not in own}:
            own |= more
        return sum(told[pid][1] for pid in own if pid in told) / os.sysconf("SC_CLK_TCK")


def boxes(count: int, seed: int) -> list[tuple[float, ...]]:
    """Return boxes of 0.1 degrees within the table's extent."""
    rng = random.Random(seed)
    corners = [(73 + 2.9 * rng.random(), 35 + 2.9 * rng.random()) for _ in range(count)]
    return [(round(x, 5), round(y, 5), round(x + 0.1, 5), round(y + 0.1, 5)) for x, y in corners]


def tiles(count: int, zoom: int, seed: int) -> list[tuple[int, int, int]]:
    """Return zoom, column, row of tiles that meet the table's extent; few zooms have fewer tiles than asked for."""
    rng = random.Random(seed)
    places = []
    for _ in range(count):
        lon, lat = 73 + 3 * rng.random(), 35 + 3 * rng.random()
        x = int((lon + 180) / 360 * 2**zoom)
        y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**zoom)
        places.append((zoom, x, y))
    return places


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def served(command: list[str], port: int, ready: str, env: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends; it counts as up once `ready` answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        Cpu.roots.append(process.pid)
        try:
            until = time.monotonic() + START_S
            while not _answers(f"http://127.0.0.1:{port}{ready}"):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    said = log.read().decode(errors="replace")[-2000:]
                    raise SystemExit(f"{command[0]} does not answer at {ready} (exit code {process.poll()}):\n{said}")
                time.sleep(0.5)
            yield
        finally:
            Cpu.roots.remove(process.pid)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(ProcessLookupError):  # what it started
                os.killpg(process.pid, signal.SIGKILL)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


async def _client(port: int, paths: Iterator[str], took: list[float], size: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path in paths:
        begun = time.perf_counter()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status not in (200, 204):
            raise SystemExit(f"{path} -> {status}")
        length, chunked = 0, b"transfer-encoding: chunked" in head.lower()
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if chunked:
            while (part := int((await reader.readline()).strip(), 16)) > 0:
                length += part
                await reader.readexactly(part + 2)
            await reader.readline()
        else:
            await reader.readexactly(length)
        took.append(time.perf_counter() - begun)
        size.append(length)
    writer.close()


def load(port: int, paths: list[str], clients: int) -> Rate:
    """Return answers per second, the 99th percentile in ms, and the bytes received."""

    async def run() -> Rate:
        took: list[float] = []
        size: list[int] = []
        shared = iter(paths)
        begun, spent = time.perf_counter(), Cpu.spent_s()
        await asyncio.gather(*(_client(port, shared, took, size) for _ in range(clients)))
        return rate(took, size, time.perf_counter() - begun, Cpu.spent_s() - spent)

    return asyncio.run(run())


def bare(url: str, statement: str, values: list[object], clients: int) -> Rate:
    """Return the same for the statement itself, on `clients` connections."""
    took: list[float] = []
    size: list[int] = []

    def work(part: list[object]) -> None:
        with psycopg.connect(
            url, options="-c jit=off -c max_parallel_workers_per_gather=0", prepare_threshold=1
        ) as conn:
            for one in part:
                begun = time.perf_counter()
                row = conn.execute(statement, one).fetchone()  # type: ignore[arg-type]
                took.append(time.perf_counter() - begun)
                size.append(len(row[0] or "") if row else 0)

    begun, spent = time.perf_counter(), Cpu.spent_s()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, [values[i::clients] for i in range(clients)]))
    return rate(took, size, time.perf_counter() - begun, Cpu.spent_s() - spent)


def rate(took: list[float], size: list[int], seconds: float, cpu_s: float) -> Rate:
    """Return what came of requests that took so long each."""
    return Rate(len(took) / seconds, float(np.percentile(took, 99) * 1000), sum(size), cpu_s / len(took) * 1000)


def same_ids(ours: int, theirs: int, their_path: Callable[[tuple[float, ...]], str]) -> None:
    """Fail where the two servers do not give the same features for a box."""
    for box in boxes(20, 1):
        found = []
        for port, path in ((ours, our_items(box, MOST)), (theirs, their_path(box))):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                found.append(sorted(int(one["properties"]["id"]) for one in json.load(answer)["features"]))
        if found[0] != found[1]:
            raise SystemExit(f"the servers differ for {box}: {len(found[0])} and {len(found[1])} features")


def our_items(box: tuple[float, ...], limit: int) -> str:
    """Return the address of a page of features of this server."""
    return "/ogc/collections/bench/items?" + urlencode({"bbox": ",".join(map(str, box)), "limit": limit})


def their_items(box: tuple[float, ...], limit: int) -> str:
    """Return the same of tipg."""
    return "/collections/published.bench/items?" + urlencode({"bbox": ",".join(map(str, box)), "limit": limit})


def tipg_environment(folder: Path) -> Path:
    """Return the interpreter of an environment with tipg."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "tipg", "uvicorn"], check=True)
    return python


def measure_mapserver(given: argparse.Namespace, ours: int, url: str) -> list[Rate]:
    """Return what MapServer does with the pages of items and with the tiles of each zoom, after its features were compared."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = mapserver.command(Path(folder), url, port)
        with served(command, port, mapserver.items(boxes(1, 1)[0], 1), {}):
            same_ids(ours, port, lambda box: mapserver.items(box, MOST))
            pages = [mapserver.items(one, 100) for one in boxes(given.requests, 2)]
            drawn = [[mapserver.tile(*place) for place in tiles(asked(given, zoom), zoom, zoom)] for zoom in ZOOMS]
            return [load(port, paths, given.clients) for paths in (pages, *drawn)]


def asked(given: argparse.Namespace, zoom: int) -> int:
    """Return how many tiles are asked for: fewer where each is large."""
    return int(given.requests if zoom > 8 else max(20, given.requests // 20))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--without-tipg", action="store_true")
    parser.add_argument("--mapserver", action="store_true")
    parser.add_argument("--tipg-environment", type=Path, default=Path(tempfile.gettempdir()) / "tipg-environment")
    given = parser.parse_args()
    with catalogue(given.rows) as (kkh, env, url):
        measure(given, kkh, env, url)


@contextlib.contextmanager
def catalogue(rows: int) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the program, its environment and the address of a throwaway database that holds the table."""
    kkh = str(Path(sys.executable).parent / "kkh")
    with tempfile.TemporaryDirectory() as home:
        env = {"HAZARD_HOME": home}

        def run(*command: str) -> str:
            return subprocess.run(
                [kkh, *command], env={**os.environ, **env}, check=True, capture_output=True, text=True
            ).stdout.strip()

        run("db", "up")
        run("db", "migrate")
        url = run("db", "url", "--role", "admin")
        try:
            with psycopg.connect(url, autocommit=True) as conn:
                for statement in TABLE.split(";\n"):
                    if statement.strip():
                        conn.execute(statement.replace("%(rows)s", str(rows)))
            Cpu.roots.append(int((Path(home) / "postgres" / "postmaster.pid").read_text().split()[0]))
            yield kkh, env, url
        finally:
            run("db", "down")


def measure(given: argparse.Namespace, kkh: str, env: dict[str, str], url: str) -> None:
    """Print the table for the database at `url`."""
    ours, theirs = free_port(), free_port()
    our_tile = "/ogc/collections/bench/tiles/WebMercatorQuad/{z}/{y}/{x}"
    their_tile = "/collections/published.bench/tiles/WebMercatorQuad/{z}/{x}/{y}"
    items = boxes(given.requests, 2)
    plans = {"items (bbox, 100)": ([our_items(one, 100) for one in items], [their_items(one, 100) for one in items],
                                   SQL_ITEMS, [[*one, 100] for one in items])}  # fmt: skip
    for zoom in ZOOMS:
        places = tiles(asked(given, zoom), zoom, zoom)
        named = [dict(zip("zxy", place, strict=True)) for place in places]
        plans[f"tiles z{zoom}"] = ([our_tile.format(**one) for one in named], [their_tile.format(**one) for one in named],
                                   SQL_TILE, named)  # fmt: skip
    results: dict[str, dict[str, Rate]] = {name: {} for name in plans}
    with served([kkh, "serve", "--port", str(ours)], ours, "/healthz", {**env, "HAZARD_TILES_FRESH_S": "0"}):
        for name, (paths, _, _, _) in plans.items():
            results[name]["each drawn"] = load(ours, paths, given.clients)
    with served([kkh, "serve", "--port", str(ours)], ours, "/healthz", env):
        if not given.without_tipg:
            python = tipg_environment(given.tipg_environment)  # it makes functions of its own: the public role may not
            settings = {"DATABASE_URL": url, "TIPG_DB_SCHEMAS": '["published"]', "TIPG_MAX_FEATURES_PER_QUERY": "10000",
                        "TIPG_MAX_FEATURES_PER_TILE": "20000"}  # fmt: skip
            server = [str(python), "-m", "uvicorn", "--port", str(theirs), "--log-level", "error", "tipg.main:app"]
            with served(server, theirs, "/healthz", settings):
                same_ids(ours, theirs, lambda box: their_items(box, MOST))
                for name, (_, paths, _, _) in plans.items():
                    results[name]["tipg"] = load(theirs, paths, given.clients)
        if given.mapserver:
            for name, found in zip(plans, measure_mapserver(given, ours, url), strict=True):
                results[name]["MapServer"] = found
        for name, (paths, _, statement, values) in plans.items():
            results[name]["ours"] = load(ours, paths, given.clients)
            results[name]["SQL"] = bare(url, statement, list(values), given.clients)
    for name, found in results.items():
        print(name)
        for who, one in found.items():
            other = found["each drawn"]
            print(
                f"  {who:11} {one.per_s:8.1f}/s  p99 {one.p99_ms:7.1f} ms  CPU {one.cpu_ms:6.2f} ms  {one.size / 1e6:6.1f} MB"
                f"   each drawn: {other.per_s / one.per_s:5.2f} times the rate, {one.cpu_ms / other.cpu_ms:5.2f} by CPU"
            )


if __name__ == "__main__":
    main()
