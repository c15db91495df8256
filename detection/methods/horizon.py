"""What relief is asked for again and again: how high the horizon stands all around, and where water runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detection.arrays import FloatArray
from detection.methods.illumination import moved

Bytes = npt.NDArray[np.uint8]
AZIMUTHS_DEG = tuple(22.5 * number for number in range(16))
REACH_PX = 256
"""Ground further away, along the main axis of an azimuth, is not seen."""
PITS = 8
"""Rounds in which hollows are raised: what is wider than this many cells stays a hollow."""
FALL_M = 0.01
HALO_PX = REACH_PX + 1
UNKNOWN = 255
NO_WAY = 0
_EXACT_PX, _NOTHING = 32, np.float32(-1e6)
D8 = {1: (0, 1), 2: (1, 1), 4: (1, 0), 8: (1, -1), 16: (0, -1), 32: (-1, -1), 64: (-1, 0), 128: (-1, 1)}
"""Code of a direction -> (rows, cols) to the cell that water runs to: east 1, then clockwise."""


def horizon(elevation_m: FloatArray, pixel_m: float) -> Bytes:
    """Return the angle of the horizon in AZIMUTHS_DEG, whole degrees from 0, inside a frame of HALO_PX.

    (azimuths, rows, cols), UNKNOWN where the ground is. Up to 32 cells away every line counts at its own distance; beyond,
    the highest of 2, 4, 8 lines counts in their middle, at most 2.7 % of the distance off: 0.8 degrees, before rounding.
    Unknown ground hides nothing.
    """
    inner = elevation_m[HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]
    ground = np.where(np.isfinite(elevation_m), elevation_m, _NOTHING).astype(np.float32)
    found = np.full((len(AZIMUTHS_DEG), *inner.shape), UNKNOWN, dtype=np.uint8)
    known = np.isfinite(inner)
    for number, azimuth in enumerate(AZIMUTHS_DEG):
        down, right = -np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))
        longer = max(abs(down), abs(right))
        tangent = _tangent(ground, (round(down / longer, 9), round(right / longer, 9)), pixel_m)
        found[number, known] = np.rint(np.degrees(np.arctan(tangent[known])))
    return found


def _tangent(ground: FloatArray, step: tuple[float, float], pixel_m: float) -> FloatArray:
    """Return the steepest way up from the cells inside the frame, at least 0."""
    shape = ground.shape[0] - 2 * HALO_PX, ground.shape[1] - 2 * HALO_PX
    own = _read(ground, (0.0, 0.0), shape)
    steepest = np.zeros(shape, dtype=np.float32)
    highest, lines, length = ground, 1, float(np.hypot(*step)) * pixel_m
    begin, end = 1, _EXACT_PX
    while end <= REACH_PX:
        for line in range(begin, end + 1, lines):
            there = _read(highest, (line * step[0], line * step[1]), shape)
            there -= own
            there *= np.float32(1 / ((line + (lines - 1) / 2) * length))
            np.maximum(steepest, there, out=steepest)
        highest = np.maximum(highest, _moved_by(highest, (lines * step[0], lines * step[1])))
        begin, end, lines = end + 1, 2 * end, 2 * lines
    return steepest


def _parts(by: tuple[float, float]) -> tuple[tuple[int, int], tuple[int, int], np.float32]:
    """Return the two cells that a place lies between, and the share of the second."""
    low = int(np.floor(by[0])), int(np.floor(by[1]))
    rest = by[0] - low[0], by[1] - low[1]
    return low, (low[0] + (rest[0] > 0), low[1] + (rest[1] > 0)), np.float32(max(rest))


def _read(height: FloatArray, by: tuple[float, float], shape: tuple[int, int]) -> FloatArray:
    def cut(at: tuple[int, int]) -> FloatArray:
        rows, cols = HALO_PX + at[0], HALO_PX + at[1]
        return height[rows : rows + shape[0], cols : cols + shape[1]]

    low, high, share = _parts(by)
    return cut(low) * (1 - share) + cut(high) * share if share > 0 else cut(low).copy()


def _moved_by(height: FloatArray, by: tuple[float, float]) -> FloatArray:
    low, high, share = _parts(by)
    return moved(height, *low) * (1 - share) + moved(height, *high) * share if share > 0 else moved(height, *low)


def flow(elevation_m: FloatArray) -> Bytes:
    """Return where water runs from each cell (codes of D8), inside a frame of PITS + 1 cells.

    Steepest descent to one of eight neighbours. Hollows of up to PITS cells are filled, larger ones are not,
    so that a cell depends on nothing far away. NO_WAY in larger hollows, UNKNOWN where the ground is.
    """
    ground = elevation_m.astype(np.float32)
    for _ in range(PITS):
        lowest = np.min([_neighbour(ground, at) for at in D8.values()], axis=0)  # NaN beside unknown ground: an outlet
        core = ground[1:-1, 1:-1]
        ground = np.where(core <= lowest, lowest + np.float32(FALL_M), core)
    core = ground[1:-1, 1:-1]
    steepest, found = np.zeros(core.shape, dtype=np.float32), np.full(core.shape, NO_WAY, dtype=np.uint8)
    for code, at in D8.items():
        fall = (core - _neighbour(ground, at)) / np.float32(np.hypot(*at))
        steeper = fall > steepest
        found[steeper], steepest[steeper] = code, fall[steeper]
    found[np.isnan(core)] = UNKNOWN
    return found


def _neighbour(ground: FloatArray, at: tuple[int, int]) -> FloatArray:
    rows, cols = ground.shape
    return ground[1 + at[0] : rows - 1 + at[0], 1 + at[1] : cols - 1 + at[1]]
