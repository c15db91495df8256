"""STAC items as scenes: which asset is which band, and what its numbers mean, by the layout of each archive.

Understood are Sentinel-2 L2A, Landsat Collection 2 Level-2, HLS and Sentinel-1 RTC as Earth Search, the Planetary
Computer, the Copernicus Data Space, LP DAAC and static catalogues of the same assets lay them out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import shape

from hazard_db import moments
from hazard_db.errors import RasterError
from ingest.imagery import sentinel1
from ingest.imagery.source import BANDS, RADAR_BANDS, Layer, Radar, SceneSource

Item = Mapping[str, Any]
Fetch = Callable[[str, Mapping[str, Any]], Layer]
"""Name of a band and its asset -> where and how its file is read; scale and offset are set by the layout."""

OFFSET_SINCE = (4, 0)
"""Processing baseline of Sentinel-2 that began to add 1000 to all numbers [@ESA_S2PSD]."""
S2_OFFSET = -0.1
HLS_QA = {1: 3, 2: 1, 3: 4, 4: 5, 5: 7}
"""Fmask's bits of HLS (cloud, beside cloud, shadow, snow, water) -> those of QA_PIXEL; thin cirrus is told by none."""
_S2_START = re.compile(r"S2[A-D]_(?:MSIL2A_)?(\d{8}T\d{6})")
_TILE = re.compile(r"(?:^|[_\-T])(\d{2}[C-HJ-NP-X][A-HJ-NP-Z]{2})(?:[_\-]|$)")


@dataclass(frozen=True)
class Layout:
    """How one kind of product is laid out in items."""

    collection: str
    """That scenes are filed under."""
    names: re.Pattern[str]
    """Of the collections that hold it, in all archives."""
    bands: Mapping[str, tuple[str, ...]]
    """Our band -> what archives call its asset, first match wins."""
    quality: tuple[str, tuple[str, ...]] | None
    read: Callable[[Item, Mapping[str, Layer]], SceneSource]
    fewest: int = 2


