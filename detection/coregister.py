"""How far a picture lies off another of the same ground, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage as ndi
from skimage.registration import phase_cross_correlation

from detection.arrays import FloatArray

TILE_PX = 256
SMALLEST_TILE_PX = 96
FEWEST_COMMON = 0.4
"""Share of a tile that both pictures must show."""
LEAST_CORRELATION = 0.35
LARGEST_PX = 5.0
"""Orthorectified products lie closer than this; what looks farther is a wrong match."""
SMALLEST_PX = 0.3
"""Below it resampling costs more than it gains."""
LARGEST_SPREAD_PX = 0.3
UPSAMPLING = 50
_FINEST_PX, _WIDEST_PX = 1.0, 10.0


@dataclass(frozen=True)
class Shift:
    """Where a picture of a pixel lies, in pixels off the pixel."""

    rows: float
    cols: float
    tiles: int
    """Tiles that agreed on it; 0 = none could be found, and none is applied."""

    @property
    def applied(self) -> tuple[float, float]:
        """(rows, cols) to read at; (0, 0) where it is not known or not worth resampling."""
        if not self.tiles or max(abs(self.rows), abs(self.cols)) < SMALLEST_PX:
            return 0.0, 0.0
        return self.rows, self.cols


def tile_shift(reference: FloatArray, moving: FloatArray) -> tuple[float, float] | None:
    """Return (rows, cols) by which `moving` lies off `reference`, None where there is too little to hold on to.

    Cross-correlation of gradient magnitudes, which depend less on sun and season than brightness does, by the
    upsampled discrete Fourier transform of [@GuizarSicairos2008]. NaN = not seen.
    """
    both = np.isfinite(reference) & np.isfinite(moving)
    if min(both.shape) < SMALLEST_TILE_PX or both.mean() < FEWEST_COMMON:
        return None
    edges = [_edges(picture, both) for picture in (reference, moving)]
    if any(not edge.any() for edge in edges):
        return None
    shift, error, _ = phase_cross_correlation(*edges, upsample_factor=UPSAMPLING, normalization=None)  # type: ignore[no-untyped-call]
    correlation = np.sqrt(max(0.0, 1.0 - float(error) ** 2))
    if correlation < LEAST_CORRELATION or np.abs(shift).max() > LARGEST_PX:
        return None
    return -float(shift[0]), -float(shift[1])


def robust_shift(found: Sequence[tuple[float, float]]) -> Shift:
    """Return the median shift of tiles; one of no tiles where they contradict each other."""
    if not found:
        return Shift(0.0, 0.0, 0)
    shifts = np.array(found)
    middle = np.median(shifts, axis=0)
    if len(found) == 1:
        return Shift(float(middle[0]), float(middle[1]), 1)
    spread = float(1.4826 * np.median(np.abs(shifts - middle), axis=0).max())
    if spread > LARGEST_SPREAD_PX:
        return Shift(0.0, 0.0, 0)
    agreeing = int((np.abs(shifts - middle).max(axis=1) <= 3 * LARGEST_SPREAD_PX).sum())
    return Shift(float(middle[0]), float(middle[1]), agreeing)


def _edges(picture: FloatArray, seen: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> FloatArray:
    """Return gradient magnitude of log reflectance, zero where not seen, faded out towards the tile's border."""
    bright = np.where(seen, np.log(np.maximum(picture, 0.005)), 0.0).astype(np.float32)
    weight = ndi.gaussian_filter(seen.astype(np.float32), _WIDEST_PX)
    background = ndi.gaussian_filter(bright, _WIDEST_PX) / np.maximum(weight, 1e-3)
    slope = ndi.gaussian_gradient_magnitude(np.where(seen, bright, background), _FINEST_PX)
    inner = ndi.binary_erosion(seen, iterations=3)
    if not inner.any():
        return np.zeros_like(slope)
    slope = np.where(inner, slope - np.median(slope[inner]), 0)
    limit = 3 * slope.std()
    fade = np.outer(*(np.hanning(size + 2)[1:-1] for size in slope.shape))
    return np.asarray(np.clip(slope, -limit, limit) * fade, dtype=np.float32)
