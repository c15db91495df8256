"""How numbers of a product become what is stored: reflectance x 10000, or hundredths of a decibel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.imagery.source import Radar

Floats = npt.NDArray[np.floating]
DECIBEL_SCALE = 1e-2
REFLECTANCE_SCALE = 1e-4


@dataclass(frozen=True)
class Encoding:
    """What the stored integers of one raster mean: number * scale."""

    name: str
    """Of the asset and of its file."""
    scale: float
    value: Callable[[Floats], Floats]
    """Calibrated numbers -> what is stored before it is divided by the scale; NaN = nothing."""
    zero_is_nothing: bool = False
    """Readers take a stored 0 for the lack of data: such numbers are moved by one step."""


def _same(values: Floats) -> Floats:
    return values


def _from_power(values: Floats) -> Floats:
    """Return decibels of power; what is not above zero holds no backscatter."""
    return np.asarray(10.0 * np.log10(np.where(values > 0, values, np.nan)))


def _from_amplitude(values: Floats) -> Floats:
    return np.asarray(20.0 * np.log10(np.where(values > 0, values, np.nan)))


def _from_decibels(values: Floats) -> Floats:
    """Return decibels; exact zeros are how products say nothing."""
    return np.asarray(np.where(values == 0, np.nan, values))


_DECIBELS: Mapping[str, Callable[[Floats], Floats]] = {
    "power": _from_power,
    "amplitude": _from_amplitude,
    "decibel": _from_decibels,
}
REFLECTANCE = Encoding("reflectance", REFLECTANCE_SCALE, _same)


def encoding_of(radar: Radar | None) -> Encoding:
    """Return how the bands of a scene are stored."""
    if radar is None:
        return REFLECTANCE
    return Encoding("backscatter", DECIBEL_SCALE, _DECIBELS[radar.unit], zero_is_nothing=True)
