"""Earthquakes: GeoJSON feeds of the USGS, ShakeMap grids and ShakeMap's event files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from hazard_db.errors import InputError, RecordError
from hazard_db.triggers.quakes import Quake
from ingest import files
from ingest.triggers.intensity import ShakeGrid
from ingest.xml_elements import elements, local, root_attributes, root_name

MOST_BYTES = 256 << 20
BLASTS = ("quarry blast", "explosion", "chemical explosion", "mining explosion", "nuclear explosion", "sonic boom")
"""What shakes instruments but is no earthquake."""


@dataclass(frozen=True)
class Read:
    """What a file tells: earthquakes, perhaps one with a map of its shaking, and what could not be used."""

    format: str
    quakes: tuple[Quake, ...]
    grid: ShakeGrid | None = None
    rejected: tuple[str, ...] = ()


def read_quakes(path: Path) -> Read:
    """Return the earthquakes of a file.

    A record of a feed that cannot be used does not keep the others from being known: it is told beside them.

    Raises
    ------
    InputError
        The file is of no such format, damaged, or none of its records can be used.
    """
    size = files.facts(path).size_bytes
    if size > MOST_BYTES:
        raise InputError(f"{path.name}: is larger than {MOST_BYTES >> 20} MB; fetch a shorter time or a smaller area")
    head = files.head(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"{":
        return _feed(path)
    root = root_name(head, path.name, dtd=True) if start == b"<" else None
    if root == "shakemap_grid":
        return _shakemap(path)
    if root in {"earthquake", "shakemap-data"}:
        return _event(path)
    raise InputError(f"{path.name}: is no GeoJSON feed of the USGS, no ShakeMap grid.xml and no event.xml")


def _feed(path: Path) -> Read:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: is no JSON that can be read ({error}); fetch it again") from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise InputError(f"{path.name}: has no list `features`; a GeoJSON feed of earthquakes is needed")
    quakes, rejected = [], []
    for number, one in enumerate(features, 1):
        try:
            quakes.append(_feature(one, f"{path.name}, feature {number}"))
        except RecordError as error:
            rejected.append(str(error))
    if rejected and not quakes:
        raise InputError(rejected[0])
    return Read("usgs geojson", tuple(one for one in quakes if one is not None), rejected=tuple(rejected))


def _feature(one: Any, label: str) -> Quake | None:
    """Return an earthquake of a feed, None for a blast."""
    if (
        not isinstance(one, dict)
        or not isinstance(one.get("properties"), dict)
        or not isinstance(one.get("geometry"), dict)
    ):
        raise RecordError(f"{label}: has no properties or no geometry")
    told, place = one["properties"], one["geometry"].get("coordinates")
    if told.get("type") in BLASTS:
        return None
    if not isinstance(place, list) or len(place) < 2:
        raise RecordError(f"{label}, coordinates: longitude, latitude and depth are needed")
    happened = _milliseconds(told.get("time"), f"{label}, time")
    ids = [part for part in str(told.get("ids") or "").split(",") if part]
    status = str(told.get("status") or "automatic")
    return Quake(
        source="usgs",
        source_id=_words(one.get("id"), f"{label}, id") or "",
        aliases=tuple(ids),
        magnitude=_optional(told.get("mag"), f"{label}, mag", -2, 10),
        depth_km=_optional(place[2] if len(place) > 2 else None, f"{label}, depth", -10, 800),
        happened_at=happened,
        told_at=_milliseconds(told.get("updated"), f"{label}, updated") if told.get("updated") else happened,
        lon=_number(place[0], f"{label}, longitude", -180, 360),
        lat=_number(place[1], f"{label}, latitude", -90, 90),
        place=_words(told.get("place"), label, needed=False),
        url=_link(told.get("url")),
        status="deleted" if status == "deleted" else "reviewed" if status == "reviewed" else "automatic",
    )


def _shakemap(path: Path) -> Read:
    """Return the earthquake and the map of its shaking."""
    about: Mapping[str, str] = {}
    specified: Mapping[str, str] = {}
    names: dict[int, str] = {}
    numbers: np.ndarray[Any, np.dtype[np.float64]] | None = None
    root: Mapping[str, str] = root_attributes(files.head(path), path.name)
    with path.open("rb") as stream:
        for name, element in elements(
            stream, {"event", "grid_specification", "grid_field", "grid_data"}, path.name, dtd=True
        ):
            if name == "event":
                about = dict(element.attrib)
            elif name == "grid_specification":
                specified = dict(element.attrib)
            elif name == "grid_field":
                names[int(element.get("index", "0"))] = element.get("name", "").upper()
            else:
                numbers = _numbers(path, element.text or "")
    if not about or not specified or numbers is None:
        raise InputError(f"{path.name}: lacks its event, its grid_specification or its grid_data; fetch it again")
    kind, status = root.get("shakemap_event_type", "ACTUAL"), root.get("map_status", "")
    if kind.upper() != "ACTUAL":
        raise InputError(f"{path.name}: is a {kind.lower()}, not an earthquake that has happened; it is not stored")
    label = f"{path.name}, event"
    happened = _moment(about.get("event_timestamp"), label)
    network, event_id = about.get("event_network", ""), about.get("event_id", "")
    quake = Quake(
        source="usgs", source_id=_words(event_id, label) or "", aliases=(f"{network}{event_id}",),
        magnitude=_number(about.get("magnitude"), f"{label}, magnitude", -2, 10),
        depth_km=_number(about.get("depth"), f"{label}, depth", -10, 800),
        happened_at=happened, told_at=_moment(root.get("process_timestamp"), label),
        lon=_number(about.get("lon"), f"{label}, lon", -180, 360), lat=_number(about.get("lat"), f"{label}, lat", -90, 90),
        place=_words(about.get("event_description"), label, needed=False), status="reviewed" if status == "REVIEWED" else "automatic",
        shakemap_version=int(_number(root.get("shakemap_version", "1"), f"{path.name}, shakemap_version", 0, 1e6)),
    )  # fmt: skip
    return Read("shakemap", (quake,), _grid(path, specified, names, numbers))


def _grid(path: Path, told: Mapping[str, str], names: Mapping[int, str], numbers: Any) -> ShakeGrid:
    label = f"{path.name}, grid_specification"
    columns, rows = (int(_number(told.get(name), f"{label}, {name}", 1, 1e5)) for name in ("nlon", "nlat"))
    order = [names[index] for index in sorted(names)]
    if "MMI" not in order or "LON" not in order or "LAT" not in order:
        raise InputError(
            f"{path.name}: tells no intensity: it has the fields {', '.join(order) or 'none'}; take grid.xml"
        )
    if numbers.size != rows * columns * len(order):
        raise InputError(
            f"{path.name}: holds {numbers.size:,} numbers, not {rows:,} x {columns:,} x {len(order)}; fetch it again"
        )
    table = numbers.reshape(rows * columns, len(order))
    table = table[np.lexsort((table[:, order.index("LON")], -table[:, order.index("LAT")]))].reshape(
        rows, columns, len(order)
    )
    lon, lat = table[0, :, order.index("LON")], table[:, 0, order.index("LAT")]
    steps = [float(np.diff(axis).mean()) if len(axis) > 1 else 1.0 for axis in (lon, -lat)]

    def layer(name: str) -> Any:
        return table[:, :, order.index(name)] if name in order else None

    return ShakeGrid(float(lon[0]), float(lat[0]), steps[0], steps[1], layer("MMI"), layer("PGA"), layer("PGV"))


def _numbers(path: Path, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.array(text.split(), dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path.name}, grid_data: {error}") from error


def _event(path: Path) -> Read:
    """Return the earthquake of ShakeMap's event.xml; it tells no time of its own making, so any other word replaces it."""
    with path.open("rb") as stream:
        found = [
            _event_record(element, path.name) for _, element in elements(stream, {"earthquake"}, path.name, dtd=True)
        ]
    if not found:
        raise InputError(f"{path.name}: has no element `earthquake`")
    return Read("shakemap event", tuple(found))


