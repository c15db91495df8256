"""The bar across the two pictures of a change: keys, pointer, both directions of reading, without scripts, on paper, as a file."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from api.opening import Catalogue
from api.packing import write_map
from hazard_db import connect, seed
from maps import assets
from tests.browsing import wait_until
from tests.map_catalogue import CANDIDATE, CONFIRMED, add_changes
from tests.phones import serving, settings_of

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]


@pytest.fixture
def address(database: Any, tmp_path: Path) -> Iterator[str]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        add_changes(conn, tmp_path)
    with serving(settings_of(database, tmp_path)) as found:
        yield found


def shown(page: Page) -> list[list[int]]:
    """Return the colours in the middle of the left and right half of the pictures, as they are seen."""
    page.mouse.move(0, 0)
    stage = page.locator(".swipe-sides")
    box = stage.bounding_box()
    assert box is not None
    clip = {name: box[name] for name in ("x", "y", "width")} | {
        "height": page.locator(".before img").bounding_box()["height"]
    }  # type: ignore[index]
    with Image.open(BytesIO(page.screenshot(clip=clip))) as picture:  # type: ignore[arg-type]
        width, height = picture.size
        return [list(picture.convert("RGB").getpixel((round(width * at), round(height * 0.85)))) for at in (0.2, 0.8)]  # type: ignore[arg-type]


BEFORE, AFTER = [90, 120, 90], [90, 120, 91]


def test_a_bar_by_keys_and_pointer(address: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/changes/{CONFIRMED}?lang=en")
    expect(page.locator(".swipe")).to_have_class("swipe over")  # the script tells that the bar can be moved
    bar = page.get_by_label("Move the bar between the two pictures")
    assert shown(page) == [BEFORE, AFTER]
    assert "2024-07-01" in page.locator(".before").inner_text()
    assert "Sentinel-2A" in page.locator(".before").inner_text()
    assert "2025-07-01" in (page.locator(".after img").get_attribute("alt") or "")
    bar.focus()
    page.keyboard.press("End")
    expect(bar).to_have_attribute("aria-valuetext", "100 %")
    assert shown(page) == [BEFORE, BEFORE]
    page.keyboard.press("Home")
    assert shown(page) == [AFTER, AFTER]
    handle, stage = page.locator(".swipe-line").bounding_box(), page.locator(".swipe-sides").bounding_box()
    assert handle is not None
    assert stage is not None
    page.mouse.move(handle["x"] + 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 2, handle["y"] + handle["height"] / 2, steps=3)
    page.mouse.up()
    expect(bar).to_have_value("50")
    assert shown(page) == [BEFORE, AFTER]
    page.emulate_media(media="print")  # both, whole, beside each other
    boxes = [page.locator(f".{side} img").bounding_box() for side in ("before", "after")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert page.locator(".swipe-bar").is_hidden()
    page.close()


@pytest.mark.parametrize(("lang", "sides"), [("en", (BEFORE, AFTER)), ("ur", (AFTER, BEFORE))])
def test_a_popup_of_a_map_on_a_phone_has_the_bar_too(
    address: str, browser: Browser, lang: str, sides: tuple[list[int], list[int]]
) -> None:
    window = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce")
    page = window.new_page()
    page.goto(f"{address}/maps/segment?km=650-665&lang={lang}#open=changes:{CONFIRMED}")
    wait_until(page, "window.kkhMap !== undefined")
    expect(page.locator(".leaflet-popup .swipe")).to_have_class("swipe over")
    wait_until(page, "[...document.querySelectorAll('.swipe img')].every((one) => one.naturalWidth > 0)")
    page.evaluate("() => Promise.all([...document.querySelectorAll('.swipe img')].map((one) => one.decode()))")
    wait_until(page, "getComputedStyle(document.querySelector('.leaflet-popup')).opacity === '1'")  # it fades in
    assert shown(page) == list(sides)
    box, frame = (
        page.locator(".leaflet-popup-content-wrapper").bounding_box(),
        page.locator(".kkh-frame").bounding_box(),
    )
    assert box is not None
    assert frame is not None
    assert frame["x"] + 50 < box["x"]  # beside it the buttons stay free
    assert box["x"] + box["width"] < frame["x"] + frame["width"] - 50
    at = page.evaluate("kkhMap.getCenter().toString()")
    bar = page.locator(".leaflet-popup .swipe-bar input")
    bar.focus()
    page.keyboard.press("End")
    expect(bar).to_have_value("100")
    assert shown(page) == [BEFORE, BEFORE]
    assert page.evaluate("kkhMap.getCenter().toString()") == at  # the map stays where it is
    page.locator(".leaflet-popup a[href^='/changes/']").click()
    page.wait_for_url(f"{address}/changes/{CONFIRMED}*")
    window.close()


def test_before_lies_where_reading_begins(address: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/changes/{CONFIRMED}?lang=ur")
    expect(page.locator(".swipe")).to_have_class("swipe over")
    assert shown(page) == [AFTER, BEFORE]
    page.locator(".swipe-bar input").focus()
    page.keyboard.press("ArrowLeft")  # the bar follows the arrow
    expect(page.locator(".swipe-bar input")).to_have_value("51")
    page.close()


def test_without_scripts_two_pictures_beside_each_other(address: str, browser: Browser) -> None:
    window = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = window.new_page()
    page.goto(f"{address}/changes/{CONFIRMED}?lang=en")
    boxes = [page.locator(f".{side} img").bounding_box() for side in ("before", "after")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    expect(page.locator(".swipe-bar")).to_be_hidden()
    window.close()


def test_a_map_that_is_a_file_has_the_bar_too(database: Any, address: str, tmp_path: Path, browser: Browser) -> None:
    catalogue = Catalogue(settings_of(database, tmp_path).database, database.app_engine)
    file = write_map(catalogue, "change", tmp_path / "change.html", change_id=CONFIRMED)
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.goto(file.as_uri())
    expect(page.locator(".swipe")).to_have_class("swipe over")
    assert page.locator(".swipe img").first.get_attribute("src", timeout=1000).startswith("data:image/png")  # type: ignore[union-attr]
    page.goto(f"{address}/maps/change/{CONFIRMED}")
    expect(page.locator(".swipe")).to_have_class("swipe over")
    assert shown(page) == [BEFORE, AFTER]
    page.close()


def test_panels_are_given_without_loss_to_whoever_may_see_the_change(address: str, tmp_path: Path) -> None:
    home = f"{address}/pictures/change-{CONFIRMED}.png"
    with Image.open(tmp_path / "pictures" / f"change-{CONFIRMED}.png") as whole:
        wanted = whole.crop((248, 24, 488, 264)).tobytes()
    with Image.open(BytesIO(httpx.get(f"{home}?panel=after").content)) as after:
        assert after.tobytes() == wanted
    for path, status in (
        (f"{home}?panel=slope_deg", 404), (f"{home}?panel=other", 422), (f"{address}/pictures/change-{CANDIDATE}.png?panel=after", 404),
    ):  # fmt: skip
        assert httpx.get(path).status_code == status
