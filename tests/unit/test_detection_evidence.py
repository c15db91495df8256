"""What a change was judged by: layers in a valid Cloud-Optimized GeoTIFF, pictures, and where it went."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import shape

from detection import methods
from detection.bandpass import platform_of
from detection.blocks import terrain_from_elevation
from detection.evidence import hillshade, runout
from detection.pictures import CAPTION_PX, PANEL_PX, before_after_png
from detection.run import RunResult, run_landslide
from hazard_db.panels import Panel, Panels, cut
from tests.detection_rasters import Brightening, ground, stored, write_tif

SHAPE = (300, 320)


def plane(azimuth_deg: float, slope: float = 0.5) -> np.ndarray:
    """Return elevation that falls towards an azimuth."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]] * 10.0
    towards = np.radians(azimuth_deg)
    return (3000 - slope * (cols * np.sin(towards) - rows * np.cos(towards))).astype(np.float32)


@pytest.mark.parametrize("azimuth_deg", [0.0, 90.0, 225.0, 350.0])
def test_a_plane_runs_out_where_it_falls(azimuth_deg: float) -> None:
    relief = terrain_from_elevation(plane(azimuth_deg), (10.0, 10.0))
    rows, cols = (part.ravel().astype(np.int32) for part in np.mgrid[50:60, 50:60])
    told = runout(relief, rows, cols)
    assert (told["runout_azimuth_deg"] - azimuth_deg + 180) % 360 - 180 == pytest.approx(0, abs=0.1)
    assert 45 <= told["drop_m"] <= 64
    relief.elevation_m[:] = np.nan
    assert runout(relief, rows, cols) == {}


def test_light_comes_from_the_north_west() -> None:
    shades = {
        azimuth: float(np.median(hillshade(terrain_from_elevation(plane(azimuth), (10.0, 10.0)))))
        for azimuth in (315, 135)
    }
    level = hillshade(terrain_from_elevation(np.zeros(SHAPE, np.float32), (10.0, 10.0)))
    assert shades[315] > float(level.max()) > shades[135]
    assert level == pytest.approx(np.cos(np.radians(45)))


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunResult:
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    for day, lift in (("20220701", 0.0), ("20230701", 0.2)):
        bands = {name: ground(SHAPE) + 0.02 * at for at, name in enumerate(("blue", "green", "red", "nir"))}
        for band in bands.values():
            band[140:170, 150:180] += lift
        write_tif(tmp_path / f"x_{day}.tif", {name: stored(band) for name, band in bands.items()})
    write_tif(tmp_path / "dem.tif", {"elevation": plane(225.0)}, dtype="float32", nodata=float("nan"))
    return run_landslide(
        [tmp_path / "x_20220701.tif"], [tmp_path / "x_20230701.tif"], tmp_path / "out.geojson",
        dem=tmp_path / "dem.tif", explain=tmp_path / "evidence.tif", block_px=128,
    )  # fmt: skip


def test_the_evidence_is_a_valid_cog_of_named_layers(found: RunResult) -> None:
    assert found.explain is not None
    valid, errors, warnings = cog_validate(found.explain)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(found.explain) as raster:
        assert raster.descriptions[:5] == ("z", "before", "after", "slope_deg", "hillshade")
        layers = dict(zip(raster.descriptions, raster.read(), strict=True))
    inside = np.s_[142:168, 152:178]
    assert np.median(layers["after"][inside] - layers["before"][inside]) == pytest.approx(0.2, abs=0.01)
    assert layers["slope_deg"][inside] == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.1)
    (change,) = found.features
    assert change["properties"]["runout_azimuth_deg"] == pytest.approx(225, abs=1)
    assert change["properties"]["drop_m"] > 100


def test_the_picture_shows_score_and_slope(found: RunResult, tmp_path: Path) -> None:
    files = [tmp_path / "x_20220701.tif"], [tmp_path / "x_20230701.tif"]
    place = shape(found.features[0]["geometry"])
    plain = before_after_png(*files, place, tmp_path / "plain.png")
    whole = before_after_png(*files, place, tmp_path / "whole.png", evidence=found.explain)
    with Image.open(plain) as two, Image.open(whole) as four:
        assert four.width == two.width
        assert four.height - two.height == pytest.approx(PANEL_PX + CAPTION_PX, abs=2)
        pixels = np.asarray(four)
    score = pixels[four.height // 2 + 2 * CAPTION_PX : -2 * CAPTION_PX, :PANEL_PX]
    middle, rim = score[score.shape[0] // 2, score.shape[1] // 2], score[5, 5]
    assert int(middle.max()) > int(rim.max())


def test_the_picture_tells_its_panels(found: RunResult, tmp_path: Path) -> None:
    with rasterio.open(tmp_path / "x_20230701.tif", "r+") as raster:
        raster.update_tags(platform="sentinel-2a")
    files = [tmp_path / "x_20220701.tif"], [tmp_path / "x_20230701.tif"]
    out = before_after_png(*files, shape(found.features[0]["geometry"]), tmp_path / "p.png", evidence=found.explain)
    told = Panels.read(out)
    assert told is not None
    assert [(one.layer, one.day, one.platform) for one in told.panels] == [
        ("before", "2022-07-01", None), ("after", "2023-07-01", "Sentinel-2A"), ("z", None, None), ("slope_deg", None, None),
    ]  # fmt: skip
    assert told.width_m == pytest.approx(1200, abs=40)  # 300 m of whole pixels, and 1.5 times as much around it
    with Image.open(out) as whole, Image.open(BytesIO(cut(out, told.panels[1]))) as after:
        assert (np.asarray(after) == np.asarray(whole.crop(told.panels[1].box))).all()
        assert max(after.size) == PANEL_PX


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"platform": "sentinel-2b"}, "Sentinel-2B"), ({"SPACECRAFT_ID": "LANDSAT_8"}, "Landsat 8"),
        ({"platform": "unknown", "sensor": "Gaofen-2 PMS1"}, "Gaofen-2 PMS1"), ({"platform": "sentinel-1"}, "Sentinel-1"),
        ({"platform": "unknown"}, None), ({}, None),
    ],
)  # fmt: skip
def test_satellites_by_their_names(tags: dict[str, str], name: str | None) -> None:
    assert platform_of(tags) == name


def test_a_picture_that_tells_no_panels_or_false_ones(tmp_path: Path) -> None:
    old, false, broken = (tmp_path / f"{name}.png" for name in ("old", "false", "broken"))
    Image.new("RGB", (20, 20)).save(old)
    told = Panels(panels=(Panel(layer="before", box=(0, 0, 21, 20)),), width_m=600)
    Image.new("RGB", (20, 20)).save(false, pnginfo=told.info)
    broken.write_bytes(b"no picture")
    assert [Panels.read(file) for file in (old, false, broken, tmp_path / "none.png")] == [None] * 4


def test_without_relief_there_is_no_way_down(found: RunResult, tmp_path: Path) -> None:
    bare = run_landslide(
        [tmp_path / "x_20220701.tif"], [tmp_path / "x_20230701.tif"], tmp_path / "bare.geojson",
        explain=tmp_path / "bare.tif",
    )  # fmt: skip
    told = bare.features[0]["properties"]
    assert (told["runout_azimuth_deg"], told["drop_m"]) == (None, None)
    with rasterio.open(tmp_path / "bare.tif") as raster:
        assert "slope_deg" not in raster.descriptions
