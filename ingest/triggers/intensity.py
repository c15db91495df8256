"""Intensity along the road: read from a ShakeMap, or estimated from magnitude and distance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EARTH_KM = 6371.0
FURTHEST_KM = 500.0
"""The estimate was made for distances up to 300 km; farther ones would be a guess, but a great earthquake is felt there."""

C0, C1, C2, C4, M1, M2 = 2.085, 1.428, -1.402, 0.078, -0.209, 2.042
"""Coefficients for hypocentral distance, active crust, no site amplification [@Allen2012]."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ShakeGrid:
    """A ShakeMap's values on its grid, (nlat, nlon) each, north up."""

    west: float
    north: float
    lon_step: float
    lat_step: float
    mmi: Values
    pga_pct_g: Values | None
    pgv_cm_s: Values | None


def estimate_mmi(magnitude: float, hypocentral_km: Values) -> Values:
    """Return the Modified Mercalli intensity at hypocentral distances, kilometres [@Allen2012], limited to 1-10."""
    near = M1 + M2 * np.exp(magnitude - 5)
    mmi: Values = C0 + C1 * magnitude + C2 * np.log(np.hypot(hypocentral_km, near))
    mmi = mmi + np.where(hypocentral_km > 50, C4 * np.log(np.maximum(hypocentral_km, 50) / 50), 0)
    return np.asarray(np.clip(mmi, 1, 10))


def estimate_along(magnitude: float, depth_km: float, lon: float, lat: float, places: Values) -> Values:
    """Return the estimated intensity at places, (n, 2) longitude and latitude in degrees; 0 where they are too far to say."""
    surface = distance_km(lon, lat, places)
    mmi = estimate_mmi(magnitude, np.hypot(surface, max(0.0, depth_km)))
    return np.where(surface <= FURTHEST_KM, mmi, 0.0)


def distance_km(lon: float, lat: float, places: Values) -> Values:
    """Return great-circle distances, kilometres."""
    lon1, lat1, lon2, lat2 = np.radians(lon), np.radians(lat), np.radians(places[:, 0]), np.radians(places[:, 1])
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def sample(values: Values, grid: ShakeGrid, places: Values) -> Values:
    """Return a layer of a ShakeMap at places by bilinear interpolation, NaN outside its grid."""
    x, y = (places[:, 0] - grid.west) / grid.lon_step, (grid.north - places[:, 1]) / grid.lat_step
    rows, columns = values.shape
    inside = (x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)
    left = np.clip(np.floor(x), 0, max(columns - 2, 0)).astype(np.int64)
    top = np.clip(np.floor(y), 0, max(rows - 2, 0)).astype(np.int64)
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    wx, wy = x - left, y - top
    upper = values[top, left] * (1 - wx) + values[top, right] * wx
    lower = values[bottom, left] * (1 - wx) + values[bottom, right] * wx
    return np.where(inside, upper * (1 - wy) + lower * wy, np.nan)
