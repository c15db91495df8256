"""Which points stand for all of them on a map seen from afar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating]
CELLS_PER_TILE = 64
"""A tile of 256 pixels shows at most one point in four by four of them."""
LAST_ZOOM = 16
"""From here on all points are shown; a cell is some ten metres wide."""
MOST_CELLS = 50_000_000
SURE, LEAST_MM_YR = 5.0, 3.0
"""Standard errors and rate from which on a point is thought to move; fewer errors are exceeded by chance in every cell."""


def min_zooms(lon: Float, lat: Float, velocity: Float, std: Float) -> npt.NDArray[np.int16]:
    """Return the least zoom at which each point is drawn, (points,).

    Each cell of a zoom shows one point: the fastest of those that move for sure, so that a small bowl is seen from afar; of
    ground at rest any one, chosen by chance, for the fastest there would be the noisiest.

    Parameters
    ----------
    velocity, std
        (points,), mm/yr; NaN = unknown, which comes last.
    """
    x = (np.asarray(lon, dtype=np.float64) + 180.0) / 360.0
    y = 0.5 - np.arcsinh(np.tan(np.radians(np.clip(lat, -85.05, 85.05)))) / (2 * np.pi)
    speed = np.abs(np.nan_to_num(velocity))
    moves = (speed >= SURE * np.nan_to_num(std, nan=np.inf)) & (speed >= LEAST_MM_YR)
    chance = np.random.default_rng(0).random(len(x))
    rank = np.where(moves, 1.0 + speed, np.where(np.isfinite(velocity), chance, -1.0))
    waiting = np.argsort(-rank, kind="stable")
    zooms = np.full(len(x), LAST_ZOOM, dtype=np.int16)
    for zoom in range(LAST_ZOOM):
        cells, count = _cells(x, y, zoom)
        taken = np.zeros(count, dtype=bool)
        taken[cells[zooms < zoom]] = True
        first = _first_of_each(cells[waiting], count)
        chosen = waiting[first[~taken[cells[waiting[first]]]]]
        zooms[chosen] = zoom
        waiting = waiting[zooms[waiting] > zoom]
        if not len(waiting):
            break
    return zooms


def _first_of_each(cells: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.intp]:
    """Return where each cell comes first."""
    place = np.full(count, -1, dtype=np.intp)
    place[cells[::-1]] = np.arange(len(cells))[::-1]  # of several the last one written stays
    return place[place >= 0]


def _cells(x: Float, y: Float, zoom: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the cell of each point, numbered within the box around all, and how many numbers there are."""
    side = CELLS_PER_TILE << zoom
    column, row = ((part * side).astype(np.int64).clip(0, side - 1) for part in (x, y))
    column, row = column - column.min(initial=side), row - row.min(initial=side)
    width = int(column.max(initial=0)) + 1
    cells = np.asarray(row * width + column)
    count = width * (int(row.max(initial=0)) + 1)
    if count > MOST_CELLS:  # points far apart: number only the cells that hold one
        cells, count = np.unique(cells, return_inverse=True)[1].reshape(-1), len(cells)
    return cells, count
