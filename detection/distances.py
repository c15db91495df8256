"""How far each cell of a grid lies from the nearest of the lines of a file: rivers, faults, roads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer

from detection.arrays import FloatArray
from detection.exposure import metric_crs
from detection.grids import Grid
from hazard_db.errors import InputError
from hazard_db.vector_file import layer_crs, read_shapes, read_vectors

FURTHEST_M = 20_000.0
"""Beyond, how far it is says nothing more of a slope; lines further from the grid are not read."""


class Lines:
    """The lines of a file near a grid, cut into straight pieces in a CRS of metres."""

    def __init__(self, path: Path, grid: Grid) -> None:
        """Read the lines.

        Raises
        ------
        InputError
            The file cannot be read, does not declare its CRS, or holds something else than lines.
        """
        own = layer_crs(path)
        metric = metric_crs(grid)
        self._grid = grid
        self._to_metric = Transformer.from_crs(CRS.from_wkt(grid.wkt), metric, always_xy=True)
        west, south, east, north = self._to_metric.transform_bounds(*grid.bounds, densify_pts=21)
        near = (west - FURTHEST_M, south - FURTHEST_M, east + FURTHEST_M, north + FURTHEST_M)
        bbox = Transformer.from_crs(metric, own, always_xy=True).transform_bounds(*near, densify_pts=21)
        shapes = read_shapes(path, read_vectors(path, bbox=bbox)[2], first=None)
        shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        if (shapely.get_dimensions(shapes) != 1).any():
            raise InputError(f"{path.name}: holds points or areas; distances are computed to lines")
        to_metric = Transformer.from_crs(own, metric, always_xy=True)
        parts = shapely.get_parts(shapes)
        places, line = shapely.get_coordinates(parts, return_index=True)
        places = np.column_stack(to_metric.transform(*places.T))
        follows = line[1:] == line[:-1]
        pieces: Any = np.stack([places[:-1][follows], places[1:][follows]], axis=1)
        self._tree = shapely.STRtree(shapely.linestrings(pieces) if follows.any() else [])

    def distance_m(self, rows: slice, cols: slice) -> FloatArray:
        """Return how far the centres of cells lie from the nearest line, (rows, cols), metres, FURTHEST_M at most."""
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        if not len(self._tree):
            return np.full(shape, FURTHEST_M, dtype=np.float32)
        row, col = np.mgrid[rows, cols]
        x, y = self._to_metric.transform(*(self._grid.transform @ (col.ravel() + 0.5, row.ravel() + 0.5)))
        (cell, _), found = self._tree.query_nearest(
            shapely.points(x, y), max_distance=FURTHEST_M, return_distance=True, all_matches=False
        )
        told: npt.NDArray[np.float32] = np.full(shape[0] * shape[1], FURTHEST_M, dtype=np.float32)
        told[cell] = found
        return told.reshape(shape)
