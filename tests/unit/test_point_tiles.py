"""Tiles of points that numpy makes, beside a plain reading of the standard, value by value."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hazard_db.point_tiles import (
    NO_BOOLEAN,
    NO_DATE,
    NO_INTEGER,
    NO_NUMBER,
    NO_TEXT,
    Property,
    encoded,
    sent,
    window,
)
from tests.mvt import layers

PLACE = (9, 360, 200)
BIGINTS = st.integers(-(2**63) + 1, 2**63 - 1)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.one_of(BIGINTS, st.integers(-3, 3)),
    "number": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "date": st.dates(),
    "text": st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
        st.just("x" * 126),
        st.just("y" * 70_000),
    ),
}


def block(kind: str, values: Sequence[Any]) -> bytes:
    """Return a column as PostgreSQL sends it."""
    if kind == "text":
        return b"\0".join(NO_TEXT if one is None else one.encode() for one in values)
    null = {
        "integer": NO_INTEGER.to_bytes(8, "big", signed=True),
        "number": NO_NUMBER,
        "boolean": bytes([NO_BOOLEAN]),
        "date": struct.pack(">i", NO_DATE),
    }
    write = {
        "integer": lambda one: struct.pack(">q", one),
        "number": lambda one: struct.pack(">d", one),
        "boolean": lambda one: bytes([one]),
        "date": lambda one: struct.pack(">i", one if isinstance(one, int) else (one - date(2000, 1, 1)).days),
    }[kind]  # fmt: skip
    return b"".join(null[kind] if one is None else write(one) for one in values)


def told(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@st.composite
def columns(draw: st.DrawFn) -> tuple[int, list[tuple[str, list[Any]]]]:
    count = draw(st.integers(1, 8))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), max_size=6))
    return count, [(kind, draw(st.lists(st.none() | KINDS[kind], min_size=count, max_size=count))) for kind in kinds]


@given(columns(), st.data())
def test_every_value_is_read_back_and_null_is_no_property(
    drawn: tuple[int, list[tuple[str, list[Any]]]], data: st.DataObject
) -> None:
    count, made = drawn
    lons = data.draw(st.lists(st.floats(70, 78), min_size=count, max_size=count))
    lats = data.draw(st.lists(st.floats(33, 40), min_size=count, max_size=count))
    ids = data.draw(st.none() | st.lists(st.none() | st.integers(-5, 2**62), min_size=count, max_size=count))
    tile = encoded(
        "points",
        PLACE,
        (struct.pack(f">{count}d", *lons), struct.pack(f">{count}d", *lats)),
        None if ids is None else block("integer", ids),
        [Property(f"p{number}", kind, block(kind, values)) for number, (kind, values) in enumerate(made)],
    )
    features = layers(tile)["points"]
    assert len(features) == count
    for row, (identifier, geometry, commands, properties) in enumerate(features):
        wanted = None if ids is None or ids[row] is None or ids[row] < 0 else ids[row]
        assert (identifier, geometry) == (wanted, 1)
        assert properties == {
            f"p{number}": told(values[row]) for number, (_, values) in enumerate(made) if values[row] is not None
        }
        assert commands == (9, *map(zigzag, place_of(lons[row], lats[row])))


def place_of(lon: float, lat: float) -> tuple[int, int]:
    """Return a point in units of its tile by the formulas of Web Mercator, without numpy."""
    zoom, column, row = PLACE
    x = (lon + 180) / 360 * 2**zoom - column
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom - row
    return near_int(x * 4096), near_int(y * 4096)


def near_int(value: float) -> int:
    # where the last digits of a double decide about rounding the two ways may differ: such points are not asked about
    assume(abs(value - math.floor(value) - 0.5) > 1e-4)
    return round(value)


def zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def test_dates_without_end_and_far_ones_are_told_as_postgres_tells_them() -> None:
    cycle = 146_097  # days of 400 years, after which the calendar is the same again
    days = [
        2**31 - 1,
        -(2**31),
        None,
        date(2026, 2, 28),
        25 * cycle + 59,
        (date(1, 1, 1) - date(2000, 1, 1)).days - 1,
        -6 * cycle,
    ]
    blocks = bytes(8 * len(days))
    tile = encoded("d", (0, 0, 0), (blocks, blocks), None, [Property("day", "date", block("date", days))])
    assert [one[3].get("day") for one in layers(tile)["d"]] == [
        "infinity", "-infinity", None, "2026-02-28", "12000-02-29", "0001-12-31 BC", "0401-01-01 BC",
    ]  # fmt: skip


def test_values_that_features_share_are_kept_once() -> None:
    texts = ["moving", "steady", None, "moving"] * 25
    tile = encoded("t", (0, 0, 0), (bytes(800), bytes(800)), None, [Property("state", "text", block("text", texts))])
    assert [one[3].get("state") for one in layers(tile)["t"]] == texts
    assert tile.count(b"moving") == 1


def test_a_tile_without_points_has_a_layer_without_features() -> None:
    assert layers(encoded("none", PLACE, (b"", b""), b"", [Property("v", "number", b"")])) == {"none": []}


@pytest.mark.parametrize(("kind", "send", "null"), [
    ("integer", "int8send(v)", "8000000000000000"), ("number", "float8send(v)", "ffffffffffffffff"),
    ("boolean", "boolsend(v)", "02"), ("date", "date_send(v)", "80000001"), ("text", "textsend(v)", "ff"),
])  # fmt: skip
def test_what_stands_for_null_is_what_is_asked_for_in_sql(kind: str, send: str, null: str) -> None:
    assert send in sent("v", kind)
    assert f"'\\x{null}'::bytea" in sent("v", kind)
    assert block(kind, [None]).hex() == null


def test_the_window_of_a_tile() -> None:
    scale, west, north = window((1, 1, 0))
    assert (west, north) == (0.0, pytest.approx(4096))
    assert 20037508.342789 * scale == pytest.approx(4096)
