"""Pages in a real browser: nothing from other hosts, no errors, no barriers, no sideways scroll, no words of another language.

A share of what `benchmarks/pages.py` asks of every kind of page: each language and width, with records and without.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from hazard_db import accounts, connect, risk, seed
from maps import assets
from tests.page_audit import audit, visiting
from tests.page_catalogue import FAULTS, PASSWORD, addresses, fill_pages
from tests.phones import serving, settings_of

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]

SHARE = {
    ("en", 390): ("home-inside", "segments", "stretch", "alert", "alerts-calendar"),
    ("zh", 1366): ("home", "change", "displacement-point", "site", "map-segment"),
    ("ur", 390): (
        "home-inside",
        "segment",
        "observation",
        "lake",
        "problem",
        "problem-fault",
        "problem-old-form",
        "problem-patience",
    ),
}


@pytest.fixture
def filled(database: Any, tmp_path: Path) -> Iterator[tuple[str, dict[str, int | str]]]:
    numbers = fill_pages(database.engine, tmp_path)
    with serving(settings_of(database, tmp_path), more=FAULTS) as address:
        yield address, numbers


def test_pages_with_records(filled: tuple[str, dict[str, int | str]], browser: Browser) -> None:
    address, numbers = filled
    pages = addresses(numbers)
    wrong = []
    for (lang, width), names in SHARE.items():
        for role in ("public", "admin"):
            kinds = [(name, *pages[name]) for name in names if pages[name][1].role == role]
            with visiting(browser, address, role, lang, width, "dark" if lang == "zh" else "light") as page:
                for name, path, kind in kinds:
                    found = audit(page, address, path, kind, lang=lang)
                    wrong += [f"{name} {lang} {width}: {one}" for one in found]
    assert wrong == []


def test_pages_without_records_or_road(database: Any, tmp_path: Path, browser: Browser) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "amina", "admin", PASSWORD)
    pages = addresses({}, filled=False)
    wrong = []
    with serving(settings_of(database, tmp_path)) as address, visiting(browser, address, "admin", "ur", 390) as page:
        for name in ("home-inside", "segments", "review", "jobs"):
            path, kind = pages[name]
            wrong += [f"{name}: {one}" for one in audit(page, address, path, kind, lang="ur")]
    assert wrong == []


def test_grades_are_seen_with_the_colours_of_the_reader_and_on_narrow_pages(
    database: Any, tmp_path: Path, browser: Browser
) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        risk.update(conn)
    with serving(settings_of(database, tmp_path)) as address:
        window = browser.new_context(forced_colors="active", viewport={"width": 320, "height": 512})  # 1280 px at 400 %
        page = window.new_page()
        page.goto(f"{address}/segments")
        assert "linear-gradient" in page.locator(".strip .bar:not(.unknown)").first.evaluate(
            "(one) => getComputedStyle(one).forcedColorAdjust === 'none' && getComputedStyle(one).backgroundImage"
        )
        for path in ("/segments/657", "/segments?km=650-660", "/alerts"):
            page.goto(f"{address}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        page.goto(f"{address}/maps/segment?km=650-660")
        expect(page.locator("#kkh-state")).to_be_hidden()
        last, time = (page.locator(one).bounding_box() for one in (".kkh-tools > :last-child", ".kkh-time"))
        assert last and time and last["y"] + last["height"] <= time["y"]  # no tool lies under another
        window.close()


def test_language_and_colours_are_kept_and_need_no_script(database: Any, tmp_path: Path, browser: Browser) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    with serving(settings_of(database, tmp_path)) as address:
        window = browser.new_context(
            java_script_enabled=False, viewport={"width": 390, "height": 844}, color_scheme="light"
        )
        page = window.new_page()
        page.goto(f"{address}/changes")
        page.click("header a[hreflang=ur]")
        page.click("footer a[href^='/scheme/dark']")
        assert page.url.startswith(f"{address}/changes")
        page.goto(f"{address}/sites")
        html = page.locator("html")
        assert (html.get_attribute("lang"), html.get_attribute("dir"), html.get_attribute("data-scheme")) == (
            "ur",
            "rtl",
            "dark",
        )
        page.goto(f"{address}/")
        page.fill("input[name=find]", "657")
        page.press("input[name=find]", "Enter")
        assert "/segments?km=" in page.url
        page.goto(f"{address}/maps/segment?km=650-660&lang=en")
        assert page.locator("noscript").is_visible() and page.locator("#kkh-state").is_hidden()
        page.fill("#kkh-query", "657")
        page.press("#kkh-query", "Enter")
        assert "/segments?km=" in page.url
        page.goto(f"{address}/sites")
        page.keyboard.press("Tab")
        assert page.locator("a.skip").evaluate("(one) => one === document.activeElement")
        page.keyboard.press("Enter")
        assert page.url.endswith("#content")
        window.close()
