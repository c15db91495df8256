"""A single pair, on simulated truth and on real pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.ndimage as ndi
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from detection.arrays import BANDS, Acquisition, Block, Candidate, Score
from detection.blocks import terrain_from_elevation
from detection.methods.pair import Pair
from detection.simulate import simulate_landslide

VISIBLE = ("blue", "green", "red")
HOKKAIDO_PIXEL_M = (10.0, 7.35)


@pytest.mark.parametrize(("bands", "least"), [(BANDS, 0.6), (VISIBLE, 0.4)])
def test_a_pair_finds_most_slides(bands: tuple[str, ...], least: float) -> None:
    hits, right = [], []
    for seed in (31, 32):
        scene = simulate_landslide(seed, shape=(350, 350), slides=12, n_before=1, n_after=1, bands=bands)
        detector = Pair()
        score = detector.score(scene.block, detector.fit([scene.block]))
        true = np.where(score.observed, scene.labels, 0)
        marked = np.zeros(true.shape, dtype=bool)
        for one in detector.candidates(score, scene.block):
            marked[one.rows, one.cols] = True
            right.append((scene.labels[one.rows, one.cols] > 0).mean() >= 0.3)
        hits += [marked[true == s.label].mean() >= 0.3 for s in scene.slides if (true == s.label).sum() >= 10]
    assert np.mean(hits) >= least
    assert np.mean(right) >= 0.55


class Hokkaido:
    """The pair of the 2018 Hokkaido earthquake: visible bands, leafless with snow before, green after."""

    def __init__(self, folder: Path) -> None:
        self.before, self.seen_before = self._picture(folder / "pre-event")
        self.after, self.seen_after = self._picture(folder / "post-event")
        elevation = np.full(self.seen_before.shape, np.nan, dtype=np.float32)
        with rasterio.open(folder / "dem" / "download.DSM.tif") as dem:
            reproject(
                rasterio.band(dem, 1), elevation, dst_transform=self.transform, dst_crs="EPSG:4326",
                resampling=Resampling.cubic, dst_nodata=np.nan,
            )  # fmt: skip
        self.terrain = terrain_from_elevation(elevation, HOKKAIDO_PIXEL_M)
        # whole metres at 30 m make steps of slope even on level ground: a floor is level over some 100 m
        broad = terrain_from_elevation(ndi.gaussian_filter(elevation, 5), HOKKAIDO_PIXEL_M).slope_deg
        self.floor = ndi.maximum_filter(np.nan_to_num(broad, nan=90), 5) < 3
        rows, cols = np.indices(self.seen_before.shape) + 0.5
        self.lon, self.lat = self.transform * (cols, rows)

    transform: Affine

    def _picture(self, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        sheets = []
        for name in ("B2", "B3", "B4"):
            with rasterio.open(folder / f"download.{name}.tif") as source:
                sheets.append(source.read(1))
                self.transform = source.transform
        numbers = np.stack(sheets).astype(np.float32)
        seen = (numbers > 0).all(axis=0)
        return np.where(seen, numbers / 1e4, np.nan).astype(np.float32), seen

    def block(self, *, relief: bool) -> Block:
        """Return the pair, with or without relief."""
        before = Acquisition(datetime(2018, 4, 20, 1, tzinfo=UTC), VISIBLE, self.before, self.seen_before, 57.0, 150.0)
        after = Acquisition(datetime(2018, 9, 25, 1, tzinfo=UTC), VISIBLE, self.after, self.seen_after, 45.0, 162.0)
        return Block((before,), (after,), self.terrain if relief else None, HOKKAIDO_PIXEL_M)


@pytest.fixture(scope="module", params=[True, False], ids=["relief", "level"])
def hokkaido(
    request: pytest.FixtureRequest, shared_data: Path
) -> Iterator[tuple[Hokkaido, Score, list[Candidate], np.ndarray]]:
    """Yield the pair, its score, its objects and their pixels."""
    pair = Hokkaido(shared_data / "imagery" / "s2_hokkaido_2018")
    block, detector = pair.block(relief=request.param), Pair(masked=False)
    score = detector.score(block, detector.fit([block]))
    found = detector.candidates(score, block)
    marked = np.zeros(score.observed.shape, dtype=bool)
    for one in found:
        marked[one.rows, one.cols] = True
    yield pair, score, found, marked


def test_hokkaido_cluster_is_found(hokkaido: tuple[Hokkaido, Score, list[Candidate], np.ndarray]) -> None:
    pair, score, found, marked = hokkaido
    cluster = (pair.lon > 141.93) & (pair.lon < 141.95) & (pair.lat > 42.71) & (pair.lat < 42.74) & score.observed
    elsewhere = score.observed & ((pair.lon < 141.91) | (pair.lon > 141.99))
    inside = sum(bool(cluster[one.rows, one.cols].mean() > 0.5) for one in found)
    assert inside >= 15
    assert marked[cluster].mean() > 4 * marked[elsewhere].mean()


def test_hokkaido_nodata_and_valley_floor_stay_clean(
    hokkaido: tuple[Hokkaido, Score, list[Candidate], np.ndarray],
) -> None:
    pair, score, found, marked = hokkaido
    assert not marked[~(pair.seen_before & pair.seen_after)].any()
    assert score.observed[~(pair.seen_before & pair.seen_after)].sum() == 0
    flat = score.observed & pair.floor
    assert flat.sum() > 10_000
    # without relief nothing tells a field that was harvested from ground laid bare
    assert marked[flat].mean() < (0.02 if found[0].mean_slope_deg is None else 0.01)


def romania(folder: Path, resolution: str, names: dict[str, str]) -> list[Acquisition]:
    """Return the clear summer dates of a forest without landslides."""
    sheets = {}
    for band in (*names.values(), "SCL"):
        with rasterio.open(f"netcdf:{folder}/sentinel2_cube_subset_romania_{resolution}.nc:{band}") as source:
            sheets[band] = source.read()
            tags = source.tags()
    days = [float(day) for day in tags["NETCDF_DIM_time_VALUES"].strip("{}").split(",")]
    start = datetime.fromisoformat(tags["time#units"].split("since ")[1].split(" ")[0]).replace(tzinfo=UTC)
    dates = []
    for index, day in enumerate(days):
        at = start + timedelta(days=day)
        picture = np.stack([sheets[band][index] for band in names.values()]).astype(np.float32)
        if np.nanmedian(picture) > 2:
            picture /= 1e4
        hidden = np.isin(np.nan_to_num(sheets["SCL"][index]), (0, 1, 2, 3, 8, 9, 10, 11))
        usable = ~ndi.binary_dilation(hidden, iterations=2) & (np.nan_to_num(picture) > 0).all(axis=0)
        if usable.mean() > 0.6 and 6 <= at.month <= 9:
            picture[:, ~usable] = np.nan
            dates.append(Acquisition(at, tuple(names), picture, usable, 55.0, 155.0))
    return dates


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("resolution", "pixel_m", "names", "most"),
    [
        ("20m", 20.0, {"green": "B3", "red": "B4", "nir": "B8A", "swir1": "B11"}, 0.7),
        # at 10 m single fellings show, which nothing but relief could tell from slides
        ("10m", 10.0, {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8"}, 2.5),
    ],
)
def test_romanian_forest_has_few_false_slides(
    shared_data: Path, resolution: str, pixel_m: float, names: dict[str, str], most: float
) -> None:
    dates = romania(shared_data / "imagery" / "s2_romania_timeseries", resolution, names)
    assert len(dates) > 30
    rng = np.random.default_rng(5)
    objects, km2 = 0, 0.0
    for _ in range(20):
        first, second = np.sort(rng.choice(len(dates), 2, replace=False))
        block = Block((dates[first],), (dates[second],), None, (pixel_m, pixel_m))
        detector = Pair()
        score = detector.score(block, detector.fit([block]))
        objects += len(detector.candidates(score, block))
        km2 += float(score.observed.sum()) * pixel_m**2 / 1e6
    assert km2 > 15
    assert objects / km2 < most
