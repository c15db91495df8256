"""Where a glacier ends: a change-point on every offset from the centreline, joined by dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from scipy.signal import savgol_filter

from detection.arrays import FloatArray

Values = npt.NDArray[np.float64]
SMOOTH_OFFSETS = 11
"""Offsets that one parabola fits."""


class TerminusRules(BaseModel):
    """How the terminus is looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    along_step_m: float = Field(default=5.0, gt=0)
    across_step_m: float = Field(default=10.0, gt=0)
    central_share: float = Field(default=0.6, gt=0, le=1)
    """Share of the width whose mean is the terminus: the margins lag and are shaded."""
    max_jump_m: float = Field(default=60.0, gt=0)
    """Between neighbouring offsets."""
    roughness_m: float = Field(default=15.0, gt=0)
    """Usual difference between neighbouring offsets."""
    noise: float = Field(default=0.25, gt=0)
    """Standard deviation of the ice share around its two levels."""
    correlated_samples: float = Field(default=4.0, ge=1)
    """Samples of the swath that one independent pixel makes."""
    min_contrast: float = Field(default=0.45, gt=0)
    """Difference between both sides, of that between ice and bare ground."""
    min_seen: float = Field(default=0.6, gt=0, le=1)
    """Share of the samples within `near_m` of the line that were seen."""
    near_m: float = Field(default=80.0, gt=0)
    coregistration_px: float = Field(default=0.25, ge=0)
    """Standard deviation of where a date lies."""


@dataclass(frozen=True)
class Front:
    """The terminus on one picture."""

    line_m: Values
    """(across,), distance from the head at each offset."""
    mean_m: float
    scatter_m: float
    """Standard deviation of one offset about its neighbours."""
    contrast: float
    """Ice share behind the line less that before it."""
    seen: float
    """Share of the line's surroundings that was seen."""
    gap_m: float
    """Mean length over which an offset was not seen where the line cuts it: it may lie anywhere in there."""
    snow_share: float
    """Share of the ground before the line that looks like ice."""


@dataclass(frozen=True)
class NotSeen:
    """Why a picture tells nothing."""

    reason: str


def locate(share: FloatArray, along_m: Values, rules: TerminusRules) -> Front | NotSeen:
    """Return where the ice share falls for good, on every offset.

    Parameters
    ----------
    share
        (across, along), about 1 on the glacier and 0 on bare ground; NaN = unseen.
    along_m
        (along,), evenly spaced.
    """
    seen = np.isfinite(share)
    if seen.mean() < 0.2:
        return NotSeen("cloud or shadow")
    step = float(along_m[1] - along_m[0])
    gain = change_gain(share) / (2 * rules.noise**2 * rules.correlated_samples)
    path = best_path(gain, rules.roughness_m / step, int(rules.max_jump_m / step))
    if (path < 4).mean() > 0.5 or (path > share.shape[1] - 4).mean() > 0.5:
        return NotSeen("the snout lies outside the stretch looked at")
    # the cut before sample k lies half a sample before it
    line = along_m[0] + step * (_refined(share, path, rules.near_m / step) - 0.5)
    front = _front(share, line, path, rules, step)
    if front.seen < rules.min_seen:
        return NotSeen("cloud or shadow")
    if front.contrast < rules.min_contrast:
        return NotSeen("no contrast between glacier and ground")
    return front


def change_gain(share: FloatArray) -> Values:
    """Return by how much two levels explain each offset better than one, were it cut there: (across, along).

    n1 n2 / (n1 + n2) (m1 - m2)^2 from cumulative sums [@Hinkley1970], zero unless the first level is higher. A cut
    at k has the samples before k on the glacier.
    """
    seen = np.isfinite(share)
    values = np.where(seen, share, 0).astype(np.float64)
    before = np.pad(np.cumsum(seen, axis=1), ((0, 0), (1, 0)))[:, :-1].astype(np.float64)
    total = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))[:, :-1]
    after = seen.sum(axis=1, keepdims=True) - before
    enough = (before >= 3) & (after >= 3)
    step = total / np.maximum(before, 1) - (values.sum(axis=1, keepdims=True) - total) / np.maximum(after, 1)
    gain = before * after / np.maximum(before + after, 1) * step**2
    return np.asarray(np.where(enough & (step > 0), gain, 0.0))


