"""Maps in a real browser: nothing asked of other hosts, no errors, layers, popups, search, keyboard; desk and phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import text

from api.opening import Catalogue
from api.packing import write_map
from detection.settlement.sums import SumFitter
from hazard_db import connect
from ingest.displacement.load import ingest_displacement
from maps import assets
from tests.browsing import wait_until
from tests.map_catalogue import CANDIDATE, CONFIRMED, fill, settings_of
from tests.phones import serving

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]

SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
QUICK_MS = 10_000
"""Ample on a busy machine; on a free one a map is there in one second."""


@dataclass
class Watched:
    """A page, with all that it asked for and complained of."""

    page: Page
    base: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str) -> Page:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda told: self.complaints.append(f"{told.type}: {told.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address if "://" in address else self.base + address)
        wait_until(self.page, "window.kkhMap !== undefined", timeout_ms=QUICK_MS)
        return self.page

    def check(self) -> None:
        own = (self.base, "data:", "blob:", "file:")
        assert [address for address in self.asked if not address.startswith(own)] == []
        assert self.complaints == []
        assert self.page.evaluate("window.hacked") is None


@pytest.fixture
def base(database: Any, tmp_path: Path) -> Iterator[str]:
    """Yield the address of the application, open for reading to this machine."""
    fill(database.engine, tmp_path)
    with serving(settings_of(database, tmp_path).model_copy(update={"anonymous_role": "viewer"})) as address:
        yield address


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    size = SIZES[getattr(request, "param", "desk")]
    made = browser.new_context(viewport=size, has_touch=size["width"] < 500, reduced_motion="reduce")  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.mark.parametrize("lang", ["en", "zh", "ur"])
@pytest.mark.parametrize("context", SIZES, indirect=True)
def test_the_corridor_opens_and_asks_no_other_host(base: str, context: BrowserContext, lang: str) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open(f"/maps/corridor?lang={lang}")
    assert page.locator("#kkh-state").is_hidden()
    assert page.locator(".kkh-mark").count() >= 3
    road = page.locator(".leaflet-road-pane path")
    assert 1 <= road.count() < 30  # a path for each look, not for each kilometre
    drawn = road.evaluate_all("all => all.map((one) => one.getTotalLength()).reduce((a, b) => a + b)")
    assert drawn > 250  # pixels
    assert page.locator(".kkh-place").count() >= 3
    assert page.evaluate("document.documentElement.dir") == ("rtl" if lang == "ur" else "ltr")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    legend = page.locator(".kkh-legend")
    assert legend.evaluate("one => getComputedStyle(one).direction") == ("rtl" if lang == "ur" else "ltr")
    watched.check()


@pytest.mark.parametrize("context", SIZES, indirect=True)
def test_layers_are_switched(base: str, context: BrowserContext) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/segment?km=655-660&lang=en")
    if page.viewport_size and page.viewport_size["width"] < 500:
        page.tap(".leaflet-control-layers-toggle")
    boxes = page.locator(".leaflet-control-layers-overlays label")
    assert [text.strip().partition(" (")[0] for text in boxes.all_inner_texts()] == [
        "Alerts", "Changes", "Observations", "Sites", "Events", "Road by risk", "Names and kilometres",
    ]  # fmt: skip
    note = page.locator(".kkh-note", has_text="No records on this map").inner_text()
    assert all(name in note for name in ("Ground motion", "Glaciers", "Lakes", "Snouts by year"))
    assert [text.strip() for text in page.locator(".kkh-branch summary").all_inner_texts()] == [
        "Hazards",
        "Road and ground",
    ]
    hazards = page.locator(".kkh-branch > input").first
    hazards.uncheck()
    assert page.locator(".leaflet-control-layers-overlays label input:checked").count() == 2
    boxes.first.locator("input").check()
    assert hazards.evaluate("one => one.indeterminate")
    hazards.uncheck()
    hazards.check()
    assert page.locator(".leaflet-control-layers-overlays label input:checked").count() == boxes.count()
    road = page.locator(".leaflet-road-pane path, .leaflet-casing-pane path")
    assert road.count() >= 2
    for number in range(boxes.count()):
        boxes.nth(number).locator("input").uncheck()
    page.wait_for_timeout(200)
    assert road.count() == 0
    assert page.locator(".kkh-mark, .kkh-place, .kkh-post:not(.sample)").count() == 0
    for number in range(boxes.count()):
        boxes.nth(number).locator("input").check()
    page.wait_for_timeout(200)
    assert road.count() >= 2
    assert page.locator(".kkh-mark").count() >= 3
    watched.check()


@pytest.mark.parametrize("lang", ["en", "ur"])
@pytest.mark.parametrize("context", SIZES, indirect=True)
def test_a_change_tells_its_numbers_and_shows_its_picture(base: str, context: BrowserContext, lang: str) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open(f"/maps/change/{CONFIRMED}?lang={lang}")
    wait_until(
        page,
        "[...document.querySelectorAll('.kkh-about .swipe img')].filter((one) => one.naturalWidth === 240).length === 2",
    )
    show(page, f"changes:{CONFIRMED}")
    popup = page.locator(".leaflet-popup")
    wait_until(
        page,
        "[...document.querySelectorAll('.leaflet-popup .swipe img')].filter((one) => one.naturalWidth === 240).length === 2",
    )
    assert "43,210 ± 4,000 m²" in popup.inner_text()
    assert popup.locator(f'a[href="/changes/{CONFIRMED}"]').count() == 1
    box, frame = popup.bounding_box(), page.locator(".folium-map").bounding_box()
    assert box is not None
    assert frame is not None
    assert box["x"] >= frame["x"] - 1
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
    watched.check()


def show(page: Page, record: str) -> None:
    """Choose a record in the lists below the map."""
    page.locator(".kkh-lists details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.locator(f'[data-show="{record}"]').click()
    page.locator(".leaflet-popup").wait_for(timeout=QUICK_MS)


def test_hostile_notes_and_headlines_stay_text(base: str, context: BrowserContext) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/segment?km=635-665")
    for record in ("observations:00000000-0000-0000-0000-000000000001", "alerts:1", "alerts:2"):
        show(page, record)
        assert "<img src=x" in page.locator(".leaflet-popup").inner_text()
        page.keyboard.press("Escape")
        page.locator(".leaflet-popup").wait_for(state="detached")
    watched.check()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("km 657", "km 657: 36.3"), ("657.25", "km 657.25"), ("657+250", "km 657.25"), ("公里 657", "km 657"), ("۶۵۷", "km 657"),
        ("36.3371, 74.8691", "km 65"), ("36.3371 74.8691", "km 65"), ("36.3371° N, 74.8691° E", "km 65"), ("chilas", "km 416"),
        ("640-660", "km 640–660"), ("km 5000", "from km 55"), ("74.86, 36.33", "latitude first"), ("nowhere", "Write for example"),
        ("", "Write for example"), ("<b>x</b>", "Write for example"), ("10, 10", "from the road on this map"),
    ],
)  # fmt: skip
def test_the_search_finds_kilometres_places_and_coordinates(
    base: str, context: BrowserContext, asked: str, answer: str
) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/corridor?lang=en")
    page.fill("#kkh-query", asked)
    page.press("#kkh-query", "Enter")
    assert answer in page.locator("#kkh-answer").inner_text()
    watched.check()


def test_the_kilometre_is_told_beside_the_pointer_and_by_a_click(base: str, context: BrowserContext) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/segment?km=655-660&lang=en")
    at = page.evaluate("""() => { const road = document.querySelectorAll('.leaflet-road-pane path');
        const path = road[Math.floor(road.length / 2)], half = path.getPointAtLength(path.getTotalLength() * 0.3);
        const screen = new DOMPoint(half.x, half.y).matrixTransform(path.getScreenCTM()); return [screen.x, screen.y]; }""")
    page.mouse.move(at[0] - 3, at[1])
    page.mouse.move(*at)
    assert page.locator(".kkh-hover").inner_text().startswith("km 65")
    page.mouse.click(*at)
    popup = page.locator(".leaflet-popup")
    popup.wait_for()
    assert "Score" in popup.inner_text() or "State" in popup.inner_text()
    watched.check()


def test_the_keyboard_is_enough(base: str, context: BrowserContext) -> None:
    watched = Watched(context.new_page(), base)
    page = watched.open(f"/maps/change/{CANDIDATE}?lang=en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    mark = page.locator('.kkh-mark[title="Change 2"]')
    mark.focus()
    page.keyboard.press("Enter")
    page.locator(".leaflet-popup").wait_for()
    assert "kkh-told" in page.evaluate("document.activeElement.className")
    page.keyboard.press("Escape")
    page.wait_for_timeout(400)
    assert page.locator(".leaflet-popup").count() == 0
    assert page.evaluate("document.activeElement.title") == "Change 2"
    before = page.evaluate("kkhMap.getZoom()")
    page.locator(".folium-map").focus()
    page.keyboard.press("+")
    page.wait_for_timeout(500)
    assert page.evaluate("kkhMap.getZoom()") > before
    watched.check()


@pytest.mark.parametrize("lang", ["en", "zh", "ur"])
@pytest.mark.parametrize("context", SIZES, indirect=True)
def test_a_file_works_without_network(database: Any, tmp_path: Path, context: BrowserContext, lang: str) -> None:
    fill(database.engine, tmp_path)
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    out = write_map(catalogue, "change", tmp_path / "change.html", lang=lang, change_id=CANDIDATE)
    context.set_offline(True)
    watched = Watched(context.new_page(), out.as_uri())
    page = watched.open(out.as_uri())
    show(page, f"changes:{CANDIDATE}")
    wait_until(page, "document.querySelector('.leaflet-popup img').naturalWidth > 300")
    assert page.locator(".leaflet-road-pane path").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    watched.check()


def test_a_page_whose_scripts_fail_says_so_and_keeps_its_lists(base: str, context: BrowserContext) -> None:
    page = context.new_page()
    page.route("**/assets/leaflet.js*", lambda route: route.abort())
    page.goto(f"{base}/maps/corridor?lang=en")
    assert "could not be drawn" in page.locator("#kkh-state").inner_text()
    assert page.locator("[data-show]").count() > 3


@pytest.mark.parametrize(
    "path", ["/", "/segments", "/segments/657", "/changes/1", "/changes", "/alerts", "/observations", "/docs"]
)
@pytest.mark.parametrize("context", ["phone"], indirect=True)
def test_other_pages_fit_a_phone(base: str, context: BrowserContext, path: str) -> None:
    page = context.new_page()
    for lang in ("en", "ur"):
        page.goto(f"{base}{path}?lang={lang}&f=html")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), lang


def test_points_are_drawn_from_tiles_and_a_click_leads_to_their_series(
    base: str, context: BrowserContext, database: Any, tmp_path: Path
) -> None:
    days = [date(2024, 1, 3) + timedelta(days=12 * k) for k in range(20)]
    t = np.arange(20) * 12 / 365.25
    noise = np.random.default_rng(1).normal(size=(20, 2)) * 0.5
    rows = [["ID", "Lat", "Lon", *(f"D{day:%Y%m%d}" for day in days)]]
    for k, (name, lat, rate) in enumerate((("P1", 36.332, -30.0), ("P2", 36.328, 0.0))):
        rows.append([name, lat, 74.858, *(np.round(rate * t + noise[:, k], 3))])
    path = tmp_path / "two <points>.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    ingest_displacement(database.app_engine, path, fitter=SumFitter(), actor="tester")
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/segment?km=655-660&lang=en")
    wait_until(page, "document.querySelectorAll('canvas.leaflet-tile-loaded').length > 0")
    page.evaluate("kkhMap.setView([36.332, 74.858], 15, {animate: false})")
    wait_until(page, "document.querySelectorAll('canvas.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    middle = page.evaluate("(() => { const at = kkhMap.latLngToContainerPoint([36.332, 74.858]), box = "
                           "kkhMap.getContainer().getBoundingClientRect(); return [at.x + box.x, at.y + box.y] })()")  # fmt: skip
    page.mouse.click(*middle)
    told = page.locator(".kkh-told")
    told.get_by_text("two <points>").wait_for()
    assert "mm/yr" in told.inner_text() and "not told by the file" in told.inner_text()
    told.get_by_role("link", name="Time series").click()
    page.locator("svg.plot").wait_for()
    assert "two <points>: P1" in page.locator("h1").inner_text()
    watched.check()


def counted(page: Page) -> int:
    """Return how many observations the tiles of a map tell, once all are there."""
    wait_until(page, "document.querySelectorAll('.leaflet-cells-pane canvas.leaflet-tile-loaded').length > 0")
    wait_until(page, "document.querySelectorAll('canvas.leaflet-tile:not(.leaflet-tile-loaded)').length === 0")
    told = page.evaluate("""() => { let layer; kkhMap.eachLayer((one) => { if (one.points) layer = one; });
        const cells = new Map(); // cells at an edge are told by both tiles
        for (const { coords, points } of layer.points.values()) for (const one of points) if (one.x >= 0 && one.x < 1 && one.y >= 0
            && one.y < 1) cells.set(`${coords.x + one.x} ${coords.y + one.y}`, one.told.n);
        return [...cells.values()].reduce((a, b) => a + b, 0); }""")
    return int(told)


def test_a_kind_with_many_records_is_drawn_from_tiles_and_none_is_left_out(
    base: str, context: BrowserContext, database: Any
) -> None:
    many = 2_100
    with connect.transaction(database.app_engine) as conn:
        conn.execute(
            text("""INSERT INTO observation (id, kind, observed_at, dataset, content_sha256, geom, review_status)
                    SELECT gen_random_uuid(), 'rockfall', now() - n * interval '1 hour', 'many', 'many ' || n, ST_SetSRID(ST_MakePoint(
                        74.86 + 0.0001 * (n % 50), 36.33 + 0.0001 * (n / 50)), 4326), 'accepted' FROM generate_series(1, :n) AS n"""),
            {"n": many},
        )
    watched = Watched(context.new_page(), base)
    page = watched.open("/maps/corridor?lang=en")
    assert f"Observations ({many + 2:,})" in page.locator(".leaflet-control-layers").inner_text()
    assert counted(page) == many + 2
    # of another time, between two zooms: all of them again
    page.evaluate("kkhMap.setView([36.34, 74.86], 8.5, { animate: false })")
    counted(page)
    page.evaluate("""() => { const list = document.getElementById('kkh-span');
        list.value = '30'; list.dispatchEvent(new Event('change')); }""")
    with connect.transaction(database.app_engine) as conn:
        since = """SELECT count(*) FROM observation WHERE observed_at >= CAST(now() AT TIME ZONE 'UTC' AS date) - 30
                   AND chainage_km IS NOT NULL AND review_status <> 'rejected'"""
        lately = conn.execute(text(since)).scalar_one()
    assert 0 < lately < many
    assert counted(page) == lately
    page.locator(".kkh-lists details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.locator('[data-show^="observations:"]').first.click()
    popup = page.locator(".leaflet-popup")
    popup.get_by_role("link", name="Open its page").wait_for()
    watched.check()
