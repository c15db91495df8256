"""Scenes from files into the catalogue and onto the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import LineString, box

from hazard_db import scenes
from hazard_db.connect import transaction
from hazard_db.errors import InputError, RasterError
from ingest.imagery.load import SceneBatchError, clean, ingest_scene
from tests.imagery_products import BANDS, landsat_product, reflectances, safe_product, write_stack

pytestmark = pytest.mark.integration

# Around the synthetic products: 460000-4030000 in UTM 43N.
CORRIDOR = box(74.5, 36.3, 74.6, 36.45)


def ingest(database: Any, home: Path, *paths: Path, **options: Any) -> Any:
    """Ingest as the role the application uses."""
    return ingest_scene(
        database.app_engine,
        paths,
        home=home,
        actor="tester",
        **({"corridor": CORRIDOR, **options} if not options.get("whole") else options),
    )


def rows(database: Any, **filters: Any) -> list[scenes.SceneRecord]:
    """Return the catalogue's scenes."""
    with transaction(database.engine) as conn:
        return scenes.find(conn, superseded=True, **filters)


def test_a_stack_becomes_a_cog_and_a_row(database: Any, tmp_path: Path) -> None:
    numbers = reflectances()
    home = tmp_path / "home"
    path = write_stack(
        tmp_path / "hunza.tif", {**numbers, "scl": np.full((60, 60), 4, np.uint16)},
        tags={"acquired": "2023-07-15T05:46:39Z", "sun_elevation": "60.5", "sun_azimuth": "140.25"},
    )  # fmt: skip
    (report,) = ingest(database, home, path)
    assert report.status == "new"
    assert report.bands == BANDS
    (scene,) = rows(database)
    assert scene.id == report.id == "hunza_20230715"
    assert scene.acquired_at.isoformat() == "2023-07-15T05:46:39+00:00"
    assert (scene.sun_elevation_deg, scene.sun_azimuth_deg) == (60.5, 140.25)
    assert scene.epsg == 32643
    assert set(scene.assets) == {"reflectance", "scl"}
    with rasterio.open(home / scene.assets["reflectance"]["href"]) as stored:
        assert stored.descriptions == BANDS
        assert stored.scales == (1e-4,) * 6
        assert stored.offsets == (0.0,) * 6
        for index, name in enumerate(BANDS):
            assert (stored.read(index + 1) == numbers[name]).all()
    for asset in scene.assets.values():
        assert cog_validate(home / asset["href"], quiet=True)[0]
    with rasterio.open(home / scene.assets["scl"]["href"]) as stored:
        assert stored.dtypes == ("uint8",)
        assert (stored.read(1) == 4).all()
    assert not list(home.glob("rasters/*/.pending"))
    with transaction(database.engine) as conn:
        actors = conn.exec_driver_sql("SELECT actor FROM audit_log WHERE table_name = 'scene'").scalars().all()
    assert actors == ["tester"]
