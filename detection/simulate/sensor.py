"""From surface reflectance to what a satellite sees on a date: light, air, optics, clouds."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage as ndi

from detection.arrays import BoolArray, FloatArray, Terrain
from detection.methods.illumination import cos_incidence, sunlit
from detection.simulate.relief import fractal

DIFFUSE_SHARE = np.array([0.27, 0.20, 0.15, 0.10, 0.05, 0.035], dtype=np.float32)
"""Share of light from the sky under a clear sky on level ground, per band of BANDS."""
HAZE = np.array([0.030, 0.020, 0.013, 0.006, 0.002, 0.001], dtype=np.float32)

_LARGEST_MISSED_CLOUD_PX = 2500


def sky_view(terrain: Terrain) -> FloatArray:
    """Return the share of the sky that sloping ground sees, (1 + cos slope) / 2."""
    return np.asarray((1 + np.cos(np.radians(terrain.slope_deg))) / 2, dtype=np.float32)


def lighting(
    terrain: Terrain, pixel_m: tuple[float, float], sun_deg: tuple[float, float], sky: float = 1.0
) -> FloatArray:
    """Return the light on the ground over the light on level ground, (bands, rows, cols).

    Parameters
    ----------
    sun_deg
        Elevation and azimuth.
    sky
        Diffuse light over that of DIFFUSE_SHARE.
    """
    sun_elevation_deg, sun_azimuth_deg = sun_deg
    cosine = np.maximum(cos_incidence(terrain, sun_elevation_deg, sun_azimuth_deg), 0)
    cosine *= sunlit(terrain.elevation_m, pixel_m, sun_elevation_deg, sun_azimuth_deg)
    direct = cosine / np.float32(np.sin(np.radians(sun_elevation_deg)))
    share = np.float32(sky) * DIFFUSE_SHARE[:, None, None]
    return np.asarray((1 - share) * direct + share * sky_view(terrain), dtype=np.float32)


def observe(image: FloatArray, psf_px: float, shift_px: tuple[float, float], margin: int = 12) -> FloatArray:
    """Return an image blurred by a Gaussian point spread and displaced by a fraction of a pixel, (bands, rows, cols)."""
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    shape = tuple(int(scipy.fft.next_fast_len(side, real=True)) for side in padded.shape[1:])
    rows, cols = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    transfer = np.exp(-2 * (np.pi * psf_px) ** 2 * (rows**2 + cols**2))
    transfer = (transfer * np.exp(-2j * np.pi * (rows * shift_px[0] + cols * shift_px[1]))).astype(np.complex64)
    seen = scipy.fft.irfft2(scipy.fft.rfft2(padded, s=shape) * transfer, s=shape)
    return np.asarray(seen[:, margin : margin + image.shape[1], margin : margin + image.shape[2]], dtype=np.float32)


def clouds(
    rng: np.random.Generator, shape: tuple[int, int], cover: float, sun_azimuth_deg: float
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return cloud opacity 0-1, cloud shadow 0-1 and the leaky mask (True = flagged), (rows, cols) each.

    The mask misses the thin edge of every cloud and one small cloud in eight wholly.
    """
    field = fractal(rng, shape, 3.2, shortest_px=4.0)
    edge = float(np.quantile(field, 1 - cover))
    opacity = np.clip((field - edge) / 0.5, 0, 1) * 0.95
    away = np.radians(sun_azimuth_deg + 180)
    reach = rng.uniform(60, 140)
    shadow = ndi.shift(opacity, (-np.cos(away) * reach, np.sin(away) * reach), order=1, mode="constant") * 0.6
    bodies, count = ndi.label(opacity > 0)
    small = np.bincount(bodies.ravel(), minlength=count + 1) < _LARGEST_MISSED_CLOUD_PX
    missed = (small & (rng.random(count + 1) < 0.12))[bodies] & (bodies > 0)
    flagged = ((opacity > 0.15) & ~missed) | (shadow > 0.12)
    return opacity.astype(np.float32), shadow.astype(np.float32), ndi.binary_dilation(flagged, iterations=2)
