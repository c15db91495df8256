from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps.plots import HEIGHT, WIDTH, Series, draw

DAYS = [date(2020, 1, 1) + timedelta(days=12 * k) for k in range(40)]


def test_a_plot_holds_every_value_with_its_error_the_model_and_the_onset() -> None:
    values = [None if k == 7 else -0.5 * k for k in range(40)]
    one = Series("P1", DAYS, values, 1.5, values, DAYS[20])
    svg = str(draw([one], "Point <P1>", "mm"))
    assert svg.count("h0") == 39
    assert DAYS[20].isoformat() in svg
    assert "Point &lt;P1&gt;" in svg
    assert len(re.findall(r"M[\d.]+ [\d.]+V[\d.]+", svg)) >= 39


@pytest.mark.parametrize(("span", "label"), [(30, "2020-01"), (1200, "2021"), (4000, "2024")])
def test_days_are_named_as_finely_as_there_is_room(span: int, label: str) -> None:
    days = [date(2020, 1, 1), date(2020, 1, 1) + timedelta(days=span)]
    assert f">{label}</text>" in draw([Series("a", days, [0.0, 1.0])], "a", "mm")


def test_nothing_measured_is_no_picture() -> None:
    assert draw([Series("a", DAYS, [None] * 40)], "a", "mm") == ""


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=40), st.floats(0, 1e4))
def test_everything_lies_within_the_picture(values: list[float], error: float) -> None:
    svg = str(draw([Series("a", DAYS[: len(values)], values, error)], "a", "mm"))
    for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)h0", svg):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
