"""From the queue into the inventory: verdicts, corrections with their differences, neighbours, sites, files to take away."""

from __future__ import annotations

import csv
import io
import re
import uuid
from pathlib import Path
from typing import Any

import openpyxl
import pyogrio
import pytest
from sqlalchemy import text

from api.differences import changes
from hazard_db import connect
from tests.api_client import TestClient
from tests.people import PAGE, log_in
from tests.phones import photo

pytestmark = pytest.mark.integration


def observation(**values: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "kind": "landslide", "observed_at": "2026-05-01T14:30:00+05:00", "latitude": 36.3372,
        "longitude": 74.8690, "note": "fresh cracks", "attributes": {"activity": "active", "movement": "slide_planar", "material": "rock"},
        **values,
    }  # fmt: skip


def send(client: TestClient, headers: dict[str, str], **values: Any) -> str:
    made = client.post("/observations", json=observation(**values), headers=headers)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_many_are_judged_at_once_or_none(client: TestClient, key: Any) -> None:
    field, reviewer = key("field"), key("reviewer")
    ids = [send(client, field, note=str(number)) for number in range(3)]
    assert client.get("/review", headers=field).status_code == 403
    assert {one["id"] for one in client.get("/review", headers=reviewer).json()["features"]} == set(ids)
    wrong = client.post("/review", json={"ids": [ids[0], str(uuid.uuid4())], "verdict": "accepted"}, headers=reviewer)
    assert wrong.status_code == 404
    assert len(client.get("/review", headers=reviewer).json()["features"]) == 3
    done = client.post("/review", json={"ids": ids[:2], "verdict": "accepted"}, headers=reviewer)
    assert done.status_code == 200
    assert [one["id"] for one in client.get("/review", headers=reviewer).json()["features"]] == [ids[2]]
    path = f"/observations/{ids[2]}/review"
    assert client.post(path, json={"verdict": "asked"}, headers=reviewer).status_code == 400  # without a question
    asked = client.post(path, json={"verdict": "asked", "note": "which side?"}, headers=reviewer).json()
    assert asked["properties"]["review_status"] == "asked"
    assert client.get("/review", headers=reviewer).json()["features"] == []


def test_a_page_judges_the_chosen_ones(client: TestClient, database: Any, key: Any) -> None:
    ids = [send(client, key("field"), note=str(number)) for number in range(2)]
    log_in(client, database, "reviewer", "reviewer")
    page = client.get("/review", headers=PAGE).text
    token = re.search(r'name="csrf" value="([^"]+)"', page[page.index('action="/review"') :])
    assert token
    done = client.post("/review", data={"csrf": token[1], "verdict": "accepted", "note": "", "id": ids})
    assert (done.status_code, done.headers["location"]) == (303, "/review")
    assert client.get("/review?f=json").json()["features"] == []


def test_people_correct_their_own_until_it_is_accepted(client: TestClient, database: Any, key: Any) -> None:
    own, other, reviewer = key("field", "own"), key("field", "other"), key("reviewer")
    sent = observation(id=str(uuid.uuid4()))
    identifier = client.post("/observations", json=sent, headers=own).json()["id"]
    better = observation(id=identifier, note="old cracks", latitude=36.338)
    path = f"/observations/{identifier}?revision="
    assert client.put(path + "1", json=better, headers=other).status_code == 403
    assert client.put(path + "7", json=better, headers=own).status_code == 409
    done = client.put(path + "1", json=better, headers=own)
    assert (done.status_code, done.json()["properties"]["revision"]) == (200, 2)
    client.post(f"/observations/{identifier}/review", json={"verdict": "accepted"}, headers=reviewer)
    for again in (
        client.put(path + "1", json=better, headers=own),
        client.post("/observations", json=sent, headers=own),
    ):
        assert (again.status_code, again.json()["properties"]["revision"]) == (
            200,
            3,
        )  # the answer to the first got lost
    assert client.put(path + "3", json=observation(note="x"), headers=own).status_code == 403
    done = client.put(path + "3", json=observation(note="by a reviewer"), headers=reviewer)
    assert (done.status_code, done.json()["properties"]["review_status"]) == (200, "submitted")
    log_in(client, database, "viewer", "viewer")
    page = client.get(f"/observations/{identifier}", headers=PAGE).text
    assert "<del>fresh cracks</del>" in page
    assert "<ins>old cracks</ins>" in page
    assert "36.338" in page


