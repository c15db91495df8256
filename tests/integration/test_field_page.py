"""The form for the field in a real browser: without a connection, on a phone, by keyboard, from right to left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from sqlalchemy import text

from api.settings import ApiSettings
from hazard_db import accounts, connect, seed
from tests.browsing import wait_until
from tests.phones import photo, serving, settings_of

pytestmark = [pytest.mark.integration, pytest.mark.acceptance]

PASSWORD = "correct horse"
HERE = {"latitude": 36.3372, "longitude": 74.8690, "accuracy": 12}
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def settings(database: Any, tmp_path: Path) -> ApiSettings:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        accounts.add(conn, "sana", "field", PASSWORD)
    return settings_of(database, tmp_path)


@pytest.fixture
def context() -> Iterator[BrowserContext]:
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        made = browser.new_context(
            viewport=PHONE, geolocation=HERE, permissions=["geolocation"], timezone_id="Asia/Karachi"
        )  # type: ignore[arg-type]
        made.set_default_timeout(20_000)
        yield made
        made.close()
        browser.close()


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login?next=/observations/new")
    page.fill("[name=name]", "sana")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/observations/new")


def keep_picture(page: Page, name: str) -> None:
    """Keep a picture for people to look at, where a folder is named for them."""
    if folder := os.environ.get("HAZARD_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_what_is_saved_without_a_connection_arrives_once_with_its_photos(
    settings: ApiSettings, context: BrowserContext, database: Any, tmp_path: Path
) -> None:
    photos = []
    for colour in ("red", "green", "blue"):
        photos.append(tmp_path / f"{colour}.jpg")
        photos[-1].write_bytes(photo(colour, (640, 480)))
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    with ExitStack() as running:
        address = running.enter_context(serving(settings))
        log_in(page, address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        wait_until(page, "navigator.serviceWorker.controller !== null")
        page.click("#locate")
        expect(page.locator("#km")).to_contain_text("km 657")
        expect(page.locator("#found")).to_have_text("± 12 m")
        keep_picture(page, "field-online")
    page.goto(f"{address}/observations/new")  # the server is gone: the page comes from the device
    expect(page.locator("h1")).to_have_text("New observation")
    page.select_option("#kind", "kkh_landslide")
    page.click("#locate")
    expect(page.locator("#km")).to_contain_text("km 657")  # known without a connection
    page.select_option("[name=movement]", "slide_rotational")
    page.check("[name=signs][value=cracks]")
    page.fill("[name=crack_width_mm]", "35")
    page.set_input_files("#photos", photos)
    page.fill("#note", "cracks above the road, نئی دراڑیں, 新裂缝")
    page.click("#save")
    expect(page.locator("#outbox li")).to_contain_text("waiting")
    expect(page.locator("#outbox li")).to_contain_text("photos 0/3")
    page.reload()
    expect(page.locator("#outbox li")).to_have_class("waiting")
    keep_picture(page, "field-offline")
    with serving(settings, port=urlsplit(address).port or 0):
        page.click("#send")
        expect(page.locator("#outbox li")).to_have_class("sent")
        expect(page.locator("#outbox li")).to_contain_text("photos 3/3")
        page.click("#send")
        keep_picture(page, "field-sent")
        with connect.transaction(database.engine) as conn:
            stored = conn.execute(text("SELECT * FROM observation")).one()
            assert conn.scalar(text("SELECT count(*) FROM media")) == 3
    assert (stored.kind, stored.accuracy_m, stored.created_by) == ("landslide", 12, "sana")
    assert stored.attributes == {"movement": "slide_rotational", "signs": ["cracks"], "crack_width_mm": 35}
    assert stored.chainage_km == pytest.approx(657, abs=1)
    assert problems == []


def test_the_form_is_filled_by_keyboard_and_says_what_is_missing(
    settings: ApiSettings, context: BrowserContext, database: Any
) -> None:
    page = context.new_page()
    with serving(settings) as address:
        log_in(page, address)
        page.focus("#save")
        page.keyboard.press("Enter")
        expect(page.locator("#error")).to_contain_text("Not saved yet")
        assert page.evaluate("document.activeElement.id") == "latitude"
        page.keyboard.type("36.3372°N")
        page.keyboard.press("Tab")
        page.keyboard.type("74.8690")
        page.keyboard.press("Tab")
        expect(page.locator("#km")).to_contain_text("km 657")
        page.select_option("[name=kind]", "rockfall")
        page.focus("[name=road_state]")
        page.keyboard.type("bl")
        page.focus("#save")
        page.keyboard.press("Enter")
        expect(page.locator("#outbox li")).to_have_class("sent")
        with connect.transaction(database.engine) as conn:
            stored = conn.execute(text("SELECT kind, attributes FROM observation")).one()
    assert (stored.kind, stored.attributes) == ("rockfall", {"road_state": "blocked"})


def test_rock_fall_points_are_added_up_and_say_of_how_many(
    settings: ApiSettings, context: BrowserContext, database: Any
) -> None:  # fmt: skip
    page = context.new_page()
    with serving(settings) as address:
        log_in(page, address)
        page.select_option("#kind", "kkh_rockfall")
        page.click("#locate")
        expect(page.locator("#km")).to_contain_text("km 657")
        for name, points in (("rhrs_ditch", "27"), ("rhrs_block", "81"), ("rhrs_history", "3")):
            page.select_option(f"[name={name}]", points)
        page.select_option("[name=road_state]", "open")
        page.click("#save")
        expect(page.locator("#outbox li")).to_have_class("sent")
        with connect.transaction(database.engine) as conn:
            answers = conn.scalar(text("SELECT attributes FROM observation"))
    assert (answers["rhrs_total"], answers["rhrs_criteria_total"]) == (111, 3)


@pytest.mark.parametrize(("lang", "direction", "title"), [("ur", "rtl", "نیا مشاہدہ"), ("zh", "ltr", "新建观测")])
def test_the_form_fits_a_phone_in_every_language(
    settings: ApiSettings, context: BrowserContext, lang: str, direction: str, title: str
) -> None:
    page = context.new_page()
    with serving(settings) as address:
        page.goto(f"{address}/observations/new?lang={lang}")
        expect(page.locator("h1")).to_have_text(title)
        assert page.evaluate("document.documentElement.dir") == direction
        for kind in page.locator("#kind option").evaluate_all("options => options.map((one) => one.value)"):
            page.select_option("#kind", kind)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], kind
        assert "undefined" not in page.inner_text("main")
        expect(page.locator("#state")).not_to_be_empty()  # nobody is logged in: it says so
        keep_picture(page, f"field-{lang}")


def test_what_the_server_refuses_is_shown_with_its_reason(
    settings: ApiSettings, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()
    (tmp_path / "not.jpg").write_bytes(b"<html>")
    (tmp_path / "good.jpg").write_bytes(photo())
    with serving(settings) as address:
        log_in(page, address)
        page.click("#locate")
        expect(page.locator("#km")).to_contain_text("km 657")
        page.select_option("[name=kind]", "other")
        page.select_option("[name=road_state]", "open")
        page.set_input_files("#photos", [tmp_path / "not.jpg", tmp_path / "good.jpg"])
        page.click("#save")
        expect(page.locator("#outbox li")).to_have_class("refused")
        expect(page.locator("#outbox .reason")).to_contain_text("not.jpg")
        expect(page.locator("#outbox li")).to_contain_text("photos 1/2")
