"""Bank of changes: when a series may have begun to move, or moved at once, tried for all dates as one matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detection.settlement.design import Float, hinges, steps

Kind = Literal["hinge", "step"]
BLOCK = 2048
"""Series tried together."""
MARGIN = 5
"""Dates that a change has at least on each side: with fewer, noise at the ends passes for change."""


@dataclass(frozen=True)
class Bank:
    """Changes projected off a design and normalised; columns are orthogonal to all that the design explains."""

    vectors: npt.NDArray[np.float32]
    """(dates, k): hinges first, then steps."""
    lengths: Float
    """(k,): length of each change of one mm (step) or one mm/yr (hinge) beyond the design."""
    onsets_yr: Float
    """(k,)."""
    hinges: int
    parameters: int
    """Parameters of the design."""


@dataclass(frozen=True)
class Best:
    """The change of one kind that explains most of each series."""

    gain: Float
    """(series,), mm^2: how much smaller it makes the sum of squared residuals."""
    size: Float
    """(series,): mm of a step, mm/yr of a hinge."""
    onset_yr: Float
    """(series,)."""


def bank(times_yr: Float, G: Float, margin: int = MARGIN, kinds: Sequence[Kind] = ("hinge", "step")) -> Bank | None:
    """Return the changes that the dates allow to look for; None where they are too few."""
    if len(times_yr) < 2 * margin + G.shape[1]:
        return None
    none = (np.empty((len(times_yr), 0)), np.empty(0))
    bent, bends = hinges(times_yr, margin) if "hinge" in kinds else none
    broken, breaks = steps(times_yr, margin) if "step" in kinds else none
    raw = np.column_stack([bent, broken])
    beyond = raw - G @ np.linalg.lstsq(G, raw, rcond=None)[0]
    lengths = np.linalg.norm(beyond, axis=0)
    keep = lengths > 1e-6 * np.linalg.norm(raw, axis=0)
    vectors = (beyond[:, keep] / lengths[keep]).astype(np.float32)
    onsets = np.concatenate([bends, breaks])[keep]
    return Bank(vectors, lengths[keep], onsets, int(keep[: bent.shape[1]].sum()), G.shape[1])


def search(changes: Bank, residual: npt.NDArray[np.floating]) -> tuple[Best, Best]:
    """Return the best hinge and the best step of each series.

    (h'e)^2 is what the change h explains of residuals e: h is orthogonal to the design. Where dates are missing h is
    shorter in proportion; its loss of orthogonality is of second order and left out.

    Parameters
    ----------
    residual
        (dates, series), mm: what the design leaves; NaN = not measured.
    """
    count = residual.shape[1]
    found = [Best(np.zeros(count), np.zeros(count), np.zeros(count)) for _ in range(2)]
    slices = (slice(0, changes.hinges), slice(changes.hinges, None))
    across = np.ascontiguousarray(changes.vectors.T)
    for at in range(0, count, BLOCK):
        part = np.asarray(residual[:, at : at + BLOCK], dtype=np.float32)
        missing = ~np.isfinite(part)
        share = 1.0
        if missing.any():
            part = np.where(missing, np.float32(0), part)
            share = 1.0 / np.maximum(1 - missing.mean(axis=0), 1e-3)
        product = across @ part
        for best, which in zip(found, slices, strict=True):
            place = slice(at, at + part.shape[1])
            lengths, onsets = changes.lengths[which], changes.onsets_yr[which]
            _take(best, place, product[which], share=share, lengths=lengths, onsets=onsets)
    return found[0], found[1]


def _take(
    best: Best, where: slice, product: npt.NDArray[np.float32], *, share: Float | float, lengths: Float, onsets: Float
) -> None:
    """Write the strongest row of a product into `best`."""
    if not len(product):
        return  # this kind is not looked for
    pick = np.abs(product).argmax(axis=0)
    value = product[pick, np.arange(product.shape[1])].astype(np.float64)
    best.gain[where] = value**2 * share
    best.size[where] = value * share / lengths[pick]
    best.onset_yr[where] = onsets[pick]


def sup_f(gain: Float, rss: Float, dates: npt.NDArray[np.int64], parameters: int, inflation: Float) -> Float:
    """Return sup-F = gain / [(RSS - gain) / (N - P - 2)] / inflation [@Andrews1993]: the largest F of all candidates."""
    free = np.maximum(dates - parameters - 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = gain / (np.maximum(rss - gain, 1e-12) / free) / inflation
    return np.where(dates > parameters + 2, value, np.nan)
