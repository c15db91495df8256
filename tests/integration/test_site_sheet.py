"""The printed page of a site: one page in each language, Urdu joined and from right to left, photos as far as one may see them."""

from __future__ import annotations

import io
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from typer.testing import CliRunner

from api import cli
from hazard_db.wording import LANGUAGES
from maps import fonts
from maps.report import Report, direction
from tests.api_client import TestClient
from tests.integration.test_review import send
from tests.phones import photo

pytestmark = pytest.mark.integration

URDU = "شاہراہِ قراقرم خطرات کی نگرانی"


def page_of(content: bytes, name: str = "") -> tuple[Image.Image, str]:
    """Return the only page of a PDF as a picture, and its text."""
    document = pypdfium2.PdfDocument(content)
    assert len(document) == 1
    picture = document[0].render(scale=1.5).to_pil().convert("RGB")
    if name and (folder := os.environ.get("HAZARD_TEST_PICTURES")):
        picture.save(f"{folder}/{name}.png")
    text = document[0].get_textpage().get_text_range()
    document.close()
    return picture, text


def busy_site(client: TestClient, key: Any) -> str:
    """Return the code of a site with much to say: more than a page holds."""
    field, reviewer = key("field"), key("reviewer")
    first = send(client, field, note="Fresh cracks, 新裂缝, نئی دراڑیں", accuracy_m=40)
    code = str(
        client.post(
            f"/observations/{first}/site", json={"name": "Cracks above Attabad 阿塔巴德"}, headers=reviewer
        ).json()["code"]
    )
    for number in range(6):
        identifier = send(client, field, note=f"visit {number}", latitude=36.3373 + number / 5000)
        image = photo(("red", "green", "blue", "orange", "purple", "gray")[number], (800, 600))
        client.post(f"/observations/{identifier}/media", files={"file": (f"IMG_{number}.jpg", image)}, headers=field)
        client.post(f"/observations/{identifier}/site", json={"code": code}, headers=reviewer)
        state = {
            "activity": "dormant",
            "since": f"20{10 + number}-06-01",
            "source": "survey " * 5,
            "note": "long words " * 30,
        }
        client.post(f"/sites/{code}/states", json=state, headers=reviewer)
        for attribute in ("volume_m3", "depth_m", "length_m"):
            told = {"attribute": attribute, "value": str(number), "source": f"source {number}"}
            client.post(f"/sites/{code}/claims", json=told, headers=reviewer)
        event = {
            "kind": "landslide",
            "name": "blocked " * 20,
            "occurred_on": f"20{10 + number}-05-01",
            "source": "NHA",
            "site": code,
        }
        client.post("/events", json=event, headers=reviewer)
    return code


def test_a_site_fits_one_page_in_every_language(client: TestClient, key: Any) -> None:
    code, viewer = busy_site(client, key), key("viewer")
    for lang in LANGUAGES:
        answer = client.get(f"/reports/site/{code}.pdf?lang={lang}", headers=viewer)
        assert answer.status_code == 200, answer.text
        assert (answer.headers["content-type"], answer.headers["content-language"]) == ("application/pdf", lang)
        picture, text = page_of(answer.content, f"sheet-{lang}")
        assert code in text
        # map and photos: on the side where reading ends, and below
        paper = [picture.getpixel((x, 210)) == (233, 230, 223) for x in (120, picture.width - 120)]
        assert paper == ([True, False] if lang == "ur" else [False, True])
        lower = picture.crop((0, picture.height // 2, picture.width, picture.height)).getcolors(10**6) or []
        assert {color for count, color in lower if count > 3000} >= {(255, 165, 0)}  # a photo


def test_strangers_get_what_was_accepted(client: TestClient, key: Any) -> None:
    field, reviewer = key("field"), key("reviewer")
    identifier = send(client, field)
    code = client.post(f"/observations/{identifier}/site", json={}, headers=reviewer).json()["code"]
    client.post(
        f"/observations/{identifier}/media", files={"file": ("late.jpg", photo("red", (800, 600)))}, headers=field
    )
    inside = page_of(client.get(f"/reports/site/{code}.pdf", headers=field).content)[1]
    outside = page_of(client.get(f"/reports/site/{code}.pdf").content)[1]
    assert "late.jpg" in inside
    assert "Holds what is not published" in inside
    assert "late.jpg" not in outside  # nobody has looked at the photo yet
    assert client.get("/reports/site/KKH-LS-9999.pdf").status_code == 404


def test_the_command_writes_it(
    database: Any, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in (("", database.url), ("APP_", database.app_url), ("PUBLIC_", database.public_url)):
        monkeypatch.setenv(f"HAZARD_DATABASE_{name}URL", url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    out = tmp_path / "attabad.pdf"
    done = CliRunner().invoke(cli.app, ["report", "site", "KKH-LS-0001", "--lang", "ur", "--out", str(out)])
    assert (done.exit_code, done.stdout.strip()) == (0, str(out)), done.output
    assert "KKH-LS-0001" in page_of(out.read_bytes())[1]


def test_urdu_letters_join_and_none_is_missing() -> None:
    with closing(Report("ur", "x")) as report:
        report.letters(URDU, 12)
        together = report.pdf.get_string_width(URDU)
        apart = 0.0
        for letter in URDU:
            report.letters(letter, 12)
            apart += report.pdf.get_string_width(letter)
    assert together < 0.8 * apart  # joined letters are narrower than their lone forms
    known = fonts.letters(report.folder)
    assert not [
        letter
        for words in (URDU, "滑坡泥石流崩塌", "±°³²–…·→×≥")
        for letter in words
        if letter != " " and ord(letter) not in known
    ]
    assert [direction(text, default=True) for text in ("خطرات", "KKH خطرات", "147", "–")] == [True, False, False, True]


def test_photos_that_cannot_be_read_leave_no_hole(tmp_path: Path) -> None:
    from maps.report import Photo

    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG")
    (tmp_path / "good.jpg").write_bytes(out.getvalue())
    with closing(Report("en", "x")) as report:
        assert report.photos([Photo(tmp_path / "bad.jpg", "bad"), Photo(tmp_path / "good.jpg", "good")], 40) == 1
        assert report.photos([], 40) == 0
