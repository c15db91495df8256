"""How high above the road a place lies, on ground whose height is known everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio.transform import from_origin
from shapely.geometry.base import BaseGeometry

from detection.heights import heights_above_road

WEST, NORTH, PIXEL_M = 480_000.0, 4_020_000.0, 30.0
ROAD_X = WEST + 1500.0


def lonlat(one: BaseGeometry) -> BaseGeometry:
    away = Transformer.from_crs(32643, 4326, always_xy=True)
    moved: BaseGeometry = shapely.transform(one, lambda xy: np.column_stack(away.transform(xy[:, 0], xy[:, 1])))
    return moved


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    """Elevation that rises 0.5 m by metre to both sides of a valley west of the road, with a void in a corner."""
    x = WEST + PIXEL_M * (np.arange(100) + 0.5)
    values = np.tile(2000 + 0.5 * (x - ROAD_X), (100, 1)).astype(np.float32)
    values[:10, 90:] = -32768
    path = tmp_path / "dem.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=100, height=100, count=1, dtype="float32", crs=32643, nodata=-32768,
        transform=from_origin(WEST, NORTH, PIXEL_M, PIXEL_M),
    ) as raster:  # fmt: skip
        raster.write(values, 1)
    return path


ROAD = [list(lonlat(shapely.LineString([(ROAD_X, NORTH), (ROAD_X, NORTH - 3000)])).coords)]


def test_above_and_below_the_road_on_a_plane(dem: Path) -> None:
    places = [lonlat(shapely.box(ROAD_X + d - 90, NORTH - 1600, ROAD_X + d + 90, NORTH - 1400)) for d in (600, -600, 0)]
    assert heights_above_road(dem, places, ROAD) == pytest.approx([300, -300, 0], abs=PIXEL_M)


def test_where_the_model_does_not_reach_nothing_is_told(dem: Path) -> None:
    void = lonlat(shapely.box(WEST + 2750, NORTH - 250, WEST + 2950, NORTH - 50))
    beyond = lonlat(shapely.box(WEST + 5000, NORTH - 250, WEST + 5200, NORTH - 50))
    assert heights_above_road(dem, [void, beyond], ROAD) == [None, None]
    assert heights_above_road(dem, [void], []) == [None]
    assert heights_above_road(dem, [], ROAD) == []


def test_a_model_in_degrees_tells_the_same(dem: Path, tmp_path: Path) -> None:
    from rasterio.warp import calculate_default_transform, reproject

    other = tmp_path / "degrees.tif"
    with rasterio.open(dem) as source:
        transform, width, height = calculate_default_transform(
            source.crs, 4326, source.width, source.height, *source.bounds
        )
        told = {**source.profile, "crs": 4326, "transform": transform, "width": width, "height": height}
        with rasterio.open(other, "w", **told) as raster:
            reproject(rasterio.band(source, 1), rasterio.band(raster, 1), resampling=rasterio.enums.Resampling.bilinear)
    place = lonlat(shapely.box(ROAD_X + 540, NORTH - 1600, ROAD_X + 660, NORTH - 1400))
    assert heights_above_road(other, [place], ROAD) == pytest.approx([300], abs=PIXEL_M)
