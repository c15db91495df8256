"""Between which two dates an object changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

LATE, EARLY = 80, 20
"""Percentiles over an object's pixels: the interval is to hold the true date, so it errs on the wide side."""


def interval(
    first_after: npt.NDArray[np.int16],
    last_quiet: npt.NDArray[np.int16],
    before: Sequence[datetime],
    after: Sequence[datetime],
) -> tuple[datetime, datetime]:
    """Return the last quiet date and the first that shows the change.

    Parameters
    ----------
    first_after
        Of each pixel, index into `after`, -1 = none.
    last_quiet
        Of each pixel, index into `before` + `after`, -1 = none.
    before, after
        Dates in order of time.
    """
    dates = [*before, *after]
    shown = first_after[first_after >= 0]
    last = len(before) + (int(np.percentile(shown, LATE, method="higher")) if shown.size else len(after) - 1)
    quiet = last_quiet[last_quiet >= 0]
    first = int(np.percentile(quiet, EARLY, method="lower")) if quiet.size else 0
    return dates[min(first, last - 1)], dates[last]
