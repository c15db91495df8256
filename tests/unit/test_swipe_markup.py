"""The two pictures of a change as markup: what is said of each, and a bar to the scale of the ground."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps.swipe import BAR_SHARE, Picture, Side, _scale, draw

BEFORE = Side("before", "/b.png", (400, 300), "2026-05-01", "Sentinel-2")
AFTER = Side("after", "/a.png", (400, 300), "2026-06-01")


def words(key: str, **values: str) -> str:
    return " ".join([f"[{key}]", *values.values()])


def test_a_picture_that_tells_no_panels_is_shown_as_it_is() -> None:
    told = str(draw(Picture("/x.png?a&b", None), words))
    assert '<img class="picture" src="/x.png?a&amp;b" alt="[popup.picture]">' in told
    assert "swipe" not in told
    assert 'width="40" height="30"' in str(draw(Picture("/x.png", (40, 30)), words))


def test_both_dates_and_what_they_were_judged_by() -> None:
    picture = Picture("/x.png", (800, 300), (BEFORE, AFTER), (Side("z", "/z.png", (400, 300)),), 2000.0)
    told = str(draw(picture, words))
    assert re.findall(r'src="(.*?)"', told) == ["/b.png", "/a.png", "/z.png"]
    assert "[swipe.before.alt] 2026-05-01 Sentinel-2" in told
    assert "[swipe.after.alt] 2026-06-01 [swipe.no_platform]" in told
    assert "[swipe.told] 2026-05-01 2026-06-01" in told
    assert told.count("<details") == 1
    assert "<details" not in str(draw(Picture("/x.png", None, (BEFORE, AFTER), (), 2000.0), words))


@pytest.mark.parametrize(("width_m", "text", "share"), [
    (2000.0, "500 m", "25.00"), (2500.0, "1 km", "40.00"), (12_000.0, "2 km", "16.67"), (300.0, "100 m", "33.33"), (5.0, "2 m", "40.00"),
])  # fmt: skip
def test_the_bar_is_of_a_round_length(width_m: float, text: str, share: str) -> None:
    told = str(_scale(width_m))
    assert f"width:{share}%" in told
    assert f"<bdi>{text}</bdi>" in told


@given(st.floats(1.0, 1e6) | st.sampled_from([2499.9999999999995, 0.9999999999999999 / BAR_SHARE, 249.99999999999997]))
def test_the_bar_fits_and_is_not_much_shorter_than_it_may_be(width_m: float) -> None:
    (share,) = re.findall(r"width:([\d.]+)%", str(_scale(width_m)))
    assert 100 * BAR_SHARE / 2.5 - 0.01 <= float(share) <= 100 * BAR_SHARE + 0.01
