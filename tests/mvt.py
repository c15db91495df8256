"""Mapbox Vector Tile 2.1 read back, for comparisons: the features of each layer with everything that they hold."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any


def fields(body: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and content of each field of a message."""
    at = 0
    while at < len(body):
        head, at = _varint(body, at)
        if head & 7 == 2:
            size, at = _varint(body, at)
            assert at + size <= len(body), "a field is longer than its message"
            yield head >> 3, body[at : at + size]
            at += size
        elif head & 7 == 1:
            yield head >> 3, body[at : at + 8]
            at += 8
        elif head & 7 == 5:
            yield head >> 3, body[at : at + 4]
            at += 4
        else:
            assert head & 7 == 0, head
            number, at = _varint(body, at)
            yield head >> 3, number


def layers(tile: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Return features as (id, type of geometry, commands, properties) by layer."""
    found = {}
    for number, layer in fields(tile):
        assert number == 3
        parts = list(fields(layer))
        keys = [one.decode() for field, one in parts if field == 3]
        values = [_value(one) for field, one in parts if field == 4]
        (name,) = (one.decode() for field, one in parts if field == 1)
        assert [one for field, one in parts if field == 15] == [2]
        found[name] = [_feature(one, keys, values) for field, one in parts if field == 2]
    return found


def _feature(body: bytes, keys: list[str], values: list[Any]) -> tuple[Any, ...]:
    told = dict(fields(body))
    tags = list(_packed(told.get(2, b"")))
    properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2], strict=True)}
    return told.get(1), told[3], tuple(_packed(told[4])), properties


def _value(body: bytes) -> Any:
    ((field, told),) = fields(body)
    match field:
        case 1:
            return told.decode()
        case 2:
            return struct.unpack("<f", told)[0]
        case 3:
            return struct.unpack("<d", told)[0]
        case 6:
            return (told >> 1) ^ -(told & 1)
        case 7:
            return bool(told)
    return told


def _packed(body: bytes) -> Iterator[int]:
    at = 0
    while at < len(body):
        number, at = _varint(body, at)
        yield number


def _varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (body[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if body[at - 1] < 128:
            return number, at
