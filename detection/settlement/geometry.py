"""Line of sight and ground: directions, slopes, what the satellite can see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
LEAST_SENSITIVITY = 0.2
"""Cosine between line of sight and slope under which a rate along the slope would be mostly error."""
LAYOVER, SHADOW = 2, 3


def line_of_sight(incidence_deg: npt.ArrayLike, azimuth_deg: npt.ArrayLike) -> Float:
    """Return the unit vector from the ground to the satellite, (..., 3) as east, north, up.

    Parameters
    ----------
    incidence_deg
        Between the vertical and the line of sight, at the ground.
    azimuth_deg
        Of the line of sight from the ground to the satellite, anti-clockwise from north, as MintPy's azimuthAngle:
        d = -E sin(inc) sin(az) + N sin(inc) cos(az) + U cos(inc) [@Yunjun2019].
    """
    incidence, azimuth = np.radians(incidence_deg), np.radians(azimuth_deg)
    level = np.sin(incidence)
    return np.stack(
        [-level * np.sin(azimuth), level * np.cos(azimuth), np.cos(incidence) * np.ones_like(azimuth)], axis=-1
    )


def azimuth_of_heading(heading_deg: float, *, right_looking: bool = True) -> float:
    """Return the azimuth of the line of sight, anti-clockwise from north, of a satellite that flies along a heading.

    Parameters
    ----------
    heading_deg
        Clockwise from north: about -13 (ascending) or -167 (descending) for Sentinel-1.
    """
    away = heading_deg + (90.0 if right_looking else -90.0)  # clockwise, from the satellite to the ground
    return float((-(away + 180.0) + 180.0) % 360.0 - 180.0)


def east_up(velocities: npt.ArrayLike, looks: npt.ArrayLike, stds: npt.ArrayLike | None = None) -> tuple[Float, Float]:
    """Return eastward and upward motion, (2, ...), and their standard deviations, out of two or more lines of sight.

    Weighted least squares with no northward motion, which near-polar orbits hardly see [@Fuhrmann2019].

    Parameters
    ----------
    velocities
        (looks, ...): along each line of sight, positive = towards the satellite.
    looks
        (looks, 3): east, north, up.
    stds
        (looks, ...).
    """
    v = np.asarray(velocities, dtype=np.float64)
    G = np.asarray(looks, dtype=np.float64)[:, [0, 2]]
    w = np.ones_like(v) if stds is None else 1.0 / np.asarray(stds, dtype=np.float64) ** 2
    a, b, c = (np.einsum("l,l...->...", G[:, i] * G[:, j], w) for i, j in ((0, 0), (0, 1), (1, 1)))
    east, up = (np.einsum("l,l...->...", G[:, i], w * v) for i in (0, 1))
    determinant = a * c - b**2
    with np.errstate(divide="ignore", invalid="ignore"):
        solved = np.stack([c * east - b * up, a * up - b * east]) / determinant
        errors = np.sqrt(np.stack([c, a]) / determinant)
    bad = determinant <= 1e-6 * a * c
    return np.where(bad, np.nan, solved), np.where(bad, np.nan, errors)


def downslope(slope_deg: npt.ArrayLike, aspect_deg: npt.ArrayLike) -> Float:
    """Return the unit vector down the slope, (..., 3); aspect is the compass direction that the slope faces."""
    slope, aspect = np.radians(slope_deg), np.radians(aspect_deg)
    return np.stack([np.cos(slope) * np.sin(aspect), np.cos(slope) * np.cos(aspect), -np.sin(slope)], axis=-1)


def along_slope(
    velocity: npt.ArrayLike, look: npt.ArrayLike, slope_deg: npt.ArrayLike, aspect_deg: npt.ArrayLike
) -> tuple[Float, Float]:
    """Return the velocity down the slope V = V_LOS / C and the sensitivity C [@Notti2014]; NaN where |C| is too small."""
    sensitivity: Float = np.einsum(
        "...k,...k->...", downslope(slope_deg, aspect_deg), np.asarray(look, dtype=np.float64)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        down = np.asarray(velocity, dtype=np.float64) / sensitivity
    return np.where(np.abs(sensitivity) < LEAST_SENSITIVITY, np.nan, down), sensitivity


def visibility(
    slope_deg: npt.ArrayLike, aspect_deg: npt.ArrayLike, look: npt.ArrayLike
) -> tuple[Float, npt.NDArray[np.uint8]]:
    """Return the R-index sin(theta - a) [@Notti2010], and 1 = seen, 2 = layover, 3 = shadow.

    a is the slope in the plane of the line of sight, tan(a) = tan(S) cos(aspect - azimuth to the satellite): positive where
    the ground faces the satellite. Steeper than the incidence angle it lies over; turned away more than it sees, in shadow.
    """
    vector = np.asarray(look, dtype=np.float64)
    towards = np.degrees(np.arctan2(vector[..., 0], vector[..., 1]))
    incidence = np.degrees(np.arccos(np.clip(vector[..., 2], -1, 1)))
    facing = np.cos(np.radians(np.asarray(aspect_deg) - towards))
    a = np.degrees(np.arctan(np.tan(np.radians(slope_deg)) * facing))
    code = np.where(a >= incidence, LAYOVER, np.where(a <= incidence - 90.0, SHADOW, 1))
    return np.sin(np.radians(incidence - a)), code.astype(np.uint8)
