"""Vector tiles of points, encoded here: PostgreSQL sends each property as one block of bytes, numpy makes the tile of them.

The same features, coordinates and properties as ST_AsMVT makes, which takes most of a crowded tile's time for its look-up of
values, one by one. Mapbox Vector Tile 2.1; the numbers beside the fields are those of its protocol buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNITS = 4096
"""Of a tile's edge."""
EDGE_M = 20037508.342789
"""Half the width of the world in Web Mercator (EPSG:3857), as ST_TileEnvelope has it."""
M_PER_DEGREE, RADIUS_M = 111319.49079327358, 6378137.0
NO_INTEGER, NO_NUMBER, NO_BOOLEAN, NO_DATE, NO_TEXT = -(2**63), b"\xff" * 8, 2, 1 - 2**31, b"\xff"
"""What stands for null: the least of all integers, a NaN that no calculation makes, a third truth, a day before the first one of
PostgreSQL, a byte no text holds."""
ENDLESS = {2**31 - 1: b"infinity", -(2**31): b"-infinity"}
"""Dates that are none, as PostgreSQL sends and tells them."""
FIRST_DAY = date(2000, 1, 1).toordinal()
"""From which PostgreSQL counts days."""
SHORT = 125
"""Bytes of texts before which one byte tells the length of a value."""

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class Part(NamedTuple):
    """Rows of bytes: which of these there are, and how many of each row."""

    told: Bytes
    shown: Mask
    size: Numbers


@dataclass(frozen=True)
class Property:
    """A column of all features of a tile, as `sent` has it sent."""

    name: str
    kind: str
    """integer, number, boolean, date or text."""
    block: bytes


def sent(value: str, kind: str) -> str:
    """Return the aggregate that sends a column's values as one block; `value` is of type bigint, float8, boolean, date or text."""
    if kind == "integer":
        return f"string_agg(coalesce(int8send({value}), '\\x{NO_INTEGER.to_bytes(8, 'big', signed=True).hex()}'::bytea), '')"
    if kind == "number":
        return f"string_agg(coalesce(float8send({value}), '\\x{NO_NUMBER.hex()}'::bytea), '')"
    if kind == "boolean":
        return f"string_agg(coalesce(boolsend({value}), '\\x{NO_BOOLEAN:02x}'::bytea), '')"
    if kind == "date":
        return (
            f"string_agg(coalesce(date_send({value}), '\\x{NO_DATE.to_bytes(4, 'big', signed=True).hex()}'::bytea), '')"
        )
    return f"string_agg(coalesce(textsend({value}), '\\x{NO_TEXT.hex()}'::bytea), '\\x00'::bytea)"


def encoded(
    layer: str,
    place: tuple[int, int, int],
    points: tuple[bytes, bytes],
    ids: bytes | None,
    properties: Sequence[Property],
) -> bytes:
    """Return the tile.

    Parameters
    ----------
    place
        Zoom, column, row.
    points
        Blocks of longitudes and latitudes, float8 in degrees (EPSG:4326), none missing.
    ids
        Block of integers; null and negative ones are features without an id.
    """
    x, y = _quantised(place, *(np.frombuffer(block, ">f8") for block in points))
    count = len(x)
    keys, values, tags = bytearray(), bytearray(), list[Part]()
    offset = 0
    for number, one in enumerate(properties):
        index, distinct, found = _distinct(one)
        keys += _told(3, one.name.encode())
        values += distinct
        tags += [
            _where(_varints(np.full(count, number)), index >= 0),
            _where(_varints(np.maximum(index, 0) + offset), index >= 0),
        ]
        offset += found
    shape = [_constant(b"\x09", count), _varints(_zigzag(x)), _varints(_zigzag(y))]
    numbers = np.frombuffer(ids, ">i8").astype(np.int64) if ids is not None else np.full(count, -1)
    there: Mask = numbers >= 0
    named = [_where(one, there) for one in (_constant(b"\x08", count), _varints(np.maximum(numbers, 0)))]  # 1: id
    size = _size(tags, count)
    tagged = [_where(one, size > 0) for one in (_constant(b"\x12", count), _varints(size))]  # 2: tags
    point = [_constant(b"\x18\x01\x22", count), _varints(_size(shape, count))]  # 3: type, a point; 4: commands
    whole = [*named, *tagged, *tags, *point, *shape]
    features = _gathered([_constant(b"\x12", count), _varints(_size(whole, count)), *whole])
    body = _told(1, layer.encode()) + features + keys + values + b"\x28" + _varint(UNITS) + b"\x78\x02"
    return _told(3, body)


