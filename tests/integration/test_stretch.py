"""A stretch as its engineer sees it: strip, map and tables, days and stretches beside each other, and on paper in three languages."""

from __future__ import annotations

import io
import re
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api import cli, finding
from hazard_db import connect, ledger, risk, seed
from hazard_db.errors import InputError, NotFoundError
from hazard_db.ogr import pyogrio
from hazard_db.wording import LANGUAGES
from tests.api_client import TestClient
from tests.integration.test_review import send

pytestmark = pytest.mark.integration
STRETCH = "655-659"


@pytest.fixture
def rated(database: Any, client: TestClient) -> TestClient:
    """The client over a catalogue whose road is rated."""
    with connect.transaction(database.engine) as conn:
        told = {"km_from": 655.0, "km_to": 656.0, "closed_at": datetime(2026, 5, 1, tzinfo=UTC), "closed_precision": "day",
                "cause": "rock fall", "vehicle_class": "all", "detour": "none", "source": "NHA"}  # fmt: skip
        ledger.enter(conn, ledger.CLOSURES, told)
        work = {"km_from": 655.0, "km_to": 656.0, "kind": "clearing", "status": "done", "description": "cleared", "cost": 100,
                "started_on": date(2026, 5, 1), "currency": "PKR", "source": "NHA"}  # fmt: skip
        ledger.enter(conn, ledger.WORKS, work)
        risk.update(conn)
    return client


def test_strip_map_and_tables_say_the_same(rated: TestClient) -> None:
    page = rated.get(f"/segments?km={STRETCH}&f=html")
    assert page.status_code == 200, page.text[:500]
    strip = re.search(r'<svg class="stripmap".*?</svg>\s*</div>', page.text, re.S)
    assert strip is not None
    for lane in (
        "Hazard: ",
        "Risk, all hazards",
        "Ground motion",
        "Field observations",
        "Closures",
        "Seen by satellites",
    ):
        assert lane in strip[0], lane
    assert "km 655–656: ground motion not measured" in strip[0]
    assert "km 655–656: never seen clearly" in strip[0]
    assert re.search(r'<pattern id="[^"]+-dots"', strip[0])
    assert 'aria-describedby="kilometres"' in strip[0]
    table = re.search(r'<table class="blocks" id="kilometres">.*?</table>', page.text, re.S)
    assert table is not None
    assert re.findall(r"(\d+–\d+)</bdi></a>", table[0]) == ["655–656", "656–657", "657–658", "658–659"]
    assert table[0].count("not measured") == table[0].count("not seen") == 4
    assert "<script" not in strip[0]
    assert '<svg class="panelmap"' in page.text
    assert "/closures/" in page.text
    json = rated.get(f"/segments?km={STRETCH}").json()
    assert len(json["features"]) == 4


def test_nothing_known_is_said_and_never_looks_low(rated: TestClient) -> None:
    for lang, words in (("en", "Nothing is recorded"), ("zh", "没有任何记录"), ("ur", "کوئی اندراج نہیں")):
        page = rated.get(f"/segments?km=1000-1003&f=html&lang={lang}").text
        assert words in page
    blank = rated.get("/segments?km=1000-1003&f=html&lang=en").text
    lane = blank[blank.index("Risk, all hazards") : blank.index("Ground motion, fastest")]
    assert lane.count("-dots)") == 3
    assert "#ffe39a" not in lane  # the colour of low
    assert "Nothing is recorded" not in rated.get(f"/segments?km={STRETCH}&f=html&lang=en").text


def test_two_days_and_two_stretches_beside_each_other(database: Any, rated: TestClient) -> None:
    today = datetime.now(UTC).date()
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE alignment SET created_at = created_at - interval '60 days'"))
        conn.execute(text("UPDATE risk_rating SET rated_at = rated_at - interval '40 days'"))
        old = risk.show(conn, 655, 656)[0].score
        number = ledger.entries(conn, ledger.CLOSURES, ledger.Window(655, 656), published=False)[0]["id"]
        ledger.withdraw(conn, ledger.CLOSURES, number, actor="me")
        risk.update(conn)
        new = risk.show(conn, 655, 656)[0].score
    assert new < old
    page = rated.get(f"/segments?km={STRETCH}&f=html&before={today - timedelta(days=2)}&beside=700-703").text
    changed = page[page.index('id="changed"') :]
    assert "rock fall" in changed
    assert f"{new - old:+.1f}" in changed
    assert "gone" in changed
    assert f"Risk as known on {today - timedelta(days=2)}" in page
    assert page.count('<svg class="stripmap"') == 2
    then = rated.get(f"/segments?km={STRETCH}&f=html&on={today - timedelta(days=2)}").text
    assert '655–656</bdi></a></td><td data-label="Risk"><span class="grade' in then
    assert f">{old:.1f}<" in then
    only = rated.get(f"/segments?km={STRETCH}&f=html&hazard=landslide&level=high&since=2026-01-01").text
    assert "Hazard: landslide" in only
    assert "Hazard: flood" not in only


def test_strangers_see_no_costs_and_no_unreviewed_names(rated: TestClient, key: Any) -> None:
    send(rated, key("field"), note="secret crack", latitude=36.337, longitude=74.868)
    outside, inside = (rated.get(f"/segments?km={STRETCH}&f=html", headers=head).text for head in ({}, key("viewer")))
    assert "100 PKR" in inside
    assert "PKR" not in outside
    paper = rated.get(f"/reports/segment.html?km={STRETCH}").text
    assert "PKR" not in paper
    assert "Holds what is not published" not in paper


