"""Simulated mountains: fractal fields, a valley with a river, and the way down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from detection.arrays import BoolArray, FloatArray


def fractal(rng: np.random.Generator, shape: tuple[int, int], exponent: float, shortest_px: float = 2.0) -> FloatArray:
    """Return a random field of mean 0 and standard deviation 1 whose power falls as frequency**-exponent.

    Spectral synthesis as in [@Saupe1988]; made on a larger grid so that opposite edges differ.
    """
    rows, cols = (int(scipy.fft.next_fast_len(int(side * 1.25) + 8)) for side in shape)
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None, :])
    frequency[0, 0] = np.inf
    amplitude = frequency ** (-exponent / 2)
    amplitude[frequency > 1 / shortest_px] = 0
    noise = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    spectrum = (noise[0] + 1j * noise[1]) * amplitude
    field = scipy.fft.irfft2(spectrum.astype(np.complex64), s=(rows, cols))[: shape[0], : shape[1]]
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


@dataclass(frozen=True)
class Relief:
    """Ground of a scene."""

    elevation_m: FloatArray
    valley_px: FloatArray | None
    """Signed distance to the valley's middle line in pixels, across; None = no valley known."""
    floor: BoolArray
    """True on the level valley floor."""


def mountains(rng: np.random.Generator, shape: tuple[int, int], pixel_m: float, mean_slope_deg: float) -> Relief:
    """Return fractal mountains of a mean slope, cut by a winding valley with a level floor, running down the rows."""
    rows, cols = shape
    rough = fractal(rng, shape, 3.9)
    rough -= rough.min()
    line = np.arange(rows, dtype=np.float32)
    wave = 0.08 * cols * np.sin(2 * np.pi * (line / (1.3 * rows) + rng.random()))
    middle = cols * rng.uniform(0.3, 0.7) + wave + 0.02 * cols * np.sin(2 * np.pi * (line / 90 + rng.random()))
    across = np.arange(cols, dtype=np.float32)[None, :] - middle[:, None].astype(np.float32)
    half_floor = 14.0 * (1 + 0.35 * np.sin(2 * np.pi * (line / 210 + rng.random())))[:, None]
    beyond = np.maximum(np.abs(across) - half_floor, 0)
    rise = 1 - np.exp(-beyond / 35.0)
    level = 2400 + 0.004 * pixel_m * (rows - line)[:, None]
    shape_m = rise * (rough + np.minimum(beyond / 100.0, 1.5))
    steepness = 1.0
    for _ in range(3):  # the mean of an angle is not linear in height
        slope = np.degrees(np.arctan(steepness * np.hypot(*np.gradient(shape_m, pixel_m))))
        steepness *= np.tan(np.radians(mean_slope_deg)) / np.tan(np.radians(float(slope[beyond > 0].mean())))
    elevation = level + steepness * shape_m
    return Relief(elevation.astype(np.float32), across, beyond <= 0)


def walk_down(
    elevation_m: FloatArray, start: tuple[float, float], length_px: float, step_px: float = 0.5
) -> npt.NDArray[np.float64]:
    """Return the points (n, 2) in row, col of the steepest descent from a start, with some inertia, at most length_px.

    Stops early at the array's edge and in pits.
    """
    here = np.array(start, dtype=np.float64)
    heading = np.zeros(2)
    points = [here.copy()]
    for _ in range(int(length_px / step_px)):
        row, col = int(here[0]), int(here[1])
        if not (2 <= row < elevation_m.shape[0] - 3 and 2 <= col < elevation_m.shape[1] - 3):
            break
        near = elevation_m[row - 1 : row + 3, col - 1 : col + 3]
        fall = -np.array([near[2:, :].mean() - near[:2, :].mean(), near[:, 2:].mean() - near[:, :2].mean()])
        size = np.hypot(*fall)
        if size < 1e-3:
            break
        heading = 0.6 * heading + 0.4 * fall / size
        here += step_px * heading / max(float(np.hypot(*heading)), 1e-6)
        points.append(here.copy())
    return np.array(points)
