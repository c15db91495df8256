"""Relief below maps: light from where readers expect it, small pictures, kept once made, and maps that go without."""

from __future__ import annotations

import json
import logging
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pydantic import SecretStr
from rasterio.transform import from_bounds

from api.backdrop import BackdropSettings, below, boundaries, relief
from api.middleware import policy
from hazard_db.errors import MapError, SettingsError
from maps import relief as drawing
from maps import terrain
from maps.chart import KARAKORAM
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


def test_a_tile_of_terrain_is_tinted_by_height_and_lit_from_the_north_west() -> None:
    rows, cols = np.mgrid[0:30, 0:30].astype("float32")
    towards = terrain.shaded(2000 + (cols + rows) * 30, 100.0)  # rises to the south-east: faces the light
    away = terrain.shaded(2000 - (cols + rows) * 30, 100.0)
    level = terrain.shaded(np.full((30, 30), 2000, np.float32), 100.0)
    assert towards[15, 15, 1] > level[15, 15, 1] > away[15, 15, 1]
    low, high = (terrain.shaded(np.full((9, 9), height, np.float32), 100.0)[4, 4] for height in (500, 7000))
    assert low[2] < high[2]
    gap = np.full((9, 9), 2000, np.float32)
    gap[4, 4] = np.nan
    assert terrain.shaded(gap, 100.0)[..., 3].tolist() == np.where(np.isnan(gap), 0, 255).tolist()


def test_tiles_of_terrain_meet_without_a_seam_and_are_kept(
    dem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = terrain.look(dem)
    assert found.bounds == pytest.approx(BOUNDS)
    zoom, row, col = next(iter(found.tiles(BOUNDS, 12)))
    pictures = []
    for x in (col, col + 1):
        with Image.open(BytesIO(terrain.tile(found, (zoom, row, x), tmp_path))) as image:
            pictures.append(np.asarray(image.convert("RGBA")).astype(float))
    left, right = (one[200:, side, :3] for one, side in zip(pictures, (-1, 0), strict=True))
    inner = np.abs(pictures[0][200:, -1, :3] - pictures[0][200:, -2, :3]).mean()
    assert np.abs(left - right).mean() < 3 * inner + 4  # as pixels beside each other within a tile
    monkeypatch.setattr(terrain, "_drawn", lambda *given: pytest.fail("drawn again"))
    assert terrain.tile(found, (zoom, row, col), tmp_path)
    outside = terrain.look(dem)
    monkeypatch.undo()
    with Image.open(BytesIO(terrain.tile(outside, (12, 0, 0), tmp_path))) as image:
        assert np.asarray(image.convert("RGBA"))[..., 3].max() == 0
    assert list(outside.tiles((0, 0, 1, 1), 9)) == []


def test_rivers_and_places_carry_their_names_in_three_scripts(tmp_path: Path) -> None:
    file = tmp_path / "ground.geojson"
    file.write_text(json.dumps({"features": [
        {"properties": {"name": "Indus", "name:zh": "印度河"}, "geometry": {"type": "LineString", "coordinates": [[74, 35], [75, 36]]}},
        {"properties": {"name": "Gilgit", "place": "town"}, "geometry": {"type": "Point", "coordinates": [74.3, 35.9]}},
        {"properties": {"name": "Big", "place": "city"}, "geometry": {"type": "Point", "coordinates": [74.4, 35.9]}},
        {"properties": {"name": "Far"}, "geometry": {"type": "Point", "coordinates": [10, 50]}},
        {"properties": {"name": " "}, "geometry": {"type": "Point", "coordinates": [74.3, 35.9]}},
    ]}))  # fmt: skip
    told = below(BackdropSettings(rivers=file, places=file), KARAKORAM)
    assert told.rivers is not None and told.places is not None
    assert [one["properties"]["names"] for one in told.rivers["features"]] == [["Indus", "印度河", "Indus"]]
    names = [one["properties"]["names"] for one in told.places["features"] if one["properties"]["rank"] < 3]
    assert names == [["Big", "Big", "Big"], ["Gilgit", "吉尔吉特", "گلگت"]]


def test_without_a_file_of_places_a_map_has_the_towns_within_it() -> None:
    told = below(BackdropSettings(places=None), (74.0, 35.8, 74.5, 36.0)).places
    assert told is not None
    assert [one["properties"]["names"] for one in told["features"]] == [["Gilgit", "吉尔吉特", "گلگت"]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"basemaps": "google"}, "'google' is none of"), ({"basemaps": "tianditu"}, "HAZARD_TIANDITU_KEY"),
        ({"basemaps": "own"}, "BASEMAP_URL"),
        ({"basemaps": "own", "basemap_url": "https://x.example/; script-src *"}, "BASEMAP_URL"),
        ({"basemaps": "own", "basemap_url": "javascript://x/{z}{x}{y}"}, "BASEMAP_URL"),
        ({"basemaps": "own", "basemap_url": "https://*/{z}/{x}/{y}"}, "BASEMAP_URL"),
    ],
)  # fmt: skip
def test_maps_of_others_that_cannot_be_used_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        _ = BackdropSettings(**given).providers  # type: ignore[arg-type]


def test_maps_of_others_open_the_policy_for_their_hosts_only() -> None:
    settings = BackdropSettings(basemaps="osm, tianditu", tianditu_key=SecretStr("a&b"))
    osm, tianditu = settings.providers
    assert osm.origins == ("https://tile.openstreetmap.org",)
    assert tianditu.origins == tuple(f"https://t{n}.tianditu.gov.cn" for n in range(8))
    assert tianditu.url.endswith("&tk=a%26b")
    assert BackdropSettings().providers == ()
    own = BackdropSettings(
        basemaps="own", basemap_url="https://maps.example:8443/{z}/{x}/{y}.png", basemap_attribution="© us"
    )
    assert [(one.name, one.origins, one.attribution) for one in own.providers] == [
        ("maps.example", ("https://maps.example:8443",), "© us")
    ]
    told = policy("n", images=osm.origins)
    assert "img-src 'self' data: blob: https://tile.openstreetmap.org;" in told
    assert told.replace(" https://tile.openstreetmap.org", "") == policy("n")


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
