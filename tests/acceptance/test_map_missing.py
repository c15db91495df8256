"""What a map could not load is told on it, in a real browser, until it is there; a file that has no server lacks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from playwright.sync_api import Browser, Locator, Page, Route, expect
from rasterio.transform import from_bounds
from sqlalchemy import text

from api.opening import Catalogue
from api.packing import write_map
from hazard_db import connect
from maps import assets
from tests.browsing import wait_until
from tests.map_catalogue import fill, settings_of
from tests.phones import serving

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]
TOLD = {
    "en": ("Not loaded: Terrain. The records", "Not loaded: Terrain, Observations. An empty place", "Try again"),
    "zh": ("未能加载：地形。地图上的记录", "未能加载：地形、观测。此处空白", "重试"),
    "ur": (
        "لوڈ نہیں ہوئے: \u2068زمین کا ابھار\u2069۔ نقشے",
        "لوڈ نہیں ہوئے: \u2068زمین کا ابھار، مشاہدات\u2069۔ یہاں",
        "دوبارہ کوشش کریں",
    ),
}
"""Language -> what is said where the ground is lacking, where records are, and on the button."""
MANY = """INSERT INTO observation (id, kind, observed_at, dataset, content_sha256, geom, review_status)
SELECT gen_random_uuid(), 'rockfall', now() - n * interval '1 hour', 'many', 'many ' || n, ST_SetSRID(ST_MakePoint(
    74.86 + 0.0001 * (n % 30), 36.33 + 0.0001 * (n / 30)), 4326), 'accepted' FROM generate_series(1, 600) AS n"""


@pytest.fixture
def base(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of the application with terrain and more observations than a page can hold."""
    fill(database.engine, tmp_path)
    with connect.transaction(database.app_engine) as conn:
        conn.execute(text(MANY))
    dem = tmp_path / "dem.tif"
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(dem, "w", **profile, transform=from_bounds(74, 35.5, 76, 37, 64, 64)) as file:
        file.write(np.linspace(1000, 6000, 64 * 64, dtype=np.float32).reshape(1, 64, 64))
    monkeypatch.setenv("HAZARD_DEM", str(dem))
    with serving(settings_of(database, tmp_path).model_copy(update={"anonymous_role": "viewer"})) as address:
        yield address


def opened(page: Page, address: str) -> Locator:
    """Open a map and return the place where it tells what it could not load."""
    page.goto(address)
    wait_until(page, "window.kkhMap !== undefined")
    return page.locator(".kkh-missing")


def test_what_tiles_lack_is_told_until_they_are_there(base: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    failing = {"/maps/terrain/": 503, "/maps/cells/": 429}

    def answer(route: Route) -> None:
        status = next((status for part, status in failing.items() if part in route.request.url), None)
        if status:
            route.fulfill(status=status)
        else:
            route.continue_()

    page.route("**/maps/**", answer)
    for lang, (ground, both, again) in TOLD.items():
        failing.update({"/maps/terrain/": 503, "/maps/cells/": 429})
        told = opened(page, f"{base}/maps/segment?km=655-660&lang={lang}")
        expect(told.get_by_role("status")).to_contain_text(both)
        del failing["/maps/cells/"]
        told.get_by_role("button", name=again).click()
        expect(told.get_by_role("status")).to_contain_text(ground)
        wait_until(page, "document.querySelectorAll('.leaflet-cells-pane canvas.leaflet-tile-loaded').length > 0")
        failing.clear()
        told.get_by_role("button", name=again).click()
        expect(told.get_by_role("status")).to_be_empty()
        expect(told.get_by_role("button")).to_be_hidden()
        wait_until(page, "document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    page.close()


def test_without_a_network_it_is_told_and_asked_again_once_there_is_one(base: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    told = opened(page, f"{base}/maps/segment?km=655-660&lang=en").get_by_role("status")
    wait_until(page, "document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    expect(told).to_be_empty()
    context.set_offline(True)
    page.evaluate("void kkhMap.setView([36.33, 74.86], 6, { animate: false })")
    expect(told).to_contain_text("Not loaded: Terrain, Observations.")
    page.get_by_role("button", name="Compare two dates").click()
    expect(page.locator(".kkh-panel")).to_contain_text("The scenes could not be loaded.")
    expect(told).to_contain_text("Compare two dates")
    context.set_offline(False)
    expect(told).to_be_empty()
    expect(page.locator(".kkh-panel")).to_contain_text("The catalogue has not two scenes of this place.")
    page.locator("label", has_text="Terrain").locator("input").wait_for()
    context.close()


def test_a_layer_that_is_taken_away_lacks_nothing(base: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.route("**/maps/cells/**", lambda route: route.abort())
    told = opened(page, f"{base}/maps/segment?km=655-660&lang=en").get_by_role("status")
    expect(told).to_contain_text("Not loaded: Observations.")
    layer = page.locator("label", has_text="Observations").locator("input")
    layer.uncheck()
    expect(told).to_be_empty()
    layer.check()
    expect(told).to_contain_text("Not loaded: Observations.")
    page.close()


def test_a_map_that_is_a_file_lacks_nothing_and_says_where_it_ends(
    base: str, browser: Browser, database: Any, tmp_path: Path
) -> None:
    del base  # it fills the catalogue
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    out = write_map(catalogue, "segment", tmp_path / "map.html", km_from=655, km_to=659)
    context = browser.new_context(offline=True)
    page = context.new_page()
    told = opened(page, out.as_uri())
    page.evaluate("void kkhMap.setView([30, 60], 12, { animate: false })")
    wait_until(page, "document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    expect(told.get_by_role("status")).to_be_empty()
    expect(page.locator(".kkh-note", has_text="This file holds")).to_have_count(1)
    context.close()
