"""Lakes out of files: simulated ones of exact area, a real scene, and files that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from rasterio.features import rasterize
from shapely import transform
from shapely.geometry import shape
from typer.testing import CliRunner

from api.commands.detect import app
from detection.lakes import run_lake
from detection.simulate.lakes import LakeScene, simulate_lakes
from hazard_db.errors import DetectionError
from tests.detection_rasters import PLACE, UTM, write_tif
from tests.glacier_rasters import write_dates

pytestmark = pytest.mark.acceptance
DATES = tuple(datetime(2022, 6, 20, 5, 48, tzinfo=UTC) + timedelta(days=18 * number) for number in range(5))


@pytest.fixture(scope="module")
def scene() -> LakeScene:
    return simulate_lakes(700, DATES, spectra="test", shape=(260, 260), lakes=6)


@pytest.fixture(scope="module")
def folder(scene: LakeScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lakes")
    write_dates(path, scene.dates, scene.terrain)
    return path


def scenes(folder: Path) -> list[Path]:
    return sorted(folder.glob("date*.tif"))


def number_of(feature: dict, labels: np.ndarray) -> int:
    """Return which true lake a feature covers most of, 0 = none."""
    from pyproj import Transformer

    mover = Transformer.from_crs(4326, UTM, always_xy=True)
    area = transform(shape(feature["geometry"]), lambda xy: np.column_stack(mover.transform(*xy.T)))
    pixels = rasterize([area], labels.shape, transform=PLACE).astype(bool)
    return int(np.bincount(labels[pixels]).argmax())


def test_command_finds_each_lake_on_each_date(folder: Path, scene: LakeScene, tmp_path: Path) -> None:
    out = tmp_path / "lakes.geojson"
    told = CliRunner().invoke(
        app,
        ["lake", "--scenes", *map(str, scenes(folder)), "--dem", str(folder / "dem.tif"), "--out", str(out), "--json"],
    )
    assert told.exit_code == 0, told.output
    features = json.loads(out.read_text())["features"]
    by_id: dict[str, set[int]] = {}
    hits = inside = 0
    for feature in features:
        own = feature["properties"]
        when = [at.date().isoformat() for at in DATES].index(own["date"])
        lake = number_of(feature, scene.labels[when])
        by_id.setdefault(own["lake_id"], set()).add(lake)
        assert own["kind"] == "lake"
        assert 0 < own["confidence"] <= 1
        assert own["first_date"] <= own["last_date"] == own["date"]
        if lake:
            truth = scene.lakes[lake - 1]
            assert own["ice_dammed"] is truth.ice_dammed
            hits += 1
            inside += (
                abs(own["area_m2"] - truth.area_m2[when]) <= own["area_uncertainty_m2"] or own["state"] == "frozen"
            )
    wanted = sum(
        lake.area_m2[when] >= 10_000 and scene.dates[when].usable[scene.labels[when] == number].mean() > 0.9
        for number, lake in enumerate(scene.lakes, start=1)
        for when in range(len(DATES))
    )
    assert hits >= 0.95 * wanted
    assert hits >= 0.95 * len(features)
    assert inside >= 0.85 * hits
    assert all(len(lakes - {0}) == 1 for lakes in by_id.values() if lakes != {0})


def test_growth_and_drainage_are_told(tmp_path: Path) -> None:
    found = grown = 0
    for seed in (701, 702):
        scene = simulate_lakes(seed, DATES, spectra="test", shape=(260, 260), lakes=6)
        files, dem = write_dates(tmp_path / str(seed), scene.dates, scene.terrain)
        features = run_lake(files, tmp_path / "out.geojson", dem=dem).features
        for number, lake in enumerate(scene.lakes, start=1):
            own = [one for one in features if number_of(one, scene.labels.max(axis=0)) == number]
            if (lake.area_m2 == 0).any():
                found += 1
                assert own[-1]["properties"]["drained_by"] is not None
            elif np.ptp(lake.area_m2) > 8000 and len(own) >= 3 and not lake.frozen.any():
                grown += 1
                rate = (lake.area_m2[-1] - lake.area_m2[0]) / ((DATES[-1] - DATES[0]).days / 365.25)
                assert own[-1]["properties"]["growth_m2_yr"] == pytest.approx(rate, rel=0.2)
    assert grown


def test_ids_do_not_change_with_a_further_date(folder: Path, tmp_path: Path) -> None:
    few, many = (
        {one["properties"]["lake_id"] for one in run_lake(scenes(folder)[:n], tmp_path / "o.geojson").features}
        for n in (4, 5)
    )
    assert few <= many


def test_without_green_there_is_no_water(folder: Path, scene: LakeScene, tmp_path: Path) -> None:
    red = replace(scene.dates[0], bands=("red", "nir"), reflectance=scene.dates[0].reflectance[2:4])
    files, _ = write_dates(tmp_path, (red,), scene.terrain)
    with pytest.raises(DetectionError, match="green and nir"):
        run_lake(files, tmp_path / "out.geojson")


def test_everest_lakes_by_visible_and_near_infrared(shared_data: Path, tmp_path: Path) -> None:
    """Late October, low sun, no short-wave infrared: what is told has the colour of water, and ice dams stay unknown."""
    source = shared_data / "glaciers" / "everest_landsat7_2000" / "Everest_Landsat"
    if not source.is_dir():
        pytest.skip("the scene of Everest is absent")
    import rasterio

    with rasterio.open(source / "LE71400412000304SGS00_RGB.tif") as rgb:
        red, green, blue = rgb.read().astype(np.float32)
        place, crs = rgb.transform, rgb.crs.to_string()
    with rasterio.open(source / "LE71400412000304SGS00_B4.tif") as raster:
        nir = raster.read(1).astype(np.float32)
    bands = {"blue": blue * 30, "green": green * 30, "red": red * 30, "nir": nir * 30}
    scene = write_tif(tmp_path / "everest_20001030.tif", bands, transform=place, crs=crs)
    result = run_lake([scene], tmp_path / "out.geojson")
    assert all(one["properties"]["ice_dammed"] is None for one in result.features)
    assert any("infrared" in note for note in result.collection["notes"])
