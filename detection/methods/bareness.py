"""Bare slopes in a single picture: what can be said of slides where nobody looked before."""

from __future__ import annotations

import numpy as np

from detection.arrays import BoolArray, FloatArray
from detection.methods.objects import Rules, regions

RULES = Rules(high=3.0, low=1.75, keep=0.4, fewest_px=6)
LEAST_SLOPE = 0.6
"""Of the picture's mean: data sets for training often give slope in units of their own."""


def bare_slopes(red: FloatArray, nir: FloatArray, slope: FloatArray, seen: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Return how much barer than usual each pixel of a picture is, and which make up bare slopes.

    A baseline, not a detector: a single date cannot tell a new slide from old rock. Bands are put on the picture's own
    scale, so that any linear unit will do.

    Parameters
    ----------
    red, nir
        (rows, cols), reflectance in any linear unit.
    slope
        (rows, cols), in any unit that begins at level ground.
    seen
        (rows, cols), True = usable.
    """
    bare = _standard(_standard(red, seen) - _standard(nir, seen), seen)
    bare[~seen] = np.nan
    steep = slope >= LEAST_SLOPE * float(slope[seen].mean()) if seen.any() else np.zeros(seen.shape, dtype=bool)
    score = np.where(steep, bare, np.float32(-1)).astype(np.float32)
    marked = np.zeros(seen.shape, dtype=bool)
    for region in regions(score, RULES):
        marked[region.pixels] = True
    return score, marked & seen


def _standard(values: FloatArray, seen: BoolArray) -> FloatArray:
    """Return values in robust standard deviations from their middle."""
    if not seen.any():
        return np.zeros_like(values, dtype=np.float32)
    middle = np.median(values[seen])
    spread = 1.4826 * np.median(np.abs(values[seen] - middle))
    return ((values - middle) / max(float(spread), 1e-6)).astype(np.float32)
