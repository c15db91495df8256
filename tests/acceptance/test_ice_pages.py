"""Pages of lakes and glaciers in a real browser, and what they give to programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from maps import assets
from tests.browsing import wait_until
from tests.ice_catalogue import GLACIER, LAKE, fill_ice
from tests.map_catalogue import settings_of
from tests.phones import serving

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]


@pytest.fixture
def base(database: Any, tmp_path: Path) -> Iterator[str]:
    """Yield the address of the application, open for reading to everybody."""
    fill_ice(database.engine)
    with serving(settings_of(database, tmp_path).model_copy(update={"anonymous_role": "public"})) as address:
        yield address


def test_programs_read_lakes_and_glaciers(base: str) -> None:
    lake = httpx.get(f"{base}/lakes/{LAKE}").json()
    assert lake["properties"]["road_km"] == pytest.approx(634, abs=0.5)
    assert [row["state"] for row in lake["properties"]["series"]].count("frozen") == 2
    assert lake["properties"]["series"][-1]["area_m2"] == 0
    assert lake["properties"]["name"].startswith("Shisper")
    table = httpx.get(f"{base}/lakes/{LAKE}?f=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert len(list(csv.DictReader(io.StringIO(table.text.lstrip("\ufeff"))))) == 9
    glacier = httpx.get(f"{base}/glaciers/{GLACIER}").json()["properties"]
    assert glacier["trend"] == "surge"
    assert [row["outlined_on"] for row in glacier["outlines"]] == ["2000-09-09", "2019-09-09"]
    assert glacier["outlines"][1]["change_m2"] < 0
    assert len(httpx.get(f"{base}/glaciers/{GLACIER}?f=csv").text.strip().splitlines()) == 13
    for path in ("/lakes?km=630-640", "/glaciers?km=630-640"):
        assert httpx.get(base + path).json()["numberReturned"] == 1
    assert httpx.get(f"{base}/lakes?km=100-110").json()["numberReturned"] == 0
    assert httpx.get(f"{base}/lakes/nowhere").status_code == 404
    for name in ("glaciers", "glacier_outlines", "termini", "lakes", "lake_outlines", "cascades"):
        assert httpx.get(f"{base}/ogc/collections/{name}/items?limit=3").json()["numberReturned"] >= 1


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_in_every_language(base: str, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text))
    page.on(
        "request", lambda asked: complaints.append(asked.url) if not asked.url.startswith((base, "data:")) else None
    )
    for lang in ("en", "zh", "ur"):
        for path, marks in ((f"/lakes/{LAKE}", 9), (f"/glaciers/{GLACIER}", 12)):
            page.goto(f"{base}{path}?lang={lang}&f=html")
            assert page.locator("svg.plot g title").count() == marks
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            wait_until(
                page, "document.querySelector('.minimap .leaflet-container, .minimap.leaflet-container') !== null"
            )
        for path in ("/lakes", "/glaciers"):
            page.goto(f"{base}{path}?lang={lang}&f=html")
            assert page.locator("tbody tr").count() == 1
    assert complaints == []
    context.close()


def test_years_on_the_map(base: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{base}/maps/segment?km=628-640&lang=en")
    wait_until(page, "window.kkhMap !== undefined")
    assert (
        page.evaluate("new Date(864e5 * document.getElementById('kkh-until').min).toISOString().slice(0, 10)")
        == "2000-01-01"
    )
    shown = (
        "[...document.querySelectorAll('.leaflet-areas-pane path')]"
        ".filter((one) => one.getAttribute('stroke') === '{}' && one.style.display !== 'none').length === {}"
    )
    slide = """(day) => {
        const slider = document.getElementById("kkh-until");
        slider.value = Date.parse(day) / 864e5;
        slider.dispatchEvent(new Event("input"));
    }"""
    wait_until(page, shown.format("#c2410c", 1))
    page.evaluate(slide, "2010-07-01")
    wait_until(page, shown.format("#c2410c", 0))
    assert "2010" in (page.locator("label[for=kkh-until]").text_content() or "")
    assert page.evaluate(shown.format("#7a8f99", 1))
    page.evaluate(slide, "2025-10-01")
    wait_until(page, shown.format("#c2410c", 1))
    page.close()


def test_a_list_leads_to_outlines_of_years_that_later_ones_have_replaced(base: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{base}/maps/segment?km=628-640&lang=en")
    wait_until(page, "window.kkhMap !== undefined")
    buttons = "[...document.querySelectorAll('[data-show^=\"outlines:\"]')]"
    days = set()
    for number in range(2):
        page.evaluate(f"void {buttons}[{number}].click()")
        wait_until(page, "document.querySelector('.leaflet-popup h3') !== null")
        days.add(page.locator("label[for=kkh-until]").text_content())
        page.keyboard.press("Escape")
        expect(page.locator(".leaflet-popup h3")).to_have_count(0)
    assert len(days) == 2, "the older one is shown among what stood in its year"
    page.close()
