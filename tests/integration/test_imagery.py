"""Raster tiles: of what the catalogue knows, of a modest size, and of nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import rasterio
from PIL import Image
from psycopg.types.json import Jsonb
from pydantic import SecretStr
from rasterio.transform import from_origin

from api.app import create_app
from api.settings import ApiSettings
from hazard_db.settings import DatabaseSettings
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

HREF = "rasters/one/reflectance.tif"
OUTSIDE = "../outside.tif"


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    home = tmp_path / "home"
    for path in (home / HREF, home / "rasters" / "unknown.tif", tmp_path / "outside.tif"):
        path.parent.mkdir(parents=True, exist_ok=True)
        where = from_origin(74.6, 36.4, 0.001, 0.001)
        with rasterio.open(
            path, "w", driver="GTiff", width=200, height=100, count=3, dtype="uint8", crs="EPSG:4326", transform=where
        ) as out:
            out.write(np.stack([np.full((100, 200), value, dtype=np.uint8) for value in (200, 100, 50)]))
    with psycopg.connect(database.url) as conn:
        conn.execute(
            """INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets, checksum, geom)
               VALUES ('one', 'test', 'S2', '2024-07-01', 32643, 50, 150, %s, 'x',
                       ST_Multi(ST_MakeEnvelope(74.6, 36.3, 74.8, 36.4, 4326)))""",
            (Jsonb({"reflectance": {"href": HREF}, "trap": {"href": OUTSIDE}}),),
        )
    settings = ApiSettings(
        database=DatabaseSettings(
            home=home, database_url=SecretStr(database.url), database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        )
    )  # fmt: skip
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


def test_a_scene_that_is_published_can_be_looked_at(client: TestClient) -> None:
    scene = client.get("/ogc/collections/scenes/items/one").json()["properties"]
    assert HREF in scene["hrefs"]
    about = client.get(
        "/imagery/WebMercatorQuad/tilejson.json", params={"url": HREF, "minzoom": 10, "maxzoom": 12}
    ).json()
    west, south, *_ = about["bounds"]
    assert (round(west, 3), round(south, 3)) == (74.6, 36.3)
    picture = client.get("/imagery/preview.png", params={"url": HREF, "max_size": 64})
    assert picture.status_code == 200, picture.text
    assert Image.open(io.BytesIO(picture.content)).convert("RGB").getpixel((32, 16)) == (200, 100, 50)
    x, y = int((74.7 + 180) / 360 * 2**10), 402
    tile = client.get(f"/imagery/tiles/WebMercatorQuad/10/{x}/{y}.png", params={"url": HREF})
    assert tile.status_code in (200, 404), tile.text
    values = client.get("/imagery/point/74.7,36.35", params={"url": HREF}).json()["values"]
    assert values == [200, 100, 50]


HREFS = [
    "rasters/unknown.tif", OUTSIDE, "/etc/passwd", "http://127.0.0.1:1/x.tif", "/vsicurl/http://127.0.0.1/x.tif",
    f"{HREF}\0", '" || true)', "", "<VRTDataset/>",
]  # fmt: skip
PATHS = ["info", "preview.png", "point/74.7,36.35", "tiles/WebMercatorQuad/10/724/402.png"]


def test_nothing_else_is_opened(client: TestClient) -> None:
    for href, path in product(HREFS, PATHS):
        answer = client.get(f"/imagery/{path}", params={"url": href})
        assert 400 <= answer.status_code < 500, (href, path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


UNUSABLE: list[tuple[str, dict[str, str]]] = [
    ("preview.png", {"width": "100000", "height": "100000"}), ("preview/99999x10.png", {}), ("preview.png", {"max_size": "50000"}),
    ("preview.png", {"expression": "__import__('os')"}), ("preview.png", {"bidx": "9"}), ("tiles/WebMercatorQuad/10/0/0.png", {}),
    ("preview.png", {"rescale": "a,b"}),
]  # fmt: skip


def test_what_cannot_be_drawn_is_told_so(client: TestClient) -> None:
    for path, params in UNUSABLE:
        answer = client.get(f"/imagery/{path}", params={"url": HREF, **params})
        assert 400 <= answer.status_code < 500, (path, params, answer.text)


def test_a_file_that_became_a_list_of_other_files_is_not_followed(client: TestClient, tmp_path: Path) -> None:
    inner = f"<SourceFilename>{tmp_path / 'outside.tif'}</SourceFilename><SourceBand>1</SourceBand>"
    (tmp_path / "home" / HREF).write_text(
        '<VRTDataset rasterXSize="200" rasterYSize="100"><SRS>EPSG:4326</SRS><GeoTransform>74.6, 0.001, 0, 36.4, 0, -0.001'
        '</GeoTransform><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"{inner}</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    for path in PATHS:
        answer = client.get(f"/imagery/{path}", params={"url": HREF})
        assert 400 <= answer.status_code < 500, (path, answer.text)
