"""Displacement over time as every room knows it: where, when, how far, seen from which side, against which reference."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hazard_db.errors import InputError

FloatArray = npt.NDArray[np.floating[Any]]
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Look:
    """Which way the satellite looks."""

    east: float
    """Unit vector from the ground to the satellite."""
    north: float
    up: float


@dataclass(frozen=True)
class Raster:
    """North-up pixels that the series lie on."""

    wkt: str
    transform: tuple[float, float, float, float, float, float]
    """a, b, c, d, e, f as in affine.Affine; (c, f) is the outer corner of the first pixel."""
    shape: tuple[int, int]
    """(rows, cols)."""


@dataclass(frozen=True)
class Scatterers:
    """Points that the series belong to."""

    ids: npt.NDArray[np.str_]
    """(points,)."""
    lon: FloatArray
    """(points,), degrees, EPSG:4326."""
    lat: FloatArray
    height_m: FloatArray | None = None


@dataclass(frozen=True)
class Displacement:
    """A displacement product: what its file says, in one unit and one sign."""

    name: str
    format: str
    dates: tuple[date, ...]
    """Ascending, without repetition."""
    place: Raster | Scatterers
    read: Callable[[int, int], FloatArray]
    """Rows (or points) start to stop -> (dates, rows, cols) or (dates, points): mm along the line of sight, negative =
    away from the satellite, NaN = not measured."""
    unit: str
    """Unit in the file, before it became mm."""
    reference: str
    """What the displacement is measured against, as the file says it."""
    years: tuple[float, ...] = ()
    """Time of each date in years for fits; by default days / 365.25 since the first date."""
    component: str = "line of sight"
    look: Look | None = None
    wavelength_mm: float | None = None
    crs: str = "EPSG:4326"
    """CRS of the coordinates in the file."""
    facts: dict[str, Any] = field(default_factory=dict)
    """More of what the file says, to be kept with the result."""
    notes: tuple[str, ...] = ()
    """What a reader must know to weigh the result."""

    @property
    def length(self) -> int:
        """How many rows or points there are."""
        return self.place.shape[0] if isinstance(self.place, Raster) else len(self.place.lon)

    @property
    def times_yr(self) -> npt.NDArray[np.float64]:
        """(dates,), years."""
        if self.years:
            return np.asarray(self.years, dtype=np.float64)
        return np.array([(day - self.dates[0]).days for day in self.dates], dtype=np.float64) / DAYS_PER_YEAR


@dataclass(frozen=True)
class PointBatch:
    """Some points of a product with their series."""

    codes: npt.NDArray[np.str_]
    """(points,): their names in the file; of a pixel, row-column from 0."""
    lon: FloatArray
    """(points,), degrees, EPSG:4326."""
    lat: FloatArray
    height_m: FloatArray
    """NaN = not told."""
    series: FloatArray
    """(dates, points), mm, NaN = not measured."""


class Fitter(Protocol):
    """How velocities follow from sums over a series that later dates are added to; `size` numbers a series."""

    size: int

    def sums(
        self, times_yr: npt.NDArray[np.float64], series: FloatArray, before: FloatArray | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the sums of series, (size, points); `before` is the value before their first, whose time comes first."""
        ...

    def velocities(
        self, times_yr: npt.NDArray[np.float64], state: npt.NDArray[np.float64], known: npt.NDArray[np.bool_] | None
    ) -> tuple[FloatArray, FloatArray, str]:
        """Return velocity and its standard deviation, mm/yr, of each point, and the seasonal terms they rest on."""
        ...


def in_file(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return an array that lies in a new file whose space is all taken at once.

    Without that a disk that fills up later would end the process and not the work.

    Raises
    ------
    InputError
        There is not so much space.
    """
    size = 4 * math.prod(shape)
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path.parent}: cannot hold {size / 1e6:,.0f} MB of series ({reason}); free space") from error
    return np.memmap(path, dtype=np.float32, mode="r+", shape=shape)
