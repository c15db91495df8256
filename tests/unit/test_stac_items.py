"""Items of each archive's layout as scenes: which asset is which band, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from hazard_db.errors import RasterError
from ingest.imagery.cog import recoded
from ingest.imagery.source import Layer
from ingest.imagery.stacitems import HLS_QA, checked, scene_of, version_of

S2 = {"datetime": "2023-07-15T05:46:41Z", "platform": "sentinel-2a", "s2:mgrs_tile": "43SDA",
      "s2:datatake_id": "GS2A_20230715T054639_042110_N05.09", "s2:processing_baseline": "05.09"}  # fmt: skip
EARTH_SEARCH = ("blue", "green", "red", "nir", "swir16", "swir22", "scl")
PLANETARY = ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")
COPERNICUS = ("B02_10m", "B03_10m", "B04_10m", "B08_10m", "B11_20m", "B12_20m", "SCL_20m")


def fetch(name: str, asset: Mapping[str, Any]) -> Layer:
    return Layer(name, str(asset["href"]), str(asset["href"]))


def made(collection: str, keys: tuple[str, ...], properties: Mapping[str, Any], name: str = "x") -> dict[str, Any]:
    assets = {key: {"href": f"{key}.tif"} for key in keys}
    return {"id": name, "collection": collection, "properties": dict(properties), "assets": assets}


@pytest.mark.parametrize("keys", [EARTH_SEARCH, PLANETARY, COPERNICUS])
@pytest.mark.parametrize(
    ("more", "offset"),
    [({}, -0.1), ({"s2:processing_baseline": "03.01"}, 0.0), ({"earthsearch:boa_offset_applied": True}, 0.0)],
)
def test_sentinel2_of_every_archive_and_baseline(keys: tuple[str, ...], more: dict[str, Any], offset: float) -> None:
    scene = scene_of(made("sentinel-2-l2a", keys, {**S2, **more}), fetch)
    assert [(one.name, one.scale, one.offset) for one in scene.bands] == [
        (name, 1e-4, offset) for name in ("blue", "green", "red", "nir", "swir1", "swir2")
    ]
    assert [one.href.removesuffix(".tif") for one in scene.bands] == list(keys[:6])
    assert scene.quality is not None
    assert scene.quality.name == "scl"
    assert scene.acquisition == "Sentinel-2A 2023-07-15T05:46:39 43SDA"  # as that of the same product from a file


def test_sentinel2_that_does_not_tell_its_baseline_is_refused() -> None:
    told = {name: value for name, value in S2.items() if name != "s2:processing_baseline"}
    with pytest.raises(RasterError, match="baseline"):
        scene_of(made("sentinel-2-l2a", EARTH_SEARCH, told), fetch)


def test_landsat() -> None:
    item = made(
        "landsat-c2-l2", ("blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"),
        {"datetime": "2023-07-15T05:46:41Z", "platform": "landsat-8"}, "LC08_L2SP_149035_20230715_20230725_02_T1",
    )  # fmt: skip
    scene = scene_of(item, fetch)
    assert {(one.scale, one.offset, one.nodata) for one in scene.bands} == {(2.75e-5, -0.2, 0.0)}
    assert (scene.acquisition, scene.grid_tile) == ("LC08 149035 20230715", "149035")


@pytest.mark.parametrize(
    ("collection", "keys", "nir"),
    [
        ("HLSS30.v2.0", ("B02", "B03", "B04", "B8A", "B11", "B12", "Fmask"), "B8A.tif"),
        ("hls2-l30", ("B02", "B03", "B04", "B05", "B06", "B07", "Fmask"), "B05.tif"),
    ],
)
def test_hls(collection: str, keys: tuple[str, ...], nir: str) -> None:
    item = made(collection, keys, {"datetime": "2023-07-15T05:46:41Z"}, "HLS.S30.T43SDA.2023196T054641.v2.0")
    item["properties"]["grid:code"] = "MGRS-43SDA"
    scene = scene_of(item, fetch)
    assert scene.bands[3].href == nir
    assert {(one.scale, one.offset, one.nodata) for one in scene.bands} == {(1e-4, 0.0, -9999.0)}
    assert scene.quality is not None
    assert scene.quality.recode == HLS_QA


def test_fmask_is_told_as_qa_pixel() -> None:
    own = np.array([0, 1 << 1, 1 << 3, 1 << 4, 1 << 5, (1 << 1) | (1 << 3), 0b11 << 6], np.uint8)
    assert recoded(own, HLS_QA).tolist() == [1 << 6, 1 << 3, 1 << 4, 1 << 5, 1 << 7, (1 << 3) | (1 << 4), 1 << 6]


def test_radar() -> None:
    item = made(
        "sentinel-1-rtc", ("vv", "vh"),
        {"datetime": "2023-07-15T13:05:12Z", "platform": "SENTINEL-1A", "sat:orbit_state": "ascending",
         "sat:relative_orbit": 100},
    )  # fmt: skip
    scene = scene_of(item, fetch)
    assert scene.radar is not None
    assert (scene.radar.unit, scene.radar.direction, scene.radar.relative_orbit) == ("power", "ascending", "100")
    assert [one.name for one in scene.bands] == ["vv", "vh"]


def test_what_is_not_known_or_not_whole_is_refused() -> None:
    with pytest.raises(RasterError, match="not understood"):
        scene_of(made("modis-09A1", ("b1",), {}), fetch)
    with pytest.raises(RasterError, match="scl"):
        scene_of(made("sentinel-2-l2a", EARTH_SEARCH[:6], S2), fetch)


def test_only_pixels_make_another_version() -> None:
    item = made("sentinel-2-l2a", EARTH_SEARCH, {**S2, "s2:generation_time": "2023-07-15T12:00:00Z"})
    same = made("sentinel-2-l2a", EARTH_SEARCH, {**item["properties"], "updated": "2024-01-01T00:00:00Z"})
    newer = made("sentinel-2-l2a", EARTH_SEARCH, {**item["properties"], "s2:generation_time": "2024-01-01T00:00:00Z"})
    assert version_of(item) == version_of(same) != version_of(newer)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": None}, "an item without id: id missing"),
        ({"properties": "none"}, "properties missing or not as STAC says"),
        ({"assets": [{"href": "a.tif"}]}, "assets missing or not as STAC says"),
        ({"assets": {"vv": "a.tif"}}, "assets missing or not as STAC says"),
        ({"geometry": None}, "geometry missing"),
        ({"geometry": {"type": "Polygon", "coordinates": [["a"]]}}, "its geometry cannot be read"),
        ({"geometry": {"type": "Point", "coordinates": []}}, "its geometry is empty"),
        ({"properties": {}}, "the item has no datetime"),
        ({"collection": "naip"}, "is not understood"),
    ],
)
def test_an_item_that_is_not_as_stac_says_is_refused_with_a_line(change: dict[str, Any], told: str) -> None:
    item = made("sentinel-1-rtc", ("vv",), {"datetime": "2023-07-15T05:46:41Z"})
    sound = {**item, "geometry": {"type": "Point", "coordinates": [74.8, 36.3]}}
    assert checked(sound) == sound
    with pytest.raises(RasterError, match=told):
        checked({**sound, **change})
