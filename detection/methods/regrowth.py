"""Whether plants have come back to a landslide: the green of its area against its surroundings, before, bare, and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import scipy.ndimage as ndi

from detection.arrays import Acquisition, BoolArray
from detection.methods.rdndvi import ndvi

GAP_PX, AROUND_PX = 2, 12
"""Surroundings begin and end so far from the outline."""
SEEN_SHARE = 0.7
"""Share of the area, and of its surroundings, that a date must show to say anything."""
MOST_BEFORE, MOST_BARE, MOST_LATEST, FEWEST = 4, 3, 4, 2
"""Dates that are asked: the last before the slide, the first since, the latest; and so many at least."""
VEGETATED = 0.3
"""Mean NDVI before the slide below which there was hardly anything to come back."""
LEAST_LOSS = 0.15
"""Loss of NDVI, by itself and against the surroundings, below which nothing can be told of its return."""
BACK = 0.8
"""Share of the loss that has come back where ground counts as overgrown."""


@dataclass(frozen=True, order=True)
class Greenness:
    """NDVI of a landslide's area and of its surroundings on one date."""

    seen_on: date
    area: float
    """Mean over the area."""
    surroundings: float
    """Median."""

    @property
    def contrast(self) -> float:
        """How much greener the area is than what lies around it."""
        return self.area - self.surroundings


@dataclass(frozen=True)
class Regrowth:
    """That a landslide is overgrown."""

    share: float
    """Share of the lost NDVI that has come back, median of the dates that show it."""
    ndvi_before: float
    ndvi_bare: float
    ndvi_now: float
    seen_on: tuple[date, ...]
    """The dates that show it."""


def greenness(one: Acquisition, area: BoolArray) -> Greenness | None:
    """Return the green of an area, (rows, cols), on a date with the bands red and nir; None where too little is seen."""
    values = ndvi(one)
    near, far = (ndi.maximum_filter(area, size=2 * reach + 1) for reach in (GAP_PX, AROUND_PX))
    inside, outside = values[area], values[far & ~near]
    if not inside.size or not outside.size or min(np.isfinite(part).mean() for part in (inside, outside)) < SEEN_SHARE:
        return None
    return Greenness(one.acquired_at.date(), float(np.nanmean(inside)), float(np.nanmedian(outside)))


def was_green(before: Sequence[Greenness]) -> bool:
    """Return whether enough dates before a slide show plants on its area."""
    return len(before) >= FEWEST and float(np.median([one.area for one in before])) >= VEGETATED


def regrown(before: Sequence[Greenness], bare: Sequence[Greenness], latest: Sequence[Greenness]) -> Regrowth | None:
    """Return that an area is overgrown, None where it is not, or where nothing can be said.

    Of the loss between the medians before and bare, a date shows BACK or more as come back: of the NDVI of the area by
    itself (a wilting or clouded neighbourhood makes no scar green) and against its surroundings (a wet year makes all
    greener). FEWEST dates and more than half of the latest must show it.
    """
    if not was_green(before) or min(len(bare), len(latest)) < FEWEST:
        return None
    then, low = (np.median([(one.area, one.contrast) for one in dates], axis=0) for dates in (before, bare))
    loss = then - low
    if loss.min() < LEAST_LOSS:
        return None
    back = {one: float(((np.array((one.area, one.contrast)) - low) / loss).min()) for one in latest}
    shown = sorted(one for one, share in back.items() if share >= BACK)
    if len({one.seen_on for one in shown}) < FEWEST or 2 * len(shown) <= len(back):
        return None
    return Regrowth(
        share=float(np.median([back[one] for one in shown])),
        ndvi_before=float(then[0]),
        ndvi_bare=float(low[0]),
        ndvi_now=float(np.median([one.area for one in shown])),
        seen_on=tuple(one.seen_on for one in shown),
    )
