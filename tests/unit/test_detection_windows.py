"""Reading windows: values, masks, other grids, shifts, relief."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.transform import from_origin

from detection.arrays import Acquisition
from detection.clouds import quality_hidden, snow
from detection.grids import Grid
from detection.hiding import CLOUD, CLOUD_SHADOW, SEEN, SNOW
from detection.slopes import horn
from detection.sources import open_dates, open_sources
from detection.windows import Plan, Reader, check_dem, check_overlap
from hazard_db.errors import RasterError
from tests.detection_rasters import NORTH, PLACE, UTM, WEST, ground, stored, write_tif

SHAPE = (60, 80)
ALL = (slice(0, 60), slice(0, 80))
NAMES = ("green", "red", "nir")
DAY = {"acquired": "2022-07-01T05:46:39Z"}


def plain_grid() -> Grid:
    return Grid(rasterio.crs.CRS.from_string(UTM).to_wkt(), PLACE, SHAPE)


def picture(seed: int = 0) -> dict[str, Any]:
    return {name: stored(ground(SHAPE, seed + number)) for number, name in enumerate(NAMES)}


def read(path: Path, *more: Path, grid: Grid | None = None, window: Any = ALL, **plan: Any) -> Acquisition:
    (scene,) = open_dates([path, *more])
    with Reader(Plan(grid or scene.grid, (scene,), (), **plan)) as reader:
        return reader.acquisition(scene, window)


def test_integers_and_floats_give_the_same_reflectance(tmp_path: Path) -> None:
    bands = picture()
    whole = read(write_tif(tmp_path / "a.tif", bands, tags=DAY))
    floats = {name: values / 10_000 for name, values in bands.items()}
    real = read(write_tif(tmp_path / "b.tif", floats, dtype="float32", nodata=None, tags=DAY))
    moved = {name: values + 1000 for name, values in bands.items()}
    offset = read(write_tif(tmp_path / "c.tif", moved, scale=1e-4, offset=-0.1, tags=DAY))
    tagged = read(write_tif(tmp_path / "d.tif", moved, tags=DAY | {"BOA_ADD_OFFSET": "-1000"}))
    expected = np.stack(list(floats.values()))
    for one in (whole, real, offset, tagged):
        assert one.usable.all()
        assert one.reflectance.dtype == np.float32
        np.testing.assert_allclose(one.reflectance, expected, atol=1e-6)


@pytest.mark.parametrize("how", ["nodata", "zero", "nan", "nan nodata", "mask", "alpha"])
@pytest.mark.parametrize("warped", [False, True])
@pytest.mark.parametrize("quality", [False, True])
def test_what_a_file_does_not_hold_is_not_usable(tmp_path: Path, how: str, warped: bool, quality: bool) -> None:
    hole = (slice(10, 20), slice(30, 50))
    bands = picture()
    options: dict[str, Any] = {"nodata": None}
    fill: float = 0
    if how == "nodata":
        fill, options = 7, {"nodata": 7}
    if how.startswith("nan"):
        bands = {name: values / 10_000 for name, values in bands.items()}
        fill, options = np.nan, {"dtype": "float32", "nodata": np.nan if how == "nan nodata" else None}
    if how in {"mask", "alpha"}:
        fill = 3000
    for values in bands.values():
        values[hole] = fill
    if quality and not how.startswith("nan"):  # a band that has data where the others have none
        bands["scl"] = np.full(SHAPE, 4)
    if how == "alpha":
        alpha = np.full(SHAPE, 65535.0)
        alpha[hole] = 0
        bands["alpha"] = alpha
    path = write_tif(tmp_path / "a.tif", bands, tags=DAY, **options)
    with rasterio.open(path, "r+") as raster:
        if how == "mask":
            mask = np.full(SHAPE, 255, np.uint8)
            mask[hole] = 0
            raster.write_mask(mask)
        if how == "alpha":
            kinds = [*raster.colorinterp]
            kinds[-1] = rasterio.enums.ColorInterp.alpha
            raster.colorinterp = kinds
    (scene,) = open_dates([path])
    grid = plain_grid()
    if warped:  # half the pixel size: nothing lies on the pixels any more
        grid = Grid(grid.wkt, PLACE @ Affine.scale(0.5), (120, 160))
        hole = (slice(20, 40), slice(60, 100))
    with Reader(Plan(grid, (scene,), ())) as reader:
        one = reader.acquisition(scene, (slice(0, grid.shape[0]), slice(0, grid.shape[1])))
    expected = np.ones(grid.shape, bool)
    expected[hole] = False
    edge = np.zeros(grid.shape, bool)
    if warped:  # interpolation may lose or keep the very border of the hole, but not invent values
        edge[18:42, 58:102] = True
        edge[22:38, 62:98] = False
    assert (one.usable == expected)[~edge].all()
    assert np.isnan(one.reflectance[:, ~one.usable]).all()
    assert np.nanmax(one.reflectance) <= 0.6 + 1e-6
    assert np.nanmin(one.reflectance) >= 0.05 - 1e-6


def test_windows_are_cut_out_of_the_whole(tmp_path: Path) -> None:
    scl = np.full(SHAPE, 4)
    scl[25, 37] = 9
    path = write_tif(tmp_path / "a.tif", {**picture(), "scl": scl}, tags=DAY)
    full = read(path)
    window = (slice(24, 40), slice(39, 70))
    part = read(path, window=window)
    np.testing.assert_array_equal(part.reflectance, full.reflectance[:, window[0], window[1]])
    np.testing.assert_array_equal(part.usable, full.usable[window])
    assert not part.usable[0, 0]  # the cloud lies outside the window, its neighbourhood inside


def test_another_grid_shows_the_same_ground(tmp_path: Path) -> None:
    """A smooth picture of 20 m read at 10 m: every place keeps its value."""
    y, x = np.mgrid[0:30, 0:40]
    slope = {name: 2000 + 20 * x + 10 * y for name in NAMES}
    coarse = write_tif(tmp_path / "a.tif", slope, transform=from_origin(WEST, NORTH, 20, 20), tags=DAY)
    one = read(coarse, grid=plain_grid())
    row, col = np.mgrid[0:60, 0:80]
    expected = (2000 + 20 * ((col + 0.5) / 2 - 0.5) + 10 * ((row + 0.5) / 2 - 0.5)) / 10_000
    inside = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(one.reflectance[0][inside], expected[inside], atol=1.1e-4)


def test_another_crs_shows_the_same_place(tmp_path: Path) -> None:
    """A bright square of a raster in degrees lies where it should on the metric grid."""
    to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
    lon, lat = to_degrees.transform(WEST + 300, NORTH - 200)  # the square's north-west corner
    step = 9e-5
    degrees = from_origin(lon - 60 * step, lat + 60 * step, step, step)
    values = np.full((200, 200), 1000)
    values[60:80, 60:80] = 4000
    path = write_tif(tmp_path / "a.tif", dict.fromkeys(NAMES, values), transform=degrees, crs="EPSG:4326", tags=DAY)
    one = read(path, grid=plain_grid())
    rows, cols = np.nonzero(one.reflectance[0] > 0.25)
    assert rows.min() == pytest.approx(20, abs=1)
    assert cols.min() == pytest.approx(30, abs=1)
    assert rows.max() - rows.min() == pytest.approx(20 * step * 110_960 / 10, abs=2)
    assert cols.max() - cols.min() == pytest.approx(20 * step * 89_900 / 10, abs=2)


def test_outside_a_raster_nothing_is_usable(tmp_path: Path) -> None:
    for nodata in (0, None):
        path = write_tif(
            tmp_path / f"{nodata}.tif",
            picture(),
            transform=from_origin(WEST + 300, NORTH, 10, 10),
            nodata=nodata,
            tags=DAY,
        )
        one = read(path, grid=plain_grid())
        assert not one.usable[:, :29].any()
        assert one.usable[:, 31:].all()


def test_a_quality_layer_that_ends_earlier_hides_the_rest(tmp_path: Path) -> None:
    stack = write_tif(tmp_path / "a.tif", picture(), tags=DAY)
    for name, fine, nodata in (("scl", 4, None), ("qa_pixel", 64, 1)):
        quality = write_tif(
            tmp_path / f"{name}.tif", {name: np.full((30, 40), fine)}, transform=from_origin(WEST, NORTH, 20, 20), nodata=nodata,
            dtype="uint16", tags=DAY,
        )  # fmt: skip
        assert read(stack, quality).usable.all()
        with rasterio.open(quality, "r+") as raster:
            raster.transform = from_origin(WEST, NORTH, 16, 20)
        usable = read(stack, quality).usable
        assert usable[:, :63].all()
        assert not usable[:, 65:].any()


def test_a_shift_reads_at_the_shifted_place(tmp_path: Path) -> None:
    y, x = np.mgrid[0:60, 0:80]
    path = write_tif(tmp_path / "a.tif", {name: 2000 + 20 * x + 50 * y for name in NAMES}, tags=DAY)
    moved = read(path, grid=plain_grid(), shifts={str(path): (0.5, -1.0)})
    still = read(path, grid=plain_grid())
    inside = (slice(2, -2), slice(2, -2))
    difference = (moved.reflectance - still.reflectance)[0][inside] * 10_000
    np.testing.assert_allclose(difference, 0.5 * 50 - 20, atol=1.1)


@pytest.mark.parametrize(("code", "usable"), [(code, code in {4, 5, 6, 7}) for code in range(12)])
def test_scene_classes(code: int, usable: bool) -> None:
    scl = np.full((11, 11), 4, np.uint8)
    scl[5, 5] = code
    seen = quality_hidden("scl", scl, 2) == SEEN
    assert seen[5, 5] == usable
    grown = code in {3, 8, 9, 10, 11}
    assert seen[3, 3] == (not grown)
    assert seen[2, 2]


@pytest.mark.parametrize(("bit", "usable"), [(bit, bit > 5) for bit in range(16)])
def test_landsat_bits(bit: int, usable: bool) -> None:
    qa = np.zeros((11, 11), np.uint16)
    qa[5, 5] = 1 << bit
    seen = quality_hidden("qa_pixel", qa, 2) == SEEN
    assert seen[5, 5] == usable
    assert seen[3, 3] == (bit not in {2, 3, 4, 5})


def test_what_hides_the_ground_is_told_and_the_thickest_wins() -> None:
    scl = np.full((11, 11), 4, np.uint8)
    scl[5, 3], scl[5, 7], scl[0, 0] = 3, 9, 11
    told = quality_hidden("scl", scl, 2)
    assert (told[5, 2], told[5, 8], told[0, 1]) == (CLOUD_SHADOW, CLOUD, SNOW)
    assert told[5, 5] == CLOUD, "where both reach"
    bits = quality_hidden("qa_pixel", np.array([[1 << 3 | 1 << 5, 1 << 4, 1 << 6]], np.uint16), 0)
    assert bits.tolist() == [[CLOUD, CLOUD_SHADOW, SEEN]]
    assert quality_hidden("scl", np.array([[11, 2, 9]], np.uint8), 0, snow_is_ground=True).tolist() == [
        [SEEN, SEEN, CLOUD]
    ]


def test_snow_is_bright_and_not_water() -> None:
    one = {
        "green": np.array([[0.8, 0.10, 0.2, np.nan]], np.float32),
        "swir1": np.array([[0.1, 0.02, 0.3, 0.1]], np.float32),
        "nir": np.array([[0.7, 0.04, 0.3, 0.1]], np.float32),
    }
    found = snow(one)
    assert found is not None
    assert found.tolist() == [[True, False, False, False]]
    del one["swir1"]
    assert snow(one) is None


@pytest.mark.parametrize("aspect", range(0, 360, 45))
def test_slope_of_a_plane(aspect: int) -> None:
    """Ground that falls by 30 degrees towards an aspect; pixels are not square."""
    y, x = np.mgrid[0:20, 0:30]
    east, north = np.sin(np.radians(aspect)), np.cos(np.radians(aspect))
    elevation = 3000 - np.tan(np.radians(30)) * (east * x * 7.4 - north * y * 10)
    terrain = horn(elevation.astype(np.float32), (10, 7.4))
    assert terrain.slope_deg.shape == (18, 28)
    np.testing.assert_allclose(terrain.slope_deg, 30, atol=0.01)
    np.testing.assert_allclose((terrain.aspect_deg - aspect + 180) % 360, 180, atol=0.05)


def test_unknown_elevation_is_unknown_slope() -> None:
    elevation = np.zeros((5, 5), np.float32)
    elevation[2, 2] = np.nan
    assert np.isnan(horn(elevation, (10, 10)).slope_deg).all()


def test_elevation_of_any_grid(tmp_path: Path) -> None:
    """A plane given in degrees at about 30 m has the same slope on the metric grid; where it ends nothing is known."""
    to_metres = Transformer.from_crs(4326, UTM, always_xy=True)
    west, north = Transformer.from_crs(UTM, 4326, always_xy=True).transform(WEST, NORTH)
    step = 2.7e-4
    place = from_origin(west - 5 * step, north + 5 * step, step, step)
    col, row = np.meshgrid(np.arange(40) + 0.5, np.arange(60) + 0.5)
    x, y = to_metres.transform(*(place @ (col, row)))
    plane = 2000 - 0.5 * (y - NORTH) + 0.0 * x
    dem = write_tif(
        tmp_path / "dem.tif", {"z": plane}, transform=place, crs="EPSG:4326", dtype="float32", nodata=-32768
    )
    check_dem(dem, plain_grid())
    before = write_tif(tmp_path / "a.tif", picture(), tags=DAY)
    (scene,) = open_dates([before])
    with Reader(Plan(scene.grid, (scene,), (), dem)) as reader:
        block = reader.block(ALL)
    assert block.terrain is not None
    known = np.isfinite(block.terrain.slope_deg)
    assert known[:, :70].all()
    middle = (slice(0, 60), slice(0, 70))
    np.testing.assert_allclose(block.terrain.slope_deg[middle], np.degrees(np.arctan(0.5)), atol=0.3)
    np.testing.assert_allclose((block.terrain.aspect_deg[middle] + 180) % 360, 180, atol=1)
    assert not known[:, 79].any() or x.max() > WEST + 800
    assert block.pixel_m == pytest.approx((10, 10), abs=0.01)


def test_unusable_elevation(tmp_path: Path) -> None:
    flat = np.zeros(SHAPE)
    cases = {
        "lies elsewhere": {"transform": from_origin(WEST + 50_000, NORTH, 10, 10), "dtype": "float32"},
        "hillshade": {"dtype": "uint8"},
        "has no CRS": {"crs": None, "dtype": "float32"},
    }
    for message, options in cases.items():
        path = write_tif(tmp_path / f"{message}.tif", {"z": flat}, **options)  # type: ignore[arg-type]
        with pytest.raises(RasterError, match=message):
            check_dem(path, plain_grid())
    two = write_tif(tmp_path / "two.tif", {"a": flat, "b": flat}, dtype="float32")
    with pytest.raises(RasterError, match="one band"):
        check_dem(two, plain_grid())


def test_voids_are_not_ground(tmp_path: Path) -> None:
    """Missing elevation that the file does not declare."""
    plane = np.full(SHAPE, 2000.0)
    plane[20:30, 20:30] = -32768
    dem = write_tif(tmp_path / "dem.tif", {"z": plane}, dtype="int16", nodata=None)
    (scene,) = open_dates([write_tif(tmp_path / "a.tif", picture(), tags=DAY)])
    with Reader(Plan(scene.grid, (scene,), (), dem)) as reader:
        terrain = reader.terrain(ALL)
    unknown = np.zeros(SHAPE, bool)
    unknown[19:31, 19:31] = True
    assert np.isnan(terrain.slope_deg[unknown]).all()
    assert (terrain.slope_deg[~unknown] == 0).all()


def test_rasters_of_different_places(tmp_path: Path) -> None:
    before = write_tif(tmp_path / "a_20220701.tif", picture())
    after = write_tif(tmp_path / "b_20230701.tif", picture(3), transform=from_origin(WEST, NORTH - 5000, 10, 10))
    sources = open_sources([before], [after])
    with pytest.raises(RasterError, match=r"b_20230701\.tif: does not overlap a_20220701\.tif"):
        check_overlap(Plan(sources.grid, sources.before, sources.after))


@pytest.mark.parametrize(
    ("crs", "transform", "expected"),
    [
        (UTM, PLACE, (10, 10)),
        ("EPSG:4326", from_origin(141.9, 42.76, 9e-5, 9e-5), (10.0, 7.37)),
        ("EPSG:3857", from_origin(15_800_000, 5_270_000, 10, 10), (7.35, 7.35)),
        ("EPSG:3035", from_origin(5_300_000, 2_600_000, 20, 20), (20, 20)),
    ],
)
def test_ground_size_of_pixels(crs: str, transform: Affine, expected: tuple[float, float]) -> None:
    grid = Grid(rasterio.crs.CRS.from_string(crs).to_wkt(), transform, (50, 50))
    assert grid.pixel_m() == pytest.approx(expected, rel=0.01)


def test_a_scene_classification_among_floats_masks_as_whole_numbers_do(tmp_path: Path) -> None:
    """All bands of a GeoTIFF have one type: beside reflectance 0-1 the classes are floats too, unknown ones NaN."""
    floats = {name: values / 10_000 for name, values in picture().items()}
    scl = np.full(SHAPE, 4.0)
    scl[10:20, 10:20], scl[40, 40] = 9.0, np.nan
    one = read(write_tif(tmp_path / "a.tif", {**floats, "scl": scl}, dtype="float32", nodata=None, tags=DAY))
    assert not one.usable[10:20, 10:20].any()
    assert not one.usable[40, 40]
    assert one.usable[30:38, 30:38].all()


def test_shadow_from_beyond_the_window_falls_into_it(tmp_path: Path) -> None:
    """A wall of 200 m, 30 pixels south of a window, under a southern sun at 30 degrees."""
    elevation = np.zeros(SHAPE)
    elevation[50:] = 200.0
    dem = write_tif(tmp_path / "dem.tif", {"elevation": elevation}, dtype="float32", nodata=None)
    tags = DAY | {"sun_elevation": "30", "sun_azimuth": "180"}
    scene = open_dates([write_tif(tmp_path / "a.tif", picture(), tags=tags)])[0]
    with Reader(Plan(scene.grid, (scene,), (), dem)) as reader:
        lit = reader.block((slice(0, 25), slice(20, 40))).before[0].sunlit
    assert lit is not None
    assert lit[:15].all()
    assert not lit[17:].any()
