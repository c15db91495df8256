"""GeoPackages with photos, as others open them: every photo whole and with its record, none that strangers may not see."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from PIL import Image

from api import packages
from tests.api_client import TestClient
from tests.integration.test_review import send
from tests.phones import photo

pytestmark = pytest.mark.integration

RELATED = """SELECT o.record_id, p.filename, p.data, p.content_type, p.sha256 FROM {layer} AS o
    JOIN {layer}_photos_map AS m ON m.base_id = o.fid JOIN {layer}_photos AS p ON p.id = m.related_id ORDER BY p.filename"""


def fetched(client: TestClient, path: Path, query: str, headers: dict[str, str]) -> Path:
    answer = client.get(f"/exports/{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)
    return path


def related(path: Path, layer: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute(RELATED.format(layer=layer)).fetchall()


def test_photos_travel_with_their_records(client: TestClient, key: Any, tmp_path: Path) -> None:
    field, reviewer = key("field"), key("reviewer")
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    images = {"a.jpg": photo("red", (3000, 1000), exif=exif), "b.jpg": photo("blue")}
    accepted, waiting = send(client, field, note="one"), send(client, field, note="two", latitude=36.35)
    for identifier, name in ((accepted, "a.jpg"), (waiting, "b.jpg")):
        client.post(f"/observations/{identifier}/media", files={"file": (name, images[name])}, headers=field)
    client.post(f"/observations/{accepted}/site", json={}, headers=reviewer)

    whole = fetched(client, tmp_path / "all.gpkg", "observations.gpkg?photos=originals", field)
    rows = related(whole, "observations")
    assert {(row[0], row[1]) for row in rows} == {(accepted, "a.jpg"), (waiting, "b.jpg")}
    assert all(sha256(row[2]).hexdigest() == row[4] == sha256(images[row[1]]).hexdigest() for row in rows)
    assert {name for name, _ in pyogrio.list_layers(whole)} >= {"observations", "observations_photos"}
    assert pyogrio.read_info(whole, layer="observations")["features"] == 2
    with closing(sqlite3.connect(whole)) as database:
        relation = database.execute(
            "SELECT base_table_name, base_primary_column, relation_name FROM gpkgext_relations"
        ).fetchall()
    assert relation == [("observations", "fid", "media")]

    seen = related(fetched(client, tmp_path / "open.gpkg", "observations.gpkg?photos=originals", {}), "observations")
    assert [row[1] for row in seen] == ["a.jpg"]  # nobody has accepted the other
    with Image.open(io.BytesIO(seen[0][2])) as copy:
        assert (copy.size[0], dict(copy.getexif())) == (2048, {})

    of_site = related(fetched(client, tmp_path / "sites.gpkg", "sites.gpkg?q=KKH-LS-0100", field), "sites")
    assert [row[1] for row in of_site] == ["a.jpg"]
    none = fetched(client, tmp_path / "none.gpkg", "observations.gpkg?kind=nothing", field)
    assert [name for name, _ in pyogrio.list_layers(none)] == ["observations"]
    bare = fetched(client, tmp_path / "bare.gpkg", "observations.gpkg?photos=none&status=accepted", field)
    assert [name for name, _ in pyogrio.list_layers(bare)] == ["observations"]
    assert pyogrio.read_info(bare)["features"] == 1


def test_too_many_photos_are_asked_to_come_in_parts(
    client: TestClient, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = key("field")
    client.post(f"/observations/{send(client, field)}/media", files={"file": ("a.jpg", photo())}, headers=field)
    monkeypatch.setattr(packages, "MOST_BYTES", 10)
    answer = client.get("/exports/observations.gpkg", headers=field)
    assert answer.status_code == 400
    assert "export fewer records" in answer.json()["detail"]
