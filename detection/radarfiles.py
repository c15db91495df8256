"""What radar files say of themselves: orbit, look, and whether their numbers are decibels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detection.arrays import RADAR_BANDS, BoolArray, FloatArray
from detection.rasterfiles import Layer, samples
from hazard_db import radar
from hazard_db.errors import RasterError
from hazard_db.moments import Moment

LOOK_AZIMUTH_DEG = {"ascending": 77.5, "descending": 282.5}
"""Sentinel-1 looks to the right of its track; at the corridor's latitude."""


@dataclass(frozen=True)
class Look:
    """How a date of radar was taken."""

    orbit: str
    """Dates of one orbit are compared; `ascending`, `descending` with the relative orbit where it is told."""
    incidence_deg: float | None
    look_azimuth_deg: float | None
    linear: bool
    """The numbers are power, not decibels."""

    @property
    def told(self) -> dict[str, Any]:
        """What an acquisition is told of it."""
        return {
            "orbit": self.orbit,
            "incidence_deg": self.incidence_deg,
            "look_azimuth_deg": self.look_azimuth_deg,
        }


def is_radar(layers: Sequence[Layer]) -> bool:
    """Return whether bands are those of a radar.

    Raises
    ------
    RasterError
        Some are, some are not.
    """
    kinds = {layer.name in RADAR_BANDS for layer in layers}
    if len(kinds) > 1:
        raise RasterError(f"{layers[0].label}: holds reflectance and backscatter; give them as files of their own")
    return kinds == {True}


def look_of(layers: Sequence[Layer], tags: Mapping[str, str], stem: str, moment: Moment, lon: float) -> Look:
    """Return how a date was taken, out of tags, else the file's name, else the hour.

    Raises
    ------
    RasterError
        The numbers cannot be backscatter.
    """
    lower = {name.lower(): value.strip() for name, value in tags.items()}
    direction = _direction(radar.flight(lower, stem), moment, lon)
    relative = lower.get("relative_orbit", "")
    azimuth = radar.angle(lower, "look_azimuth", layers[0].label)
    return Look(
        f"{direction} {relative}".strip(),
        radar.angle(lower, "incidence", layers[0].label),
        LOOK_AZIMUTH_DEG.get(direction) if azimuth is None else azimuth,
        _linear(layers),
    )


def _direction(text: str, moment: Moment, lon: float) -> str:
    """Return the direction of flight: Sentinel-1 comes down in the morning and up in the evening."""
    if text:
        return {"a": "ascending", "d": "descending"}.get(text[0].lower(), text)
    if not moment.precise:
        return "unknown"
    hour = (moment.at.hour + moment.at.minute / 60 + lon / 15) % 24
    return "descending" if hour < 12 else "ascending"


def _linear(layers: Sequence[Layer]) -> bool:
    """Return whether the bands of a date hold power; decibels of land are below zero almost everywhere."""
    kinds = set()
    for layer, numbers in zip(layers, samples(layers), strict=True):
        values = numbers * layer.scale + layer.offset
        if values.size:
            kinds.add(radar.is_linear(values, layer.name, layer.label))
    if len(kinds) != 1:
        what = "holds no data at all" if not kinds else "holds one band in dB and another in power"
        raise RasterError(f"{layers[0].label}: {what}; give another file")
    return kinds.pop()


def decibels(values: FloatArray, valid: BoolArray, *, linear: bool) -> tuple[FloatArray, BoolArray]:
    """Return backscatter in dB, (bands, rows, cols), and where all bands hold some; 0 is how products say nothing."""
    good: npt.NDArray[np.bool_] = valid & np.isfinite(values).all(axis=0) & (values != 0).all(axis=0)
    if not linear:
        return values, good
    good &= (values > 0).all(axis=0)
    return (10 * np.log10(np.where(good, values, 1))).astype(np.float32), good
