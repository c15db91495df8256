"""What is told of a pixel that no change could be told of."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from detection.arrays import Acquisition, Block
from detection.hiding import CLOUD, CLOUD_SHADOW, DARK, NO_DATA, SEEN, SNOW, UNCLEAR, why_unseen

AT = datetime(2024, 7, 1, 5, 30, tzinfo=UTC)


def seen_with(codes: list[int], sunlit: list[bool] | None = None) -> Acquisition:
    """Return a date of one row whose pixels are hidden so."""
    hidden = np.array([codes], np.uint8)
    reflectance = np.zeros((1, *hidden.shape), np.float32)
    lit = None if sunlit is None else np.array([sunlit])
    return Acquisition(AT, ("red",), reflectance, hidden == SEEN, 50.0, 150.0, sunlit=lit, hidden=hidden)


def why(
    before: list[list[int]], after: list[list[int]], observed: list[bool], sunlit: list[bool] | None = None
) -> list[int]:
    block = Block(
        tuple(seen_with(one) for one in before), tuple(seen_with(one, sunlit) for one in after), None, (10.0, 10.0)
    )
    return [int(code) for code in why_unseen(block, np.array([observed]))[0]]


def test_the_side_that_never_saw_it_tells_after_first() -> None:
    assert why([[SEEN, SNOW, SNOW, SEEN]], [[CLOUD, SEEN, CLOUD, SEEN]], [False, False, False, True]) == [
        CLOUD,
        SNOW,
        CLOUD,
        SEEN,
    ]


def test_of_several_dates_what_hides_most_often_and_of_equals_the_thicker() -> None:
    after = [[SNOW, CLOUD_SHADOW], [SNOW, CLOUD], [CLOUD, NO_DATA]]
    assert why([[SEEN, SEEN]], after, [False, False]) == [SNOW, CLOUD]


def test_what_was_there_and_told_nothing_is_dark_or_unclear() -> None:
    clear = [[SEEN, SEEN]]
    assert why(clear, clear, [False, False], sunlit=[False, True]) == [DARK, UNCLEAR]


def test_dates_that_tell_no_reason_have_ground_or_nothing() -> None:
    usable = np.array([[True, False]])
    one = Acquisition(AT, ("red",), np.zeros((1, 1, 2), np.float32), usable, 50.0, 150.0)
    assert why_unseen(Block((one,), (one,), None, (10.0, 10.0)), usable).tolist() == [[SEEN, NO_DATA]]