def _event_record(element: Element, name: str) -> Quake:
    label, told = f"{name}, {local(element.tag)}", element.attrib
    happened = _moment(told.get("time"), label) if told.get("time") else _parts(told, label)
    network, event_id = told.get("netid") or told.get("network") or "", told.get("id", "")
    return Quake(
        source="usgs", source_id=_words(event_id, label) or "", aliases=(f"{network}{event_id}",),
        magnitude=_number(told.get("mag"), f"{label}, mag", -2, 10), depth_km=_number(told.get("depth"), f"{label}, depth", -10, 800),
        happened_at=happened, told_at=happened, lon=_number(told.get("lon"), f"{label}, lon", -180, 360),
        lat=_number(told.get("lat"), f"{label}, lat", -90, 90), place=_words(told.get("locstring"), label, needed=False),
    )  # fmt: skip


def _parts(told: Mapping[str, str], label: str) -> datetime:
    """Return the time of older event files, told in pieces."""
    names = ("year", "month", "day", "hour", "minute", "second")
    try:
        year, month, day, hour, minute = (int(told[name]) for name in names[:-1])
        return datetime(year, month, day, hour, minute, int(float(told["second"])), tzinfo=UTC)
    except (KeyError, ValueError) as error:
        raise RecordError(f"{label}: tells no time ({error})") from error


def _moment(text: str | None, label: str) -> datetime:
    try:
        found = datetime.fromisoformat((text or "").strip().removesuffix("GMT").strip())
    except ValueError as error:
        raise RecordError(f"{label}: {text!r} is no time such as 2018-03-29T21:25:36Z") from error
    return _past(found.replace(tzinfo=found.tzinfo or UTC), label)


def _milliseconds(value: Any, label: str) -> datetime:
    try:
        return _past(datetime.fromtimestamp(_number(value, label, -1e14, 1e14) / 1000, UTC), label)
    except (OverflowError, OSError, ValueError) as error:
        raise RecordError(f"{label}: {value!r} is no time in milliseconds since 1970") from error


def _past(moment: datetime, label: str) -> datetime:
    if moment > datetime.now(UTC) + timedelta(hours=1):
        raise RecordError(f"{label}: {moment:%Y-%m-%d %H:%M} lies in the future")
    return moment


def _number(value: Any, label: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{label}: {value!r} is no number") from error
    if not (math.isfinite(number) and low <= number <= high) or isinstance(value, bool):
        raise RecordError(f"{label}: {value!r} is not between {low:g} and {high:g}")
    return number


def _optional(value: Any, label: str, low: float, high: float) -> float | None:
    return None if value is None else _number(value, label, low, high)


def _words(value: Any, label: str, *, needed: bool = True) -> str | None:
    text = " ".join(str(value if value is not None else "").split())[:300].replace("\x00", "")
    if needed and not text:
        raise RecordError(f"{label}: is missing")
    return text or None


def _link(value: Any) -> str | None:
    return value[:2000] if isinstance(value, str) and value.startswith(("https://", "http://")) else None
