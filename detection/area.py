"""The part of a grid that is to be looked at."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from detection.arrays import BoolArray, Slices
from detection.grids import Grid
from detection.windows import to_grid
from hazard_db.errors import DetectionError


class Area:
    """A polygon on a grid; without one, everything."""

    def __init__(self, polygon: BaseGeometry | None, grid: Grid) -> None:
        self.grid = grid
        self.polygon: BaseGeometry | None = None
        if polygon is not None:
            mover = to_grid(grid)
            moved = shapely.transform(polygon, lambda xy: np.column_stack(mover.transform(xy[:, 0], xy[:, 1])))
            if not moved.intersects(shapely.box(*grid.bounds)):
                raise DetectionError("the imagery does not reach into the area that is to be looked at")
            shapely.prepare(moved)
            self.polygon = moved

    def touches(self, window: Slices) -> bool:
        """Return whether any of a window belongs to it."""
        return self.polygon is None or bool(self.polygon.intersects(self._box(window)))

    def inside(self, window: Slices) -> BoolArray:
        """Return which pixels of a window belong to it, (rows, cols)."""
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        if self.polygon is None or self.polygon.contains(self._box(window)):
            return np.ones(shape, dtype=bool)
        rows, cols = np.mgrid[window[0], window[1]] + 0.5
        xs, ys = self.grid.transform @ (cols, rows)
        return np.asarray(shapely.contains_xy(self.polygon, xs, ys), dtype=np.bool_)

    def _box(self, window: Slices) -> BaseGeometry:
        west, north = self.grid.transform @ (window[1].start, window[0].start)
        east, south = self.grid.transform @ (window[1].stop, window[0].stop)
        return shapely.box(west, south, east, north)
