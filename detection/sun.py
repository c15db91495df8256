"""Where the sun stood, for pictures that do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hazard_db.errors import RasterError
from hazard_db.moments import Moment
from hazard_db.sun import overpass, position


@dataclass(frozen=True)
class Sun:
    """Position of the sun, and how it is known."""

    elevation_deg: float
    azimuth_deg: float
    """Clockwise from north."""
    basis: str
    """`tags`, `computed`, or `computed for 10:30 local solar time`."""


def from_tags(tags: Mapping[str, str], label: str) -> Sun | None:
    """Return the sun of the tags `sun_elevation` and `sun_azimuth`, None where they are not both there.

    Raises
    ------
    RasterError
        They are not degrees that a sun can have.
    """
    lower = {name.lower(): value for name, value in tags.items()}
    values = lower.get("sun_elevation"), lower.get("sun_azimuth")
    if values[0] is None or values[1] is None:
        return None
    try:
        up, around = float(values[0]), float(values[1])
    except ValueError as error:
        raise RasterError(f"{label}: tags sun_elevation and sun_azimuth must be degrees, not {values}") from error
    if not (0 < up <= 90 and -360 <= around <= 360):
        raise RasterError(
            f"{label}: a sun at elevation {up}, azimuth {around} degrees lights no picture; correct the tags"
        )
    return Sun(up, around % 360.0, "tags")


def computed(moment: Moment, lon: float, lat: float) -> Sun:
    """Return the sun of a date and place; where only the day is known, at the usual time of the overpass."""
    at = moment.at if moment.precise else overpass(moment.at, lon)
    up, around = position(at, lon, lat)
    basis = "computed" if moment.precise else "computed for 10:30 local solar time"
    return Sun(up, around % 360.0, basis)
