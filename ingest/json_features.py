"""GeoJSON of any length, feature by feature: collections, single features, one feature a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

import shapely
from pyproj import CRS
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import InputError
from ingest.encodings import encoding_of
from ingest.vectors import Feature, crs_of, holds_nothing

CHUNK = 1 << 20
LONGEST = 24 << 20
"""Characters of one feature; a polygon of 100,000 vertices has 4 million."""
GEOMETRIES = (
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection",
)  # fmt: skip
UNUSABLE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, shapely.errors.ShapelyError,
)  # fmt: skip


@dataclass(frozen=True)
class Collection:
    """Features still to be read."""

    crs: CRS | None
    """As GeoJSON of before 2016 may declare it; None = EPSG:4326."""
    features: Iterator[Feature]


def read_geojson(path: Path) -> Collection:
    """Return the features of a GeoJSON file; memory stays bounded whatever its size.

    Raises
    ------
    InputError
        It is no GeoJSON, now or (not valid JSON, nested too deeply) while the features are read.
    """
    encoding = encoding_of(path).replace("utf-8", "utf-8-sig").replace("-sig-sig", "-sig")
    with path.open(encoding=encoding) as stream:
        _, declared, _ = _opening(path.name, stream)
    return Collection(declared, _features(path, encoding))


def _features(path: Path, encoding: str) -> Iterator[Feature]:
    with path.open(encoding=encoding) as stream:
        text, declared, first = _opening(path.name, stream)
        yield from _collection(text, declared) if first is None else _sequence(text, first)


def _opening(label: str, stream: TextIO) -> tuple[_Text, CRS | None, dict[str, Any] | None]:
    """Return the text up to where its features begin, its CRS, and the first object where that is all of a feature."""
    text = _Text(label, stream)
    if text.peek() != "{":
        raise InputError(f"{label}: is no GeoJSON: it does not start with an object")
    members, open_array = text.members(stop="features")
    if not open_array and members.get("type") not in ("Feature", *GEOMETRIES):
        raise InputError(f"{label}: is no GeoJSON: no FeatureCollection with an array `features`, and no Feature")
    return text, _declared(label, members), None if open_array else members


def _collection(text: _Text, declared: CRS | None) -> Iterator[Feature]:
    number = 0
    text.take("[")
    while text.peek() != "]":
        if number:
            text.take(",")
        number += 1
        yield _feature(number, text.value(f"feature {number}"))
    text.take("]")
    if text.peek() == ",":
        text.take(",")
        rest, _ = text.members(opened=True)
        if "crs" in rest and _declared(text.label, rest) != declared:
            raise InputError(f"{text.label}: declares its crs after the features; give it with --crs")
    else:
        text.take("}")
    if text.peek():
        text.fail("there is text after the end of the collection")


def _sequence(text: _Text, first: dict[str, Any]) -> Iterator[Feature]:
    yield _feature(1, first)
    number = 1
    while text.peek():
        number += 1
        yield _feature(number, text.value(f"feature {number}"))


def _feature(number: int, member: Any) -> Feature:
    if isinstance(member, dict) and member.get("type") in GEOMETRIES:
        member = {"type": "Feature", "geometry": member}
    if not isinstance(member, dict) or member.get("type") != "Feature":
        return Feature(number, None, {}, "is no GeoJSON Feature")
    properties = member.get("properties")
    values = properties if isinstance(properties, dict) else {}
    if member.get("id") is not None and "id" not in values:
        values = {"id": member["id"], **values}
    geometry = member.get("geometry")
    if geometry is None:
        return Feature(number, None, values)
    try:
        return Feature(number, _shape(geometry), values)
    except UNUSABLE:
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        told = (
            f"its coordinates are no {kind}" if kind in GEOMETRIES else f"geometry type {str(kind)[:60]!r} is unknown"
        )
        return Feature(number, None, values, f"{told}; correct or redraw it")


def _shape(geometry: Any) -> BaseGeometry | None:
    made = shape(geometry)
    return None if holds_nothing(made) else shapely.force_2d(made)


def _declared(label: str, members: dict[str, Any]) -> CRS | None:
    crs = members.get("crs")
    if crs is None:
        return None
    try:
        name = str(crs["properties"]["name"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{label}: its member `crs` is not understood; remove it and give --crs EPSG:n") from error
    found = crs_of(name)
    if found is None:
        raise InputError(f"{label}: its crs {name[:80]!r} is unknown; give it with --crs EPSG:n")
    return found


class _Text:
    """JSON text of which only the part in work is held."""

    def __init__(self, label: str, stream: TextIO) -> None:
        self.label, self._stream = label, stream
        self._buffer, self._at, self._ended = "", 0, False
        self._decoder = json.JSONDecoder(parse_constant=self._no_number)

    def peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in " \t\r\n\x1e":  # record separators of RFC 8142 are space here
                    return self._buffer[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._more(CHUNK)

    def take(self, sign: str) -> None:
        """Step over a character that must come next."""
        if self.peek() != sign:
            self.fail(f"expected {sign!r}" + ("" if self.peek() else ", but the file ends"))
        self._at += 1

    def value(self, what: str) -> Any:
        """Return the value that comes next."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
                if end < len(self._buffer) or self._ended:  # a number at the very end may go on
                    self._at = end
                    return value
            except json.JSONDecodeError as error:
                if self._ended:
                    self.fail(f"{what}: {error.msg}" + (", the file ends" if error.pos >= len(self._buffer) else ""))
            except RecursionError:
                self.fail(f"{what} is nested too deeply")
            except ValueError as error:  # a number of thousands of digits
                self.fail(f"{what}: {error}")
            held = len(self._buffer) - self._at
            if held > LONGEST:
                self.fail(f"{what} is longer than {LONGEST >> 20} million characters; simplify its geometry")
            self._more(max(CHUNK, held))

    def members(self, stop: str = "", *, opened: bool = False) -> tuple[dict[str, Any], bool]:
        """Return the members of an object, and whether an array under the name `stop` comes next instead of its end."""
        found: dict[str, Any] = {}
        if not opened:
            self.take("{")
        while self.peek() != "}":
            if found:
                self.take(",")
            name = self.value("a name")
            if not isinstance(name, str):
                self.fail("a name is no text")
            self.take(":")
            if name == stop and self.peek() == "[":
                return found, True
            found[name] = self.value(f"member {name[:60]!r}")
        self.take("}")
        return found, False

    def fail(self, reason: str) -> NoReturn:
        """Raise the error of this file."""
        raise InputError(f"{self.label}: not valid JSON ({reason}); export it again")

    def _more(self, size: int) -> None:
        try:
            chunk = self._stream.read(size)
        except UnicodeError as error:
            raise InputError(
                f"{self.label}: holds bytes that are not {self._stream.encoding}; save it as UTF-8"
            ) from error
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        self._ended = not chunk

    def _no_number(self, constant: str) -> NoReturn:
        self.fail(f"{constant} is no number in JSON")
