"""A date's picture of simulated high mountains, in which snow is ground like any other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from detection.arrays import BANDS, Acquisition, FloatArray, Terrain
from detection.simulate.landslide import sun_position
from detection.simulate.relief import fractal
from detection.simulate.sensor import HAZE, clouds, lighting, observe
from detection.simulate.spectra import CLOUD, column


@dataclass(frozen=True)
class Sky:
    """What lies between ground and picture; each can be switched off."""

    clouds: bool = True
    relief_light: bool = True
    """Light, own and cast shadow by relief; else the ground is lit as if it were level."""
    haze: bool = True
    gain: bool = True
    jitter: bool = True
    """0.25 px on each axis."""
    noise: bool = True

    @classmethod
    def clear(cls) -> Sky:
        """Return a perfect picture."""
        return cls(**{name: False for name in cls.__dataclass_fields__})


def photograph(
    rng: np.random.Generator,
    surface: FloatArray,
    terrain: Terrain,
    acquired_at: datetime,
    *,
    pixel_m: float,
    sky: Sky,
) -> Acquisition:
    """Return what a satellite sees of a surface on a date, with the leaky cloud mask applied.

    Parameters
    ----------
    surface
        (bands of BANDS, rows, cols), reflectance under even light.
    """
    shape = (surface.shape[1], surface.shape[2])
    elevation, azimuth = sun_position(acquired_at)
    image = surface
    if sky.relief_light:
        diffuse = float(np.exp(rng.normal(0, 0.25)))
        image = image * lighting(terrain, (pixel_m, pixel_m), (elevation, azimuth), diffuse)
    usable = np.ones(shape, dtype=bool)
    if sky.clouds:
        opacity, shadow, flagged = clouds(rng, shape, float(rng.uniform(0.0, 0.12)), azimuth)
        image = image * (1 - shadow)
        image, usable = image + opacity * (column(CLOUD) - image), ~flagged
    shift = rng.normal(0, 0.25, size=2) if sky.jitter else np.zeros(2)
    image = observe(image.astype(np.float32), psf_px=0.55, shift_px=(float(shift[0]), float(shift[1])))
    if sky.haze:
        veil = rng.uniform(0, 1) * (1 + 0.4 * fractal(rng, shape, 3.5))
        image = image + HAZE[:, None, None] * np.maximum(veil, 0)
    if sky.gain:
        image = image * np.exp(rng.normal(0, 0.04, size=(len(BANDS), 1, 1))).astype(np.float32)
    if sky.noise:
        image = image * (1 + 0.01 * rng.standard_normal(image.shape, dtype=np.float32))
        image = image + 0.001 * rng.standard_normal(image.shape, dtype=np.float32)
    reflectance = np.where(usable, np.clip(image, 0.0005, 1.6), np.nan).astype(np.float32)
    return Acquisition(acquired_at, BANDS, reflectance, usable, elevation, azimuth)
