"""The queue of observations in a real browser: map and list choose together, on a phone, from right to left, without a mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import text

from hazard_db import accounts, connect, fieldbook, seed
from tests.browsing import wait_until
from tests.integration.test_field_page import keep_picture
from tests.integration.test_review import observation
from tests.people import PASSWORD
from tests.phones import serving, settings_of

pytestmark = [pytest.mark.integration, pytest.mark.acceptance]

PLACES = ((36.3372, 74.8690), (36.3400, 74.8700), (36.4670, 74.8700))


@pytest.fixture
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def address(database: Any, tmp_path: Path) -> Iterator[str]:
    from api.incoming import IncomingObservation

    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        accounts.add(conn, "omar", "reviewer", PASSWORD)
        for latitude, longitude in PLACES:
            told = IncomingObservation.model_validate(
                observation(latitude=latitude, longitude=longitude, accuracy_m=30)
            )
            assert told.id
            fieldbook.create_observation(conn, told.record(told.id, "sana"))
    with serving(settings_of(database, tmp_path)) as served:
        yield served


def queue(browser: Browser, address: str, *, width: int, lang: str) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 800})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("request", lambda sent: None if sent.url.startswith((address, "data:")) else problems.append(sent.url))
    page.goto(f"{address}/login?next=/review")
    page.fill("[name=name]", "omar")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/review")
    page.goto(f"{address}/review?lang={lang}")
    expect(page.locator(".minimap.ready .mark")).to_have_count(len(PLACES))
    return page, problems


def test_map_and_list_choose_together(browser: Browser, address: str, database: Any) -> None:
    page, problems = queue(browser, address, width=1280, lang="en")
    keep_picture(page, "review-map")
    page.locator("[name=id]").first.check()
    expect(page.locator(".mark.chosen")).to_have_count(1)
    expect(page.locator("[data-count]")).to_have_text("1")
    page.click("[data-choose-seen]")
    expect(page.locator("[data-count]")).to_have_text("3")
    for box in page.locator("[name=id]").all():
        box.uncheck()
    page.locator(".minimap .mark").first.focus()
    page.keyboard.press("Enter")  # without a mouse
    expect(page.locator(".leaflet-popup-content a")).to_have_text("Open")
    page.locator(".leaflet-popup-content button").click()
    expect(page.locator("[data-count]")).to_have_text("1")
    page.click("button[value=accepted]")
    expect(page.locator(".minimap.ready .mark")).to_have_count(2)
    with connect.transaction(database.engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM observation WHERE review_status = 'accepted'")) == 1
    assert problems == []


def test_the_queue_fits_a_phone_from_right_to_left(browser: Browser, address: str) -> None:
    page, problems = queue(browser, address, width=390, lang="ur")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    keep_picture(page, "review-ur")
    page.locator("td a").first.click()
    wait_until(page, "document.querySelector('.minimap.ready') !== null")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    keep_picture(page, "observation-ur")
    page.fill("textarea[name=body]", "کون سی طرف؟")
    page.locator("form[action$=remarks] button").click()
    expect(page.locator("ol.talk li p")).to_have_text("کون سی طرف؟")
    assert problems == []
