"""KML and KMZ: placemarks with their extended data; network links and overlays are told of, never fetched."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import Element

from shapely.geometry import GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import InputError
from ingest import zips
from ingest.survey.source import Raw, Sample, Source
from ingest.vectors import crs_of
from ingest.xml_elements import elements, local

MULTI: dict[str, Any] = {"Point": MultiPoint, "LineString": MultiLineString, "Polygon": MultiPolygon}
SIMPLE = {"Point", "LineString", "LinearRing", "Polygon", "Track", "MultiGeometry", "MultiTrack"}

LONGEST_HTML = 50_000
"""Characters of a description; a longer one is refused as a note anyway."""


def claims(sample: Sample) -> bool:
    """Return whether the document is KML, or an archive with one."""
    return sample.root in {"kml", "Placemark"} or _document(sample.members) is not None


def read(path: Path) -> Source:
    """Return its placemarks."""
    return Source(_records(path), crs_of("EPSG:4326"))


def _records(path: Path) -> Iterator[Raw]:
    count = links = 0
    with _stream(path) as stream:
        for tag, element in elements(stream, {"Placemark", "NetworkLink", "GroundOverlay"}, path.name):
            if tag != "Placemark":
                links += 1
                continue
            count += 1
            yield _record(f"placemark {count}", element)
    if links and not count:
        raise InputError(
            f"{path.name}: holds only network links or overlays, which are not fetched; save the places themselves as KML"
        )


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as stream:
        packed = zips.is_zip(stream.read(4))
        if not packed:
            stream.seek(0)
            start = stream.read(1024)
            stream.seek(len(start) - len(start.lstrip()))
            yield stream
            return
    name = _document(zips.members(path))
    assert name is not None  # it was claimed for that
    with zips.opened_member(path, name) as member:
        yield member


def _document(members: Any) -> str | None:
    """Return the KML of a KMZ: the first one at its root, else the first."""
    names = [name for name in members if name.lower().endswith(".kml")]
    return min(names, key=lambda name: name.count("/"), default=None)


def _record(label: str, placemark: Element) -> Raw:
    values: dict[str, Any] = {}
    if placemark.get("id"):
        values["id"] = placemark.get("id")
    for child in placemark:
        tag = local(child.tag)
        if tag in {"name", "address", "phoneNumber"} and child.text and child.text.strip():
            values[tag] = child.text.strip()
        elif tag == "description":
            values["description"] = _plain("".join(child.itertext()))
        elif tag in {"TimeStamp", "TimeSpan"}:
            values |= {local(part.tag): part.text.strip() for part in child if part.text and part.text.strip()}
        elif tag == "ExtendedData":
            values |= _extended(child)
    try:
        return Raw(label, _timed(values), _geometry(placemark))
    except (ValueError, IndexError) as error:
        return Raw(label, values, None, f"its coordinates cannot be read ({error}); correct or redraw it")


def _timed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the beginning of a time span as its time."""
    return {("when" if name == "begin" and "when" not in values else name): value for name, value in values.items()}


def _extended(data: Element) -> dict[str, str]:
    values = {}
    for element in data.iter():
        name = element.get("name")
        if name and local(element.tag) == "Data":
            value = next((part.text for part in element if local(part.tag) == "value"), None)
            values[name] = (value or "").strip()
        elif name and local(element.tag) == "SimpleData":
            values[name] = (element.text or "").strip()
    return {name: value for name, value in values.items() if value}


def _geometry(parent: Element) -> BaseGeometry | None:
    """Return the geometries among the children of an element as one."""
    found = [made for child in parent if local(child.tag) in SIMPLE and (made := _one(child)) is not None]
    flat = [part for one in found for part in getattr(one, "geoms", [one])]
    if len(flat) < 2:
        return flat[0] if flat else None
    kinds = {part.geom_type for part in flat}
    return MULTI[kinds.pop()](flat) if len(kinds) == 1 else GeometryCollection(flat)


def _one(element: Element) -> BaseGeometry | None:
    tag = local(element.tag)
    if tag in {"MultiGeometry", "MultiTrack"}:
        return _geometry(element)
    if tag == "Polygon":
        rings = {
            name: [_coordinates(ring) for ring in _rings(element, name)]
            for name in ("outerBoundaryIs", "innerBoundaryIs")
        }
        outer = next((ring for ring in rings["outerBoundaryIs"] if ring), None)
        return Polygon(outer, [ring for ring in rings["innerBoundaryIs"] if ring]) if outer else None
    points = _track(element) if tag == "Track" else _coordinates(element)
    if not points:
        return None
    return Point(points[0]) if tag == "Point" or len(points) == 1 else LineString(points)


def _rings(polygon: Element, name: str) -> Iterator[Element]:
    for boundary in polygon:
        if local(boundary.tag) == name:
            yield from boundary


def _coordinates(element: Element) -> list[tuple[float, float]]:
    texts = (child.text or "" for child in element if local(child.tag) == "coordinates")
    words = (word.split(",") for text in texts for word in re.sub(r"\s*,\s*", ",", text).split())
    return [(float(parts[0]), float(parts[1])) for parts in words]


def _track(element: Element) -> list[tuple[float, float]]:
    words = ((child.text or "").split() for child in element if local(child.tag) == "coord")
    return [(float(parts[0]), float(parts[1])) for parts in words if parts]


def _plain(description: str) -> str:
    """Return the text of a description, which is often HTML."""
    if "<" not in description or len(description) > LONGEST_HTML:
        return description.strip()
    without = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->", " ", description)
    lines = re.sub(r"(?i)<(br|/p|/tr|/div|/li)\b[^>]*>", "\n", without)
    text = html.unescape(re.sub(r"<[^<>]*>", " ", lines))
    return "\n".join(line for line in (" ".join(one.split()) for one in text.splitlines()) if line)
