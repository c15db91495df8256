"""The conditional matched filter: how much more a pixel changed towards fresh ground than its like did.

Both methods for landslides are built of these functions: what a date after should look like is learnt by regression
on the dates before, the light and the relief (`regression`); what is left is averaged over dates, whitened by the
covariance of the pixel's like, and projected on what fresh ground would do to this pixel (`targets`), as in
[@Reed1974]; learning the expectation first is the idea of [@Theiler2006].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detection.arrays import Block, BoolArray, FloatArray, Score
from detection.methods.matching import Fitted, matched, matched_alone, smoothed, standardise
from detection.methods.pixels import CLOUD_REACH_PX, View, look, median, plant_index
from detection.methods.remainder import MEAN_PX, all_residuals

HALO_PX = CLOUD_REACH_PX + MEAN_PX // 2 + 4
"""Rim of cloud, the mean around, masks grown by one pixel and smoothing; shadows reach farther, see Acquisition."""


def apply(block: Block, fitted: Fitted, floor: float) -> Score:
    """Return the score of a block.

    Parameters
    ----------
    floor
        The dates vote on pixels whose score exceeds it.
    """
    if len(block.after) != len(fitted.expectations):
        raise ValueError(f"fitted on {len(fitted.expectations)} dates after, the block has {len(block.after)}")
    view = look(block, fitted.bands)
    left = all_residuals(view, fitted.expectations, fitted.shifts)
    middle = median(left, view.seen_after & view.seen_before)
    answer = matched(view, middle, fitted)
    z = standardise(answer, view, fitted) / np.float32(fitted.smooth_scale)
    seen = view.seen
    pixels = np.flatnonzero((z > floor) & seen)
    alone = matched_alone(view, left, fitted, pixels)
    vote = z.copy()
    standard = (alone - fitted.date_scale[:, :1]) / fitted.date_scale[:, 1:]
    vote.flat[pixels] = lowest_but_one(standard)
    first_after, last_quiet = _interval(alone, pixels, [one.usable for one in block.before])
    z = smoothed(np.minimum(z, vote), seen)
    unseen = np.float32(np.nan)
    layers = {
        "purity": answer.purity,
        "cloud": answer.cloud,
        "shade": answer.shade,
        "greening": greening(view, middle),
        "brightening": middle.mean(axis=0),
        "contrast": answer.contrast,
        "vote": smoothed(np.clip(vote, -5, 50), seen),
        "plants": view.plants,
        "dates": view.seen_after.sum(axis=0, dtype=np.float32),
    }
    return Score(
        np.where(seen, z, unseen), seen, first_after, last_quiet,
        {name: np.where(seen, layer, unseen) for name, layer in layers.items()},
    )  # fmt: skip


def greening(view: View, residual: FloatArray) -> FloatArray:
    """Return by how much the index of plants rose beyond what was to be expected, (rows, cols): scars are bare, shade is not.

    Parameters
    ----------
    residual
        (bands, rows, cols).
    """
    which = [index for index, name in enumerate(view.bands) if name in {"green", "red", "nir"}]
    after = view.before[which] + residual[which]
    return plant_index(after, tuple(view.bands[index] for index in which)) - view.plants


_SHOWN, _QUIET = 0.5, 0.25
"""A date shows the change from this share of the strongest date's score on, and is quiet below the other."""


def lowest_but_one(alone: FloatArray) -> FloatArray:
    """Return the second smallest of three and more seen dates, the smallest of one or two, (pixels,).

    Parameters
    ----------
    alone
        (dates, pixels), NaN = not seen.
    """
    if not alone.size:
        return np.zeros(alone.shape[1], dtype=np.float32)
    ordered = np.sort(alone, axis=0)  # NaN last
    count = np.isfinite(alone).sum(axis=0)
    which = np.where(count >= 3, 1, 0)
    return np.asarray(np.take_along_axis(ordered, which[None], axis=0)[0], dtype=np.float32)


def _interval(
    alone: FloatArray, pixels: npt.NDArray[np.intp], before: list[BoolArray]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return the first date after that shows the change, and the last date of all before it that is quiet; -1 = none.

    Both (rows, cols). Where nothing shows, the last quiet date is the last usable one of those before.

    Parameters
    ----------
    alone
        (dates after, pixels), raw score of each date, NaN = not seen: raw, a change is as large on a noisy date.
    before
        Usable pixels of each date before.
    """
    shape = before[0].shape
    strongest = np.nan_to_num(alone, nan=-np.inf).max(axis=0, initial=0)
    shown = (np.nan_to_num(alone, nan=-np.inf) >= _SHOWN * strongest) & (strongest > 0)
    first = np.where(shown.any(axis=0), shown.argmax(axis=0), -1)
    calm = np.nan_to_num(alone, nan=np.inf) < _QUIET * strongest
    calm &= np.arange(len(alone))[:, None] < first
    quiet = np.where(calm.any(axis=0), len(alone) - 1 - calm[::-1].argmax(axis=0), -1)
    first_after = np.full(shape, -1, dtype=np.int16)
    last_quiet = np.full(shape, -1, dtype=np.int16)
    first_after.flat[pixels] = first
    for index, usable in enumerate(before):
        last_quiet[usable] = index
    last_quiet.flat[pixels] = np.where(quiet >= 0, quiet + len(before), last_quiet.flat[pixels])
    return first_after, last_quiet
