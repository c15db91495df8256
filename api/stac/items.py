"""Items of the catalogue as STAC 1.1 tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from hazard_db.stac import StacItem

VERSION = "1.1.0"
EXTENSIONS = {
    "eo": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "proj": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "view": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
    "file": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
}
MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
COMMON_NAMES = {name: name for name in ("coastal", "blue", "green", "red", "nir", "nir08", "nir09", "pan")} | {
    "swir1": "swir16", "swir2": "swir22",
}  # fmt: skip
"""Bands as STAC calls them; others have no common name."""
SHA256 = "1220"
"""What a multihash of that kind begins with: its code and its length."""
OWN = ("processing_baseline", "acquired_precision", "superseded_by", "method", "run_id")
"""Properties that are told under our own prefix."""


def item(one: StacItem, base: str) -> dict[str, Any]:
    """Return an item; `base` is the address of the STAC API."""
    parent = f"{base}/collections/{quote(one.collection, safe='')}"
    own = f"{parent}/items/{quote(one.id, safe='')}"
    assets = {name: _asset(one, name, asset, base) for name, asset in one.assets.items()}
    properties = _properties(one)
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": _extensions(properties, assets),
        "id": one.id,
        "collection": one.collection,
        "geometry": one.geometry,
        "bbox": list(one.bbox),
        "properties": properties,
        "assets": assets,
        "links": [
            {"rel": "self", "type": "application/geo+json", "href": own},
            {"rel": "root", "type": "application/json", "href": base},
            {"rel": "parent", "type": "application/json", "href": parent},
            {"rel": "collection", "type": "application/json", "href": parent},
            *_tiles(one, base),
        ],
    }


def moment(at: Any) -> str:
    """Return a moment as RFC 3339 in UTC."""
    return str(at.isoformat().replace("+00:00", "Z"))


def _properties(one: StacItem) -> dict[str, Any]:
    told: dict[str, Any] = {"datetime": moment(one.at), "created": moment(one.created)}
    if one.start != one.end:
        told |= {"start_datetime": moment(one.start), "end_datetime": moment(one.end)}
    if one.title:
        told["title"] = one.title
    told |= {name: value for name, value in one.values.items() if value is not None and ":" in name}
    if (platform := one.values.get("platform")) is not None:
        told["platform"] = platform
    if "view:sun_azimuth" in told:
        told["view:sun_azimuth"] %= 360.0
    own = {"grid_tile": one.values.get("grid_tile"), **{name: one.properties.get(name) for name in OWN}}
    return told | {f"hazard:{name}": value for name, value in own.items() if value is not None}


def _asset(one: StacItem, name: str, asset: Mapping[str, Any], base: str) -> dict[str, Any]:
    href = str(asset["href"])
    place = "/".join(quote(part, safe="") for part in (one.collection, one.id, name))
    told: dict[str, Any] = {
        "href": href if "://" in href else f"{base}/assets/{place}",
        "type": asset.get("type", MEDIA_TYPE),
        "roles": asset.get("roles") or (["data", name] if name in ("reflectance", "backscatter") else ["data"]),
        "bands": [_band(str(band), asset) for band in asset.get("bands", [])],
        **{f"proj:{key}": asset[key] for key in ("shape", "transform") if key in asset},
    }
    if sha256 := asset.get("sha256"):
        told["file:checksum"] = SHA256 + sha256
    if not told["bands"]:
        del told["bands"]
    return told


def _band(name: str, asset: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name}
    if name in COMMON_NAMES:
        told["eo:common_name"] = COMMON_NAMES[name]
    told |= {key: asset[key] for key in ("data_type", "nodata") if asset.get(key) is not None}
    return told | {f"raster:{key}": asset[key] for key in ("scale", "offset") if asset.get(key) is not None}


def _extensions(properties: Mapping[str, Any], assets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = set(properties)
    for asset in assets.values():
        names |= set(asset) | {key for band in asset.get("bands", ()) for key in band}
    return [address for prefix, address in EXTENSIONS.items() if any(name.startswith(f"{prefix}:") for name in names)]


def _tiles(one: StacItem, base: str) -> list[dict[str, Any]]:
    """Return links to the tiles of an item's rasters."""
    address = f"{base.removesuffix('/stac')}/imagery/WebMercatorQuad/tilejson.json"
    return [
        {"rel": "tilejson", "type": "application/json", "title": f"Tiles of {name}",
         "href": f"{address}?{urlencode({'url': asset['href']})}"}
        for name, asset in one.assets.items() if str(asset.get("type", MEDIA_TYPE)).startswith("image/tiff")
    ]  # fmt: skip
