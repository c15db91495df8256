"""How heavy the map of the corridor is on a slow phone: a full catalogue, slow 3G, a processor four times slower.

    python benchmarks/map_weight.py [--points 1000000] [--observations 100000] [--changes 10000] [--markers 10000]

A private catalogue is filled and vanishes again; Chromium opens the map of the corridor, throttled over its debugging protocol (51 kB/s,
2 s latency, processor / 4), then a stretch of 20 km, and beside them the same observations as plain Folium markers, with the same
Leaflet from the same server. Bytes are those on the wire. `interaction` is the longest that an event waited until its frame was drawn,
among pressing `+` three times and clicking; `search` and `since` tell how long finding km 657 and choosing "30 days ago" hold the page
until the next frame, and when all tiles were there anew. Plain markers are opened with --markers of the records; of all of them the
bytes are told.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import folium
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from pydantic import SecretStr
from sqlalchemy import text

from api.app import create_app
from api.server import bind
from api.settings import ApiSettings
from benchmarks.displacement_map import store
from hazard_db import changes, connect, database, migrate, seed
from hazard_db.settings import DatabaseSettings
from maps import assets

ROOT = Path(__file__).parents[1]
SLOW_3G = {"offline": False, "latency": 2000, "downloadThroughput": 51_200, "uploadThroughput": 51_200}
SLOWER = 4
PATIENCE_S = 240
PLACE = """point_at_chainage(60 + 1100.0 * {i} / {n}, current_alignment())"""
OBSERVATIONS = f"""
INSERT INTO observation (id, kind, observed_at, note, dataset, content_sha256, review_status, chainage_km, chainage_from_km,
                         chainage_to_km, geom)
SELECT gen_random_uuid(), 'rockfall', now() - i * interval '1 hour', 'Blocks on the road, one lane closed', 'benchmark', 'b' || i,
       'accepted', 60 + 1100.0 * i / :n, 60 + 1100.0 * i / :n, 60 + 1100.0 * i / :n,
       ST_Translate({PLACE.format(i="i", n=":n")}, 0.02 * (random() - 0.5), 0.02 * (random() - 0.5))
FROM generate_series(1, :n) AS i"""
CHANGES = f"""
INSERT INTO change (kind, status, confidence, area_m2, area_uncertainty_m2, observed_share, first_date, last_date, chainage_km,
                    chainage_from_km, chainage_to_km, run_id, geom)
SELECT 'landslide', 'confirmed', 0.8, 12000, 900, 1, date '2015-01-01', date '2026-06-01' - i % 2000, 60 + 1100.0 * i / :n,
       60 + 1100.0 * i / :n, 60 + 1100.0 * i / :n, :run,
       ST_Multi(ST_Buffer(ST_Translate({PLACE.format(i="i", n=":n")}, 0.02 * (random() - 0.5), 0.02 * (random() - 0.5)), 0.0006))
FROM generate_series(1, :n) AS i"""
QUIET = "document.querySelectorAll('canvas.leaflet-tile:not(.leaflet-tile-loaded)').length === 0"
ACTS = {
    "search": "document.getElementById('kkh-query').value = 'km 657'; document.getElementById('kkh-search').requestSubmit()",
    "since": "const list = document.getElementById('kkh-span'); list.value = '30'; list.dispatchEvent(new Event('change'))",
}
"""What is done on the map -> the script that does it."""
EVENTS = """new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.waited = Math.max(window.waited || 0, one.duration);
}).observe({ type: "event", durationThreshold: 16, buffered: true })"""


def look(browser: Browser, address: str, ready: str) -> dict[str, Any]:
    """Return bytes and times of a page, throttled."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", SLOW_3G)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    begun = time.perf_counter()
    page.goto(address, wait_until="commit", timeout=PATIENCE_S * 1000)
    usable = _until(page, ready, begun)
    quiet = _until(page, QUIET, begun)
    paint = page.evaluate("(performance.getEntriesByName('first-contentful-paint')[0] || {startTime: NaN}).startTime")
    page.evaluate(EVENTS)
    page.locator(".leaflet-container").focus()
    for _ in range(3):
        page.keyboard.press("+")
        page.wait_for_timeout(1500)
    page.locator(".leaflet-container").click(position={"x": 150, "y": 150})
    page.wait_for_timeout(1500)
    waited = page.evaluate("window.waited || 0")
    acts = {name: _act(page, act) for name, act in ACTS.items()} if page.locator("#kkh-search").count() else {}
    page.close()
    return {
        "kB": round(sum(sizes) / 1000), "requests": len(sizes), "first paint s": round(paint / 1000, 1), "usable s": usable,
        "all tiles s": quiet, "interaction ms": round(waited), **acts,
    }  # fmt: skip


