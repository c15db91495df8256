"""GPX: waypoints, routes and tracks, of version 1.0 and 1.1, with or without a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element

from shapely.geometry import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from ingest.survey.source import Raw, Sample, Source
from ingest.vectors import crs_of
from ingest.xml_elements import elements, local

NAMES = {"wpt": "waypoint", "rte": "route", "trk": "track"}
POINTS = {"rte": "rtept", "trk": "trkpt"}
SKIPPED = {"trkseg", "rtept", "extensions", "link", "bounds"}
"""Not texts; where a link leads to is kept, for it may be a photo."""


def claims(sample: Sample) -> bool:
    """Return whether the document is GPX."""
    return sample.root == "gpx"


def read(path: Path) -> Source:
    """Return its waypoints, routes and tracks in the order of the file."""
    return Source(_records(path), crs_of("EPSG:4326"))


def _records(path: Path) -> Iterator[Raw]:
    counts = dict.fromkeys(NAMES, 0)
    with path.open("rb") as stream:
        for tag, element in elements(_without_blank(stream), NAMES, path.name):
            counts[tag] += 1
            if tag == "wpt" or any(local(part.tag) == POINTS[tag] for part in element.iter()):
                yield _record(f"{NAMES[tag]} {counts[tag]}", tag, element)  # devices write empty tracks out of habit


def _record(label: str, tag: str, element: Element) -> Raw:
    values = {local(child.tag): (child.text or "").strip() for child in element if local(child.tag) not in SKIPPED}
    links = [link.attrib["href"] for link in element if local(link.tag) == "link" and link.attrib.get("href")]
    values = {name: value for name, value in values.items() if value} | ({"link": " ".join(links)} if links else {})
    for extension in (child for child in element if local(child.tag) == "extensions"):
        values |= {local(leaf.tag): leaf.text.strip() for leaf in extension.iter() if leaf.text and leaf.text.strip()}
    values["gpx"] = NAMES[tag]
    if tag != "wpt":
        first = next((time for time in element.iter() if local(time.tag) == "time" and time.text), None)
        if first is not None:
            values.setdefault("time", (first.text or "").strip())
    try:
        return Raw(label, values, _geometry(tag, element))
    except (ValueError, KeyError) as error:
        return Raw(label, values, None, f"latitude or longitude is no number ({error}); correct or remove it")


def _geometry(tag: str, element: Element) -> BaseGeometry | None:
    if tag == "wpt":
        return Point(_lonlat(element))
    parts = [part for part in element if local(part.tag) == "trkseg"] if tag == "trk" else [element]
    runs = [[_lonlat(point) for point in part if local(point.tag) == POINTS[tag]] for part in parts]
    lines = [LineString(run) for run in runs if len(run) > 1]
    if lines:
        return lines[0] if len(lines) == 1 else MultiLineString(lines)
    points = [run[0] for run in runs if run]
    return Point(points[0]) if points else None


def _lonlat(point: Element) -> tuple[float, float]:
    return float(point.attrib["lon"]), float(point.attrib["lat"])


def _without_blank(stream: IO[bytes]) -> IO[bytes]:
    """Return the stream from the first byte that is no space: an XML declaration must come first."""
    start = stream.read(1024)
    stream.seek(len(start) - len(start.lstrip()) if start.strip() else 0)
    return stream
