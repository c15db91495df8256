from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from maps.state_plots import MOST_TICKS, Moment, Point, day_ticks, time_series, value_ticks


@given(st.floats(-1e7, 1e7), st.floats(0, 1e7))
def test_ticks_hold_the_range_at_even_steps(low: float, span: float) -> None:
    ticks = value_ticks(low, low + span)
    assert ticks[0] <= low + 1e-6
    assert ticks[-1] >= low + span - 1e-6
    assert 2 <= len(ticks) <= MOST_TICKS + 2
    steps = {round(b - a, 6) for a, b in pairwise(ticks)}
    assert len(steps) <= 2


@given(st.dates(date(1960, 1, 1), date(2040, 1, 1)), st.integers(0, 25_000))
def test_days_are_written_few_and_in_order(first: date, days: int) -> None:
    ticks = [day for day, _ in day_ticks(first, first + timedelta(days=days))]
    assert len(ticks) <= MOST_TICKS + 1
    assert ticks == sorted(ticks)


def test_values_lie_where_they_belong_and_are_told_in_words() -> None:
    points = [Point(date(2024, 1, 1), 0.0, told="none"), Point(date(2025, 1, 1), 10.0, 1.0, "hollow", "<b>ten</b>")]
    picture = time_series(points, label="Area", unit="km²", moments=[Moment(date(2024, 7, 1), "surge")])
    assert "&lt;b&gt;ten" in picture
    assert picture.count("<circle") == 2
    assert "surge" in picture
    assert time_series([], label="Area", unit="km²") == ""
    assert "<circle" in time_series(points[:1], label="Area", unit="km²")
