"""Where the sun stood over a place."""

from __future__ import annotations

from datetime import datetime, timedelta

from astral import Observer
from astral.sun import azimuth, elevation

OVERPASS_H = 10.5
"""Mean local solar time at which Sentinel-2 crosses; Landsat comes within half an hour of it."""


def position(at: datetime, lon: float, lat: float) -> tuple[float, float]:
    """Return the sun's geometric elevation and its azimuth clockwise from north, degrees.

    Refraction is left out: it is below 0.03° for the elevations at which images are taken, and
    illumination models are geometric.
    """
    observer = Observer(latitude=lat, longitude=lon)
    return elevation(observer, at, with_refraction=False), azimuth(observer, at)


def overpass(day: datetime, lon: float) -> datetime:
    """Return the usual moment of the overpass on a UTC day whose hour is not known."""
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=(OVERPASS_H - lon / 15.0) % 24.0)
