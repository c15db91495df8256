"""A straight line through values of unequal certainty."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def weighted_line(at: Values, values: Values, sigma: Values) -> tuple[float, float]:
    """Return the slope of a line by weighted least squares and its standard deviation.

    The latter is widened by what the line leaves unexplained; it is infinite where all values are of one moment.
    """
    if np.ptp(at) <= 0:
        return 0.0, float("inf")
    weight = 1 / sigma**2
    centred = at - (at * weight).sum() / weight.sum()
    spread = float((weight * centred**2).sum())
    slope = float((weight * centred * values).sum() / spread)
    misfit = values - (values * weight).sum() / weight.sum() - slope * centred
    free = len(at) - 2
    scale = max(1.0, float((weight * misfit**2).sum()) / free) if free > 0 else 1.0
    return slope, float(np.sqrt(scale / spread))
