"""Which points stand for all of them on a map seen from afar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating]
CELLS_PER_TILE = 64
"""A tile of 256 pixels shows at most one point in four by four of them."""
LAST_ZOOM = 16
"""From here on all points are shown; a cell is some ten metres wide."""
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
    shown = np.empty(0, dtype=np.intp)
    for zoom in range(LAST_ZOOM):
        if not len(waiting):
            break
        cells = _cells(x, y, zoom)
        first = np.unique(cells[waiting], return_index=True)[1]
        chosen = waiting[first]
        chosen = chosen[~np.isin(cells[chosen], cells[shown])]
        zooms[chosen] = zoom
        shown = np.concatenate([shown, chosen])
        waiting = waiting[zooms[waiting] > zoom]
    return zooms


def _cells(x: Float, y: Float, zoom: int) -> npt.NDArray[np.int64]:
    side = CELLS_PER_TILE << zoom
    column, row = ((part * side).astype(np.int64).clip(0, side - 1) for part in (x, y))
    return np.asarray(row * side + column)
