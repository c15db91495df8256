"""The way that water takes down an elevation model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyflwdir
from affine import Affine

from detection.arrays import BoolArray, FloatArray

Cells = npt.NDArray[np.int64]
UNKNOWN_M = -32768.0


def downstream(elevation_m: FloatArray, cell: tuple[float, float], *, degrees: bool) -> Cells:
    """Return the cell that each cell drains to, (rows * cols,), itself where water leaves the model.

    Steepest descent over the model with its hollows filled to where they spill [@WangLiu2006].

    Parameters
    ----------
    elevation_m
        (rows, cols), NaN = unknown.
    cell
        Width and height of a cell, in metres, or in degrees.
    """
    known = np.where(np.isfinite(elevation_m), elevation_m, np.float32(UNKNOWN_M)).astype(np.float32)
    raster = pyflwdir.from_dem(
        known, nodata=UNKNOWN_M, transform=Affine(cell[0], 0, 0, 0, -cell[1], 0), latlon=degrees, outlets="edge"
    )
    following = np.asarray(raster.idxs_ds, dtype=np.int64)
    return np.where(following < 0, np.arange(following.size), following)


def lowest(elevation_m: FloatArray, inside: BoolArray) -> int | None:
    """Return the lowest known cell of an area; None where nothing of it is known."""
    within = np.where(inside & np.isfinite(elevation_m), elevation_m, np.inf)
    at = int(np.argmin(within))
    return at if np.isfinite(within.flat[at]) else None


def trace(following: Cells, start: int) -> Cells:
    """Return the cells from `start` down to where water leaves the model."""
    way = [start]
    while (further := int(following[way[-1]])) != way[-1]:
        way.append(further)
    return np.array(way, dtype=np.int64)
