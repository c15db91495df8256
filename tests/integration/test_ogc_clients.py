"""Other programs read the interface over HTTP: GDAL finds every feature, and values as they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
import pyogrio
import pytest

from tests.phones import serving, settings_of

pytestmark = pytest.mark.integration

COUNT = 2_500
"""More than one page of GDAL."""


@pytest.fixture
def server(database: Any, tmp_path: Path) -> Iterator[str]:
    with psycopg.connect(database.url) as conn:
        conn.execute(
            f"""CREATE TABLE place AS
                SELECT i AS id, CASE WHEN i < 500 THEN 0 ELSE i / 10.0 END::float8 AS score, i % 3 = 0 AS open, 'p' || i AS name,
                       nullif(i, i) AS never, CASE i WHEN 2 THEN 'NaN' WHEN 3 THEN 'Infinity' ELSE 1e20 END::float8 AS odd,
                       ST_SetSRID(ST_MakePoint(74 + i * 1e-4, 36), 4326)::geometry(Point, 4326) AS geom
                FROM generate_series(1, {COUNT}) AS i"""
        )
        conn.execute("CREATE VIEW published.places AS SELECT * FROM place")
    with serving(settings_of(database, tmp_path)) as address:
        yield address


READ = """
import sys, numpy, pyogrio
meta, _, shapes, values = pyogrio.raw.read(sys.argv[1])
numpy.savez(sys.argv[2], shapes=len(shapes), **dict(zip(meta["fields"], values)))
"""


def test_gdal_reads_every_feature_and_no_value_is_rounded(server: str, tmp_path: Path) -> None:
    path = tmp_path / "read.npz"
    # by a process of its own: GDAL waits for the answer without letting this one give it
    subprocess.run(
        [sys.executable, "-c", READ, f"OAPIF:{server}/ogc/collections/places", str(path)], check=True, timeout=120
    )
    found = dict(np.load(path, allow_pickle=True))
    numbers = np.arange(1, COUNT + 1)
    assert (int(found["shapes"]), found["id"].tolist()) == (COUNT, numbers.tolist())
    assert found["score"].dtype == np.float64
    np.testing.assert_allclose(found["score"], np.where(numbers < 500, 0, numbers / 10))
    assert found["open"].tolist() == (numbers % 3 == 0).tolist()
    assert np.isnan(found["odd"][1:3]).all()
    assert found["odd"][0] == 1e20


def test_gdal_reads_a_tile(server: str, tmp_path: Path) -> None:
    told = httpx.get(f"{server}/ogc/collections/places/tiles/WebMercatorQuad/tilejson.json").json()
    x, y, z = 180, 100, 8
    address = told["tiles"][0].replace("{z}", str(z)).replace("{y}", str(y)).replace("{x}", str(x))
    path = tmp_path / "tile.mvt"
    path.write_bytes(httpx.get(address).content)
    meta, _, shapes, _ = pyogrio.raw.read(path, X=str(x), Y=str(y), Z=str(z))
    counted = httpx.get(
        f"{server}/ogc/collections/places/items", params={"bbox": "73.125,34,74.53125,37", "limit": 1}
    ).json()
    assert counted["numberMatched"] == COUNT
    assert len(shapes) == COUNT
    assert {"score", "name"} <= set(meta["fields"])
