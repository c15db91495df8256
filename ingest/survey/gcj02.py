"""GCJ-02, the shifted coordinates of Chinese maps, to WGS 84 and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

AXIS_M = 6378245.0
"""Semi-major axis of the Krasovsky 1940 ellipsoid."""
ECCENTRICITY2 = 0.00669342162296594323
BOUNDS = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north: outside nothing is shifted."""
MOST_STEPS = 30
CLOSE_DEG = 1e-12


def to_gcj02(lonlat: Array) -> Array:
    """Return positions as Chinese maps show them.

    Parameters
    ----------
    lonlat
        (n, 2), degrees, WGS 84.
    """
    west, south, east, north = BOUNDS
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return np.where(inside[:, None], lonlat + _shift(lon, lat), lonlat)


def to_wgs84(lonlat: Array) -> Array:
    """Return true positions of those that Chinese maps show, to less than a millimetre.

    The shift has no closed inverse; taking away the shift at the last guess converges, as it changes by less than 1 % of a step.

    Parameters
    ----------
    lonlat
        (n, 2), degrees, GCJ-02.
    """
    guess = lonlat.copy()
    for _ in range(MOST_STEPS):
        error = to_gcj02(guess) - lonlat
        guess = guess - error
        if np.abs(error).max(initial=0) < CLOSE_DEG:
            break
    return guess


def _shift(lon: Array, lat: Array) -> Array:
    """Return what is added, (n, 2), degrees."""
    x, y = lon - 105, lat - 35
    common = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    east = (
        300
        + x
        + 2 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * np.sqrt(np.abs(x))
        + common
        + _waves(x, 150.0, 300.0, 12, 30)
    )
    north = (
        -100
        + 2 * x
        + 3 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * np.sqrt(np.abs(x))
        + common
        + _waves(y, 160.0, 320.0, 12, 30)
    )
    phi = np.radians(lat)
    magic = 1 - ECCENTRICITY2 * np.sin(phi) ** 2
    metres_lat = AXIS_M * (1 - ECCENTRICITY2) / magic**1.5 * np.pi / 180
    metres_lon = AXIS_M / np.sqrt(magic) * np.cos(phi) * np.pi / 180
    return np.column_stack([east / metres_lon, north / metres_lat])


def _waves(t: Array, first: float, second: float, short: int, long: int) -> Array:
    near = 20 * np.sin(t * np.pi) + 40 * np.sin(t * np.pi / 3)
    waves: Array = (near + first * np.sin(t * np.pi / short) + second * np.sin(t * np.pi / long)) * 2 / 3
    return waves
