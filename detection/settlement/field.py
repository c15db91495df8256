"""Series in space: pixels and points alike, on one grid of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from detection.settlement.design import Float

SIDE = 7
"""Pixels of the window that a pixel is compared with its surroundings in."""


@dataclass(frozen=True)
class Field:
    """Series of points and the cells that they lie in; the cells of a raster are its pixels."""

    y: npt.NDArray[np.float32]
    """(dates, points), mm, NaN = not measured."""
    shape: tuple[int, int]
    """(rows, cols) of the cells."""
    cell_m: tuple[float, float]
    """Size of a cell, (northing, easting), metres."""
    cell: npt.NDArray[np.intp] | None = None
    """(points,): rows * cols index; None = point k lies in cell k."""
    place_m: Float | None = None
    """(points, 2): easting and northing from some origin, for points."""

    @property
    def count(self) -> int:
        """How many points there are."""
        return int(self.y.shape[1])

    @cached_property
    def cells(self) -> npt.NDArray[np.intp]:
        """(points,)."""
        return np.arange(self.count) if self.cell is None else self.cell

    @cached_property
    def position(self) -> tuple[Float, Float]:
        """Row and column of each point, scaled to -1..1."""
        rows, cols = np.divmod(self.cells, self.shape[1])
        return rows / max(self.shape[0], 1) * 2 - 1, cols / max(self.shape[1], 1) * 2 - 1

    @cached_property
    def points_per_cell(self) -> npt.NDArray[np.int64]:
        """(rows, cols)."""
        return np.bincount(self.cells, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)

    def sums(self, values: npt.NDArray[np.floating]) -> tuple[Float, Float]:
        """Return the sum of values per cell and how many there are, both (rows, cols)."""
        known = np.isfinite(values)
        filled = np.where(known, values, 0.0)
        size = self.shape[0] * self.shape[1]
        if self.cell is None:
            return filled.reshape(self.shape).astype(np.float64), known.reshape(self.shape).astype(np.float64)
        parts = [np.bincount(self.cell, weights=one, minlength=size).reshape(self.shape) for one in (filled, known)]
        return parts[0].astype(np.float64), parts[1].astype(np.float64)

    def at_points(self, grid: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the values of a map, (rows, cols), at the points, (points,)."""
        return grid.reshape(-1)[self.cells].astype(np.float32)

    def band(self, start: int, stop: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return sums and counts of rows start to stop, both (dates, rows, cols)."""
        cols = self.shape[1]
        if self.cell is None:
            values = self.y[:, start * cols : stop * cols].reshape(-1, stop - start, cols)
            known = np.isfinite(values)
            return np.where(known, values, np.float32(0)), known.astype(np.float32)
        inside = np.flatnonzero((self.cell >= start * cols) & (self.cell < stop * cols))
        gather = csr_array(
            (np.ones(len(inside), np.float32), (self.cell[inside] - start * cols, np.arange(len(inside)))),
            shape=((stop - start) * cols, len(inside)),
        )
        values = self.y[:, inside].T
        known = np.isfinite(values)
        shape = (stop - start, cols, self.y.shape[0])
        total = (gather @ np.where(known, values, np.float32(0))).reshape(shape)
        return np.moveaxis(total, 2, 0), np.moveaxis((gather @ known.astype(np.float32)).reshape(shape), 2, 0)

    def against_surroundings(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return the difference of the points of a range to the mean of their surroundings, (dates, points)."""
        if self.cell is not None:
            return self.y[:, start:stop] - self._mean_of(self.neighbours(np.arange(start, stop))[:, 1:])
        cols = self.shape[1]
        first, last = start // cols, -(-stop // cols)
        top, bottom = max(first - SIDE, 0), min(last + SIDE, self.shape[0])
        total, count = self.band(top, bottom)
        mean = [ndi.uniform_filter(part, (0, SIDE, SIDE), mode="constant") for part in (total, count)]
        level = mean[0] / np.maximum(mean[1], 1e-6)
        inside = level[:, first - top : last - top].reshape(len(level), -1)[
            :, start - first * cols : stop - first * cols
        ]
        return np.asarray(self.y[:, start:stop] - inside, dtype=np.float32)

    def _mean_of(self, near: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Return the mean series of each row of points, -1 = none, (dates, rows)."""
        rows, _ = np.nonzero(near >= 0)
        wanted, place = np.unique(near[near >= 0], return_inverse=True)
        gather = csr_array((np.ones(len(rows), np.float32), (rows, place)), shape=(len(near), len(wanted)))
        values = self.y[:, wanted].T
        known = np.isfinite(values)
        total, count = gather @ np.where(known, values, np.float32(0)), gather @ known.astype(np.float32)
        return np.asarray((total / np.maximum(count, 1e-6)).T, dtype=np.float32)

    def neighbours(self, points: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return each point and its neighbours by distance, (points, 49), -1 = none; the first eight are the closest."""
        if self.cell is None:
            half = SIDE // 2
            offsets = np.array([(r, c) for r in range(-half, half + 1) for c in range(-half, half + 1)])
            offsets = offsets[
                np.argsort(np.abs(offsets).max(axis=1) * 100 + np.square(offsets).sum(axis=1), kind="stable")
            ]
            rows, cols = np.divmod(points, self.shape[1])
            r, c = rows[:, None] + offsets[:, 0], cols[:, None] + offsets[:, 1]
            inside = (r >= 0) & (r < self.shape[0]) & (c >= 0) & (c < self.shape[1])
            return np.where(inside, r * self.shape[1] + c, -1)
        found = self._tree.query(self._places[points], k=min(SIDE * SIDE, self.count))[1]
        found = np.asarray(found).reshape(len(points), -1)
        # points at one and the same place may come in any order
        others = np.where(found == points[:, None], -1, found)
        return np.column_stack([points, others])

    @property
    def _places(self) -> Float:
        assert self.place_m is not None
        return self.place_m

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._places)