def window(place: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return units of a tile in a metre of Web Mercator, and its western and northern edge in these units."""
    zoom, column, row = place
    size_m = 2 * EDGE_M / 2**zoom
    scale = UNITS / size_m
    return scale, (column * size_m - EDGE_M) * scale, (EDGE_M - row * size_m) * scale


def _quantised(
    place: tuple[int, int, int], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[Numbers, Numbers]:
    """Return columns and rows within the tile, in its units; what lies in its margin is outside 0 to UNITS."""
    scale, west, north = window(place)
    x = np.rint(lon * M_PER_DEGREE * scale - west)
    y = np.rint(north - RADIUS_M * np.arcsinh(np.tan(np.radians(lat))) * scale)
    return x.astype(np.int64), y.astype(np.int64)


def _distinct(one: Property) -> tuple[Numbers, bytes, int]:
    """Return each feature's value by its number, -1 for null; the values as fields of a layer; how many they are."""
    if one.kind == "text":
        return _distinct_texts(one.block)
    sent_as, null = {
        "integer": (">i8", NO_INTEGER), "number": (">i8", int.from_bytes(NO_NUMBER, "big", signed=True)),
        "boolean": ("u1", NO_BOOLEAN), "date": (">i4", NO_DATE),
    }[one.kind]  # fmt: skip
    kept = np.frombuffer(one.block, sent_as).astype(np.int64)
    there = kept != null
    values, found = _numbered(kept[there])
    index = np.full(len(kept), -1)
    index[there] = found
    if one.kind == "date":
        return index, _texts(b"\0".join(map(_day, values.tolist()))) if len(values) else b"", len(values)
    if one.kind == "number":
        parts = [_constant(b"\x22\x09\x19", len(values)), _all(values.astype("<i8").view(np.uint8).reshape(-1, 8))]
    elif one.kind == "boolean":
        parts = [_constant(b"\x22\x02\x38", len(values)), _varints(values)]
    else:
        signed = _varints(np.where(values < 0, _zigzag(values), values))
        field = _all(np.where(values < 0, 0x30, 0x28).astype(np.uint8)[:, None])  # 6: sint, 5: uint
        number = [field, signed]
        parts = [_constant(b"\x22", len(values)), _varints(_size(number, len(values))), *number]
    return index, _gathered(parts), len(values)


def _numbered(kept: Numbers) -> tuple[Numbers, Numbers]:
    """Return the distinct values in their order, and the place of each value among them; sorted only where they lie far apart."""
    low, high = int(kept.min(initial=2**63 - 1)), int(kept.max(initial=-(2**63)))
    if not 0 <= high - low < 4 * len(kept):
        return np.unique(kept, return_inverse=True)
    met = np.zeros(high - low + 1, np.bool_)
    met[kept - low] = True
    return np.flatnonzero(met) + low, (np.cumsum(met) - 1)[kept - low]


@lru_cache(100_000)
def _day(days: int) -> bytes:
    """Return a date as PostgreSQL tells it, of the days since the first one of 2000."""
    if days in ENDLESS:
        return ENDLESS[days]
    if 0 < days + FIRST_DAY <= date.max.toordinal():
        return date.fromordinal(days + FIRST_DAY).isoformat().encode()
    year, month, day = str(np.datetime64("2000-01-01", "D") + days).rsplit("-", 2)
    told = f"{int(year):04}-{month}-{day}" if int(year) > 0 else f"{1 - int(year):04}-{month}-{day} BC"
    return told.encode()


def _distinct_texts(block: bytes) -> tuple[Numbers, bytes, int]:
    texts = block.split(b"\0")
    distinct = dict.fromkeys(texts)
    if len(distinct) == len(texts) and NO_TEXT not in distinct:
        return np.arange(len(texts)), _texts(block), len(texts)
    known = dict(zip(distinct, range(len(distinct)), strict=True))
    index = np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))
    if NO_TEXT in known:  # its place stays taken, so that the numbers hold, by a value that no feature has
        index[index == known[NO_TEXT]] = -1
    return index, _texts(b"\0".join(b"" if text == NO_TEXT else text for text in known)), len(known)