@pytest.mark.parametrize(
    ("asked", "km"),
    [("657", 657), ("km 657", 657), ("K657+500", 657.5), ("۶۵۷", 657), ("640-660", 650), ("640 至 660", 650), ("36.467, 74.87", 690),
     ("Passu", 690), ("帕苏", 690), ("پسو", 690), ("passu ", 690), ("attabad", 657), ("KKH-LS-0001", 657), ("Hassanab", 634)],
)  # fmt: skip
def test_one_box_finds_it(database: Any, asked: str, km: float) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        assert finding.find(conn, asked).km == pytest.approx(km, abs=1.6)


def test_what_is_not_found_is_said(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        for nothing in ("Atlantis", "99999", "10, 10"):
            with pytest.raises(NotFoundError):
                finding.find(conn, nothing)
        with pytest.raises(InputError, match="latitude first"):
            finding.find(conn, "74.87, 36.46")
    sent = client.get("/segments?find=Passu&f=html")
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/segments?km=68")
    assert client.get("/segments?find=Passu").json()["km"] == pytest.approx(690, abs=1.6)
    assert client.get("/segments?find=Atlantis").status_code == 404


def test_paper_in_three_languages(rated: TestClient, key: Any) -> None:
    for lang in LANGUAGES:
        answer = rated.get(f"/reports/segment.pdf?km={STRETCH}&lang={lang}")
        assert answer.headers["content-type"] == "application/pdf"
        document = pypdfium2.PdfDocument(answer.content)
        words = "".join(page.get_textpage().get_text_range() for page in document)
        size = document[0].get_size()
        assert (round(size[0]), round(size[1])) == (595, 842)  # A4
        assert "655" in words
        assert "KKH-LS-0001" in words
        dark = document[0].render(scale=1).to_pil().convert("L").histogram()
        assert sum(dark[:90]) > 2000
        blank = pypdfium2.PdfDocument(rated.get(f"/reports/segment.pdf?km=1000-1003&lang={lang}").content)
        first = blank[0].get_textpage().get_text_range()
        assert {"en": "Nothing is recorded", "zh": "没有任何记录", "ur": "1003"}[lang] in first
    html = rated.get(f"/reports/segment.html?km={STRETCH}&lang=ur").text
    assert '<html lang="ur" dir="rtl">' in html
    assert not re.findall(r'(?:src|href)="(?!data:|#|http://testserver/)[^"]+"', html)
    assert rated.get("/reports/segment.pdf").status_code == 400
    assert rated.get("/reports/segment.pdf?km=9000-9001").status_code == 404


def test_workbook_and_geopackage_open_in_other_programs(rated: TestClient, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(rated.get(f"/reports/segment.xlsx?km={STRETCH}&lang=en").content))
    sheet = book["The strip as a table"]
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[0] for row in rows[1:]] == ["655–656", "656–657", "657–658", "658–659"]
    assert isinstance(rows[1][2], int | float)
    assert sheet.freeze_panes == "A2"
    assert any("rock fall" in str(cell) for row in book["Closures"].iter_rows(values_only=True) for cell in row)
    turned = openpyxl.load_workbook(io.BytesIO(rated.get(f"/reports/segment.xlsx?km={STRETCH}&lang=ur").content))
    assert all(one.sheet_view.rightToLeft for one in turned.worksheets)
    path = tmp_path / "stretch.gpkg"
    path.write_bytes(rated.get(f"/reports/segment.gpkg?km={STRETCH}").content)
    assert {"segments", "sites", "closures"} <= {str(name) for name, _ in pyogrio.list_layers(path)}
    info = pyogrio.read_info(path, layer="segments")
    assert (info["features"], info["crs"], info["geometry_type"]) == (4, "EPSG:4326", "LineString")
    with sqlite3.connect(path) as package:
        assert package.execute("SELECT count(*) FROM closures").fetchone()[0] >= 1


def test_the_commands_write_files(
    database: Any, rated: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in (("", database.url), ("APP_", database.app_url), ("PUBLIC_", database.public_url)):
        monkeypatch.setenv(f"HAZARD_DATABASE_{name}URL", url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    heads = {"pdf": b"%PDF", "html": b"<!doctype", "xlsx": b"PK", "gpkg": b"SQLite"}
    for kind, head in heads.items():
        out = tmp_path / f"r.{kind}"
        done = CliRunner().invoke(cli.app, ["report", "segment", "--km", STRETCH, "--out", str(out), "--lang", "zh"])
        assert (done.exit_code, done.stdout.strip()) == (0, str(out)), done.output
        assert out.read_bytes().lstrip().startswith(head)
    assert "PKR" in (tmp_path / "r.html").read_text(encoding="utf8")
    public = CliRunner().invoke(
        cli.app, ["report", "segment", "--km", STRETCH, "--out", str(tmp_path / "p.html"), "--public"]
    )
    assert public.exit_code == 0, public.output
    assert "PKR" not in (tmp_path / "p.html").read_text(encoding="utf8")
    assert (
        CliRunner().invoke(cli.app, ["report", "segment", "--km", STRETCH, "--out", str(tmp_path / "r.doc")]).exit_code
        == 1
    )
    found = CliRunner().invoke(cli.app, ["corridor", "locate", "--place", "گلگت"])
    assert found.stdout.startswith("km 5"), found.output
