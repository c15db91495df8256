"""Tools of the map in a real browser: time, address, measure, search by code, two scenes beside each other, packs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from playwright.sync_api import Browser, Page, expect
from pyproj import Geod
from rasterio.transform import from_origin

from api.opening import Catalogue
from api.packing import write_pack
from detection.settlement.sums import SumFitter
from ingest.displacement.load import ingest_displacement
from ingest.imagery.load import ingest_scene
from maps import assets
from tests.browsing import wait_until
from tests.map_catalogue import CONFIRMED, fill, settings_of
from tests.phones import serving

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]
PLACE = "[36.3371, 74.8691]"
TILES_THERE = "document.querySelectorAll('.leaflet-tile:not(.leaflet-tile-loaded)').length === 0"


@pytest.fixture
def base(database: Any, tmp_path: Path) -> Iterator[str]:
    """Yield the address of the application with two scenes near km 657, open for reading to this machine."""
    fill(database.engine, tmp_path)
    scenes = [
        _scene(tmp_path / f"scene_{day}.tif", day, level) for day, level in (("20091001", 600), ("20100601", 2600))
    ]
    ingest_scene(database.engine, scenes, home=tmp_path, collection="test", actor="test")
    with serving(settings_of(database, tmp_path).model_copy(update={"anonymous_role": "viewer"})) as address:
        yield address


def _scene(path: Path, day: str, level: int) -> Path:
    """Write a scene of 4 by 4 km, brighter to the east."""
    values = np.full((4, 80, 80), level, np.int16) + np.arange(80, dtype=np.int16) * 10
    profile = {
        "driver": "GTiff", "width": 80, "height": 80, "count": 4, "dtype": "int16", "crs": "EPSG:32643", "nodata": -32768,
        "transform": from_origin(486_200, 4_023_400, 50, 50),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
        file.descriptions = ("blue", "green", "red", "nir")
        file.update_tags(acquired=f"{day[:4]}-{day[4:6]}-{day[6:]}T05:50:00+00:00")
    return path


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    wait_until(page, "window.kkhMap !== undefined")
    return page


def kept(page: Page, part: str) -> str:
    """Return the address once it holds a part."""
    wait_until(page, f"location.hash.includes({json.dumps(part)})")
    return page.url


def test_the_address_keeps_place_layers_time_and_record(base: str, browser: Browser) -> None:
    page = opened(browser.new_page(viewport={"width": 1280, "height": 900}), f"{base}/maps/segment?km=650-665&lang=en")
    page.evaluate(f"void kkhMap.setView({PLACE}, 14, {{animate: false}})")
    page.locator("label", has_text="Sites").locator("input").uncheck()
    page.locator(".kkh-time summary").click()
    hidden = page.locator('.kkh-mark[title="Change 1"]')  # its last look is of June 2026
    page.select_option("#kkh-span", "day")
    page.fill("#kkh-since", "2026-06-21")
    page.locator("#kkh-since").dispatch_event("change")
    kept(page, "since=2026-06-21")
    assert hidden.count() == 0
    page.get_by_role("button", name="Show all times").click()
    page.fill("#kkh-query", f"change {CONFIRMED}")
    page.press("#kkh-query", "Enter")
    page.locator(".leaflet-popup").wait_for()
    address = kept(page, f"open=changes:{CONFIRMED}")
    assert "at=" in address and "off=sites" in address and "since" not in address
    page.select_option("#kkh-span", "365")
    address = kept(page, "since=")
    again = opened(browser.new_page(viewport={"width": 1280, "height": 900}), address)
    assert not again.locator("label", has_text="Sites").locator("input").is_checked()
    assert again.locator(".leaflet-popup h3").inner_text() == f"Change {CONFIRMED}"
    assert again.locator(".kkh-time summary").inner_text().startswith("Time: 20")
    assert again.evaluate("kkhMap.getZoom()") == page.evaluate("kkhMap.getZoom()")
    assert again.evaluate(f"kkhMap.getCenter().distanceTo({PLACE})") < 3000
    page.close()
    again.close()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("kkh-ls-0001", "KKH-LS-0001"),
        ("阿塔巴德", "km 657"),
        ("عطا اباد", "km 657"),
        ("KKH-LS-9999", "No record"),
        ("Kashgar", "No such place on this map"),
    ],
)
def test_codes_and_places_in_three_scripts_are_found(base: str, browser: Browser, asked: str, answer: str) -> None:
    page = opened(browser.new_page(), f"{base}/maps/segment?km=650-665&lang=en")
    page.fill("#kkh-query", asked)
    page.press("#kkh-query", "Enter")
    wait_until(page, f"document.getElementById('kkh-answer').textContent.includes({json.dumps(answer)})")
    page.close()


def test_a_town_beside_the_road_is_found_and_named(base: str, browser: Browser) -> None:
    page = opened(browser.new_page(), f"{base}/maps/corridor?lang=ur")
    page.fill("#kkh-query", "Gilgit")
    page.press("#kkh-query", "Enter")
    wait_until(page, "document.getElementById('kkh-answer').textContent.includes('گلگت')")
    page.close()


def test_what_a_list_leads_to_is_told_where_its_layer_is_switched_off(base: str, browser: Browser) -> None:
    page = opened(browser.new_page(viewport={"width": 1280, "height": 900}), f"{base}/maps/segment?km=650-665&lang=en")
    page.locator("label", has_text="Sites").locator("input").uncheck()
    page.evaluate("void document.querySelector('[data-show=\"sites:KKH-LS-0001\"]').click()")
    expect(page.locator(".leaflet-popup h3")).to_have_text(re.compile("Attabad"))
    page.close()


def test_lengths_and_areas_are_those_of_the_ellipsoid(base: str, browser: Browser) -> None:
    page = opened(browser.new_page(), f"{base}/maps/segment?km=650-665&lang=en")
    lons, lats = [74.0, 74.9, 74.9, 74.1], [36.0, 36.1, 36.8, 36.7]
    points = json.dumps([{"lat": lat, "lng": lon} for lon, lat in zip(lons, lats, strict=True)])
    length = page.evaluate(
        f"(p => p.slice(1).reduce((sum, one, i) => sum + kkhMeasure.metres(p[i], one), 0))({points})"
    )
    area = page.evaluate(f"kkhMeasure.squareMetres({points})")
    true = Geod(ellps="WGS84")
    assert length == pytest.approx(true.line_length(lons, lats), rel=3e-4)
    assert area == pytest.approx(abs(true.polygon_area_perimeter(lons, lats)[0]), rel=1e-3)
    page.get_by_role("button", name="Measure").click()
    page.get_by_role("button", name="Middle of the map").click()  # by keys
    page.evaluate("void kkhMap.panBy([100, 0], {animate: false})")
    page.get_by_role("button", name="Middle of the map").click()
    assert page.locator(".kkh-panel [role=status]").inner_text().startswith("Length ")
    page.close()


def test_two_scenes_are_laid_beside_each_other(base: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    opened(page, f"{base}/maps/segment?km=655-659&lang=en")
    page.get_by_role("button", name="Compare two dates").click()
    told = page.locator(".kkh-panel [role=status]")
    told.get_by_text("Left 2009-10-01, right 2010-06-01").wait_for()
    wait_until(page, TILES_THERE)
    drawn = "[...document.querySelectorAll('.leaflet-{}-pane img')].filter(one => one.naturalWidth === 256).length"
    assert page.evaluate(drawn.format("before")) > 0
    assert page.evaluate(drawn.format("after")) > 0
    page.locator(".kkh-bar").fill("20")
    assert page.locator(".kkh-swipe").evaluate("one => one.style.left") == "20%"
    shown = "[...document.querySelectorAll('.leaflet-points-pane, .leaflet-areas-pane')].map(one => one.style.opacity)"
    assert page.evaluate(shown) == ["0.35", "0.35"]  # the ground is seen through what is known of it
    assert "compare=" in kept(page, "compare=")
    page.get_by_role("button", name="Compare two dates").click()
    assert page.evaluate(shown) == ["", ""]
    assert failed == []
    page.close()


def test_a_pack_holds_tiles_points_and_scenes_and_asks_nobody(
    base: str, browser: Browser, database: Any, tmp_path: Path
) -> None:
    _points(database.app_engine, tmp_path)
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    out = write_pack(catalogue, tmp_path / "pack.html", 655, 659)
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page, asked, told = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    opened(page, out.as_uri())
    page.evaluate("void kkhMap.setView([36.332, 74.858], 14, {animate: false})")
    wait_until(page, "document.querySelectorAll('.leaflet-points-pane canvas.leaflet-tile-loaded').length > 0")
    points = """(() => { let n = 0; kkhMap.eachLayer((one) => {
        if (one.points) for (const tile of one.points.values()) n += tile.points.length; }); return n; })()"""
    wait_until(page, f"{points} > 0")
    page.get_by_role("button", name="Compare two dates").click()
    wait_until(page, TILES_THERE)
    assert page.evaluate(
        "[...document.querySelectorAll('.leaflet-after-pane img')].some(one => one.naturalWidth === 256)"
    )
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    assert told == []
    assert out.stat().st_size < 5e6
    context.close()


def _points(engine: Any, folder: Path) -> None:
    days = [date(2024, 1, 3) + timedelta(days=12 * k) for k in range(20)]
    rows = [["ID", "Lat", "Lon", *(f"D{day:%Y%m%d}" for day in days)]]
    rows += [[f"P{k}", 36.332 - k / 250, 74.858, *(round(-3.0 * k * n, 2) for n in range(20))] for k in range(2)]
    path = folder / "points.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    ingest_displacement(engine, path, fitter=SumFitter(), actor="tester")


def test_no_mark_lies_under_another(base: str, browser: Browser) -> None:
    page = opened(browser.new_page(viewport={"width": 390, "height": 844}), f"{base}/maps/segment?km=650-665&lang=en")
    boxes = """[...document.querySelectorAll('.leaflet-marker-pane .kkh-mark')].map((one) => one.getBoundingClientRect())
      .map(({ x, y, width, height }) => [x, y, width, height])"""
    wait_until(page, "document.querySelectorAll('.leaflet-marker-pane .kkh-mark').length > 2")
    marks = page.evaluate(boxes)
    assert all(min(width, height) >= 24 for _, _, width, height in marks)
    lie = [
        (one, other)
        for one, other in combinations(marks, 2)
        if min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0]) > 2
        and min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1]) > 2
    ]
    assert lie == []
    # names and kilometres make room for them, for alerts that stand beside their place too
    covered = """(() => { const boxes = (all) => [...document.querySelectorAll(all)].map((one) => one.getBoundingClientRect());
        const marks = boxes('.leaflet-marker-pane .kkh-mark'), names = boxes('.leaflet-labels-pane .kkh-label');
        return names.length > 0 && names.every((one) => marks.every((mark) =>
            Math.min(one.right, mark.right) - Math.max(one.left, mark.left) <= 1
            || Math.min(one.bottom, mark.bottom) - Math.max(one.top, mark.top) <= 1)); })()"""
    wait_until(page, covered)
    page.close()
