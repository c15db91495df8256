"""Slope and aspect of elevation on a grid."""

from __future__ import annotations

import numpy as np

from detection.arrays import FloatArray, Terrain


def horn(elevation_m: FloatArray, pixel_m: tuple[float, float]) -> Terrain:
    """Return the relief inside a one-pixel frame of elevation, (rows - 2, cols - 2); rows run from north to south.

    Third-order finite differences with weights by distance, equations (1) and (2) of [@Horn1981]. Unknown elevation
    (NaN) makes slope and aspect of its eight neighbours unknown too.
    """
    z = np.asarray(elevation_m, dtype=np.float32)
    column_sum = z[:-2] + 2 * z[1:-1] + z[2:]
    eastward = (column_sum[:, 2:] - column_sum[:, :-2]) / np.float32(8 * pixel_m[1])
    row_sum = z[:, :-2] + 2 * z[:, 1:-1] + z[:, 2:]
    southward = (row_sum[2:] - row_sum[:-2]) / np.float32(8 * pixel_m[0])
    # the centre is in neither sum of the other axis: unknown there means unknown
    unknown = np.isnan(z[1:-1, 1:-1])
    slope = np.degrees(np.arctan(np.hypot(southward, eastward)))
    aspect = np.degrees(np.arctan2(-eastward, southward)) % 360.0
    slope[unknown] = aspect[unknown] = np.nan
    return Terrain(z[1:-1, 1:-1], slope.astype(np.float32), aspect.astype(np.float32))
