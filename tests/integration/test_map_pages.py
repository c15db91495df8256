"""Maps of a catalogue: what each visitor sees, problems as documents, files that hold all they need, many records."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pytest
import rasterio
from rasterio.transform import from_bounds
from sqlalchemy import text

from api.app import create_app
from api.opening import Catalogue
from api.packing import write_map
from hazard_db import accounts, connect, drawing, drawing_cells
from hazard_db.errors import InputError, MapError, NotFoundError
from maps import assets
from maps.layers import LISTED
from tests.api_client import TestClient
from tests.map_catalogue import CANDIDATE, CONFIRMED, FALSE_ALARM, OBSERVER, fill, settings_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not (assets.folder() / "leaflet.js").exists(), reason="needs `make assets`"),
]

PAGE = {"Accept": "text/html"}
CORRIDOR = "/maps/corridor"


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    fill(database.engine, tmp_path)
    with TestClient(create_app(settings_of(database, tmp_path))) as made:
        yield made


@pytest.fixture
def key(database: Any) -> Callable[[str], dict[str, str]]:
    def make(role: str) -> dict[str, str]:
        with connect.transaction(database.engine) as conn:
            return {"Authorization": f"Bearer {accounts.create_key(conn, 'test', role)}"}

    return make


@pytest.fixture
def catalogue(database: Any, tmp_path: Path) -> Catalogue:
    fill(database.engine, tmp_path)
    return Catalogue(settings_of(database, tmp_path).database, database.app_engine)


def ids(page: str) -> set[str]:
    """Return the records that a page draws, without the road."""
    return set(re.findall(r'"id":"((?!road)\w+:[\w-]+)"', page))


def test_the_public_sees_what_was_reviewed_and_no_names(client: TestClient, key: Any) -> None:
    public, inside = (client.get(CORRIDOR, headers=headers).text for headers in ({}, key("viewer")))
    assert {f"changes:{CONFIRMED}", "alerts:1"} <= ids(public)
    assert not {f"changes:{CANDIDATE}", f"changes:{FALSE_ALARM}", "alerts:2"} & ids(public)
    assert {f"changes:{CONFIRMED}", f"changes:{CANDIDATE}", "alerts:1", "alerts:2"} <= ids(inside)
    assert f"changes:{FALSE_ALARM}" not in ids(inside)
    for page in (public, inside):
        assert len([one for one in ids(page) if one.startswith("observations:")]) == 2
        for name in (OBSERVER, "Reviewer Of Changes", "Nonsense"):
            assert name not in page
    assert "Restricted alert" not in public
    assert "not for the public" in inside
    assert "not for the public" not in public


@pytest.mark.parametrize("kind", ["corridor", "segment?km=650-660", f"change/{CONFIRMED}"])
@pytest.mark.parametrize(("lang", "direction"), [("en", "ltr"), ("zh", "ltr"), ("ur", "rtl")])
def test_pages_are_in_the_readers_language_and_ask_no_other_host(
    client: TestClient, kind: str, lang: str, direction: str
) -> None:
    answer = client.get(f"/maps/{kind}{'&' if '?' in kind else '?'}lang={lang}")
    assert answer.status_code == 200
    assert f'<html lang="{lang}" dir="{direction}">' in answer.text
    assert answer.text.count("<h1>") == 1
    links = re.findall(r'<(?:script|link|img)[^>]*?(?:src|href)="([^"]+)"', answer.text)
    assert links
    assert all(link.startswith("/") and not link.startswith("//") for link in links)
    for link in links:
        assert client.get(link).status_code == 200, link
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    assert nonce
    assert re.findall(r"<script(?! src)([^>]*)>", answer.text) == [f' nonce="{nonce[1]}"']
    assert "<style" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("segment", 422), ("segment?km=x", 400), ("segment?km=660-650", 400), ("segment?km=9000-9100", 404),
        ("segment?km=" + "1" * 50, 422), ("change/0", 422), ("change/x", 422), ("change/99999", 404),
        ("change/9223372036854775808", 422), (f"change/{CANDIDATE}", 404), (f"change/{FALSE_ALARM}", 404),
        ("corridor?beyond=perhaps", 422), ("relief/0.png", 422), ("relief/" + "0" * 20 + ".png", 404), ("nothing", 404),
    ],
)  # fmt: skip
def test_bad_requests_are_told_as_documents_and_pages(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"/maps/{path}", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    page = client.get(f"/maps/{path}", headers=PAGE)
    assert page.status_code == status
    assert "<h1>" in page.text


def test_those_who_log_in_see_what_is_unreviewed(client: TestClient, key: Any) -> None:
    page = client.get(f"/maps/change/{CANDIDATE}", headers=key("viewer"))
    assert page.status_code == 200
    assert f'"p":"/pictures/change-{CANDIDATE}.png"' in page.text
    assert f"changes:{FALSE_ALARM}" in ids(client.get(f"/maps/change/{FALSE_ALARM}", headers=key("viewer")).text)


def test_a_stretch_shows_its_own_records(client: TestClient) -> None:
    assert f"changes:{CONFIRMED}" in ids(client.get("/maps/segment?km=655-660").text)
    far = client.get("/maps/segment?km=100-110").text
    assert not any(one.startswith(("changes", "observations", "alerts")) for one in ids(far))
    assert len(re.findall(r'"id":"road:', far)) == 10
    assert "Nothing is recorded here yet" in client.get("/maps/segment?km=60-61").text


def test_events_of_all_the_world_are_not_on_the_corridors_map_unless_asked_for(
    client: TestClient, database: Any, tmp_path: Path
) -> None:
    statement = text("""
        INSERT INTO event (kind, name, occurred_on, accuracy_m, note, source, source_id, content_sha256, geom)
        SELECT 'landslide', 'World ' || n, date '2010-01-01' + n % 5000, 5000, repeat('A long note. ', 30), 'NASA', CAST(n AS text),
               CAST(n AS text), ST_SetSRID(ST_MakePoint(-170 + n % 340, -50 + n % 70), 4326) FROM generate_series(1, 11032) AS n
        WHERE NOT (n % 340 > 220 AND n % 340 < 270 AND n % 70 > 69)""")
    with connect.transaction(database.engine) as conn:
        conn.execute(statement)
    near = client.get(CORRIDOR)
    assert len(near.content) < 2e6
    assert "World" not in near.text
    world = client.get(f"{CORRIDOR}?beyond=true")
    shown = re.search(r"Events \((11,0\d\d)\)", world.text)
    assert shown
    assert world.text.count("World") < 2 * LISTED + 1
    assert len(world.content) < 2e6
    tile = client.get("/maps/cells/events/0/0/0?beyond=true")
    assert counted(tile.content, tmp_path) == int(shown[1].replace(",", ""))
    assert len(tile.content) < 10_000


@pytest.mark.parametrize("lang", ["en", "zh", "ur"])
def test_a_file_holds_all_it_needs(catalogue: Catalogue, tmp_path: Path, lang: str) -> None:
    out = tmp_path / "maps" / "corridor.html"
    with pytest.raises(MapError, match="cannot be written"):
        write_map(catalogue, "corridor", out, lang=lang)  # no folder is made where a name was mistyped
    out.parent.mkdir()
    assert write_map(catalogue, "corridor", out, lang=lang) == out
    html = out.read_text(encoding="utf8")
    assert f'<html lang="{lang}"' in html
    assert "default-src 'none'" in html
    assert {f"changes:{CANDIDATE}", "alerts:2"} <= ids(html)
    assert '"p":"data:image/png;base64,' in html
    assert '"h":"' not in html  # of pages that it does not know
    assert OBSERVER not in html
    assert len(html) < 5e6
    assert list(out.parent.iterdir()) == [out]


def test_files_of_a_stretch_and_of_a_change(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAZARD_BASE_URL", "https://hazard.example/kkh")
    stretch = write_map(catalogue, "segment", tmp_path / "s.html", km_from=655, km_to=660).read_text(encoding="utf8")
    assert "Map of km 655 to 660" in stretch
    assert '"h":"https://hazard.example/kkh/segments/655"' in stretch
    change = write_map(catalogue, "change", tmp_path / "c.html", change_id=CANDIDATE).read_text(encoding="utf8")
    assert f"<h1>Map of change {CANDIDATE}</h1>" in change
    with pytest.raises(NotFoundError, match="no change 999"):
        write_map(catalogue, "change", tmp_path / "x.html", change_id=999)
    with pytest.raises(NotFoundError, match="no kilometre"):
        write_map(catalogue, "segment", tmp_path / "x.html", km_from=5000, km_to=5010)
    with pytest.raises(InputError, match="language 'fr'"):
        write_map(catalogue, "corridor", tmp_path / "x.html", lang="fr")
    (tmp_path / "file").write_text("")
    with pytest.raises(MapError, match="cannot be written"):
        write_map(catalogue, "corridor", tmp_path / "file" / "x.html")
    assert not (tmp_path / "x.html").exists()


def test_a_picture_that_is_gone_or_broken_does_not_stop_a_file(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "pictures" / f"change-{CONFIRMED}.png").write_bytes(b"no picture")
    (tmp_path / "pictures" / f"change-{CANDIDATE}.png").unlink()
    html = write_map(catalogue, "corridor", tmp_path / "c.html").read_text(encoding="utf8")
    assert f"changes:{CONFIRMED}" in ids(html)
    assert "data:image/png" not in html.partition('"p":"')[2][:40]


def test_the_terrain_is_drawn_where_there_is_elevation(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dem = tmp_path / "dem.tif"
    profile = {
        "driver": "GTiff", "width": 80, "height": 60, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
        "transform": from_bounds(74.8, 36.3, 74.9, 36.4, 80, 60),
    }  # fmt: skip
    with rasterio.open(dem, "w", **profile) as file:
        file.write(np.add.outer(np.arange(60), np.arange(80)).astype("float32") * 20, 1)
    assert "/maps/terrain/" not in client.get(CORRIDOR).text
    monkeypatch.setenv("HAZARD_DEM", str(dem))
    monkeypatch.setenv("HAZARD_BASEMAPS", "osm")
    page = client.get("/maps/segment?km=655-660")
    assert "img-src 'self' data: blob: https://tile.openstreetmap.org;" in page.headers["content-security-policy"]
    assert "openstreetmap" not in client.get("/segments").headers["content-security-policy"]
    found = re.search(r'"(/maps/terrain/[0-9a-f]+)/\{z\}/\{y\}/\{x\}\.webp"', page.text)
    assert found
    picture = client.get(f"{found[1]}/10/401/724.webp")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
    assert client.get(f"{found[1]}/18/0/0.webp").status_code == 404
    assert client.get(f"/maps/terrain/{'0' * 20}/10/401/724.webp").status_code == 404
    html = client.get("/maps/segment?km=655-660&file=true")
    assert html.headers["content-disposition"] == 'attachment; filename="kkh-segment-655-660.html"'
    assert "openstreetmap" not in html.text
    packed = json.loads(html.text.partition('id="kkh-pack">')[2].partition("</script>")[0])
    assert f"{found[1]}/10/401/724.webp" in packed
    assert base64.b64decode(packed[f"{found[1]}/10/401/724.webp"]) == picture.content


def test_without_a_road_there_is_a_map_that_says_so(database: Any, tmp_path: Path) -> None:
    with TestClient(create_app(settings_of(database, tmp_path))) as bare:
        page = bare.get(CORRIDOR)
    assert page.status_code == 200
    assert "No road is loaded yet" in page.text
    assert "Nothing is recorded here yet" in page.text


def test_segments_tell_how_well_they_were_seen(client: TestClient) -> None:
    page = client.get("/maps/segment?km=655-662").text
    given = json.loads(page.partition("kkh.given = ")[2].partition(";\n")[0])
    found = {int(one["id"].removeprefix("road:")): one["properties"] for one in given["road"]["features"]}
    assert found[657]["u"] == 0
    assert found[661]["u"] == 1


@pytest.mark.parametrize("kind", drawing_cells.KINDS)
def test_cells_count_each_record_once_and_keep_from_the_public_what_pages_do(
    client: TestClient, key: Any, database: Any, tmp_path: Path, kind: str
) -> None:
    view = drawing.View(beyond=True)
    with connect.transaction(database.engine) as conn:
        read = getattr(drawing, kind)
        options = [{"include_unreviewed": it} if kind == "changes" else {"published": not it} for it in (False, True)]
        public, inside = (read(conn, view, **each) for each in options)
    for headers, found in (({}, public), (key("viewer"), inside)):
        answer = client.get(f"/maps/cells/{kind}/0/0/0?beyond=true", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.mapbox-vector-tile")
        assert counted(answer.content, tmp_path) == found.total
        since = client.get(f"/maps/cells/{kind}/0/0/0?beyond=true&since=2200-01-01", headers=headers)
        assert counted(since.content, tmp_path) == 0
    first = dict(inside.rows[0])
    told = client.get(
        f"/maps/records/{kind}/{first['code' if kind == 'sites' else 'id']}", headers=key("viewer")
    ).json()
    assert told["geometry"] == first["geometry"]
    assert told["properties"]["h"].startswith(f"/{kind}/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"records/changes/{CANDIDATE}", 404), (f"records/changes/{FALSE_ALARM}", 404), (f"records/changes/{CONFIRMED}", 200),
        ("records/observations/x' OR true --", 404), ("records/alerts/1", 422), ("cells/alerts/0/0/0", 422), ("cells/sites/23/0/0", 422),
    ],
)  # fmt: skip
def test_the_public_gets_no_record_that_is_not_for_it(client: TestClient, path: str, status: int) -> None:
    assert client.get(f"/maps/{path}").status_code == status


def counted(tile: bytes, folder: Path) -> int:
    """Return how many records the cells of a tile stand for."""
    if not tile:
        return 0
    path = folder / "cells.mvt"
    path.write_bytes(tile)
    _, _, _, columns = pyogrio.raw.read(path, layer="cells", read_geometry=False, columns=["n"])
    return int(columns[0].sum())


@pytest.mark.parametrize(("accepted", "way"), [("gzip, br", "br"), ("br;q=0", None), ("identity", None)])
def test_scripts_come_compressed_to_whoever_takes_that(client: TestClient, accepted: str, way: str | None) -> None:
    answer = client.get(assets.address("map.js"), headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == way
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.text == assets.text("map.js")
