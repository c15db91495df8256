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
    expect(page.locator("#fields")).to_be_enabled()  # keys pressed before the form is ready go nowhere


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
        expect(page.locator("label:has(#latitude) + #error")).to_have_text(
            "Not saved yet: Latitude °N: Please fill this in."
        )
        expect(page.locator("#latitude")).to_have_attribute("aria-describedby", "error")
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
        expect(page.locator("#error")).to_be_hidden()
        expect(page.locator("[aria-invalid]")).to_have_count(0)
        with connect.transaction(database.engine) as conn:
            stored = conn.execute(text("SELECT id, kind, attributes FROM observation")).one()
        expect(page.locator("#outbox a")).to_have_attribute("href", f"/observations/{stored.id}")
    assert (stored.kind, stored.attributes) == ("rockfall", {"road_state": "blocked"})


def test_the_kilometre_is_the_same_without_a_connection(settings: ApiSettings, context: BrowserContext) -> None:
    page = context.new_page()
    with serving(settings) as address:
        log_in(page, address)
        expect(page.locator("#road")).not_to_have_attribute("d", "")  # the road is on the device
        for latitude, longitude in (
            (36.3105, 74.8660),
            (36.3205, 74.6500),
        ):  # amid kilometres whose corners lie unevenly
            there = page.request.get(f"{address}/segments/locate?lon={longitude}&lat={latitude}").json()
            page.route("**/segments/locate?*", lambda route: route.abort())
            page.fill("#latitude", str(latitude))
            page.fill("#longitude", str(longitude))
            page.press("#longitude", "Tab")
            expect(page.locator("#km")).to_contain_text(f"km {there['km']:.2f}")


def test_without_a_connection_the_form_speaks_the_language_that_was_chosen(
    settings: ApiSettings, context: BrowserContext
) -> None:
    page = context.new_page()
    with serving(settings) as address:
        page.goto(f"{address}/login?lang=ur")
        page.goto(f"{address}/observations/new")
        wait_until(
            page,
            """caches.match("/observations/new", {ignoreVary: true}).then((one) => one?.text())
                .then((text) => (text ?? "").includes('<html lang="ur"'))""",
        )
    page.goto(f"{address}/observations/new")  # the server is gone
    expect(page.locator("#fields")).to_be_enabled()
    page.click("#save")
    expect(page.locator("#error")).to_contain_text("اسے پُر کیجیے۔")
    expect(page.locator("html")).to_have_attribute("lang", "ur")


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


def start_road_damage(page: Page) -> None:
    page.select_option("#kind", "kkh_road_damage")
    page.click("#locate")
    expect(page.locator("#km")).to_contain_text("km 657")
    expect(page.locator("[name=closed_at]")).to_be_hidden()
    page.select_option("[name=road_state]", "blocked")
    page.fill("[name=closed_at]", "2026-05-01T14:30")


def test_what_is_being_filled_in_outlives_the_page(
    settings: ApiSettings, context: BrowserContext, database: Any, tmp_path: Path
) -> None:
    page = context.new_page()
    for colour in ("red", "green", "blue"):
        (tmp_path / f"{colour}.jpg").write_bytes(photo(colour))
    with serving(settings) as address:
        log_in(page, address)
        start_road_damage(page)
        page.set_input_files("#photos", tmp_path / "red.jpg")  # as a camera gives them: one at a time
        page.set_input_files("#photos", tmp_path / "blue.jpg")
        page.set_input_files("#photos", tmp_path / "green.jpg")
        page.click("#previews figure:nth-child(2) button")
        expect(page.locator("#previews img")).to_have_count(2)
        page.fill("#note", "half of the road is gone")
        page.locator("#note").blur()
        wait_until(page, """(async () => (await new Promise((done) => {
            indexedDB.open("kkh-field").onsuccess = ({ target }) => {
                const asked = target.result.transaction("outbox").objectStore("outbox").get("draft:");
                asked.onsuccess = () => done(asked.result?.item.body.note);
            };
        })) === "half of the road is gone")()""")  # fmt: skip
        page.reload()
        expect(page.locator("#note")).to_have_value("half of the road is gone")
        expect(page.locator("#previews img")).to_have_count(2)
        expect(page.locator("#found")).to_have_text("± 12 m")
        keep_picture(page, "field-draft")
        for required in page.locator("#questions select[required]:enabled").all():
            if not required.input_value():
                required.select_option(index=1)
        page.click("#save")
        expect(page.locator("#outbox li")).to_have_class("sent")
        expect(page.locator("#note")).to_have_value("")
        page.reload()
        expect(page.locator("#note")).to_have_value("")
        with connect.transaction(database.engine) as conn:
            stored = conn.execute(text("SELECT attributes, accuracy_m FROM observation")).one()
            names = conn.scalars(text("SELECT filename FROM media ORDER BY id")).all()
    assert names == ["1-red.jpg", "3-green.jpg"]
    assert (stored.attributes["closed_at"], stored.accuracy_m) == ("2026-05-01T09:30:00.000Z", 12)


