"""What one block showed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detection.arrays import BoolArray, FloatArray, Slices
from detection.blocks import Tile
from detection.features import Sighting
from detection.hiding import SEEN, Codes


@dataclass(frozen=True)
class Look:
    """What one block showed."""

    tile: Tile
    unseen: Codes
    """(rows, cols) of the block without its halo: why nothing could be told, 0 where something could."""
    scores: dict[str, FloatArray]
    """Evidence of the block without its halo; empty where it is not wanted."""
    whole: list[Sighting]
    cut: list[Slices]

    @property
    def observed(self) -> BoolArray:
        """(rows, cols), True where a change would have been told."""
        return np.asarray(self.unseen == SEEN)