def _act(page: Page, act: str) -> str:
    """Return how long an act holds the page, and when the tiles that it asked for were there."""
    begun = time.perf_counter()
    held = page.evaluate(f"new Promise((done) => {{ const at = performance.now(); {act}; requestAnimationFrame(() => "
                         "setTimeout(() => done(performance.now() - at))); })")  # fmt: skip
    page.wait_for_timeout(500)
    return f"{held:.0f} ms, tiles {_until(page, QUIET, begun)} s"


def _until(page: Any, condition: str, begun: float) -> float | None:
    while time.perf_counter() - begun < PATIENCE_S:
        if page.evaluate(condition):
            return round(time.perf_counter() - begun, 1)
        page.wait_for_timeout(100)
    return None


def fill(urls: dict[str, str], asked: argparse.Namespace, folder: Path) -> list[tuple[float, float, str]]:
    """Store the records; return the observations' places and notes."""
    engine = connect.engine(urls["app"])
    with connect.transaction(engine) as conn:
        seed.load(conn)
        now = datetime.now(UTC)
        changes.store_run(
            conn, changes.RunRecord("landslide", "m", "1", {}, [], "s", "t", now, now, 0.9, {}, None), [], []
        )
    store(engine, asked.points, 20, folder)
    admin = connect.engine(urls["admin"])
    with connect.transaction(admin) as conn:
        for table in ("observation", "change"):  # what triggers would work out is given
            conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        conn.execute(text(OBSERVATIONS), {"n": asked.observations})
        run = conn.execute(text("SELECT min(id) FROM detection_run")).scalar_one()
        conn.execute(text(CHANGES), {"n": asked.changes, "run": run})
        rows = conn.execute(text("SELECT ST_Y(geom), ST_X(geom), note FROM observation")).all()
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("ANALYZE")
    admin.dispose()
    engine.dispose()
    return [(lat, lon, note) for lat, lon, note in rows]


def plain(rows: list[tuple[float, float, str]], out: Path) -> Path:
    """Write a page as Folium makes it by itself, but for the host of its scripts."""
    chart = folium.Map(location=[36.3, 74.6], zoom_start=8, tiles=None)
    for lat, lon, note in rows:
        folium.Marker([lat, lon], tooltip=note).add_to(chart)
    figure = chart.get_root()
    figure.render()
    out.write_text(
        f"<!doctype html><html><head><style>{assets.text('leaflet.css')} #m, .folium-map {{height: 800px}}</style></head><body>"
        f"{figure.html.render()}<script>{assets.text('leaflet.js')}</script><script>{figure.script.render()}\nwindow.ready = 1</script>"
        "</body></html>"
    )
    return out


@contextmanager
def application(urls: dict[str, str], home: Path) -> Iterator[str]:
    """Yield the address of the application over a catalogue."""
    told = {
        f"database_{name}url": SecretStr(urls[role])
        for name, role in (("", "admin"), ("app_", "app"), ("public_", "public"))
    }
    app = create_app(ApiSettings(database=DatabaseSettings(home=home, **told), anonymous_role="viewer"))  # type: ignore[arg-type]
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=15)


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Yield the address of a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def measure(asked: argparse.Namespace, urls: dict[str, str], folder: Path) -> None:
    """Fill, open, tell."""
    rows = fill(urls, asked, folder)
    chromium = subprocess.run([ROOT / "scripts/chromium.sh"], capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as player, application(urls, folder) as base, files(folder) as beside:
        browser = player.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        print("corridor:", look(browser, f"{base}/maps/corridor?lang=en", "window.kkhMap !== undefined"), flush=True)
        print(
            "km 650-670:",
            look(browser, f"{base}/maps/segment?km=650-670&lang=en", "window.kkhMap !== undefined"),
            flush=True,
        )
        every = plain(rows, folder / "all.html")
        body = every.read_bytes()
        print(
            f"plain Folium, {len(rows):,} markers: {len(body) / 1e6:.1f} MB, {len(gzip.compress(body, 5)) / 1e6:.1f} MB compressed"
        )
        few = plain(rows[: asked.markers], folder / "few.html")
        print(f"plain Folium, {asked.markers:,} markers:", look(browser, f"{beside}/{few.name}", "window.ready === 1"))
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("points", 1_000_000), ("observations", 100_000), ("changes", 10_000), ("markers", 10_000)):
        parser.add_argument(f"--{name}", type=int, default=number)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="map-") as folder:
        settings = DatabaseSettings(home=Path(folder))
        database.up(settings)
        try:
            urls = {role: database.url(settings, role) for role in ("admin", "app", "public")}
            migrate.upgrade(urls["admin"])
            measure(asked, urls, Path(folder))
        finally:
            database.down(settings)


if __name__ == "__main__":
    main()
