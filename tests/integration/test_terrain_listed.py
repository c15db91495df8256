"""`kkh terrain prepare`: from a folder of tiles to what detectors, maps and STAC read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from typer.testing import CliRunner

from api.app import create_app
from api.cli import app
from detection import terrain
from detection.grids import Grid, shifted
from detection.windows import check_dem
from maps.terrain import look
from tests.api_client import TestClient
from tests.phones import settings_of

pytestmark = pytest.mark.integration


def test_terrain_is_prepared_once_and_offered(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = terrain.Tile(36, 74).grid
    moved = shifted(whole, 1500, 1500)
    monkeypatch.setattr(terrain.Tile, "grid", property(lambda _: Grid(moved.wkt, moved.transform, (40, 50))))
    home, model = tmp_path / "home", tmp_path / "dem"
    model.mkdir()
    with rasterio.open(
        model / "Copernicus_DSM_COG_10_N36_00_E074_00_DEM.tif", "w", driver="GTiff", width=120, height=120, count=1,
        dtype="float32", crs="EPSG:4326", transform=Affine(1 / 120, 0, 74, 0, -1 / 120, 37),
    ) as raster:  # fmt: skip
        raster.write(np.linspace(2000, 6000, 120 * 120, dtype=np.float32).reshape(120, 120), 1)
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_HOME", str(home))
    for told in ("made", "unchanged"):
        done = CliRunner().invoke(app, ["terrain", "prepare", str(model)])
        assert done.exit_code == 0, done.output
        assert f"N36E074: {told}" in done.stdout
        assert "N35E074: 100.0% of the corridor in it has no elevation" in done.stdout
    joined = Path(done.stdout.split("HAZARD_DEM=")[1].strip())
    check_dem(joined, terrain.Tile(36, 74).grid)
    assert look(joined) is not None
    with TestClient(create_app(settings_of(database, home, anonymous_role="viewer"))) as viewer:
        (item,) = viewer.get("/stac/collections/results-terrain/items").json()["features"]
        assert item["id"] == "terrain-N36E074"
        assert {"relief", "horizon"} <= set(item["assets"])
        file = viewer.get("/stac/assets/results-terrain/terrain-N36E074/horizon").content
    assert file == (home / "results/terrain/N36E074/horizon.tif").read_bytes()
