"""What is left of each date after once all that was to be expected is taken out."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as ndi

from detection.arrays import BoolArray, FloatArray
from detection.methods.pixels import View, eroded
from detection.methods.regression import Expectation, residuals

MEAN_PX = 41
"""Haze and slow changes of the light are taken out over this width."""


def slopes(picture: FloatArray, inner: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the change of a band per pixel, down and across, (rows, cols); 0 where not `inner`."""
    down, across = np.zeros_like(picture), np.zeros_like(picture)
    if min(picture.shape) > 2:
        np.subtract(picture[2:], picture[:-2], out=down[1:-1])
        np.subtract(picture[:, 2:], picture[:, :-2], out=across[:, 1:-1])
    half = inner * np.float32(0.5)
    down *= half
    across *= half
    return down, across


def inner_of(view: View) -> BoolArray:
    """Return pixels seen before whose neighbours are too, (rows, cols)."""
    return eroded(view.seen_before, corners=True)


def all_residuals(view: View, expectations: tuple[Expectation, ...], shifts: FloatArray) -> list[FloatArray]:
    """Return the residual of every date, free of shift and of its mean around, (bands, rows, cols) each.

    It takes the place of `view.after`, of which a block has no room for two.
    """
    result = view.after
    inner, seen = inner_of(view), (view.seen_before & view.seen_after).astype(np.float32)
    shares = np.empty_like(seen)
    spare, around = np.empty_like(seen[0]), np.empty_like(seen[0])
    for date, expectation in enumerate(expectations):
        residuals(view, date, expectation, out=result[date])
        ndi.uniform_filter(seen[date], MEAN_PX, output=around, mode="constant")
        np.divide(1, np.maximum(around, np.float32(1e-3), out=around), out=shares[date])
    for band, picture in enumerate(view.before):
        down, across = slopes(picture, inner)
        for date, expectation in enumerate(expectations):
            one = result[date][band]
            for slope, by in zip((down, across), shifts[date], strict=True):
                one -= np.multiply(slope, by, out=spare)
            one *= seen[date]
            most = 3 * expectation.deviation[band]  # what changed is not to tilt the mean around it
            np.clip(one, -most, most, out=spare)
            ndi.uniform_filter(spare, MEAN_PX, output=around, mode="constant")
            around *= shares[date]
            one -= around
            one *= seen[date]
    return result
