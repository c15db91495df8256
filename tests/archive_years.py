"""Simulated years of the corridor's tiles in archives where everything goes wrong, and whether each scene came in once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from rio_cogeo.cogeo import cog_validate
from sqlalchemy import text

from api import archives as watching
from api import jobs, worker
from api.settings import ApiSettings
from hazard_db import archives, connect, corridor, queue, scenes
from hazard_db.connect import Engine
from ingest.imagery.polite import Manners
from ingest.imagery.remote import ArchiveSettings
from tests.archive_scenes import SIZE, sentinel1, sentinel2
from tests.archive_server import Faults, server, write_catalogue
from tests.stac_api import api

LETTERS = "ABCDEFGHJKLMNPQRSTUV"
REPROCESSED, DOUBLED, LATE = 0.15, 0.1, 0.2
FAULTS: dict[str, float] = {"error": 0.05, "cut": 0.05, "slow": 0.05, "slow_s": 0.01, "wrong": 0.05}
MOST_ROUNDS = 40


@dataclass(frozen=True)
class Place:
    """A tile that the road crosses."""

    name: str
    west: float
    north: float


@dataclass
class Years:
    """What the archives hold, and in which order it appeared there."""

    folder: Path
    early: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)
    """Added later: what is new, what comes late and what was processed anew."""

    @property
    def items(self) -> list[dict[str, Any]]:
        """All of them; some twice."""
        return [*self.early, *self.late]

    def newest(self) -> set[str]:
        """Return the names of the items that must be current at the end."""
        best: dict[tuple[str, str], dict[str, Any]] = {}
        for one in self.items:
            told = one["properties"]
            place = told.get("grid:code", one["id"])
            known = best.get((place, told["datetime"]))
            made = told.get("s2:generation_time", "")
            if known is None or made >= known["properties"].get("s2:generation_time", ""):
                best[place, told["datetime"]] = one
        return {str(one["id"]) for one in best.values()}


def places(engine: Engine, count: int) -> list[Place]:
    """Return tiles, evenly along the road."""
    with connect.transaction(engine) as conn:
        lines = [row.lonlat for row in corridor.segments(conn)]
    move = Transformer.from_crs(4326, 32643, always_xy=True)
    found = []
    for number in range(count):
        lon, lat = lines[(2 * number + 1) * len(lines) // (2 * count)][0]
        east, north = move.transform(lon, lat)
        found.append(Place(f"43S{LETTERS[number]}A", round(east - SIZE * 5, -1), round(north + SIZE * 5, -1)))
    return found


def simulate(folder: Path, where: Sequence[Place], days: Sequence[datetime], seed: int = 1) -> Years:
    """Return years of Sentinel-2 and, on every other date, of Sentinel-1, in the order in which they appear."""
    chance, years = random.Random(seed), Years(folder)
    for number, day in enumerate(days):
        for index, place in enumerate(where):
            at = {"seed": number * len(where) + index, "west": place.west, "north": place.north}
            one = sentinel2(folder, day, tile=place.name, checksums=chance.random() < 0.5, **at)
            made = [one]
            if number % 2:
                made.append(sentinel1(folder, day + timedelta(hours=7, seconds=index), **at))
            new = number >= len(days) // 2 or chance.random() < LATE
            (years.late if new else years.early).extend(made)
            if chance.random() < REPROCESSED:
                again = sentinel2(folder, day, tile=place.name, made=day + timedelta(days=200), baseline="05.10", **at)
                years.late.append(again)
    for part in (years.early, years.late):
        part.extend(chance.sample(part, int(len(part) * DOUBLED)))
        chance.shuffle(part)
    return years


@contextmanager
def served(years: Years, kind: str, faults: Faults) -> Iterator[tuple[str, Callable[[Sequence[dict[str, Any]]], None]]]:
    """Yield the address of an archive of one kind, and what makes items appear in it."""
    listed: list[dict[str, Any]] = []

    def appear(items: Sequence[dict[str, Any]]) -> None:
        listed.extend(items)
        if kind == "static":
            for collection in ("sentinel-2-l2a", "sentinel-1-rtc"):
                own = [one for one in listed if one["collection"] == collection]
                write_catalogue(years.folder, collection, own)

    made = server(years.folder, faults) if kind == "static" else api(years.folder, listed, faults, paging=kind)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}", appear
    finally:
        made.shutdown()
        made.server_close()


@contextmanager
def hurried() -> Iterator[Counter[str]]:
    """Ask without pauses, and count the looks at scenes instead of looking; yields how often which was looked at."""
    seen: Counter[str] = Counter()

    def look(tools: jobs.Tools, *, kind: str, scenes: list[str]) -> None:
        del tools
        seen.update(scenes if kind == "landslide" else [])

    before = ArchiveSettings.manners, worker.TASKS, worker.JOBS
    ArchiveSettings.manners = lambda self: Manners(  # type: ignore[method-assign]
        10_000.0, attempts=6, first_pause_s=0.001, allowed_networks=self.allowed_networks
    )
    worker.TASKS, worker.JOBS = {**jobs.TASKS, "look": look}, {}  # type: ignore[misc]
    try:
        yield seen
    finally:
        ArchiveSettings.manners, worker.TASKS, worker.JOBS = before  # type: ignore[method-assign,misc]


def run(engine: Engine, app: Engine, settings: ApiSettings, years: Years, kind: str, faults: Faults) -> dict[str, Any]:
    """Return what became of all items, asked for in three turns: early ones, all, and once more."""
    own = ArchiveSettings()
    with hurried() as looks, served(years, kind, faults) as (address, appear):
        appear(years.early)
        watched = []
        for collection in ("sentinel-2-l2a", "sentinel-1-rtc"):
            url = f"{address}/{collection}/collection.json" if kind == "static" else address
            watched.append(watching.watch(app, url, collection, None, own))
        turns = []
        for items in (years.late, [], []):
            with connect.transaction(app) as conn:
                for one in watched:
                    watching.defer_ask(conn, one)
            turns.append(_work(engine, app, settings))
            appear(items)
            with connect.transaction(engine) as conn:  # the month has passed
                conn.execute(text("UPDATE archive SET whole_at = NULL"))
    return _verdict(app, settings.home, years, watched, looks) | {"rounds": turns}


def _work(engine: Engine, app: Engine, settings: ApiSettings) -> int:
    """Return how often the queue was worked through until nothing waited; what fell is due at once."""
    for number in range(MOST_ROUNDS):
        worker.run(settings, threading.Event(), concurrency=2, wait=False)
        with connect.transaction(engine) as conn:
            conn.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
        with connect.transaction(app) as conn:
            if not queue.startable(conn):
                return number + 1
    return MOST_ROUNDS


def _verdict(
    app: Engine, home: Path, years: Years, watched: Sequence[archives.Archive], looks: Counter[str]
) -> dict[str, Any]:
    with connect.transaction(app) as conn:
        current, every = scenes.find(conn), scenes.find(conn, superseded=True)
        states: Counter[str] = Counter()
        for one in watched:
            states.update(archives.tally(conn, one.id))
        backlog = queue.backlog(conn)
    wanted = years.newest()
    paths = [home / str(asset["href"]) for one in every for asset in one.assets.values()]
    return {
        "items_listed": len(years.items), "items_distinct": len({one["id"] for one in years.items}),
        "items_by_state": dict(states), "acquisitions": len(wanted), "scenes": len(every), "current_scenes": len(current),
        "lost": sorted(wanted - {one.id for one in current}), "too_many": sorted({one.id for one in current} - wanted),
        "acquisitions_doubled": len(current) - len({(one.properties["acquisition"], one.grid_tile) for one in current}),
        "not_looked_at": len({one.id for one in current} - set(looks)),
        "looked_at_twice": sum(count > 1 for count in looks.values()),
        "other_pixels": sum(not _same(home, years.folder, one) for one in every if one.grid_tile),
        "rasters": len(paths), "valid_cogs": sum(bool(cog_validate(path)[0]) for path in paths),
        "folders": len([one for one in (home / "rasters").iterdir() if not one.name.startswith(".")]),
        "left_behind": len(list((home / "downloads").iterdir())), "jobs_failed": backlog.failed, "jobs_waiting": backlog.waiting,
    }  # fmt: skip


def _same(home: Path, folder: Path, scene: scenes.SceneRecord) -> bool:
    """Return whether what is stored is what the archive has, less the offset."""
    source = folder / "data" / scene.id / "red.tif"
    with rasterio.open(home / scene.assets["reflectance"]["href"]) as stored, rasterio.open(source) as red:
        kept, wanted = stored.read(3).astype(int), red.read(1).astype(int) - 1000
        seen = kept != stored.nodata
    return bool(kept.shape == wanted.shape and np.array_equal(kept[seen], wanted[seen]) and seen.mean() > 0.9)
