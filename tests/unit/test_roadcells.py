"""Cells of the tables of a stretch: the number for programs, the words for people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.roadcells import Table, Value, day, km, linked, money, number, short, text


def test_numbers_have_thousands_a_true_minus_and_their_unit() -> None:
    assert number(-12345.678, 1, " m") == Value(-12345.7, "−12,345.7 m", kind="n")
    assert number(1234, plain=True) == Value(1234.0, "1234", kind="n")
    assert number(Decimal("0.25"), 2) == Value(0.25, "0.25", kind="n")
    assert number(None, 1, " m") == Value(None, "–", kind="n")
    assert number(0, 0, " d") == Value(0.0, "0 d", kind="n")


def test_money_and_kilometres() -> None:
    assert money(Decimal("1234567.4"), "PKR") == Value(1234567.4, "1,234,567 PKR", kind="n")
    assert money(None, "PKR") == money(None, None) == Value(None, "–", kind="n")
    assert km(640.1234) == Value(640.1234, "640.1", "/segments/640.123", "n")
    assert km(None) == Value(None, "–", None, "n")
    assert km(0.0).href == "/segments/0.000"


@pytest.mark.parametrize(
    ("precision", "wanted"),
    [("year", "2026"), ("month", "2026-05"), ("day", "2026-05-01"), ("minute", "2026-05-01 09:30")],
)
def test_a_moment_is_told_no_more_exactly_than_it_is_known(precision: str, wanted: str) -> None:
    assert day(datetime(2026, 5, 1, 9, 30, tzinfo=UTC), precision) == wanted


def test_a_date_has_no_time() -> None:
    assert day(date(2026, 5, 1), "day") == "2026-05-01"


@given(st.text(), st.integers(1, 20))
def test_a_text_is_shortened_only_where_it_is_too_long(words: str, most: int) -> None:
    told = short(words, most)
    assert len(told) <= most
    assert told == words if len(words) <= most else told.endswith("…") and words.startswith(told[:-1])


def test_links_are_made_absolute_or_taken_away() -> None:
    table = Table("t", "T", ("a", "b"), [[text("here", "/sites/1"), text("none")]], (1, 1), "")
    absolute = linked(table, lambda path: f"https://example.org{path}")
    assert [cell.href for cell in absolute.rows[0]] == ["https://example.org/sites/1", None]
    assert [cell.href for cell in linked(table, lambda path: None).rows[0]] == [None, None]
    assert [cell.words for cell in absolute.rows[0]] == ["here", "none"]