def _texts(joined: bytes) -> bytes:
    """Return the fields of values, of texts with a NUL between each two."""
    plain = np.frombuffer(b"\0" + joined, np.uint8)
    begins = np.flatnonzero(plain == 0)
    length = np.diff(begins, append=len(plain)) - 1
    if length.max() > SHORT:
        texts = joined.split(b"\0")
        return b"".join(chain.from_iterable(zip(map(_text_head, map(len, texts)), texts, strict=True)))
    heads = begins + 3 * np.arange(len(begins))  # each NUL becomes the four bytes before its text
    made, text = np.empty(len(plain) + 3 * len(begins), np.uint8), np.ones(len(plain) + 3 * len(begins), np.bool_)
    made[heads], made[heads + 1], made[heads + 2], made[heads + 3] = 0x22, length + 2, 0x0A, length
    text[heads[:, None] + np.arange(4)] = False
    made[text] = plain[plain != 0]
    return made.tobytes()


@lru_cache(1024)
def _text_head(length: int) -> bytes:
    """Return what stands before a text of so many bytes: field 4 of the layer, field 1 of the value."""
    inner = b"\x0a" + _varint(length)
    return b"\x22" + _varint(len(inner) + length) + inner


def _told(field: int, body: bytes) -> bytes:
    """Return a field that has a length."""
    return bytes([field << 3 | 2]) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)
    return bytes(made)


def _zigzag(values: Numbers) -> Numbers:
    zigzag: Numbers = (values << 1) ^ (values >> 63)
    return zigzag


def _varints(values: Numbers) -> Part:
    """Return numbers from 0 as rows of bytes, 7 bits each, and which of these there are."""
    rest = values.astype(np.uint64)
    width = max(1, (int(rest.max(initial=0)).bit_length() + 6) // 7)
    digits, shown = np.empty((len(rest), width), np.uint8), np.ones((len(rest), width), np.bool_)
    size = np.ones(len(rest), np.int64)
    for place in range(width):
        digits[:, place] = rest & np.uint64(127)
        if place + 1 < width:
            rest = rest >> np.uint64(7)
            more = rest > 0
            digits[:, place] |= more.view(np.uint8) << 7
            shown[:, place + 1] = more
            size += more
    return Part(digits, shown, size)


def _size(parts: Sequence[Part], count: int) -> Numbers:
    """Return the bytes of each row of parts side by side."""
    return sum((one.size for one in parts), np.zeros(count, np.int64))


def _gathered(parts: Sequence[Part]) -> bytes:
    """Return the rows of parts side by side, one after the other."""
    told: bytes = np.hstack([one.told for one in parts])[np.hstack([one.shown for one in parts])].tobytes()
    return told


def _constant(told: bytes, count: int) -> Part:
    return _all(np.broadcast_to(np.frombuffer(told, np.uint8), (count, len(told))))


def _all(matrix: Bytes) -> Part:
    return Part(matrix, np.ones(matrix.shape, np.bool_), np.full(len(matrix), matrix.shape[1]))


def _where(part: Part, there: Mask) -> Part:
    return part if there.all() else Part(part.told, part.shown & there[:, None], part.size * there)
