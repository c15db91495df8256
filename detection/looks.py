"""What one block showed."""

from __future__ import annotations

from dataclasses import dataclass

from detection.arrays import BoolArray, FloatArray
from detection.blocks import Tile
from detection.features import Sighting
from detection.regions import Slices


@dataclass(frozen=True)
class Look:
    """What one block showed."""

    tile: Tile
    observed: BoolArray
    """(rows, cols) of the block without its halo."""
    scores: dict[str, FloatArray]
    """Evidence of the block without its halo; empty where it is not wanted."""
    whole: list[Sighting]
    cut: list[Slices]