def checked(value: Any) -> Item:
    """Return an item whose fields are of the kinds that STAC says, of a known layout and taken at a time that it tells.

    Raises
    ------
    RasterError
        It is none, or tells no id, place or time, or is of no known layout.
    """
    item = value if isinstance(value, dict) else {}
    label = str(item.get("id") or "an item without id")
    kinds = {"properties": dict, "assets": dict, "geometry": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(item.get(name), kind)]
    wrong += [] if item.get("id") else ["id"]
    if not wrong and not all(isinstance(asset, dict) for asset in item["assets"].values()):
        wrong.append("assets")
    if wrong:
        raise RasterError(f"{label}: {', '.join(wrong)} missing or not as STAC says; tell the keeper of the archive")
    try:
        empty = shape(item["geometry"]).is_empty
    except (ShapelyError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise RasterError(f"{label}: its geometry cannot be read; tell the keeper of the archive") from error
    if empty:
        raise RasterError(f"{label}: its geometry is empty; tell the keeper of the archive")
    layout_of(item)
    acquired(item)
    return item


def scene_of(item: Item, fetch: Fetch) -> SceneSource:
    """Return an item as a scene, before any pixel is read.

    Raises
    ------
    RasterError
        It is of no known layout, or assets or facts are missing.
    """
    layout = layout_of(item)
    assets = item.get("assets") or {}
    layers = {}
    wanted = dict(layout.bands) | ({layout.quality[0]: layout.quality[1]} if layout.quality else {})
    for name, keys in wanted.items():
        key = next((one for one in keys if one in assets), None)
        if key is not None:
            layers[name] = fetch(name, assets[key])
    missing = [name for name in wanted if name not in layers]
    if len(layers) < layout.fewest or (layout.quality and layout.quality[0] in missing):
        raise RasterError(
            f"{item.get('id')}: the item has no asset for {', '.join(missing)}; the product is incomplete"
        )
    return layout.read(item, layers)


def layout_of(item: Item) -> Layout:
    """Return the layout of an item, by its collection.

    Raises
    ------
    RasterError
        There is none for it.
    """
    collection = str(item.get("collection") or (item.get("properties") or {}).get("collection") or "")
    for layout in LAYOUTS.values():
        if layout.names.search(collection):
            return layout
    raise RasterError(
        f"{item.get('id')}: collection '{collection}' is not understood; known are {', '.join(LAYOUTS)} by their usual names"
    )


def acquired(item: Item) -> datetime:
    """Return when an item was taken; the middle where it gives a span.

    Raises
    ------
    RasterError
        It does not tell.
    """
    properties = item.get("properties") or {}
    text = properties.get("datetime") or properties.get("start_datetime")
    if not text:
        raise RasterError(f"{item.get('id')}: the item has no datetime")
    return moments.parse(str(text), str(item.get("id")))[0]


def version_of(item: Item) -> str:
    """Return what differs exactly when an item's pixels do: checksums, else who processed it when."""
    sums = sorted(
        str(asset["file:checksum"]) for asset in (item.get("assets") or {}).values() if "file:checksum" in asset
    )
    return "|".join(sums) or f"{_baseline(item) or ''} {generated(item) or ''}".strip()


def generated(item: Item) -> str | None:
    """Return when it was processed."""
    properties = item.get("properties") or {}
    names = ("s2:generation_time", "processing:datetime", "landsat:generation_time", "updated", "created")
    return next((str(properties[name]) for name in names if properties.get(name)), None)


def _baseline(item: Item) -> str | None:
    properties = item.get("properties") or {}
    names = ("s2:processing_baseline", "processing:version", "landsat:collection_number")
    return next((str(properties[name]) for name in names if properties.get(name)), None)


def _sentinel2(item: Item, layers: Mapping[str, Layer]) -> SceneSource:
    properties = item["properties"]
    baseline = _baseline(item) or ""
    match = re.fullmatch(r"N?(\d{1,2})\.?(\d{2})", baseline)
    if match is None:
        raise RasterError(
            f"{item['id']}: its processing baseline ('{baseline}') is not told, so neither is what its numbers mean"
        )
    applied = properties.get("earthsearch:boa_offset_applied") or properties.get("s2:boa_offset_applied")
    offset = S2_OFFSET if (int(match[1]), int(match[2])) >= OFFSET_SINCE and not applied else 0.0
    scaled = {
        name: replace(one, scale=1e-4, offset=offset, nodata=0.0) for name, one in layers.items() if name in BANDS
    }
    moment = acquired(item)
    told = " ".join(str(properties.get(key, "")) for key in ("s2:datatake_id", "s2:product_uri")) + f" {item['id']}"
    start = _S2_START.search(told)
    taken = moments.parse(start[1], str(item["id"]))[0] if start else moment
    platform = str(properties.get("platform", "sentinel-2")).lower()
    return _scene(
        item, scaled, replace(layers["scl"], nodata=0.0), sensor=platform,
        acquisition=f"Sentinel-2{platform[-1:].upper()} {taken:%Y-%m-%dT%H:%M:%S} {_tile(item)}",
        grid_tile=_tile(item), baseline=f"{int(match[1]):02}.{match[2]}",
    )  # fmt: skip


def _landsat(item: Item, layers: Mapping[str, Layer]) -> SceneSource:
    properties = item["properties"]
    scaled = {
        name: replace(one, scale=2.75e-5, offset=-0.2, nodata=0.0) for name, one in layers.items() if name in BANDS
    }
    parts = re.match(r"(L[COTEM]0\d)_L2S[PR]_(\d{6})_(\d{8})", str(item["id"]))
    pathrow = parts[2] if parts else f"{properties.get('landsat:wrs_path', '')}{properties.get('landsat:wrs_row', '')}"
    day = parts[3] if parts else f"{acquired(item):%Y%m%d}"
    platform = str(properties.get("platform", "landsat")).lower()
    return _scene(
        item, scaled, replace(layers["qa_pixel"], nodata=1.0), sensor=platform,
        acquisition=f"{parts[1] if parts else platform} {pathrow} {day}", grid_tile=pathrow or None,
        baseline=_baseline(item),
    )  # fmt: skip


def _hls(item: Item, layers: Mapping[str, Layer]) -> SceneSource:
    scaled = {name: replace(one, scale=1e-4, nodata=-9999.0) for name, one in layers.items() if name in BANDS}
    quality = replace(layers["qa_pixel"], nodata=255.0, recode=HLS_QA)
    platform = str(item["properties"].get("platform", "hls")).lower()
    tile = _tile(item)
    return _scene(
        item, scaled, quality, sensor=platform, acquisition=f"hls {platform} {acquired(item):%Y%m%dT%H%M%S} {tile}",
        grid_tile=tile, baseline=_baseline(item),
    )  # fmt: skip


def _radar(item: Item, layers: Mapping[str, Layer]) -> SceneSource:
    properties = item["properties"]
    unit = str(properties.get("sar:unit") or "power").lower()
    direction, relative = properties.get("sat:orbit_state"), properties.get("sat:relative_orbit")
    incidence = _number(properties.get("view:incidence_angle"))
    radar = Radar(
        unit={"db": "decibel", "linear": "power"}.get(unit, unit),
        direction=str(direction) if direction in {"ascending", "descending"} else None,
        relative_orbit=None if relative is None else str(relative),
        incidence_deg=incidence, look_azimuth_deg=None,
    )  # fmt: skip
    if radar.unit not in sentinel1.UNITS.values():
        raise RasterError(f"{item['id']}: backscatter in '{unit}' is not understood")
    moment = acquired(item)
    begun = properties.get("start_datetime")
    begin = moments.parse(str(begun), str(item["id"]))[0] if begun else moment
    platform = str(properties.get("platform", "sentinel-1")).lower()
    placed = replace_nodata(layers)
    return replace(
        _scene(
            item, placed, None, sensor=platform, acquisition=f"s1{platform[-1:]} {begin:%Y%m%dT%H%M%S}", grid_tile=None,
            baseline=_baseline(item),
        ),
        radar=radar,
    )  # fmt: skip


def replace_nodata(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """Return radar layers; their own files tell where there is nothing."""
    return {name: one for name, one in layers.items() if name in RADAR_BANDS}


def _scene(item: Item, bands: Mapping[str, Layer], quality: Layer | None, **facts: Any) -> SceneSource:
    properties = item["properties"]
    layout = layout_of(item)
    order = (*BANDS, *RADAR_BANDS)
    return SceneSource(
        name=str(item["id"]), collection=layout.collection, acquired_at=acquired(item), acquired_precision="second",
        bands=tuple(bands[name] for name in order if name in bands), quality=quality, members=(),
        sun=_sun(properties), cloud_cover=_number(properties.get("eo:cloud_cover")), generated_at=generated(item),
        notes=tuple(f"without {name}" for name in layout.bands if name not in bands), **facts,
    )  # fmt: skip


def _sun(properties: Mapping[str, Any]) -> tuple[float, float] | None:
    elevation, azimuth = _number(properties.get("view:sun_elevation")), _number(properties.get("view:sun_azimuth"))
    if elevation is None and (zenith := _number(properties.get("s2:mean_solar_zenith"))) is not None:
        elevation, azimuth = 90.0 - zenith, _number(properties.get("s2:mean_solar_azimuth"))
    return None if elevation is None or azimuth is None else (elevation, azimuth % 360.0)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _tile(item: Item) -> str:
    properties = item["properties"]
    for name in ("s2:mgrs_tile", "grid:code"):
        if properties.get(name):
            return str(properties[name]).removeprefix("MGRS-").removeprefix("T")
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    if all(parts):
        return "".join(str(part) for part in parts)
    if match := _TILE.search(str(item["id"])):
        return match[1]
    raise RasterError(f"{item['id']}: the item does not tell its tile")


def _s2_assets(number: str, *names: str) -> tuple[str, ...]:
    return (*names, f"B{number}", f"B{number}_10m", f"B{number}_20m")


LAYOUTS: Mapping[str, Layout] = {
    "sentinel-2-l2a": Layout(
        "sentinel-2-l2a", re.compile(r"sentinel-2.*l2a|S2MSI2A", re.IGNORECASE),
        {
            "blue": _s2_assets("02", "blue"), "green": _s2_assets("03", "green"), "red": _s2_assets("04", "red"),
            "nir": _s2_assets("08", "nir"), "swir1": _s2_assets("11", "swir16"), "swir2": _s2_assets("12", "swir22"),
        },
        ("scl", ("scl", "SCL", "SCL_20m")), _sentinel2, 7,
    ),
    "landsat-c2-l2": Layout(
        "landsat-c2-l2", re.compile(r"landsat-c2.*l2", re.IGNORECASE),
        {
            "blue": ("blue",), "green": ("green",), "red": ("red",), "nir": ("nir08",), "swir1": ("swir16",),
            "swir2": ("swir22",),
        },
        ("qa_pixel", ("qa_pixel",)), _landsat, 7,
    ),
    "hls-s30": Layout(
        "hls-s30", re.compile(r"hls.*s30", re.IGNORECASE),
        {"blue": ("B02",), "green": ("B03",), "red": ("B04",), "nir": ("B8A",), "swir1": ("B11",), "swir2": ("B12",)},
        ("qa_pixel", ("Fmask",)), _hls, 7,
    ),
    "hls-l30": Layout(
        "hls-l30", re.compile(r"hls.*l30", re.IGNORECASE),
        {"blue": ("B02",), "green": ("B03",), "red": ("B04",), "nir": ("B05",), "swir1": ("B06",), "swir2": ("B07",)},
        ("qa_pixel", ("Fmask",)), _hls, 7,
    ),
    "sentinel-1-rtc": Layout(
        sentinel1.COLLECTION, re.compile(r"sentinel-1-rtc|opera.*rtc", re.IGNORECASE),
        {"vv": ("vv", "VV"), "vh": ("vh", "VH")}, None, _radar, 1,
    ),
}  # fmt: skip
"""First match wins; to add one, add a line and a function that says what its numbers mean."""
