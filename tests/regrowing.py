"""A slope with a landslide of known outline, whose plants are known on every date."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from detection.arrays import BANDS, Acquisition
from detection.simulate.spectra import SURFACES, column
from tests.glacier_rasters import lonlat

SHAPE = (80, 80)
AREA = np.s_[30:50, 35:45]
SLIDE = np.zeros(SHAPE, dtype=bool)
SLIDE[AREA] = True
OUTLINE = shapely.Polygon(lonlat(np.array([(30, 35), (30, 45), (50, 45), (50, 35)])))
FELL = (date(2021, 8, 20), date(2022, 7, 1))
"""The last day before the slide and the first that shows it."""


def days(year: int, number: int = 3) -> list[date]:
    """Return days of one summer."""
    return [date(year, 7, 1 + 10 * step) for step in range(number)]


def shot(
    day: date,
    plants: float | NDArray[np.float32],
    *,
    around: float = 1.0,
    ground: str = "forest",
    bare: str = "scree",
    usable: NDArray[np.bool_] | None = None,
    white: tuple[float, ...] | None = None,
    where: NDArray[np.bool_] | None = None,
) -> Acquisition:
    """Return a date with a little noise.

    Parameters
    ----------
    plants, around
        Share of the slide and of its surroundings that plants cover, 0-1.
    ground, bare
        What grows there, and what lies below it.
    usable
        What the masks let be seen; None = everything.
    white, where
        Spectrum of a cloud or of snow that no mask tells, and where it lies.
    """
    rng = np.random.default_rng(day.toordinal())
    cover = np.full(SHAPE, around, dtype=np.float32)
    cover[AREA] = plants
    picture = cover * column(SURFACES[ground]) + (1 - cover) * column(SURFACES[bare])
    if white is not None:
        picture = np.where(where, column(white), picture)
    picture = (picture * (1 + 0.03 * rng.standard_normal((len(BANDS), *SHAPE)))).astype(np.float32)
    usable = np.ones(SHAPE, dtype=bool) if usable is None else usable
    picture[:, ~usable] = np.nan
    return Acquisition(datetime(day.year, day.month, day.day, 5, 48, tzinfo=UTC), BANDS, picture, usable, 60.0, 140.0)
