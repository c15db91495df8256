"""Change of trend in the last months: the rule that alerts are raised by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.settlement.design import Float, Seasonal, design
from detection.settlement.fitting import fit

WINDOW_DAYS = 150
LIMIT_MM_YR = 10.0
AGREEING = 3
"""Dates in a row, to the last, that lie on the side of the change."""


@dataclass(frozen=True)
class TrendChange:
    """How the last months differ from the trend before."""

    delta_mm_yr: float
    """Velocity of the last months less that of the time before."""
    delta_std_mm_yr: float
    agreeing: int
    """Dates in a row, to the last, beyond what the trend before and its scatter allow on the side of the change."""

    @property
    def alert(self) -> bool:
        """Whether the rule is met: |dv| >= 10 mm/yr within 150 days [@Raspini2018], certain to three sigma, dates agreeing."""
        sure = abs(self.delta_mm_yr) >= 3 * self.delta_std_mm_yr
        return abs(self.delta_mm_yr) >= LIMIT_MM_YR and sure and self.agreeing >= AGREEING


def trend_change(
    times_yr: Float, y: npt.NDArray[np.floating], seasonal: Seasonal, since_yr: float | None = None
) -> TrendChange | None:
    """Return the change of trend of a series, (dates,), mm; None where either side has too few dates.

    A hinge at the beginning of the window beside the trend and the seasons.

    Parameters
    ----------
    since_yr
        An earlier change: what was before it says nothing of the trend; left aside where too little remains.
    """
    known = np.isfinite(y)
    if since_yr is not None and since_yr < times_yr[-1] - WINDOW_DAYS / 365.25:
        known &= times_yr > since_yr
        span = float(np.ptp(times_yr[known])) if known.any() else 0.0
        seasonal = seasonal if span > 2.0 else "annual" if span > 1.5 and seasonal != "none" else "none"
    t, values = times_yr[known], y[known].astype(np.float64)
    if not len(t):
        return None
    begin = t[-1] - WINDOW_DAYS / 365.25
    late = t > begin
    G = design(t, seasonal)
    if late.sum() < AGREEING or (~late).sum() < G.shape[1] + 3:
        return None
    hinged = np.column_stack([G, np.maximum(0.0, t - begin)])
    parameters = np.linalg.lstsq(hinged, values, rcond=None)[0]
    rest = values - hinged @ parameters
    scatter = float(np.sqrt(rest @ rest / max(len(t) - hinged.shape[1], 1)))
    r1 = float(fit(hinged, values[:, None]).autocorrelation[0])
    std = scatter * float(np.sqrt(np.linalg.pinv(hinged.T @ hinged)[-1, -1] * (1 + r1) / (1 - r1)))
    delta = float(parameters[-1])
    beyond = np.sign(delta) * (values - G @ parameters[:-1])[late] > scatter
    agreeing = int(np.argmin(np.append(beyond[::-1], False)))
    return TrendChange(delta, std, agreeing)
