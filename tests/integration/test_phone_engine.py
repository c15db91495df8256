"""ODK's own engine lists our forms, fills them with a photo and sends them, in parts and over and over."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, sync_playwright
from sqlalchemy import text

from hazard_db import accounts, connect
from tests.phones import send_cut, serving, settings_of

pytestmark = [pytest.mark.integration, pytest.mark.acceptance]

FOLDER = Path(__file__).parents[1] / "phone_engine"
FILL = """
async ([base, id, answers, photos, split, resends]) => {
  const { loadForm } = await import("/engine/index.js");
  const list = new DOMParser().parseFromString(await (await fetch(`${base}/formList`)).text(), "text/xml");
  const item = [...list.querySelectorAll("xform")].find((one) => one.querySelector("formID").textContent === id);
  const form = await loadForm(await (await fetch(item.querySelector("downloadUrl").textContent)).text());
  if (form.status === "failure") throw new Error(String(form.error));
  const { root } = form.createInstance();
  const nodes = (node) => (node.currentState.children ?? []).flatMap((one) => [one, ...nodes(one)]);
  const named = Object.fromEntries(nodes(root).map((node) => [node.currentState.reference.split("/").pop(), node]));
  for (const [name, value] of Object.entries(answers)) {
    if (named[name].nodeType === "select") named[name].selectValues([value].flat());
    else named[name].setValue(value);
  }
  const sizes = [];
  for (const name of photos) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 400, height: 300 });
    for (let x = 0; x < 400; x += 4) { // noise, so that it has some size
      canvas.getContext("2d").fillStyle = `rgb(${Math.random() * 255},${Math.random() * 255},90)`;
      canvas.getContext("2d").fillRect(x, Math.random() * 250, 4, 50);
    }
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
    sizes.push(blob.size);
    named[name].setValue(new File([blob], `${name}.jpg`, { type: "image/jpeg" }));
  }
  const maxSize = split ? Math.max(...sizes) + 8000 : 1e7; // room for one photo beside the answers
  const payload = await root.prepareInstancePayload({ payloadType: "chunked", maxSize });
  if (payload.status !== "ready") {
    const wrong = payload.violations.map((one) => `${one.reference ?? one.fileName}: ${JSON.stringify(one.violation ?? one)}`);
    throw new Error(`${payload.status} ${wrong}`);
  }
  const parts = [...payload.data];
  const statuses = [], bodies = [];
  for (let time = 0; time <= resends; time += 1)
    for (const [index, part] of parts.entries()) {
      const body = new FormData();
      for (const [name, value] of part.entries()) body.append(name, value);
      if (index < parts.length - 1) body.set("*isIncomplete*", "yes");
      if (resends === 0) { // handed over as the browser would have sent it
        const made = new Response(body);
        const bytes = new Uint8Array(await made.clone().arrayBuffer());
        bodies.push([made.headers.get("content-type"), Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")]);
      } else statuses.push((await fetch(`${base}/submission`, { method: "POST", body })).status);
    }
  const xml = await parts[0].get("xml_submission_file").text();
  return { statuses, bodies, parts: parts.length, xml, languages: root.languages.map((one) => one.language) };
}
"""


@pytest.fixture(scope="module")
def engine() -> Path:
    script = FOLDER / "node_modules" / "@getodk" / "xforms-engine" / "dist" / "index.js"
    if not script.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not on this machine; it brings ODK's engine")
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=FOLDER,
            check=True,
            timeout=300,
        )
    return script


@pytest.fixture
def page(engine: Path) -> Iterator[Page]:
    def answer(route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(path=engine, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>phone</title>", content_type="text/html")

    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        made = browser.new_page()
        made.route("**/engine/*", answer)
        yield made
        browser.close()


PLACE = {"latitude": 36.3372, "longitude": 74.8690, "altitude": 2400, "accuracy": 4}


@pytest.mark.parametrize(
    ("form", "answers", "photos", "parts", "expected"),
    [
        ("kkh_quick", {"kind": "debris_flow", "road_state": "blocked", "note": "新 نیا"}, ["photo"], 1,
         {"road_state": "blocked"}),
        ("kkh_landslide", {"movement": "slide_planar", "signs": ["cracks", "bulging"], "crack_width_mm": 35, "length_m": 120.5},
         ["photo", "photo_2", "photo_3"], 3,
         {"movement": "slide_planar", "signs": ["cracks", "bulging"], "crack_width_mm": 35, "length_m": 120.5}),
        ("kkh_rockfall", {"road_state": "open", "rhrs_ditch": "27", "rhrs_block": "81"}, ["photo"], 1,
         {"rhrs_total": 108, "rhrs_criteria_total": 2}),
    ],
)  # fmt: skip
def test_odks_engine_fills_a_form_and_it_is_stored_once_with_its_photos(
    page: Page,
    database: Any,
    tmp_path: Path,
    form: str,
    answers: dict[str, Any],
    photos: list[str],
    parts: int,
    expected: dict[str, Any],
) -> None:
    with connect.transaction(database.engine) as conn:
        key = accounts.create_phone_key(conn, "engine")
    with serving(settings_of(database, tmp_path)) as address:
        page.goto(f"{address}/engine/")
        done = page.evaluate(FILL, [f"/openrosa/t/{key}", form, {"position": PLACE, **answers}, photos, parts > 1, 5])
    assert done["parts"] == parts
    assert done["statuses"] == [201] * parts * 6
    assert done["languages"] == ["English (en)", "中文 (zh)", "اردو (ur)"]
    with connect.transaction(database.engine) as conn:
        stored = conn.execute(text("SELECT * FROM observation")).one()
        assert conn.scalar(text("SELECT count(*) FROM submission")) == 1
        assert conn.scalar(text("SELECT count(*) FROM media")) == len(photos)
        names = conn.execute(text("SELECT filename FROM media ORDER BY filename")).scalars().all()
        assert sorted(conn.scalar(text("SELECT expected FROM submission"))) == names
    assert stored.source_id in done["xml"]
    assert expected.items() <= stored.attributes.items()
    assert stored.accuracy_m == 4


@pytest.mark.parametrize("chunked", [False, True])
def test_what_odks_engine_sends_survives_cut_connections(
    page: Page, database: Any, tmp_path: Path, chunked: bool
) -> None:  # fmt: skip
    """Each part of a form in two parts is cut in the middle, three times, and then sent whole, six times."""
    with connect.transaction(database.engine) as conn:
        key = accounts.create_phone_key(conn, "engine")
    answers = {"position": PLACE, "movement": "slide_planar", "length_m": 12.5}
    with serving(settings_of(database, tmp_path)) as address:
        page.goto(f"{address}/engine/")
        filled = page.evaluate(FILL, [f"/openrosa/t/{key}", "kkh_landslide", answers, ["photo", "photo_2"], True, 0])
        bodies = [(kind, body.encode("latin-1")) for kind, body in filled["bodies"]]
        assert len(bodies) == 2
        assert [b"*isIncomplete*" in body for _, body in bodies] == [True, False]
        with httpx.Client(base_url=f"{address}/openrosa/t/{key}", timeout=30) as phone:
            for number, (kind, body) in enumerate(bodies):
                for share in (0.2, 0.5, 0.95):
                    send_cut(phone, kind, body, int(len(body) * share), chunked=chunked)
                assert stored_counts(database) == ((1, 1, 1) if number else (0, 0, 0))
                for _ in range(6):
                    content = pieces(body) if chunked else body
                    answer = phone.post("/submission", content=content, headers={"Content-Type": kind})
                    assert answer.status_code == 201, answer.text
                assert stored_counts(database) == (1, 1, number + 1)
    assert not list((tmp_path / "media").glob(".part-*"))


def pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 1000):
        yield body[start : start + 1000]


def stored_counts(database: Any) -> tuple[int, ...]:
    with connect.transaction(database.engine) as conn:
        return tuple(
            int(conn.scalar(text(f"SELECT count(*) FROM {table}")) or 0)
            for table in ("observation", "submission", "media")
        )
