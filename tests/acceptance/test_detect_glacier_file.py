"""Glaciers out of files: simulated ones of exact length, real ones, and files that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.commands.detect import app
from detection.glaciers import run_glacier
from detection.grids import grid_of
from detection.methods.centreline import derive, length_m
from detection.methods.terminus import TerminusRules
from detection.simulate.glacier import GlacierScene, Motion, simulate_glacier
from hazard_db.errors import HazardError, InputError
from hazard_db.glacier_file import read_glaciers
from tests.glacier_rasters import write_dates, write_vectors

pytestmark = pytest.mark.acceptance
SHARE = TerminusRules().central_share
AUGUSTS = tuple(datetime(year, 8, day, 5, 48, tzinfo=UTC) for year in (2019, 2021, 2023) for day in (4, 24))


@pytest.fixture(scope="module")
def scene() -> GlacierScene:
    return simulate_glacier(900, motion=Motion(-35.0), dates=AUGUSTS, spectra="test", shape=(300, 220))


@pytest.fixture(scope="module")
def folder(scene: GlacierScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glacier")
    write_dates(path, scene.dates, scene.terrain)
    write_vectors(path, scene)
    return path


def scenes(folder: Path) -> list[Path]:
    return sorted(folder.glob("date*.tif"))


def test_command_writes_what_the_contract_says(folder: Path, scene: GlacierScene, tmp_path: Path) -> None:
    out = tmp_path / "termini.geojson"
    told = CliRunner().invoke(
        app,
        ["glacier", "--scenes", *map(str, scenes(folder)), "--outlines", str(folder / "outlines.geojson"),
         "--centrelines", str(folder / "centrelines.geojson"), "--dem", str(folder / "dem.tif"), "--out", str(out)],
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    features = json.loads(out.read_text())["features"]
    assert len(features) == len(AUGUSTS)
    truth = scene.length_m(SHARE)
    for feature, at, length in zip(features, AUGUSTS, truth, strict=True):
        own = feature["properties"]
        assert feature["geometry"]["type"] == "LineString"
        assert own["kind"] == "glacier"
        assert own["glacier_id"] == "RGI60-14.00001"
        assert own["date"] == own["last_date"] == at.date().isoformat()
        assert own["first_date"] == AUGUSTS[0].date().isoformat()
        assert own["trend"] == "retreat"
        assert 0 < own["confidence"] <= 1
        assert own["length_m"] == pytest.approx(length, abs=10)
        assert own["change_m"] == pytest.approx(length - truth[0], abs=10)
        assert own["centreline"] == "given"
    assert features[-1]["properties"]["area_m2"] == pytest.approx(scene.area_m2[-1], rel=0.02)


@pytest.mark.parametrize("with_dem", [True, False])
def test_a_derived_centreline_is_said_to_be_one(
    folder: Path, scene: GlacierScene, tmp_path: Path, with_dem: bool
) -> None:
    dem = folder / "dem.tif" if with_dem else None
    result = run_glacier(scenes(folder), folder / "outlines.geojson", tmp_path / "out.geojson", dem=dem)
    truth = scene.length_m(SHARE)
    last = result.features[-1]["properties"]
    assert last["centreline"].startswith("derived")
    assert last["change_m"] == pytest.approx(truth[-1] - truth[0], abs=12)
    assert any("derived" in note for note in result.collection["notes"])


def test_without_short_wave_infrared_nothing_is_measured(folder: Path, scene: GlacierScene, tmp_path: Path) -> None:
    visible = tuple(replace(one, bands=one.bands[:4], reflectance=one.reflectance[:4]) for one in scene.dates[:2])
    files, _ = write_dates(tmp_path, visible, scene.terrain)
    result = run_glacier(files, folder / "outlines.geojson", tmp_path / "out.geojson")
    for feature in result.features:
        assert feature["geometry"] is None
        assert feature["properties"]["trend"] == "not_measurable"
        assert feature["properties"]["length_m"] is None
        assert "infrared" in feature["properties"]["reason"]


def test_debris_that_differs_is_followed(tmp_path: Path) -> None:
    buried = simulate_glacier(903, motion=Motion(-40.0), dates=AUGUSTS, debris=True, shape=(300, 220))
    files, dem = write_dates(tmp_path, buried.dates, buried.terrain)
    outlines, lines = write_vectors(tmp_path, buried)
    result = run_glacier(files, outlines, tmp_path / "out.geojson", centrelines=lines, dem=dem)
    told = [feature["properties"] for feature in result.features]
    assert all(one["surface"] == "debris" or one["trend"] == "not_measurable" for one in told)
    truth = buried.length_m(SHARE)
    changes = [abs(one["change_m"] - (t - truth[0])) for one, t in zip(told, truth, strict=True) if one["length_m"]]
    assert changes
    assert max(changes) < 30


def test_surge_is_told_within_sixty_days(tmp_path: Path) -> None:
    days = [datetime(2022, month, day, 5, 48, tzinfo=UTC) for month in (6, 7, 8, 9) for day in (2, 18)]
    quiet = [datetime(year, 8, 10, 5, 48, tzinfo=UTC) for year in (2020, 2021)]
    start = datetime(2022, 6, 25, tzinfo=UTC)
    surging = simulate_glacier(
        905, motion=Motion(-10.0, start, 4.0, 80.0), dates=tuple(quiet + days), spectra="test", shape=(300, 220)
    )
    files, dem = write_dates(tmp_path, surging.dates, surging.terrain)
    outlines, lines = write_vectors(tmp_path, surging, column="RGIId")
    result = run_glacier(files, outlines, tmp_path / "out.geojson", centrelines=lines, dem=dem)
    flagged = result.features[-1]["properties"]["surge_date"]
    assert flagged is not None
    assert 0 < (datetime.fromisoformat(flagged).replace(tzinfo=UTC) - start).days <= 60
    assert result.features[-1]["properties"]["trend"] == "surge"
    assert result.features[2]["properties"]["trend"] != "surge"


BAD = {
    "no id": ({"name": "x"}, [[74.0, 36.0], [74.1, 36.0], [74.1, 36.1], [74.0, 36.0]]),
    "elsewhere": ({"rgi_id": "x"}, [[10.0, 36.0], [10.1, 36.0], [10.1, 36.1], [10.0, 36.0]]),
    "metres": ({"rgi_id": "x"}, [[480000.0, 4e6], [481000.0, 4e6], [481000.0, 4.001e6], [480000.0, 4e6]]),
}


@pytest.mark.parametrize("case", BAD)
def test_unusable_outlines_are_one_line(folder: Path, tmp_path: Path, case: str) -> None:
    properties, ring = BAD[case]
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path = tmp_path / "outlines.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(HazardError) as error:
        run_glacier(scenes(folder)[:1], path, tmp_path / "out.geojson")
    assert "\n" not in str(error.value)


def test_files_that_are_no_vectors(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text("{")
    for path in (tmp_path / "a.geojson", tmp_path / "absent.gpkg", folder / "dem.tif"):
        with pytest.raises(InputError):
            run_glacier(scenes(folder)[:1], path, tmp_path / "out.geojson")


def test_everest_without_short_wave_infrared(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "glaciers" / "everest_landsat7_2000" / "Everest_Landsat"
    if not source.is_dir():
        pytest.skip("the scene of Everest is absent")
    import rasterio

    from tests.detection_rasters import write_tif

    with (
        rasterio.open(source / "LE71400412000304SGS00_RGB.tif") as rgb,
        rasterio.open(source / "LE71400412000304SGS00_B4.tif") as nir,
    ):
        red, green, blue = rgb.read().astype(np.float32)
        bands = {"blue": blue * 30, "green": green * 30, "red": red * 30, "nir": nir.read(1) * 30.0}
        scene = write_tif(tmp_path / "everest_20001030.tif", bands, transform=rgb.transform, crs=rgb.crs.to_string())
    result = run_glacier([scene], source / "15_rgi60_glacier_outlines.gpkg", tmp_path / "out.geojson")
    assert result.collection["stats"] == {"glaciers": 86, "measured": 0}
    assert {one["properties"]["trend"] for one in result.features} == {"not_measurable"}


@pytest.mark.parametrize(
    ("outlines", "dem", "length_km", "slope_deg"),
    [
        ("RGI60-14.03439/RGI60-14.03439.shp", "RGI60-14.03439/RGI60-14.03439.tif", 8.6, (10, 25)),
        ("baltoro_wgs84.shp", "baltoro_srtm_clip.tif", 63.2, (3, 6)),
    ],
)
def test_centrelines_of_real_glaciers(
    shared_data: Path, outlines: str, dem: str, length_km: float, slope_deg: tuple[float, float]
) -> None:
    """Lengths are those of the inventories to a sixth, and the lines run down at the slope of valley glaciers."""
    folder = shared_data / "glaciers" / "karakoram_rgi_srtm"
    if not folder.is_dir():
        pytest.skip("the glaciers of the Karakoram are absent")
    import rasterio
    from rasterio.features import geometry_mask

    (glacier,) = read_glaciers(folder / outlines)
    with rasterio.open(folder / dem) as raster:
        elevation = raster.read(1).astype(np.float32)
        pixel_m = grid_of(raster, dem).pixel_m()
        inside = geometry_mask([glacier.outline], elevation.shape, raster.transform, invert=True)
    line = derive(inside, elevation, pixel_m)
    assert line is not None
    assert length_m(line) / 1000 == pytest.approx(length_km, rel=0.17)
    ends = (line[[0, -1]] / np.array(pixel_m)).astype(int)
    drop = elevation[tuple(ends[0])] - elevation[tuple(np.minimum(ends[1], np.array(elevation.shape) - 1))]
    assert slope_deg[0] < np.degrees(np.arctan(drop / length_m(line))) < slope_deg[1]
