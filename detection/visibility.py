"""How much of each road segment's surroundings a detection could see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from shapely.geometry.base import BaseGeometry

from detection.hiding import REASONS, SEEN

SURROUNDINGS_M = 500.0
"""Half-width of the strip along the road whose slopes can reach it directly."""
UTM = 32643


@dataclass(frozen=True)
class Visibility:
    """Shares of a segment's surroundings, 0-1."""

    segment_id: int
    share: float
    """Seen: on a clear date before and on one after."""
    covered_share: float
    """Inside the imagery at all."""
    hidden: Mapping[str, float] = field(default_factory=dict)
    """Reason out of `detection.hiding.REASONS` -> share; with `share` they make `covered_share`."""


def segment_visibility(
    unseen: Path, segments: Iterable[tuple[int, Sequence[tuple[float, float]]]], distance_m: float = SURROUNDINGS_M
) -> list[Visibility]:
    """Return the visibility of every segment that the raster touches.

    Parameters
    ----------
    unseen
        uint8 raster of a detection: why a pixel was not observed, by the codes of `detection.hiding`; 0 where it was. What is
        none of them was not looked at.
    segments
        (id, vertices in EPSG:4326) of each segment.
    distance_m
        The surroundings reach this far to both sides.
    """
    found = []
    with rasterio.open(unseen) as raster:
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
    codes = np.bincount(values[inside], minlength=256)
    if not codes.sum():
        return Visibility(number, 0.0, covered.area / area.area)
    shares = codes / codes.sum() * covered.area / area.area
    hidden = {name: float(shares[code]) for code, name in REASONS.items() if codes[code]}
    return Visibility(number, float(shares[SEEN]), covered.area / area.area, hidden)
