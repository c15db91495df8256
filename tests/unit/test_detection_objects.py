"""Pixels -> objects -> polygons with area and dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import scipy.ndimage as ndi
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from shapely.geometry import shape

from detection.arrays import Candidate, Score
from detection.blocks import tiles
from detection.features import feature, sightings
from detection.grids import Grid
from detection.intervals import interval
from detection.polygons import area_m2, area_uncertainty_m2, outline
from detection.regions import MARGIN_PX, box_of, completed, grow, merge_boxes, sort_out, unique
from tests.detection_rasters import PLACE, UTM

DAYS = [datetime(2022, 7, 1, tzinfo=UTC) + timedelta(days=10 * n) for n in range(8)]


def grid(crs: str = UTM, transform: object = PLACE) -> Grid:
    return Grid(rasterio.crs.CRS.from_string(crs).to_wkt(), transform, (500, 600))  # type: ignore[arg-type]


def components(mask: np.ndarray, window: tuple[slice, slice]) -> list[SimpleNamespace]:
    """Return the 8-connected objects of a window as a detector would find them, in grid coordinates."""
    labels, count = ndi.label(mask[window], np.ones((3, 3)))
    found = []
    for label in range(1, count + 1):
        rows, cols = np.nonzero(labels == label)
        found.append(
            SimpleNamespace(
                rows=(rows + window[0].start).astype(np.int32), cols=(cols + window[1].start).astype(np.int32)
            )
        )
    return found


def in_tiles(mask: np.ndarray, size: int) -> list[SimpleNamespace]:
    """Return the objects of a whole grid, searched tile by tile."""
    whole, cut = [], []
    for tile in tiles(mask.shape, size):
        looked_at = grow(tile.inner, mask.shape, MARGIN_PX)
        more, parts = sort_out(components(mask, looked_at), looked_at, tile.inner, mask.shape)
        whole += more
        cut += parts
    for more in completed(cut, mask.shape, lambda window: components(mask, window)):
        whole += more
    return unique(whole, mask.shape[1])


def as_set(objects: list[SimpleNamespace]) -> set[frozenset[tuple[int, int]]]:
    return {frozenset(zip(one.rows.tolist(), one.cols.tolist(), strict=True)) for one in objects}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), rows=st.integers(40, 400), cols=st.integers(40, 400), size=st.integers(60, 300),
    smooth=st.floats(1.0, 12.0), share=st.floats(0.01, 0.6),
)  # fmt: skip
def test_objects_do_not_depend_on_tiles(
    seed: int, rows: int, cols: int, size: int, smooth: float, share: float
) -> None:
    """Blobs, bands across the whole grid, mazes: each is found once and whole."""
    field = ndi.gaussian_filter(np.random.default_rng(seed).standard_normal((rows, cols)), smooth)
    mask = field > np.quantile(field, 1 - share)
    objects = in_tiles(mask, size)
    expected = components(mask, (slice(0, rows), slice(0, cols)))
    assert as_set(objects) == as_set(expected)
    assert len(objects) == len(expected)


def test_boxes_merge_until_none_touch() -> None:
    boxes = [
        (slice(0, 10), slice(0, 10)),
        (slice(20, 30), slice(0, 10)),
        (slice(8, 22), slice(5, 8)),
        (slice(50, 60), slice(0, 9)),
    ]
    assert merge_boxes(boxes) == [(slice(0, 30), slice(0, 10)), (slice(50, 60), slice(0, 9))]


def test_outline_of_known_pixels() -> None:
    """A ring of pixels and one that touches its corner: a hole, two parts, the exact area."""
    rows, cols = np.nonzero(np.pad(np.ones((5, 5)), 1) - np.pad(np.ones((3, 3)), 2))
    rows, cols = (np.append(part, 6).astype(np.int32) + 100 for part in (rows, cols))
    area = outline(rows, cols, grid())
    assert area.is_valid
    assert area.geom_type == "MultiPolygon"
    assert area_m2(area) == pytest.approx(17 * 100, rel=0.002)
    polygons = list(area.geoms)
    assert sorted(len(polygon.interiors) for polygon in polygons) == [0, 1]
    for polygon in polygons:
        assert polygon.exterior.is_ccw
        assert not any(ring.is_ccw for ring in polygon.interiors)
    perimeter = 20 * 10 + 12 * 10 + 4 * 10
    assert area_uncertainty_m2(area, (10, 10)) == pytest.approx(perimeter * 5, rel=0.002)
    lon, lat = area.bounds[:2]
    assert 74 < lon < 75.5
    assert 36 < lat < 37


def test_area_in_degrees() -> None:
    """A square of 30 x 40 pixels of 9e-5 degrees at 42.7 N against the meridian and parallel lengths there."""
    rows, cols = (part.ravel().astype(np.int32) for part in np.mgrid[0:30, 0:40])
    area = outline(rows, cols, grid("EPSG:4326", from_origin(141.9, 42.76, 9e-5, 9e-5)))
    degree_north, degree_east = 111_085.0, 81_850.0
    assert area_m2(area) == pytest.approx(30 * 40 * (9e-5) ** 2 * degree_north * degree_east, rel=0.002)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_outlines_are_valid_and_keep_their_area(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = (part.astype(np.int32) for part in np.nonzero(rng.random((12, 12)) < 0.5))
    if not rows.size:
        return
    one = feature(_sighting(rows, cols), grid())
    geometry = shape(one["geometry"])
    assert geometry.is_valid
    assert one["properties"]["area_m2"] == pytest.approx(rows.size * 100, rel=0.002)
    coordinates = shapely.get_coordinates(geometry)
    np.testing.assert_array_equal(coordinates, np.round(coordinates, 7))


def _sighting(rows: np.ndarray, cols: np.ndarray) -> object:
    found = Candidate(1, rows, cols, 0.876543, 7.654321, None, 1.0000001, {})
    score = Score(
        np.ones((20, 20), np.float32),
        np.ones((20, 20), bool),
        np.zeros((20, 20), np.int16),
        np.zeros((20, 20), np.int16),
    )
    return sightings([found], score, (100, 200), DAYS[:1], DAYS[1:2])[0]


def test_feature_has_every_field() -> None:
    rows = cols = np.arange(8, dtype=np.int32)
    one = feature(_sighting(rows, cols), grid())
    assert one["properties"] | {"area_m2": 0, "area_uncertainty_m2": 0} == {
        "kind": "landslide", "confidence": 0.877, "first_date": "2022-07-01", "last_date": "2022-07-11", "area_m2": 0,
        "area_uncertainty_m2": 0, "magnitude": 7.65, "mean_slope_deg": None, "observed_share": 1.0,
        "evidence": "optical", "runout_azimuth_deg": None, "drop_m": None,
    }  # fmt: skip


def test_interval_of_a_change_between_the_dates_after() -> None:
    """Three dates before, four after; the change shows from the third after on, some pixels are late by cloud."""
    first_after = np.array([2] * 70 + [3] * 25 + [-1] * 5, np.int16)
    last_quiet = np.array([4] * 80 + [3] * 15 + [-1] * 5, np.int16)
    assert interval(first_after, last_quiet, DAYS[:3], DAYS[3:7]) == (DAYS[4], DAYS[6])
    alone = interval(np.array([2, 2], np.int16), np.array([4, 4], np.int16), DAYS[:3], DAYS[3:7])
    assert alone == (DAYS[4], DAYS[5])


def test_interval_without_evidence_is_the_widest() -> None:
    nothing = np.array([-1, -1], np.int16)
    assert interval(nothing, nothing, DAYS[:2], DAYS[2:5]) == (DAYS[0], DAYS[4])


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 6)), min_size=1, max_size=50))
def test_interval_is_never_empty(pixels: list[tuple[int, int]]) -> None:
    first_after, last_quiet = (np.array(part, np.int16) for part in zip(*pixels, strict=True))
    first, last = interval(first_after, last_quiet, DAYS[:3], DAYS[3:7])
    assert first < last
    assert last in DAYS[3:7]


def test_boxes_hold_their_pixels() -> None:
    one = SimpleNamespace(rows=np.array([3, 9], np.int32), cols=np.array([7, 2], np.int32))
    assert box_of(one) == (slice(3, 10), slice(2, 8))