def test_what_was_refused_is_corrected_and_sent(
    settings: ApiSettings, context: BrowserContext, database: Any, tmp_path: Path
) -> None:
    page = context.new_page()
    (tmp_path / "good.jpg").write_bytes(photo())
    (tmp_path / "not.jpg").write_bytes(b"<html>")
    with serving(settings) as address:
        log_in(page, address)
        page.fill("#latitude", "74.8690")
        page.fill("#longitude", "36.3372")
        page.select_option("[name=kind]", "rockfall")
        page.select_option("[name=road_state]", "open")
        page.fill("#note", "blocks")
        page.set_input_files("#photos", [tmp_path / "good.jpg", tmp_path / "not.jpg"])
        page.click("#save")
        expect(page.locator("#outbox .reason")).to_contain_text("swapped")
        page.click("#outbox a")
        expect(page.locator("h1")).to_have_text("Correct an observation")
        expect(page.locator("#note")).to_have_value("blocks")
        expect(page.locator("#previews figure")).to_have_count(2)
        page.fill("#latitude", "36.3372")
        page.fill("#longitude", "74.8690")
        page.click("#save")
        expect(page.locator("#outbox .reason")).to_contain_text("not.jpg")
        page.click("#outbox a")
        page.click("#previews figure:nth-child(2) button")
        page.click("#save")
        expect(page.locator("#outbox li")).to_have_class("sent")
        with connect.transaction(database.engine) as conn:
            assert conn.execute(text("SELECT kind, note, revision FROM observation")).all() == [
                ("rockfall", "blocks", 1)
            ]
            assert conn.scalars(text("SELECT filename FROM media")).all() == ["1-good.jpg"]


def test_an_observation_of_the_catalogue_is_corrected_on_the_page(
    settings: ApiSettings, context: BrowserContext, database: Any
) -> None:
    page = context.new_page()
    identifier = "7e07ac1e-6b0c-4b53-a3f1-4a55d8cf7c3e"
    with connect.transaction(database.engine) as conn:
        conn.execute(
            text("""INSERT INTO observation (id, kind, observed_at, observer, note, attributes, dataset, source_id, content_sha256,
                                             created_by, geom)
                    VALUES (:id, 'landslide', '2026-05-01T09:30:17Z', 'Sana', 'old note',
                            '{"movement_before": "topple", "material": "loam", "crack_width_mm": 35, "their own": "kept"}',
                            'a survey', '12', 'x', 'sana',
                            ST_SetSRID(ST_MakePoint(74.86901234, 36.33721234), 4326))"""),
            {"id": identifier},
        )  # fmt: skip
    with serving(settings) as address:
        log_in(page, address)
        page.goto(f"{address}/observations/{identifier}")
        page.click("text=Correct it")
        expect(page.locator("#note")).to_have_value("old note")
        expect(page.locator("#kind")).to_have_value("kkh_landslide")
        keep_picture(page, "field-correct")
        page.fill("#note", "new note")
        page.click("#save")
        expect(page.locator("#outbox li")).to_have_class("sent")
        page.goto(f"{address}/observations/new?id=7e07ac1e-0000-4b53-a3f1-4a55d8cf7c3e")
        expect(page.locator("#problem")).to_contain_text("could not be read")
        expect(page.locator("#form")).to_be_hidden()
    with connect.transaction(database.engine) as conn:
        stored = conn.execute(text("SELECT *, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM observation")).one()
    assert (stored.note, stored.revision, stored.observer, stored.dataset) == ("new note", 2, "Sana", "a survey")
    assert stored.attributes == {
        "movement_before": "topple",
        "material": "loam",
        "crack_width_mm": 35,
        "their own": "kept",
    }
    assert (stored.lon, stored.lat) == pytest.approx((74.8690123, 36.3372123), abs=1e-9)
    assert stored.observed_at.second == 17
