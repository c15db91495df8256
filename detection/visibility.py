"""How much of each road segment's surroundings a detection could see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from shapely.geometry.base import BaseGeometry

SURROUNDINGS_M = 500.0
"""Half-width of the strip along the road whose slopes can reach it directly."""
UTM = 32643
NOT_OBSERVED = 255


@dataclass(frozen=True)
class Visibility:
    """Shares of a segment's surroundings, 0-1."""

    segment_id: int
    share: float
    """Seen: on a clear date before and on one after."""
    covered_share: float
    """Inside the imagery at all."""


def segment_visibility(
    mask: Path, segments: Iterable[tuple[int, Sequence[tuple[float, float]]]], distance_m: float = SURROUNDINGS_M
) -> list[Visibility]:
    """Return the visibility of every segment that the raster touches.

    Parameters
    ----------
    mask
        uint8 raster of a detection: 0 none, 1 change, 255 not observed.
    segments
        (id, vertices in EPSG:4326) of each segment.
    distance_m
        The surroundings reach this far to both sides.
    """
    found = []
    with rasterio.open(mask) as raster:
        extent = shapely.box(*raster.bounds)
        metric = Transformer.from_crs(4326, UTM, always_xy=True)
        to_raster = Transformer.from_crs(UTM, raster.crs, always_xy=True)
        for number, lonlat in segments:
            line = shapely.LineString(np.column_stack(metric.transform(*np.array(lonlat).T)))
            area = shapely.transform(
                line.buffer(distance_m), lambda xy: np.column_stack(to_raster.transform(xy[:, 0], xy[:, 1]))
            )
            if area.intersects(extent):
                found.append(_look(raster, number, area))
    return [look for look in found if look.covered_share > 0]


def _look(raster: rasterio.io.DatasetReader, number: int, area: BaseGeometry) -> Visibility:
    covered = area.intersection(shapely.box(*raster.bounds))
    window = (
        from_bounds(*covered.bounds, transform=raster.transform)
        .round_offsets(op="floor")
        .round_lengths(op="ceil")
        .intersection(Window(0, 0, raster.width, raster.height))
    )
    values = raster.read(1, window=window)
    if values.size == 0:
        return Visibility(number, 0.0, 0.0)
    inside = geometry_mask([covered], values.shape, raster.window_transform(window), invert=True, all_touched=True)
    covered_share = covered.area / area.area
    seen = float((values[inside] != NOT_OBSERVED).mean()) if inside.any() else 0.0
    return Visibility(number, seen * covered_share, covered_share)
