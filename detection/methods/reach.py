"""Where rocks come to rest at the furthest: the angle of reach from source cells over the ground.

From each source a line sinks at the angle of reach: what falls stays below it, whatever way it takes, since friction uses up the height
between the two (the fahrboeschung of [@Heim1932]; [@Corominas1996]). Where the line meets the ground it ends. Lines in all directions make
the cone of [@JaboyedoffLabiouse2011]; that they end at the first ground above them is the visibility of [@Castelli2021].
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np
import numpy.typing as npt

from detection.arrays import BoolArray

Numbers = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]

FRAME, WALL_M = 4, 1e12
AT_ONCE = 2048
"""Sources whose lines are followed together: some 100 MB where each reaches hundreds of cells far."""


def reach(
    elevation_m: Numbers, sources: Cells, value: Numbers, pixel_m: Numbers, angle_deg: float
) -> tuple[Numbers, Numbers]:
    """Return the height of the highest line over the sea and the highest value of the sources that reach a cell.

    Parameters
    ----------
    elevation_m
        (rows, cols), no unknown; north at the top.
    sources
        (n, 2) rows and columns.
    value
        (n,) of the sources, above 0.
    pixel_m
        (n, 2) size of a cell at the source, northing and easting.
    angle_deg
        Of the line against the horizontal.

    Returns
    -------
    line_m, value
        (rows, cols) each; -inf and 0 where nothing reaches. A source reaches its own cell.
    """
    width = elevation_m.shape[1] + 2 * FRAME
    # a frame that no line passes, so that none leaves at one side and comes back at the other; beside the ground it continues that
    framed = np.pad(np.pad(elevation_m, 1, mode="edge"), FRAME - 1, constant_values=WALL_M)
    ground = framed.ravel()
    line_m, highest = np.full(ground.size, -np.inf), np.zeros(ground.size)
    at = (sources[:, 0] + FRAME) * width + sources[:, 1] + FRAME
    np.maximum.at(line_m, at, ground[at])
    np.maximum.at(highest, at, value)
    drop = pixel_m * np.tan(np.radians(angle_deg))
    for first in range(0, at.size, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        north, east = drop[part].T
        for major, minor, ahead, aside in (
            (width, 1, north, east),
            (1, -width, east, north),
            (-width, -1, north, east),
            (-1, width, east, north),
        ):
            fallen = _Fallen(at[part], value[part], ground[at[part]], (major, minor), (ahead, aside))
            _follow(ground, fallen, line_m, highest)
    inside = (slice(FRAME, -FRAME), slice(FRAME, -FRAME))
    return line_m.reshape(framed.shape)[inside], highest.reshape(framed.shape)[inside]


@dataclass(frozen=True)
class _Fallen:
    """Sources whose lines run through one quarter, ahead in one axis and less to the side."""

    at: Cells
    """(n,) cells of the framed grid, flat."""
    value: Numbers
    top_m: Numbers
    steps: tuple[int, int]
    """From a cell to the next ahead, and aside."""
    drops_m: tuple[Numbers, Numbers]
    """(n,) each: how far a line sinks from a cell to the next ahead, and aside."""


def _follow(ground: Numbers, fallen: _Fallen, line_m: Numbers, highest: Numbers) -> None:
    """Follow the lines of one quarter, ring of cells by ring, each until it meets the ground; raise `line_m` and `highest` in place.

    Lines bound beams from a/2^depth to (a+1)/2^depth cells aside for each ahead, -1 to 1. Each goes on until it meets the ground, which is
    straight between two cells; a beam while one of its two lines does. It reaches the cells nearest to both where the line to their centre
    lies above them, and becomes two before there are cells between.
    """
    depth = 2
    first = np.arange(-(1 << depth), 1 << depth)
    one, a = np.repeat(np.arange(fallen.at.size), first.size), np.tile(first, fallen.at.size)
    goes = np.ones((2, one.size), dtype=bool)
    for ring in count(1):
        across = np.stack([a, a + 1]) * (ring / (1 << depth))  # without rounding
        for edge in (0, 1):
            goes[edge] &= _above(ground, fallen, one, ring, across[edge])
        on = goes.any(axis=0)
        one, a, goes, across = one[on], a[on], goes[:, on], across[:, on]
        if not one.size:
            return
        for edge in (0, 1):
            aside = np.floor(across[edge] + 0.5).astype(np.int64)
            cell = fallen.at[one] + ring * fallen.steps[0] + aside * fallen.steps[1]
            line = fallen.top_m[one] - np.hypot(ring * fallen.drops_m[0][one], aside * fallen.drops_m[1][one])
            above = line >= ground[cell]
            np.maximum.at(line_m, cell[above], line[above])
            np.maximum.at(highest, cell[above], fallen.value[one[above]])
        if ring == 1 << depth:
            depth += 1
            one, a, goes = np.repeat(one, 2), np.repeat(2 * a, 2), np.repeat(goes, 2, axis=1)
            a[1::2] += 1
            goes[1, ::2] = goes[0, 1::2] = True  # between two lines of which one goes on


def _above(ground: Numbers, fallen: _Fallen, one: Cells, ring: int, aside: Numbers) -> BoolArray:
    """Return whether lines pass above the ground so many cells ahead and aside."""
    whole = np.floor(aside).astype(np.int64)
    part = aside - whole
    cell = fallen.at[one] + ring * fallen.steps[0] + whole * fallen.steps[1]
    below = ground[cell] + part * (ground[cell + fallen.steps[1]] - ground[cell])
    sunk = np.hypot(ring * fallen.drops_m[0][one], aside * fallen.drops_m[1][one])
    return np.asarray(fallen.top_m[one] - sunk >= below)
