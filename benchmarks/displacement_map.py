"""A map of a million points: how long until it is seen, and how long its tiles take.

    python benchmarks/displacement_map.py [--points 1000000] [--dates 20] [--out map.png]

Points of a simulated valley are stored by the very way that files come in, in a private catalogue that vanishes again; the page
is opened in Chromium at the whole corridor and at one kilometre. Times are the browser's: first paint, and all tiles drawn.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from api.app import create_app
from api.server import bind
from api.settings import ApiSettings
from detection.settlement.sums import SumFitter
from hazard_db import connect, database, displacement_store, migrate, seed
from hazard_db.progress import silent
from hazard_db.series import Displacement, PointBatch, Scatterers
from hazard_db.settings import DatabaseSettings

ROOT = Path(__file__).parents[1]
FIRST = date(2021, 1, 3)
WEST, SOUTH, EAST, NORTH = 74.35, 36.10, 75.05, 36.60
"""Around Hunza."""
BLOCK = 20_000


def batches(count: int, dates: int) -> Iterator[PointBatch]:
    """Yield points around bowls that settle, mm."""
    rng = np.random.default_rng(7)
    bowls = rng.uniform((WEST, SOUTH), (EAST, NORTH), (60, 2))
    sizes, rates = rng.uniform(0.002, 0.012, 60), rng.choice([-60, -35, -20, -12, 15], 60)
    t = np.arange(dates)[:, None] * 12 / 365.25
    for at in range(0, count, BLOCK):
        n = min(BLOCK, count - at)
        lon, lat = rng.uniform(WEST, EAST, n), rng.uniform(SOUTH, NORTH, n)
        distance = np.hypot(lon[:, None] - bowls[:, 0], (lat[:, None] - bowls[:, 1]) * 1.24)
        rate = (rates * np.exp(-((distance / sizes) ** 2))).sum(axis=1)
        y = (t * rate + rng.normal(size=(dates, n)) * 1.5).astype(np.float32)
        yield PointBatch(np.array([f"P{at + k}" for k in range(n)]), lon, lat, np.full(n, np.nan), y)


def store(engine: connect.Engine, count: int, dates: int, folder: Path) -> None:
    """Store a set of points."""
    days = tuple(FIRST + timedelta(days=12 * k) for k in range(dates))
    nothing = np.empty(0)
    source = Displacement(
        "simulated valley", "scatterers", days, Scatterers(np.array([], dtype=str), nothing, nothing), lambda a, b: nothing,
        "mm", "simulated: quiet ground",
    )  # fmt: skip
    with connect.transaction(engine) as conn:
        work = displacement_store.Work(conn, SumFitter(), folder, silent)
        displacement_store.store_set(work, source.name, source, lambda: batches(count, dates))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE displacement_point")


def look(browser: Browser, address: str, picture: Path | None, size: dict[str, int]) -> dict[str, Any]:
    """Return how long a page took, milliseconds, and how much it asked for."""
    page = browser.new_page(viewport=size)  # type: ignore[arg-type]
    tiles: list[int] = []
    page.on("response", lambda got: tiles.append(len(got.body())) if "/tiles/" in got.url else None)
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    begun = time.perf_counter()
    page.goto(address)
    while not page.evaluate(
        "window.kkhMap !== undefined && document.querySelectorAll('canvas.leaflet-tile-loaded').length > 0"
    ):
        page.wait_for_timeout(20)
    first_points = time.perf_counter() - begun
    while page.evaluate("document.querySelectorAll('canvas.leaflet-tile:not(.leaflet-tile-loaded)').length > 0"):
        page.wait_for_timeout(20)
    all_tiles = time.perf_counter() - begun
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.wait_for_timeout(400)  # tiles fade in
    if picture is not None:
        page.screenshot(path=picture)
    page.close()
    return {
        "first paint ms": round(paint), "first points ms": round(1000 * first_points), "all tiles ms": round(1000 * all_tiles),
        "tiles": len(tiles), "largest tile kB": round(max(tiles) / 1000), "complaints": complaints,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--dates", type=int, default=20)
    parser.add_argument("--out", type=Path, help="folder for pictures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="map-") as folder:
        settings = DatabaseSettings(home=Path(folder))
        database.up(settings)
        try:
            urls = {role: database.url(settings, role) for role in ("admin", "app", "public")}
            migrate.upgrade(urls["admin"])
            engine = connect.engine(urls["app"])
            with connect.transaction(engine) as conn:
                seed.load(conn)
            begun = time.perf_counter()
            store(engine, asked.points, asked.dates, Path(folder))
            print(f"{asked.points:,} points x {asked.dates} dates stored in {time.perf_counter() - begun:.1f} s")
            engine.dispose()
            serve_and_look(urls, asked.out, Path(folder))
        finally:
            database.down(settings)


def serve_and_look(urls: dict[str, str], out: Path | None, home: Path) -> None:
    """Open the pages in a browser."""
    told = DatabaseSettings(
        home=home, database_url=SecretStr(urls["admin"]), database_app_url=SecretStr(urls["app"]),
        database_public_url=SecretStr(urls["public"]),
    )  # fmt: skip
    listener = bind("127.0.0.1", 0)
    app = create_app(ApiSettings(database=told, anonymous_role="viewer"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    chromium = subprocess.run([ROOT / "scripts/chromium.sh"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        with sync_playwright() as player:
            browser = player.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
            )
            for name, address in (
                ("corridor", "/maps/corridor"),
                ("10 km", "/maps/segment?km=640-650"),
                ("1 km", "/maps/segment?km=644-645"),
            ):
                for kind, size in (("desk", {"width": 1280, "height": 800}), ("phone", {"width": 390, "height": 844})):
                    picture = out / f"map-{name.replace(' ', '')}-{kind}.png" if out else None
                    print(f"{name} {kind}:", look(browser, base + address, picture, size))
            browser.close()
    finally:
        server.should_exit = True
        thread.join(timeout=15)


if __name__ == "__main__":
    main()
