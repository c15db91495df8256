"""The way down a made-up valley whose thalweg is known, and down real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod, Transformer

from detection.cascades import Source, ways
from detection.methods.flowpath import downstream, lowest, trace
from tests.detection_rasters import NORTH, PLACE, UTM, WEST, write_tif

SHAPE = (400, 300)


def thalweg(rows: np.ndarray) -> np.ndarray:
    """Return the column of the valley floor in every row: a sine of 600 m over 2 km."""
    return 150 + 30 * np.sin(rows / 200 * 2 * np.pi)


def valley(hollow: bool = False) -> np.ndarray:
    """Return heights that fall 5 m a row along the thalweg and rise to both sides."""
    rows, cols = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float64)
    height = 4000 - 2.0 * rows + 8.0 * np.abs(cols - thalweg(rows))
    if hollow:
        height -= 60 * np.exp(-((rows - 120) ** 2 + (cols - thalweg(np.array(120.0))) ** 2) / 200)
    return height.astype(np.float32)


def lonlat(points: np.ndarray) -> np.ndarray:
    mover = Transformer.from_crs(UTM, 4326, always_xy=True)
    x, y = PLACE @ (points[:, 1], points[:, 0])
    return np.column_stack(mover.transform(x, y))


@pytest.mark.parametrize("hollow", [False, True])
def test_water_follows_the_thalweg_to_the_edge(tmp_path: Path, hollow: bool) -> None:
    dem = write_tif(tmp_path / "dem.tif", {"elevation": valley(hollow)}, dtype="float32", nodata=-9999)
    spot = shapely.Polygon(lonlat(np.array([[98, 100], [98, 104], [102, 104], [102, 100]], dtype=float)))
    (way,) = ways(dem, [Source(7, spot)])
    assert way.key == 7
    rows = np.arange(110, 400.0)
    truth = shapely.LineString(lonlat(np.column_stack([rows + 0.5, thalweg(rows) + 0.5])))
    metric = Transformer.from_crs(4326, UTM, always_xy=True)
    flat = shapely.transform(shapely.force_2d(way.line), lambda xy: np.column_stack(metric.transform(*xy.T)))
    known = shapely.transform(truth, lambda xy: np.column_stack(metric.transform(*xy.T)))
    lower = shapely.intersection(flat, shapely.box(WEST, NORTH - 4000, WEST + 3000, NORTH - 1500))
    assert shapely.hausdorff_distance(lower, shapely.intersection(known, shapely.box(*lower.bounds))) < 40
    cut = shapely.box(WEST, NORTH - 3900, WEST + 3000, NORTH - 1500)
    assert shapely.intersection(flat, cut).length == pytest.approx(shapely.intersection(known, cut).length, rel=0.04)
    heights = shapely.get_coordinates(way.line, include_z=True)[:, 2]
    assert heights[-1] == pytest.approx(4000 - 2 * 399, abs=10)
    assert hollow or (np.diff(heights) <= 0).all()


def test_degrees_are_no_other_valley(tmp_path: Path) -> None:
    from rasterio.transform import from_origin

    dem = write_tif(
        tmp_path / "dem.tif", {"elevation": valley()}, dtype="float32", nodata=-9999, crs="EPSG:4326",
        transform=from_origin(74.7, 36.4, 1 / 3600, 1 / 3600),
    )  # fmt: skip
    source = Source(1, shapely.Point(74.7 + 151.5 / 3600, 36.4 - 10.5 / 3600).buffer(0.0002))
    (way,) = ways(dem, [source])
    end = way.line.coords[-1]
    assert end[1] == pytest.approx(36.4 - 399.5 / 3600, abs=2 / 3600)
    assert Geod(ellps="WGS84").geometry_length(shapely.force_2d(way.line)) > 390 * 30.8


def test_places_off_the_model_have_no_way(tmp_path: Path) -> None:
    height = valley()
    height[:200] = np.nan
    dem = write_tif(tmp_path / "dem.tif", {"elevation": height}, dtype="float32", nodata=float("nan"))
    inside, unknown, far = (
        shapely.Point(lonlat(np.array([[row, 150.0]]))[0]).buffer(0.0003) for row in (300.0, 50.0, 90_000.0)
    )
    assert [way.key for way in ways(dem, [Source(1, inside), Source(2, unknown), Source(3, far)])] == [1]


def test_cells_and_hollows() -> None:
    height = np.array([[9, 9, 9, 9], [9, 3, 9, 9], [9, 5, 4, 2], [9, 9, 9, 9]], dtype=np.float32)
    following = downstream(height, (10.0, 10.0), degrees=False)
    assert (
        trace(following, lowest(height, height < 4) or 0)[-1] == 11
    )  # out of the hollow, over the 5 or the 4, to the edge
    assert lowest(height, np.zeros_like(height, dtype=bool)) is None


def test_glaciers_of_the_karakoram_run_down_to_the_rivers(shared_data: Path) -> None:
    folder = shared_data / "glaciers" / "karakoram_rgi_srtm"
    if not folder.is_dir():
        pytest.skip("the glaciers of the Karakoram are absent")
    from hazard_db.glacier_file import read_glaciers

    for outlines, dem, drop in (
        ("RGI60-14.03439/RGI60-14.03439.shp", "RGI60-14.03439/RGI60-14.03439.tif", 40),
        ("baltoro_wgs84.shp", "baltoro_srtm_clip.tif", 30),
    ):
        (glacier,) = read_glaciers(folder / outlines)
        (way,) = ways(folder / dem, [Source(1, glacier.outline)])
        heights = shapely.get_coordinates(way.line, include_z=True)[:, 2]
        assert heights[0] - heights[-1] > drop
        assert Geod(ellps="WGS84").geometry_length(shapely.force_2d(way.line)) > 250
