"""A newcomer's walk: open, find km 657, see Attabad, compare 2009 and 2010, print. Counts clicks, keeps each picture.

    python benchmarks/newcomer_walk.py [--out docs/images]

A private catalogue with the public road, sites and events, SIMULATED scenes of 2009 and 2010 and SIMULATED terrain is filled and
vanishes again. What is clicked is found by its role and name, as a reader finds it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import rasterio
from playwright.sync_api import Locator, Page, sync_playwright
from rasterio.transform import from_bounds

from api import demo_data
from benchmarks.map_weight import ROOT, application
from detection.simulate import simulate_landslide
from hazard_db import connect, database, migrate, risk, seed
from hazard_db.settings import DatabaseSettings
from ingest.imagery.load import ingest_scene

SIZE = {"width": 1366, "height": 800}
PHONE = {"width": 390, "height": 844}
QUALITY = 62
AROUND = (74.2, 36.0, 75.4, 36.8)
DAYS = (datetime(2009, 10, 12, 5, 50, tzinfo=UTC), datetime(2010, 6, 15, 5, 50, tzinfo=UTC))
STILL = "document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0"

NEAREST = """(() => { const frame = document.querySelector(".folium-map").getBoundingClientRect();
    const middle = (one) => { const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
    const far = (one) => Math.hypot(middle(one)[0] - frame.x - frame.width / 2, middle(one)[1] - frame.y - frame.height / 2);
    const near = [...document.querySelectorAll(".kkh-mark")].filter((one) => far(one) < 250).sort((a, b) => far(a) - far(b));
    return middle(near.find((one) => one.title.includes("Attabad")) || near[0]); })()"""
"""Where the mark lies that a reader aims at: the one named Attabad, else the nearest, near the middle of the map."""


@dataclass
class Walk:
    """Counts what a reader does."""

    page: Page
    out: Path
    clicks: int = 0
    typed: list[str] = field(default_factory=list)

    def click(self, what: Locator) -> None:
        """Click and count."""
        what.click()
        self.clicks += 1

    def press(self, where: str) -> None:
        """Click where an expression says, and count."""
        self.page.mouse.click(*self.page.evaluate(where))
        self.clicks += 1

    def look(self, name: str, told: str) -> None:
        """Keep a picture and tell what was done until here."""
        for _ in range(100):
            self.page.wait_for_timeout(100)
            if self.page.evaluate(STILL):
                break
        self.page.screenshot(path=self.out / f"walk-{name}.jpg", type="jpeg", quality=QUALITY)
        print(f"{name}: {told}; clicks so far {self.clicks}, typed {', '.join(self.typed) or 'nothing'}", flush=True)


def walk(page: Page, base: str, out: Path) -> None:
    """Go through it."""
    told = Walk(page, out)
    page.goto(f"{base}/?lang=en")
    told.click(page.get_by_role("navigation").get_by_role("link", name="Map"))
    page.locator("#kkh-state").wait_for(state="hidden")
    told.look("1-open", "open the map")
    page.locator("#kkh-query").fill("km 657")
    page.keyboard.press("Enter")
    told.typed.append("km 657, Enter")
    page.locator(".leaflet-popup").wait_for()
    told.look("2-find", "find km 657")
    page.keyboard.press("Escape")
    told.press(NEAREST)
    page.wait_for_timeout(800)
    if not page.locator(".leaflet-popup").count():  # several records close together opened up
        told.press(NEAREST)
    page.locator(".leaflet-popup", has_text="Attabad").wait_for()
    told.look("3-see", "see Attabad")
    told.click(page.get_by_role("button", name="Compare two dates"))
    page.get_by_text("Left 2009-10-12, right 2010-06-15").wait_for()
    told.look("4-compare", "compare 2009 and 2010")
    page.evaluate("window.print = () => { window.asked = true; }")  # the system's window cannot be looked at
    told.click(page.get_by_role("button", name="Print"))
    for _ in range(100):
        if page.evaluate("window.asked === true"):
            break
        page.wait_for_timeout(100)
    assert page.evaluate("window.asked === true"), "nothing was printed"
    paper(page, out)
    print(f"5-print: print on A4; clicks in all {told.clicks}, typed {', '.join(told.typed)}")


def paper(page: Page, out: Path) -> None:
    """Keep a picture of the first sheet."""
    page.evaluate(
        "document.documentElement.classList.add('kkh-printing'); void kkhMap.invalidateSize({animate: false})"
    )
    page.wait_for_timeout(1500)
    with tempfile.NamedTemporaryFile(suffix=".pdf") as sheet:
        page.pdf(path=sheet.name, prefer_css_page_size=True, print_background=True)
        with pypdfium2.PdfDocument(sheet.name) as document:
            first = document[0]
            first.render(scale=1.1).to_pil().convert("RGB").save(out / "walk-5-print.jpg", quality=QUALITY)
            first.close()


def phone(browser: Any, base: str, out: Path) -> None:
    """Keep the map on a phone in Urdu and dark on a desk in Chinese."""
    for name, lang, size, part in (("phone-ur", "ur", PHONE, ""), ("dark-zh", "zh", SIZE, "&dark=1")):
        page = browser.new_page(viewport=size, has_touch=size is PHONE)
        page.goto(f"{base}/maps/corridor?lang={lang}#at=12/36.33700/74.86900{part}")
        page.locator("#kkh-state").wait_for(state="hidden")
        page.wait_for_timeout(3000)
        page.locator(".kkh-frame").scroll_into_view_if_needed()
        page.screenshot(path=out / f"map-{name}.jpg", type="jpeg", quality=QUALITY)
        page.close()


def fill(urls: dict[str, str], home: Path) -> None:
    """Store road, sites and events, and two simulated scenes."""
    engine = connect.engine(urls["app"])
    with connect.transaction(engine) as conn:
        seed.load(conn)
        risk.update(conn)
        scene = simulate_landslide(
            demo_data.SEED, shape=demo_data.PIXELS, n_before=1, n_after=1, pixel_m=demo_data.PIXEL_M
        )
        transform = demo_data.placed(conn, scene)
    shots = [
        replace(one, acquired_at=day) for one, day in zip((*scene.block.before, *scene.block.after), DAYS, strict=True)
    ]
    paths = [home / f"simulated_scene_{shot.acquired_at:%Y%m%d}.tif" for shot in shots]
    for path, shot in zip(paths, shots, strict=True):
        demo_data.write_acquisition(path, shot, shot.acquired_at, transform)
    ingest_scene(engine, paths, home=home, collection=demo_data.COLLECTION, actor="walk")
    engine.dispose()


def terrain(path: Path) -> Path:
    """Write simulated heights around the place: ridges of many sizes above a valley."""
    rng, side = np.random.default_rng(demo_data.SEED), 1200
    height = np.zeros((side, side), np.float32)
    for size in (6, 12, 24, 48, 96):
        grid = rng.normal(size=(size, size)).astype(np.float32)
        at = np.linspace(0, size - 1, side)
        rows = np.array([np.interp(at, np.arange(size), row) for row in grid])
        height += np.array([np.interp(at, np.arange(size), column) for column in rows.T]).T * (9000 / size)
    profile = {"driver": "COG", "width": side, "height": side, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", **profile, transform=from_bounds(*AROUND, side, side)) as file:
        file.write(3600 + height, 1)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    asked = parser.parse_args()
    chromium = subprocess.run([ROOT / "scripts/chromium.sh"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        settings = DatabaseSettings(home=Path(folder))
        os.environ |= {
            "HAZARD_DEM": str(terrain(Path(folder) / "dem.tif")),
            "HAZARD_DEM_ATTRIBUTION": "SIMULATED terrain",
        }
        database.up(settings)
        try:
            urls = {role: database.url(settings, role) for role in ("admin", "app", "public")}
            migrate.upgrade(urls["admin"])
            fill(urls, Path(folder))
            with sync_playwright() as player, application(urls, Path(folder)) as base:
                browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                walk(browser.new_page(viewport=SIZE), base, asked.out)
                phone(browser, base, asked.out)
                browser.close()
        finally:
            database.down(settings)


if __name__ == "__main__":
    main()
