"""Scenes as STAC tells them: every value under the name that the standard has for it, and nothing that is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.stac.items import EXTENSIONS, item, moment
from hazard_db.stac import StacItem

AT = datetime(2023, 7, 15, 5, 46, 39, tzinfo=UTC)
BASE = "https://example.org/stac"
SCENE = StacItem(
    "S2B 1/2", "sentinel-2-l2a", AT, AT, AT, datetime(2024, 1, 1, tzinfo=UTC), None,
    {"platform": None, "eo:cloud_cover": None, "grid_tile": None}, {}, {}, {"type": "Point", "coordinates": [74, 36]}, (74, 36, 74, 36),
)  # fmt: skip
OPTICAL = {
    "href": "/data/a.tif", "bands": ["red", "swir1", "other"], "scale": 1e-4, "offset": None, "nodata": 0, "data_type": "uint16",
    "shape": [10, 20], "transform": [10, 0, 0, 0, -10, 0], "sha256": "ab" * 32,
}  # fmt: skip


def test_a_bare_item_tells_what_must_be_told_and_nothing_else() -> None:
    told = item(SCENE, BASE)
    assert told["properties"] == {"datetime": "2023-07-15T05:46:39Z", "created": "2024-01-01T00:00:00Z"}
    assert (told["stac_extensions"], told["assets"]) == ([], {})
    own = f"{BASE}/collections/sentinel-2-l2a/items/S2B%201%2F2"
    assert {link["rel"]: link["href"] for link in told["links"]} == {
        "self": own, "root": BASE, "parent": f"{BASE}/collections/sentinel-2-l2a", "collection": f"{BASE}/collections/sentinel-2-l2a",
    }  # fmt: skip


def test_properties_stand_under_the_names_of_the_standard_or_our_own() -> None:
    values: dict[str, Any] = {
        "platform": "sentinel-2b",
        "eo:cloud_cover": 0.0,
        "view:sun_azimuth": 360.0,
        "grid_tile": "43SDA",
        "gsd": 10,
    }
    scene = replace(
        SCENE,
        title="T",
        end=AT + timedelta(seconds=9),
        values=values,
        properties={"processing_baseline": "05.09", "x": 1},
    )
    told = item(scene, BASE)
    assert told["properties"] == {
        "datetime": "2023-07-15T05:46:39Z", "created": "2024-01-01T00:00:00Z", "title": "T", "platform": "sentinel-2b",
        "start_datetime": "2023-07-15T05:46:39Z", "end_datetime": "2023-07-15T05:46:48Z", "eo:cloud_cover": 0.0,
        "view:sun_azimuth": 0.0, "hazard:grid_tile": "43SDA", "hazard:processing_baseline": "05.09",
    }  # fmt: skip
    assert told["stac_extensions"] == [EXTENSIONS["eo"], EXTENSIONS["view"]]


def test_an_asset_tells_its_bands_its_grid_and_its_checksum() -> None:
    told = item(replace(SCENE, assets={"reflectance": OPTICAL}), BASE)
    asset = told["assets"]["reflectance"]
    assert asset["href"] == f"{BASE}/assets/sentinel-2-l2a/S2B%201%2F2/reflectance"
    assert asset["roles"] == ["data", "reflectance"]
    assert asset["file:checksum"] == "1220" + "ab" * 32
    assert (asset["proj:shape"], asset["proj:transform"]) == ([10, 20], [10, 0, 0, 0, -10, 0])
    common = {"data_type": "uint16", "nodata": 0, "raster:scale": 1e-4}
    assert asset["bands"] == [
        {"name": "red", "eo:common_name": "red", **common},
        {"name": "swir1", "eo:common_name": "swir16", **common},
        {"name": "other", **common},
    ]
    assert told["stac_extensions"] == [EXTENSIONS[name] for name in ("eo", "raster", "proj", "file")]
    (tiles,) = (link for link in told["links"] if link["rel"] == "tilejson")
    assert tiles["href"] == "https://example.org/imagery/WebMercatorQuad/tilejson.json?url=%2Fdata%2Fa.tif"


def test_other_assets_have_no_bands_and_no_tiles_and_addresses_stay() -> None:
    asset = {"href": "https://else.org/a.pdf", "type": "application/pdf", "roles": ["metadata"]}
    told = item(replace(SCENE, assets={"report": asset}), BASE)
    assert told["assets"]["report"] == asset
    assert not [link for link in told["links"] if link["rel"] == "tilejson"]


def test_moments_are_rfc_3339() -> None:
    assert moment(AT.replace(microsecond=250000)) == "2023-07-15T05:46:39.250000Z"