def test_neighbours_are_told_and_an_observation_becomes_a_site(client: TestClient, database: Any, key: Any) -> None:
    field, reviewer = key("field"), key("reviewer")
    first = send(client, field)
    twin = send(client, field, latitude=36.3376, note="the same again")
    near = client.get(f"/observations/{first}/near", headers=field).json()
    assert [one["distance_m"] for one in near] == sorted(one["distance_m"] for one in near)
    told = {one["id"]: one for one in near}
    assert told[twin]["same"] is True
    assert told[twin]["distance_m"] == pytest.approx(44.4, abs=1)
    assert told["KKH-LS-0001"]["what"] == "site"
    assert client.post(f"/observations/{first}/site", json={}, headers=field).status_code == 403
    made = client.post(f"/observations/{first}/site", json={"name": "Cracks above Attabad"}, headers=reviewer)
    assert (made.status_code, made.json()["code"]) == (201, "KKH-LS-0100")
    again = client.post(f"/observations/{first}/site", json={}, headers=reviewer)
    assert again.json()["code"] == "KKH-LS-0100"
    site = client.get("/sites/KKH-LS-0100").json()["properties"]
    assert (site["activity"], site["varnes_class"], site["kind"]) == ("active", "rock slide planar", "landslide")
    merged = client.post(f"/observations/{twin}/site", json={"code": "KKH-LS-0100"}, headers=reviewer)
    assert merged.status_code == 201
    assert client.post(f"/observations/{twin}/site", json={"code": "KKH-LS-9999"}, headers=reviewer).status_code == 404
    with connect.transaction(database.engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM evidence")) == 2
    assert client.get(f"/observations/{twin}", headers=field).json()["properties"]["review_status"] == "accepted"
    rests_on = client.get("/sites/KKH-LS-0100").json()["properties"]["observations"]
    assert {one["id"] for one in rests_on} == {first, twin}
    assert f"/observations/{twin}" in client.get("/sites/KKH-LS-0100", headers=PAGE).text


def test_files_to_take_away_open_and_run_nothing(client: TestClient, key: Any, tmp_path: Path) -> None:
    field = key("field")
    evil = '=HYPERLINK("http://evil.example","x")'
    send(client, field, note=evil, attributes={"=cmd": "@SUM(1)", "signs": ["cracks"], "depth_m": -3})
    send(client, field, note="新裂缝 نئی دراڑیں", kind="rockfall")
    table = client.get("/exports/observations.csv", headers=field)
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert {row["note"] for row in rows} == {"'" + evil, "新裂缝 نئی دراڑیں"}
    assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in [*row, *row.values()])
    assert {row["depth_m"] for row in rows} == {"-3", ""}
    book = openpyxl.load_workbook(io.BytesIO(client.get("/exports/observations.xlsx", headers=field).content))
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert "'" + evil in {cell.value for cell in cells}
    assert not any(cell.data_type == "f" for cell in cells)
    for kind in ("gpkg", "kml", "geojson"):
        path = tmp_path / f"x.{kind}"
        answer = client.get(f"/exports/observations.{kind}?kind=rockfall", headers=field)
        assert "attachment" in answer.headers["content-disposition"]
        path.write_bytes(answer.content)
        info = pyogrio.read_info(path)
        assert info["features"] == 1, kind
        assert info["total_bounds"] == pytest.approx((74.869, 36.3372, 74.869, 36.3372))
    for what in ("sites", "events"):
        for kind in ("gpkg", "kml", "geojson", "csv", "xlsx"):
            assert client.get(f"/exports/{what}.{kind}").status_code == 200, (what, kind)
            assert client.get(f"/exports/{what}.{kind}?kind=nothing").status_code == 200, (what, kind)
    assert "observer" not in client.get("/exports/observations.csv").text
    assert client.get("/exports/accounts.csv").status_code == 422


def test_differences_name_what_changed() -> None:
    older = {"note": "a", "attributes": {"x": 1}, "observed_at": "2026-05-01T09:30:00+00:00"}
    newer = {"note": "b", "attributes": {"y": 2}, "observed_at": "2026-05-01T09:30:00Z"}
    assert changes(older, newer) == [("note", "a", "b"), ("x", 1, None), ("y", None, 2)]


def test_strangers_get_copies_of_photos_without_what_the_camera_told(client: TestClient, key: Any) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif[0x8825] = {1: "N", 2: (36.0, 20.0, 0.0), 3: "E", 4: (74.0, 52.0, 0.0)}
    image = photo("red", (3000, 1000), exif=exif)
    identifier = send(client, key("field"))
    sent = client.post(f"/observations/{identifier}/media", files={"file": ("a.jpg", image)}, headers=key("field"))
    client.post(f"/observations/{identifier}/review", json={"verdict": "accepted"}, headers=key("reviewer"))
    href = client.get(f"/observations/{identifier}/media").json()[0]["href"]
    assert client.get(href, headers=key("viewer")).content == image
    copy = client.get(href)
    assert copy.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(copy.content)) as seen:
        assert dict(seen.getexif()) == {}
        assert seen.size == (683, 2048)  # upright, and no larger than a screen needs
    assert sent.json()["lon"] == pytest.approx(74.8667, abs=1e-3)
