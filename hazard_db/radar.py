"""What names, tags and numbers of radar pictures mean."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hazard_db.errors import RasterError

BRIGHTEST_DB, DARKEST_DB, BRIGHTEST_LINEAR = 10.0, -40.0, 10.0
"""A median beyond these is not backscatter."""
NEGATIVE_SHARE = 0.01
"""Decibels of land are below zero almost everywhere, power nowhere."""
_DIRECTION = re.compile(r"(?:^|[._\- ])(asc|ascending|dsc|desc|descending)(?=$|[._\- ])", re.IGNORECASE)


def angle(tags: Mapping[str, str], name: str, label: str) -> float | None:
    """Return an angle in degrees out of the tag `name`, `name_deg` or `name_angle`, None where there is none.

    Raises
    ------
    RasterError
        It is no number.
    """
    text = next((tags[key] for key in (name, f"{name}_deg", f"{name}_angle") if key in tags), None)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise RasterError(f"{label}: the tag {name} must be degrees, not '{text}'") from error


def flight(tags: Mapping[str, str], stem: str) -> str:
    """Return the direction of flight as tags (names in small letters), else the file's name, tell it; empty where neither does."""
    named = _DIRECTION.search(stem)
    return tags.get("orbit") or tags.get("orbit_direction") or (named[1] if named else "")


def is_linear(values: npt.NDArray[np.floating], name: str, label: str) -> bool:
    """Return whether the numbers of a band, one or more, are power or amplitude, not dB.

    Raises
    ------
    RasterError
        They are none of these.
    """
    middle, linear = float(np.median(values)), float((values < 0).mean()) < NEGATIVE_SHARE
    if (linear and middle > BRIGHTEST_LINEAR) or not DARKEST_DB <= middle <= BRIGHTEST_DB:
        raise RasterError(
            f"{label}: {name} has a median of {middle:.4g}, which is backscatter neither in dB nor in power; "
            "calibrate the product to sigma or gamma nought"
        )
    return linear
