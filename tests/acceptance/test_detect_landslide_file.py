"""Landslides out of files: simulated scenes of exact truth, and real pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import shape

from detection.run import run_landslide
from detection.simulate import LandslideScene, simulate_landslide
from tests.detection_rasters import write_block, write_tif

pytestmark = pytest.mark.acceptance

SMALLEST_PX = 10
EPOCH = datetime(2015, 8, 1, tzinfo=UTC)
ROMANIA = "sentinel2_cube_subset_romania_10m.nc"
PLACE = from_origin(5_500_000, 2_600_000, 10, 10)
"""Somewhere in Romania: the file's own position is of no matter here."""


def found_and_wanted(scene: LandslideScene, changes: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many slides of SMALLEST_PX or more seen before and after the event were found, and how many there are."""
    before, after = (np.any([one.usable for one in side], axis=0) for side in (scene.block.before, scene.block.after))
    seen = before & after
    hit = wanted = 0
    for slide in scene.slides:
        pixels = scene.labels == slide.label
        if pixels.sum() >= SMALLEST_PX and seen[pixels].mean() > 0.9:
            wanted += 1
            hit += changes[pixels].mean() >= 0.3
    return hit, wanted


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as raster:
        values: npt.NDArray[np.uint8] = raster.read(1)
    return values


def test_simulated_stacks(tmp_path: Path) -> None:
    """Four dates before and after with every nuisance: most slides found where they are, dated right."""
    found = wanted = 0
    right, inside = [], []
    for seed in (501, 502):
        folder = tmp_path / str(seed)
        scene = simulate_landslide(seed, shape=(500, 500), spectra="test")
        before, after, dem = write_block(folder, scene.block)
        result = run_landslide(before, after, folder / "out.geojson", dem=dem, mask=folder / "mask.tif", block_px=300)
        assert result.collection["method"] == "matched_filter"
        assert all(one["properties"]["mean_slope_deg"] >= 10 for one in result.features)
        hit, seen = found_and_wanted(scene, read_mask(folder / "mask.tif") == 1)
        found, wanted = found + hit, wanted + seen
        true = [one for one in result.features if touches(one, scene.labels > 0)]
        right += [len(true), len(result.features)]
        inside += [
            date.fromisoformat(one["properties"]["first_date"])
            <= scene.event_at.date()
            <= date.fromisoformat(one["properties"]["last_date"])
            for one in true
        ]
    assert found >= 0.7 * wanted > 0
    assert right[0] + right[2] >= 0.8 * (right[1] + right[3])
    assert np.mean(inside) >= 0.95


def touches(feature: dict, truth: npt.NDArray[np.bool_]) -> bool:
    """Return whether at least a third of a feature lies on true change."""
    from pyproj import Transformer

    from tests.detection_rasters import PLACE as SIMULATED
    from tests.detection_rasters import UTM

    mover = Transformer.from_crs(4326, UTM, always_xy=True)
    area = shapely.transform(shape(feature["geometry"]), lambda xy: np.column_stack(mover.transform(*xy.T)))
    pixels = rasterize([area], truth.shape, transform=SIMULATED, all_touched=False).astype(bool)
    return bool(pixels.any()) and float(truth[pixels].mean()) >= 1 / 3


def test_an_event_between_the_dates_after_is_dated(tmp_path: Path) -> None:
    """Two of the dates given as after still lie before the event."""
    scene = simulate_landslide(503, shape=(400, 400), spectra="test", n_before=6, n_after=4)
    block = replace(scene.block, before=scene.block.before[:4], after=scene.block.before[4:] + scene.block.after)
    before, after, dem = write_block(tmp_path, block)
    result = run_landslide(before, after, tmp_path / "out.geojson", dem=dem)
    true = [one for one in result.features if touches(one, scene.labels > 0)]
    assert true
    for one in true:
        first, last = (date.fromisoformat(one["properties"][name]) for name in ("first_date", "last_date"))
        assert first <= scene.event_at.date() <= last


def test_no_change_no_landslide(tmp_path: Path) -> None:
    scene = simulate_landslide(504, shape=(500, 500), slides=0)
    before, after, dem = write_block(tmp_path, scene.block)
    result = run_landslide(before, after, tmp_path / "out.geojson", dem=dem)
    assert len(result.features) <= 3  # 25 km²: 0.05 per km² bring more than that one time in twenty-six


def test_hokkaido_pair(shared_data: Path, tmp_path: Path) -> None:
    """Only visible light, one date each, half of the first without data, snow patches in it."""
    folder = shared_data / "imagery" / "s2_hokkaido_2018"
    if not folder.is_dir():
        pytest.skip("the pair of Hokkaido is absent")
    before, after = (
        [folder / role / f"download.B{band}.tif" for band in (2, 3, 4)] for role in ("pre-event", "post-event")
    )
    mask, evidence = tmp_path / "mask.tif", tmp_path / "evidence.tif"
    result = run_landslide(
        before, after, tmp_path / "out.geojson", dem=folder / "dem" / "download.DSM.tif", mask=mask, explain=evidence,
        dates=["2018-04-20", "2018-09-25"],
    )  # fmt: skip
    assert cog_validate(evidence, quiet=True)[0]
    values = read_mask(mask)
    changed = values == 1
    with rasterio.open(before[0]) as raster:
        empty = raster.read(1) == 0
        transform = raster.transform
    assert (values[empty] == 255).all()
    assert 0.5 < result.observed_share < 0.61
    cluster = rasterize([shapely.box(141.93, 42.71, 141.95, 42.74)], changed.shape, transform=transform).astype(bool)
    share_in, share_out = changed[cluster].mean(), changed[~cluster & ~empty].mean()
    assert share_in > 0.03
    assert share_in > 2 * share_out
    slope = _slope(folder / "slope" / "download.slope.tif", changed.shape, transform)
    floor = (slope < 3) & ~empty
    assert changed[floor].mean() < 0.01
    confidence = [one["properties"]["confidence"] for one in result.features]
    assert max(confidence) < 0.95


def _slope(path: Path, shape_: tuple[int, int], transform: rasterio.Affine) -> npt.NDArray[np.float32]:
    from rasterio.vrt import WarpedVRT

    with (
        rasterio.open(path) as source,
        WarpedVRT(source, crs=source.crs, transform=transform, height=shape_[0], width=shape_[1]) as warped,
    ):
        values: npt.NDArray[np.float32] = warped.read(1)
    return values


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_romania_without_landslides(shared_data: Path, tmp_path: Path) -> None:
    """Real summers of a forest where nothing slid: all that is reported are gaps felled in it, with little confidence.

    Bare gaps in a forest are what slides look like where no relief tells how steep it is.
    """
    source = shared_data / "imagery" / "s2_romania_timeseries" / ROMANIA
    if not source.is_file():
        pytest.skip("the time series of Romania is absent")
    summers = {year: _summer(source, year, tmp_path) for year in (2017, 2018, 2019, 2020)}
    mask = tmp_path / "mask.tif"
    for earlier, later in ((2017, 2018), (2018, 2019), (2019, 2020)):
        result = run_landslide(summers[earlier], summers[later], tmp_path / f"{later}.geojson", mask=mask)
        assert json.loads((tmp_path / f"{later}.geojson").read_text())["observed_share"] > 0.9
        loss = _ndvi(summers[earlier]) - _ndvi(summers[later])
        changed = read_mask(mask) == 1
        assert changed.mean() < 0.04
        assert (loss[changed] > 0.1).mean() >= 0.8 if changed.any() else True
        assert all(one["properties"]["confidence"] <= 0.85 for one in result.features)


def _ndvi(dates: list[Path]) -> npt.NDArray[np.float64]:
    """Return the median NDVI of dates."""
    every = []
    for path in dates:
        with rasterio.open(path) as raster:
            red, nir = (raster.read(raster.descriptions.index(name) + 1).astype(float) for name in ("red", "nir"))
        every.append((nir - red) / np.maximum(nir + red, 1))
    return np.asarray(np.median(every, axis=0))


def _summer(source: Path, year: int, folder: Path) -> list[Path]:
    """Write the clear dates of a July and August as GeoTIFFs."""
    names = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "scl": "SCL"}
    stacks = {}
    for name, variable in names.items():
        with rasterio.open(f"netcdf:{source}:{variable}") as cube:
            days = [EPOCH + timedelta(days=int(cube.tags(number)["NETCDF_DIM_time"])) for number in cube.indexes]
            stacks[name] = cube.read()
    paths = []
    for index, day in enumerate(days):
        if day.year == year and day.month in {7, 8} and np.isin(stacks["scl"][index], [4, 5, 6]).mean() > 0.95:
            bands = {name: stack[index] for name, stack in stacks.items()}
            paths.append(write_tif(folder / f"romania_{day:%Y%m%d}.tif", bands, transform=PLACE, crs="EPSG:3035"))
    return paths[:4]
