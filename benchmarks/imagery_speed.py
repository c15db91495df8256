"""Seconds and memory that a date of a tile costs from its file to its changes, next to merely reading it.

    python benchmarks/imagery_speed.py --side 2048 --dates 8 --workers 1 2

A tile of Sentinel-2 at 10 m beside the road, simulated; the first dates fill the catalogue, the last ones are measured, stage by
stage in this process, and then as jobs of one and of two worker processes. Seconds are of the processor (user and system, without
PostgreSQL's own) and of the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from api import landslides
from api.imagery import defer_looks
from api.opening import Catalogue, opened
from hazard_db import connect, database, scenes
from ingest.imagery.load import ingest_scene
from tests.archive_scenes import NORTH, WEST, day

BANDS = {"blue": 900, "green": 1000, "red": 1100, "nir": 2400, "swir1": 2600, "swir2": 2000, "scl": 4}
PLACES = 3
"""Tiles side by side for the workers: looks at one place are done in turn."""


def main() -> None:
    """Run it and print the figures, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048, help="Pixels.")
    parser.add_argument("--dates", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="speed-") as folder:
        told = {**vars(given), "megapixels": round(given.side**2 / 1e6, 2), "cpus": os.cpu_count()}
        told["stages"] = stages(Path(folder), given.side, given.dates)
        told["workers"] = [scaling(Path(folder), given.side // 2, count) for count in given.workers]
    print(json.dumps(told, indent=1))


def write(folder: Path, number: int, side: int, place: int = 0) -> Path:
    """Return the file of one date; a slide lies in the later ones."""
    rng, step = np.random.default_rng(100 * place + number), 64
    ground = np.random.default_rng(place).normal(1.0, 0.15, (side // step + 1,) * 2)
    fine = np.kron(ground, np.ones((step, step)))[:side, :side]
    path = folder / f"tile{place}_{day(number):%Y%m%d}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    west = WEST - 5 * side + (11 * side * (place - 2) if place else 0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": len(BANDS), "dtype": "uint16", "crs": "EPSG:32643",
               "transform": from_origin(west, NORTH + 5 * side, 10, 10), "tiled": True,
               "blockxsize": 512, "blockysize": 512, "compress": "deflate", "predictor": 2, "interleave": "band"}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.descriptions = tuple(BANDS)
        target.update_tags(TIFFTAG_DATETIME=f"{day(number):%Y:%m:%d %H:%M:%S}", sun_elevation="60", sun_azimuth="150")
        for index, (name, level) in enumerate(BANDS.items(), 1):
            values = np.full((side, side), float(level))
            if name != "scl":
                values = fine * level + rng.normal(0, 25, (side, side))
                if number >= 6:
                    values[side // 3 : side // 3 + 40, side // 3 : side // 3 + 25] = 2600
            target.write(values.astype(np.uint16), index)
    return path


@contextmanager
def home(folder: Path) -> Iterator[Catalogue]:
    """Yield a catalogue of its own, gone afterwards."""
    os.environ["HAZARD_HOME"] = str(folder / "home")
    with opened(road=True) as catalogue:
        yield catalogue
    database.down(catalogue.settings)
    shutil.rmtree(folder / "home", ignore_errors=True)


def timed(act: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Return the seconds that something took, and what it returned."""
    wall, cpu = time.monotonic(), time.process_time()
    made = act()
    return {"cpu_s": round(time.process_time() - cpu, 2), "wall_s": round(time.monotonic() - wall, 2)}, made


def merely_read(path: Path) -> None:
    """Read every block of every band."""
    with rasterio.open(path) as dataset:
        for row in range(0, dataset.height, 1024):
            for col in range(0, dataset.width, 1024):
                dataset.read(
                    window=Window(col, row, 1024, 1024).intersection(Window(0, 0, dataset.width, dataset.height))
                )


def stages(folder: Path, side: int, dates: int) -> dict[str, Any]:
    """Return what each stage of the last date costs."""
    files = [write(folder / "scenes", number, side) for number in range(dates)]
    with home(folder) as catalogue:
        for file in files[:-1]:
            ingest_scene(catalogue.engine, [file], home=catalogue.home, actor="benchmark")
        read, _ = timed(lambda: merely_read(files[-1]))
        store, (report,) = timed(
            lambda: ingest_scene(catalogue.engine, [files[-1]], home=catalogue.home, actor="benchmark")
        )
        really, looked = landslides.run_landslide, []

        def looking(*args: Any, **more: Any) -> Any:
            took, made = timed(lambda: really(*args, **more))
            looked.append(took)
            return made

        landslides.run_landslide = looking  # type: ignore[assignment]
        whole, found = timed(
            lambda: landslides.detect_landslides(
                catalogue.engine, catalogue.home, since=report.acquired_at.date(), actor_name="b", only=report.id
            )
        )
        kept = sum(path.stat().st_size for path in (catalogue.home / "rasters" / report.id).glob("*.tif"))
        scores = sum(path.stat().st_size for path in (catalogue.home / "results").rglob("*.tif"))
    total = {name: store[name] + whole[name] for name in read}
    return {
        "read": read, "store": store, "detect": looked[0],
        "keep_changes": {name: round(whole[name] - looked[0][name], 2) for name in whole}, "total": total,
        "total_by_read": {name: round(total[name] / read[name], 1) for name in read}, "new_changes": len(found.new_changes),
        "scene_mb": round(kept / 1e6, 1), "scores_mb": round(scores / 1e6, 1),
        "source_mb": round(files[-1].stat().st_size / 1e6, 1),
    }  # fmt: skip


def scaling(folder: Path, side: int, workers: int) -> dict[str, Any]:
    """Return how long some workers take for the looks at dates of tiles side by side, and how large they grow."""
    with home(folder) as catalogue:
        made = []
        for place in range(1, PLACES + 1):
            for number in range(4, 8):
                file = write(folder / "scaling", number, side, place)
                made += ingest_scene(catalogue.engine, [file], home=catalogue.home, actor="benchmark")
        with connect.transaction(catalogue.engine) as conn:
            for report in made:
                defer_looks(conn, scenes.get(conn, report.id))
        url = database.url(catalogue.settings, "app")
        log = (folder / "worker.log").open("ab")
        command = [sys.executable, "-m", "api.cli", "worker", "--concurrency", "1"]
        running = [
            subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[1]) for _ in range(workers)
        ]
        peak_mb, cpu_s = _until_done(url, [one.pid for one in running])
        with connect.direct(url) as conn:
            (wall,) = conn.execute(
                "SELECT extract(epoch FROM max(at) - min(at) FILTER (WHERE type = 'started'))::float8 FROM procrastinate_events AS e "
                "JOIN procrastinate_jobs AS j ON j.id = e.job_id WHERE queue_name <> 'ticks'"
            ).fetchone() or (None,)
            (jobs,) = conn.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' AND status = 'succeeded'"
            ).fetchone() or (None,)
        for one in running:
            one.terminate()
            one.wait()
        log.close()
    return {"workers": workers, "megapixels": round(side**2 / 1e6, 2), "tile_dates": len(made), "jobs_done": jobs,
            "wall_s": round(wall or 0.0, 1), "cpu_s": round(cpu_s, 1), "peak_mb_a_worker": peak_mb}  # fmt: skip


def _until_done(url: str, pids: list[int]) -> tuple[list[int], float]:
    """Return the peak memory of each process (MB) and the processor seconds of all, once the queue is empty."""
    for _ in range(3600):
        time.sleep(1)
        with connect.direct(url) as conn:
            (left,) = conn.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'ticks' AND status IN ('todo', 'doing')"
            ).fetchone() or (0,)
        if not left:
            break
    peaks, seconds = [], 0.0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return peaks, seconds


if __name__ == "__main__":
    main()
