"""What a glacier does: retreat, stand, advance or surge, against its own past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from detection.methods.line import weighted_line
from detection.methods.tongue import USUAL_M_YR, YEAR_S, Measure, middle

SURGE_M_YR = 100.0
SURGE_SIGMA = 3.0
Trend = Literal["retreat", "stable", "advance", "surge", "not_measurable"]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """The trend of a glacier over the lengths given."""

    trend: Trend
    """Without a surge."""
    rate_m_yr: float | None
    rate_sigma_m_yr: float | None
    surge_from: datetime | None
    """The date that showed it."""

    def at(self, moment: datetime) -> Trend:
        """Return the trend as a date shows it: a surge from the date on that showed it."""
        return "surge" if self.surge_from is not None and moment >= self.surge_from else self.trend


def course(lengths: Sequence[Measure]) -> Course:
    """Return the trend of lengths, oldest first.

    The rate is a weighted least-squares line, its error widened by what the line leaves unexplained; retreat or advance
    is what exceeds two standard deviations. A surge is judged on every length by those before it alone.
    """
    if len(lengths) < 2:
        return Course("not_measurable", None, None, None)
    years, metres, sigma = _series(lengths)
    surge = next((number for number in range(1, len(lengths)) if _surges(years[: number + 1], metres, sigma)), None)
    since = None if surge is None else lengths[surge].last
    quiet = len(lengths) if surge is None else max(surge - 1, 0)
    if quiet < 2:
        return Course("not_measurable", None, None, since)
    rate, error = weighted_line(years[:quiet], metres[:quiet], sigma[:quiet])
    if not np.isfinite(error):
        return Course("not_measurable", None, None, since)
    trend: Trend = "stable" if abs(rate) <= 2 * error else "advance" if rate > 0 else "retreat"
    return Course(trend, rate, error, since)


def _series(lengths: Sequence[Measure]) -> tuple[Values, Values, Values]:
    start = middle(lengths[0])
    years = np.array([(middle(one) - start).total_seconds() / YEAR_S for one in lengths])
    return years, np.array([one.length_m for one in lengths]), np.array([one.sigma_m for one in lengths])


def _surges(years: Values, metres: Values, sigma: Values) -> bool:
    """Return whether the last two of the first len(years) lengths show a surge.

    Both lie beyond what the past foretells by SURGE_SIGMA and advanced since the last quiet length at SURGE_M_YR or
    more: the rule of an advance sustained over two epochs, of which one may be a mistake, against the own baseline.
    """
    quiet = len(years) - 2
    if quiet < 1:
        return False
    expected, doubt = _foretold(years[:quiet], metres[:quiet], sigma[:quiet], years[quiet:])
    excess = metres[quiet : len(years)] - expected
    error = np.hypot(doubt, sigma[quiet : len(years)])
    elapsed = np.maximum(years[quiet:] - years[quiet - 1], 1 / 365.25)
    rate = (metres[quiet : len(years)] - metres[quiet - 1]) / elapsed
    return bool((excess > SURGE_SIGMA * error).all() and (rate > SURGE_M_YR).all())


def _foretold(years: Values, metres: Values, sigma: Values, at: Values) -> tuple[Values, Values]:
    """Return lengths and their standard deviations that the past foretells, by a line with a prior for its slope."""
    weight = 1 / sigma**2
    centre = float((years * weight).sum() / weight.sum())
    centred = years - centre
    precision = float((weight * centred**2).sum()) + 1 / USUAL_M_YR**2
    rate = float((weight * centred * metres).sum()) / precision
    level = float((metres * weight).sum() / weight.sum())
    return level + rate * (at - centre), np.sqrt(1 / weight.sum() + (at - centre) ** 2 / precision)
