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


def object_scores(scene: LandslideScene, changes: npt.NDArray[np.bool_], features: int) -> tuple[float, float]:
    """Return recall of slides of SMALLEST_PX or more that could be seen after the event, and false objects per km²."""
    seen = np.logical_or.reduce([one.usable for one in scene.block.after])
    hit = wanted = 0
    for slide in scene.slides:
        pixels = scene.labels == slide.label
        if pixels.sum() >= SMALLEST_PX and seen[pixels].mean() > 0.9:
            wanted += 1
            hit += changes[pixels].mean() >= 0.3
    km2 = changes.size * 100 / 1e6
    return hit / max(wanted, 1), features / km2


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as raster:
        values: npt.NDArray[np.uint8] = raster.read(1)
    return values


@pytest.mark.parametrize("seed", [501, 502])
def test_simulated_stack(tmp_path: Path, seed: int) -> None:
    """Four dates before and after with every nuisance: most slides found where they are, dated right."""
    scene = simulate_landslide(seed, shape=(500, 500), spectra="test")
    before, after, dem = write_block(tmp_path, scene.block)
    result = run_landslide(before, after, tmp_path / "out.geojson", dem=dem, mask=tmp_path / "mask.tif", block_px=300)
    assert result.collection["method"] == "matched_filter"
    values = read_mask(tmp_path / "mask.tif")
    recall, _ = object_scores(scene, values == 1, len(result.features))
    true = [one for one in result.features if touches(one, scene.labels > 0)]
    assert recall >= 0.7
    assert len(true) >= 0.7 * len(result.features)
    inside = [
        date.fromisoformat(one["properties"]["first_date"])
        <= scene.event_at.date()
        <= date.fromisoformat(one["properties"]["last_date"])
        for one in true
    ]
    assert np.mean(inside) >= 0.95
    assert all(one["properties"]["mean_slope_deg"] > 10 for one in result.features)


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
    assert len(result.features) <= 2  # 25 km²


def test_hokkaido_pair(shared_data: Path, tmp_path: Path) -> None:
    """Only visible light, one date each, half of the first without data, snow patches in it."""
    folder = shared_data / "imagery" / "s2_hokkaido_2018"
    if not folder.is_dir():
        pytest.skip("the pair of Hokkaido is absent")
    before, after = (
        [folder / role / f"download.B{band}.tif" for band in (2, 3, 4)] for role in ("pre-event", "post-event")
    )
    mask = tmp_path / "mask.tif"
    result = run_landslide(
        before, after, tmp_path / "out.geojson", dem=folder / "dem" / "download.DSM.tif", mask=mask,
        dates=["2018-04-20", "2018-09-25"],
    )  # fmt: skip
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
    """Real summers of a forest where nothing slid: stacks of two years, and single pairs, hardly report any."""
    source = shared_data / "imagery" / "s2_romania_timeseries" / ROMANIA
    if not source.is_file():
        pytest.skip("the time series of Romania is absent")
    summers = {year: _summer(source, year, tmp_path) for year in (2017, 2018, 2019, 2020)}
    found = km2 = 0.0
    for earlier, later in ((2017, 2018), (2018, 2019), (2019, 2020)):
        result = run_landslide(summers[earlier], summers[later], tmp_path / f"{later}.geojson")
        found += len(result.features)
        km2 += result.stats["observed_km2"]
        assert json.loads((tmp_path / f"{later}.geojson").read_text())["observed_share"] > 0.9
    assert found / km2 <= 1.0


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
