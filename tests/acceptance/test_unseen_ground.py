"""A scene under clouds goes the whole way: file, catalogue, run, visibility, what `kkh risk show` tells of the kilometre."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin
from typer.testing import CliRunner

from api.cli import app
from detection.clouds import GROWTH_PX
from detection.hiding import CLOUD, SEEN
from detection.visibility import SURROUNDINGS_M
from hazard_db import connect, corridor, seed
from tests.detection_rasters import Array, ground, write_tif

pytestmark = [pytest.mark.acceptance, pytest.mark.integration]

NAMES = ("blue", "green", "red", "nir", "swir1", "swir2")
DAYS = ("20240601", "20240606", "20240611", "20240616")
PIXEL_M, SIDE = 10.0, 400
CLEAR, CLOUDY = 5, 9
"""Classes of SCL: bare ground, cloud of high probability."""


def kkh(*command: str) -> str:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    return done.stdout


def scene(path: Path, corner: tuple[float, float], seed_number: int, scl: Array) -> Path:
    """A date of quiet ground with a little noise, bright where SCL says cloud."""
    noise = np.random.default_rng(seed_number)
    shape = scl.shape
    bands = {}
    for number, name in enumerate(NAMES):
        values = 0.8 * ground(shape, 5) + 0.03 * number + noise.normal(0, 0.003, shape)
        bands[name] = np.where(scl == CLOUDY, 0.7, values) * 10_000
    return write_tif(
        path, {**bands, "scl": scl}, transform=from_origin(*corner, PIXEL_M, PIXEL_M), dtype="int16", nodata=-32768,
        tags={"platform": "sentinel-2a", "boa_offset_applied": "yes"},
    )  # fmt: skip


@pytest.fixture
def road(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> shapely.LineString:
    """Metres of a kilometre of the road in the middle of the scenes; commands work on this database."""
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_DATABASE_APP_URL", database.app_url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path / "home"))
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        (segment,) = corridor.segments(conn, 655, 656)
    metric = Transformer.from_crs(4326, 32643, always_xy=True)
    return shapely.LineString(np.column_stack(metric.transform(*np.array(segment.lonlat).T)))


def test_a_cloud_in_a_file_is_told_by_the_kilometre_it_hid(road: shapely.LineString, tmp_path: Path) -> None:
    middle = road.interpolate(0.5, normalized=True)
    corner = (round(middle.x - SIDE * PIXEL_M / 2, -1), round(middle.y + SIDE * PIXEL_M / 2, -1))
    clouded = SIDE // 2 - 15
    scl = np.full((len(DAYS), SIDE, SIDE), CLEAR)
    scl[-1, :, :clouded] = CLOUDY
    files = [scene(tmp_path / f"tile_{day}.tif", corner, number, scl[number]) for number, day in enumerate(DAYS)]
    kkh("ingest", "scene", *map(str, files))
    report = json.loads(kkh("detect", "landslide", "--since", "2024-06-16", "--json"))
    assert report["runs"] == 1
    assert report["new_changes"] == []

    # exact: the strip beside the road, west of the last hidden column
    strip = road.buffer(SURROUNDINGS_M)
    edge = corner[0] + (clouded + GROWTH_PX) * PIXEL_M
    west = strip.intersection(shapely.box(corner[0], strip.bounds[1], edge, strip.bounds[3]))
    wanted = west.area / strip.area
    assert 0.2 < wanted < 0.8
    (told,) = json.loads(kkh("risk", "show", "--km", "655-656", "--json"))[:1]
    (look,) = told["looks"]
    assert look["covered_share"] == pytest.approx(1.0, abs=1e-6)
    assert look["hidden"]["cloud"] == pytest.approx(wanted, abs=0.02)
    assert look["share"] + sum(look["hidden"].values()) == pytest.approx(1.0, abs=1e-6)
    assert look["share"] == pytest.approx(1 - wanted, abs=0.03)
    assert look["last_look"] == "2024-06-16"
    assert f"cloud {round(100 * look['hidden']['cloud'])} %" in kkh("risk", "show", "--km", "655-656")

    # the same from files alone
    unseen = tmp_path / "unseen.tif"
    kkh(
        "detect", "landslide", "--before", *map(str, files[:-1]), "--after", str(files[-1]),
        "--out", str(tmp_path / "out.geojson"), "--unseen", str(unseen),
    )  # fmt: skip
    with rasterio.open(unseen) as raster:
        codes = raster.read(1)
    assert (codes[:, : clouded + GROWTH_PX] == CLOUD).all()
    assert (codes[:, clouded + GROWTH_PX :] == SEEN).mean() > 0.99