def best_path(gain: Values, roughness: float, reach: int) -> npt.NDArray[np.intp]:
    """Return the cut on every offset, (across,), with the largest sum of gains less the squared jumps between them.

    Dynamic programming [@Bellman1957]; `roughness` is the standard deviation of a jump, `reach` the largest, both in
    samples.
    """
    across, along = gain.shape
    jumps = np.arange(-reach, reach + 1)
    price = jumps.astype(np.float64) ** 2 / (2 * roughness**2)
    total = gain[0].copy()
    came = np.zeros((across, along), dtype=np.intp)
    for offset in range(1, across):
        padded = np.pad(total, reach, constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1) - price
        best = windows.argmax(axis=1)
        came[offset] = np.arange(along) + best - reach
        total = windows[np.arange(along), best] + gain[offset]
    path = np.empty(across, dtype=np.intp)
    path[-1] = int(total.argmax())
    for offset in range(across - 1, 0, -1):
        path[offset - 1] = came[offset, path[offset]]
    return path


def _refined(share: FloatArray, path: npt.NDArray[np.intp], reach: float) -> Values:
    """Return the cuts to a fraction of a sample: as far as the ice within reach would go, were it all behind the cut.

    The integral of the share between both levels does not depend on blur; each level is the median of its own side.
    """
    along = share.shape[1]
    window = np.arange(-int(reach), int(reach))
    at = np.clip(path[:, None] + window, 0, along - 1)
    values = np.take_along_axis(share, at, axis=1)
    near = int(0.35 * reach)
    high = _level(values[:, window < -near])
    low = _level(values[:, window >= near])
    scaled = np.clip((values - low[:, None]) / np.maximum(high - low, 0.1)[:, None], -0.2, 1.2)
    # beyond `near` the levels themselves vary: only what is close to the cut belongs to the edge
    close = np.abs(window + 0.5) < near
    scaled[:, ~close] = window[~close] < 0
    known = np.isfinite(scaled)
    scaled = np.where(known, scaled, window < 0)
    return np.asarray(path + window[0] + scaled.sum(axis=1), dtype=np.float64)


def _level(values: FloatArray) -> Values:
    """Return a median over all offsets, drawn towards each offset's own."""
    with np.errstate(all="ignore"):
        filled = np.where(np.isfinite(values), values, np.nan)
        common = float(np.nanmedian(filled)) if np.isfinite(filled).any() else np.nan
    own = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).sum() > 3 else common for row in filled])
    return np.asarray(0.5 * (own + common))


def _front(share: FloatArray, line: Values, path: npt.NDArray[np.intp], rules: TerminusRules, step: float) -> Front:
    """Return the line with what tells how far it can be trusted."""
    position = np.arange(share.shape[1])[None, :] - path[:, None]
    near = np.abs(position) <= rules.near_m / step
    behind = near & (position < -2)
    before = near & (position >= 2)
    ahead = (position >= 6) & (position < 600 / step)
    seen = np.isfinite(share)
    return Front(
        line_m=line,
        mean_m=float(line.mean()),
        scatter_m=float(np.sqrt(np.mean((line - _smooth(line)) ** 2))),
        contrast=_mean(share, behind & seen) - _mean(share, before & seen),
        seen=float(seen[near].mean()),
        gap_m=float(_gaps(seen, path).mean()) * step,
        snow_share=_mean(share > 0.5, ahead & seen),
    )


def _smooth(line: Values) -> Values:
    """Return a line without what it strays: snouts are round, so that pieces of parabolas fit them."""
    window = min(SMOOTH_OFFSETS, len(line) - 1 + len(line) % 2)
    return line if window < 4 else np.asarray(savgol_filter(line, window, 2))


def _gaps(seen: npt.NDArray[np.bool_], path: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return how many samples between the last seen before and the first seen after each cut were not, (across,)."""
    along = np.arange(seen.shape[1])
    behind = along < path[:, None]
    last = np.where(seen & behind, along, -1).max(axis=1)
    first = np.where(seen & ~behind, along, seen.shape[1]).min(axis=1)
    return np.asarray(first - last - 1)


def _mean(values: npt.NDArray[np.generic], where: npt.NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0
