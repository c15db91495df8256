"""Relief below maps: light from where readers expect it, small pictures, kept once made, and maps that go without."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_bounds

from api.backdrop import BackdropSettings, boundaries, relief
from hazard_db.errors import MapError
from maps import relief as drawing
from maps.relief import hillshade, make_relief

BOUNDS = (74.8, 36.3, 75.0, 36.4)


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    path = tmp_path / "dem.tif"
    y, x = np.mgrid[0:200, 0:400]
    height = (3000 + 400 * np.sin(x / 9) * np.cos(y / 7)).astype("float32")
    height[:20, :20] = -9999
    profile = {
        "driver": "GTiff", "width": 400, "height": 200, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "nodata": -9999,
        "transform": from_bounds(*BOUNDS, 400, 200),
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(height, 1)
    return path


def test_slopes_towards_the_light_are_bright() -> None:
    north, east = np.mgrid[9:-1:-1, 0:10].astype("float32") * 100
    level = hillshade(np.zeros((10, 10), np.float32), 100)
    assert level == pytest.approx(np.cos(np.pi / 4))
    towards = hillshade((east - north).astype(np.float32), 100)  # falls to the north-west
    away = hillshade((north - east).astype(np.float32), 100)
    assert towards.min() > level.max() > away.max()


def test_missing_heights_have_no_shade() -> None:
    height = np.zeros((9, 9), np.float32)
    height[4, 4] = np.nan
    shade = hillshade(height, 10)
    assert np.isnan(shade[4, 3])
    assert np.isfinite(shade[0, 0])


def test_a_picture_is_small_and_made_once(dem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "LARGEST_BYTES", 60_000)
    made = make_relief(dem, (74.85, 36.32, 80, 40), tmp_path / "relief")
    assert made is not None
    assert made.bounds == pytest.approx((74.85, 36.32, 75.0, 36.4))
    assert made.path.stat().st_size <= 60_000
    with Image.open(made.path) as image:
        assert image.mode == "LA"
    monkeypatch.setattr(drawing, "_shades", lambda *given: pytest.fail("drawn again"))
    assert make_relief(dem, (74.85, 36.32, 80, 40), tmp_path / "relief") == made


def test_without_a_raster_a_map_goes_without(dem: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert make_relief(dem, (10, 10, 11, 11), tmp_path) is None
    assert relief(BackdropSettings(), tmp_path, BOUNDS) is None
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"no raster")
    with pytest.raises(MapError, match=r"broken\.tif"):
        make_relief(broken, BOUNDS, tmp_path)
    with caplog.at_level(logging.WARNING):
        assert relief(BackdropSettings(dem=broken), tmp_path, BOUNDS) is None
    assert "no relief" in caplog.text


def test_boundaries_are_drawn_only_where_they_are_wanted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert boundaries(BackdropSettings()) is None
    file = tmp_path / "borders.geojson"
    square = "[[[70,30],[80,30],[80,36],[70,36],[70,30]]]"
    file.write_text(
        f'{{"features": [{{"type": "Feature", "geometry": {{"type": "Polygon", "coordinates": {square}}}}},'
        '{"geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}, {"geometry": null}]}'
    )
    lines = boundaries(BackdropSettings(boundaries=file))
    assert lines is not None
    assert [one["geometry"]["type"] for one in lines["features"]] == ["LineString"]
    with caplog.at_level(logging.WARNING):
        for content in ("{", "[]", '{"features": [{"geometry": {"type": "Wrong"}}]}'):
            file.write_text(content)
            assert boundaries(BackdropSettings(boundaries=file)) is None
        assert boundaries(BackdropSettings(boundaries=tmp_path / "absent")) is None
    assert caplog.text.count("no boundaries") == 4
