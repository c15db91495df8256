"""Why a pixel shows nothing of the ground: one code each, so that a blind spot can be told from a quiet slope."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detection.arrays import Acquisition, Block, BoolArray

Codes = npt.NDArray[np.uint8]

SEEN, NO_DATA, UNCLEAR, DARK, SNOW, CLOUD_SHADOW, CLOUD = range(7)
"""0: seen. Of several reasons at one place the largest is told."""
REASONS = {
    NO_DATA: "no_data", UNCLEAR: "unclear", DARK: "dark", SNOW: "snow", CLOUD_SHADOW: "cloud_shadow", CLOUD: "cloud",
}  # fmt: skip
"""Code -> name. `dark`: in the shadow of relief, or too dark to tell; `unclear`: there, and the method can make nothing of it."""


def why_unseen(block: Block, observed: BoolArray) -> Codes:
    """Return for each pixel why no change could be told, (rows, cols), SEEN where it could.

    Told is what hid the ground on the side that never saw it, after before before; of several dates what hid it most often, for
    one clear date would have been enough.
    """
    told = np.where(observed, SEEN, UNCLEAR).astype(np.uint8)
    open_px = ~observed
    for dates in (block.after, block.before):
        blind = open_px & ~np.logical_or.reduce([one.usable for one in dates])
        told[blind] = _usual(dates, blind)
        open_px &= ~blind
    dark = open_px & np.logical_and.reduce([_dark(one) for one in block.after])
    told[dark] = DARK
    return told


def _usual(dates: Sequence[Acquisition], where: BoolArray) -> Codes:
    """Return what hides these pixels on most of the dates, (n,)."""
    codes = np.stack([_codes(one)[where] for one in dates])
    counts = np.stack([(codes == code).sum(axis=0) for code in REASONS])
    # the last of equals is the largest code
    order = np.array(list(REASONS), dtype=np.uint8)
    return np.asarray(order[::-1][counts[::-1].argmax(axis=0)], dtype=np.uint8)


def _codes(one: Acquisition) -> Codes:
    """Return what hides a date; dates that are not told it have it nowhere but where they end."""
    return one.hidden if one.hidden is not None else np.where(one.usable, SEEN, NO_DATA).astype(np.uint8)


def _dark(one: Acquisition) -> BoolArray:
    return np.zeros(one.usable.shape, dtype=np.bool_) if one.sunlit is None else ~one.sunlit
