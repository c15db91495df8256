from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maps.plots import BOTTOM, HEIGHT, WIDTH, Series, draw, frame_of, sample, ticks

DAYS = [date(2020, 1, 1) + timedelta(days=12 * k) for k in range(40)]


def test_a_plot_holds_every_value_with_its_error_the_model_and_the_onset() -> None:
    values = [None if k == 7 else -0.5 * k for k in range(40)]
    one = Series("P1", DAYS, values, 1.5, values, DAYS[20])
    svg = str(draw([one], "Point <P1>", "mm"))
    assert svg.count("h0") == 39
    assert DAYS[20].isoformat() in svg
    assert "Point &lt;P1&gt;" in svg
    assert len(re.findall(r"M[\d.]+ [\d.]+V[\d.]+", svg)) >= 39


def test_neighbouring_series_differ_without_colours() -> None:
    svg = str(draw([Series(name, DAYS, [1.0] * 40) for name in "abc"], "three", "mm"))
    assert re.findall(r'stroke-linecap="(\w+)"', svg) == ["round", "square", "round"]
    assert ["square" in sample(number) for number in range(3)] == [False, True, False]


@pytest.mark.parametrize(("span", "label"), [(30, "2020-01"), (1200, "2021"), (4000, "2024")])
def test_days_are_named_as_finely_as_there_is_room(span: int, label: str) -> None:
    days = [date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=span)]
    assert f">{label}</text>" in draw([Series("a", days, [0.0, 1.0])], "a", "mm")


def test_nothing_measured_is_no_picture() -> None:
    assert draw([Series("a", DAYS, [None] * 40)], "a", "mm") == ""


@example([5e-324], 0.0)
@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=40), st.floats(0, 1e4))
def test_everything_lies_within_the_picture(values: list[float], error: float) -> None:
    svg = str(draw([Series("a", DAYS[: len(values)], values, error)], "a", "mm"))
    for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)h0", svg):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


@given(st.floats(0, 1e7), st.floats(0, 1e6), st.booleans())
def test_frames_hold_the_values_at_few_even_steps(low: float, span: float, positive: bool) -> None:
    frame = frame_of([(DAYS[0], low, 0.0), (DAYS[1], low + span, 0.0)], positive=positive)
    assert frame.low <= low + 1e-6
    assert frame.high >= low + span - 1e-6
    assert positive or frame.low == 0
    assert 1 <= round((frame.high - frame.low) / frame.step) <= 8


@given(st.dates(date(1960, 1, 1), date(2040, 1, 1)), st.integers(0, 25_000))
def test_days_are_written_few_and_in_order(first: date, days: int) -> None:
    found = [day for day, _ in ticks(first, first + timedelta(days=days))]
    assert 1 <= len(found) <= 14
    assert found == sorted(found)


def test_values_tell_themselves_in_words_and_bars_end_at_nothing() -> None:
    days = [date(2024, 1, 1), date(2024, 7, 1), date(2025, 1, 1)]
    one = Series(
        "Area", days, [0.0, 5.0, 10.0], 1.0, [0.0, 5.0, 10.0], date(2024, 7, 1), "surge",
        ["none", "five", "<b>ten</b>"], ["cross", "hollow", "dot"],
    )  # fmt: skip
    svg = str(draw([one], "Area", "km²", positive=True))
    assert re.findall(r"<title>(.*?)</title>", svg) == ["none", "five", "&lt;b&gt;ten&lt;/b&gt;"]
    assert svg.count("<circle") == 2
    assert ">surge</text>" in svg
    assert ">−" not in svg
    bars = re.findall(r"M[\d.]+ ([\d.]+)V[\d.]+", svg)
    assert max(map(float, bars)) <= HEIGHT - BOTTOM


def test_lengths_far_from_nothing_are_told_apart() -> None:
    svg = str(draw([Series("Length", DAYS[:2], [15_000.0, 15_300.0], 6.0)], "Length", "m", positive=True))
    assert ">15,000</text>" in svg
    assert ">0</text>" not in svg
    assert "<circle" not in svg
    assert draw([Series("Length", DAYS[:1], [15_000.0])], "Length", "m", positive=True)


def test_a_value_that_is_not_known_tells_nothing() -> None:
    one = Series("Area", DAYS[:3], [1.0, None, 3.0], told=["one", "two", "three"])
    assert re.findall(r"<title>(.*?)</title>", str(draw([one], "Area", "km²"))) == ["one", "three"]
