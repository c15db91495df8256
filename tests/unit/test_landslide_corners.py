"""Where landslide detectors see too little, nothing at all, or something odd: they say so, and never invent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from detection.arrays import BANDS, Acquisition, Block, NotEnoughDataError, Score, Slices, Terrain
from detection.blocks import terrain_from_elevation
from detection.coregister import _edges, robust_shift
from detection.evidence import runout
from detection.fusion import Fused, Models
from detection.methods import irmad as irmad_module
from detection.methods.bareness import bare_slopes
from detection.methods.conditional import lowest_but_one
from detection.methods.irmad import IrMad, irmad
from detection.methods.learning import _patches, _whiteners
from detection.methods.objects import Rules, plausible
from detection.methods.pixels import look, plant_index, white
from detection.methods.rdndvi import RdNdvi, Spread
from detection.methods.regrowth import Greenness, regrown
from detection.methods.remainder import slopes
from detection.methods.sar_amplitude import SarAmplitude
from detection.regions import completed, merge_boxes, sort_out

AT = datetime(2023, 7, 1, tzinfo=UTC)
SHAPE = (40, 40)


def acquisition(
    day: int, values: Any = 0.2, bands: tuple[str, ...] = BANDS, usable: bool = True, seed: int = 0
) -> Acquisition:
    noise = 0.01 * np.random.default_rng([seed, day]).standard_normal((len(bands), *SHAPE))
    pictures = (np.asarray(values) + noise).astype(np.float32)
    return Acquisition(AT + timedelta(days=day), bands, pictures, np.full(SHAPE, usable), 55.0, 150.0)


def block(before: Iterable[Acquisition], after: Iterable[Acquisition], terrain: Terrain | None = None) -> Block:
    return Block(tuple(before), tuple(after), terrain, (10.0, 10.0))


# One picture


def test_bare_steep_ground_is_marked_level_and_unseen_ground_is_not() -> None:
    rng = np.random.default_rng(1)
    red, nir = (
        (0.1 + 0.01 * rng.standard_normal(SHAPE)).astype(np.float32),
        (0.4 + 0.01 * rng.standard_normal(SHAPE)).astype(np.float32),
    )
    slope, seen = np.full(SHAPE, 30.0, np.float32), np.ones(SHAPE, dtype=bool)
    for rows in (slice(5, 12), slice(25, 32)):
        red[rows, 5:12], nir[rows, 5:12] = 0.35, 0.35
    slope[25:32] = 1.0
    seen[8, 8] = False
    score, marked = bare_slopes(red, nir, slope, seen)
    wanted = np.zeros(SHAPE, dtype=bool)
    wanted[5:12, 5:12] = True
    wanted[8, 8] = False
    assert (marked == wanted).all()
    assert score.dtype == np.float32
    nothing, none = bare_slopes(red, nir, slope, np.zeros(SHAPE, dtype=bool))
    assert not none.any()
    assert not (nothing > 0).any()


@pytest.mark.parametrize(("bands", "wanted"), [
    (("green", "red", "nir"), (0.4 - 0.1) / (0.4 + 0.1)), (("green", "red"), (0.2 - 0.1) / (0.2 + 0.1)),
    (("green", "nir"), 0.0), (("blue", "red"), 0.0),
])  # fmt: skip
def test_an_index_of_plants_by_the_bands_there_are(bands: tuple[str, ...], wanted: float) -> None:
    level = {"blue": 0.15, "green": 0.2, "red": 0.1, "nir": 0.4}
    logarithms = np.log(np.array([level[name] for name in bands], np.float32))[:, None, None] * np.ones(
        (1, 2, 2), np.float32
    )
    assert plant_index(logarithms, bands) == pytest.approx(np.full((2, 2), wanted), abs=1e-6)


def test_white_ground_without_visible_bands_is_not_told() -> None:
    bright = [np.full((4, 4), 0.9, np.float32)] * 2
    assert not white(bright, ("nir", "swir1")).any()
    assert white(bright, ("green", "nir")).all()


def test_slopes_of_a_plane_and_of_a_strip_too_narrow_to_have_any() -> None:
    plane = (2.0 * np.arange(6)[:, None] + 3.0 * np.arange(6)[None]).astype(np.float32)
    inner = np.zeros((6, 6), dtype=bool)
    inner[1:-1, 1:-1] = True
    down, across = slopes(plane, inner)
    assert (down == np.where(inner, 2.0, 0.0)).all()
    assert (across == np.where(inner, 3.0, 0.0)).all()
    assert not np.any(slopes(plane[:2], inner[:2]))


def test_edges_of_a_picture_that_is_hardly_seen_are_none() -> None:
    seen = np.zeros((20, 20), dtype=bool)
    seen[::5, ::5] = True
    assert not _edges(np.random.default_rng(0).random((20, 20)).astype(np.float32), seen).any()


def test_shifts_that_agree_are_counted() -> None:
    assert robust_shift([]).tiles == 0
    assert robust_shift([(0.5, -0.25)]) == replace(robust_shift([(0.5, -0.25)] * 3), tiles=1)
    assert robust_shift([(0.5, 0.0), (0.52, 0.0), (0.48, 0.0), (9.0, 0.0)]).tiles == 3


# Relief


def test_run_out_on_level_unknown_and_opposite_ground() -> None:
    rows, cols = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    height = np.array([[4.0, 4.0], [4.0, 1.0]], np.float32)
    level = Terrain(height, np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32))
    assert runout(level, rows, cols) == {"drop_m": 3.0}
    unknown = replace(level, slope_deg=np.full((2, 2), np.nan, np.float32))
    assert runout(unknown, rows, cols) == {}
    apart = replace(
        level, slope_deg=np.full((2, 2), 30, np.float32), aspect_deg=np.array([[0, 180], [180, 0]], np.float32)
    )
    assert runout(apart, rows, cols) == {"drop_m": 3.0}


def test_an_object_without_known_relief_is_judged_by_its_shape_alone() -> None:
    rules = Rules(high=3.0, low=1.75, keep=0.4, fewest_px=6, min_slope_deg=15.0)
    assert plausible({"solidity": 1.0}, rules)
    assert not plausible({"solidity": 0.0}, replace(rules, min_solidity=0.5))


# Too little to learn from


def test_of_two_dates_the_lower_and_of_more_the_second_lowest_counts() -> None:
    nan = np.nan
    alone = np.array([[3, 5, nan, 3], [1, nan, nan, 2], [2, 4, nan, 9], [9, nan, nan, nan]], dtype=np.float32)
    assert lowest_but_one(alone)[[0, 1, 3]].tolist() == [2, 4, 3]
    assert np.isnan(lowest_but_one(alone)[2])
    assert lowest_but_one(np.zeros((0, 3), np.float32)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("detector", [IrMad(), RdNdvi(), SarAmplitude()])
def test_without_blocks_nothing_is_learnt(detector: Any) -> None:
    with pytest.raises(NotEnoughDataError):
        detector.fit([])


def test_a_sample_is_bounded_and_its_statistics_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    mixed = np.linalg.cholesky(0.5 * np.eye(6) + 0.5) @ rng.standard_normal((6, SHAPE[0] * SHAPE[1]))
    picture = 0.3 + 0.05 * mixed.reshape(6, *SHAPE)
    parts = [block([acquisition(0, picture, seed=n)], [acquisition(9, picture, seed=n)]) for n in range(4)]
    whole = IrMad().fit(parts)
    monkeypatch.setattr(irmad_module, "SAMPLES", 1500)
    few = IrMad().fit(parts)
    assert few.correlations == pytest.approx(whole.correlations, abs=0.02)


def test_iterations_end_before_all_weight_is_gone() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400, 3)).astype(np.float32)
    changed = rng.standard_normal((400, 3)).astype(np.float32)
    none = irmad(x, changed, ("red", "nir", "swir1"), iterations=1)
    assert none.correlations.max() < 0.3
    assert np.isfinite(irmad(x, changed, ("red", "nir", "swir1"), 30, 1e-12).correlations).all()


def test_whitening_needs_enough_calm_pixels() -> None:
    flat = np.random.default_rng(0).standard_normal((4, 150)).astype(np.float32)
    with pytest.raises(NotEnoughDataError, match="clear pixels to learn from; 200 are needed"):
        _whiteners(flat, np.zeros(150, np.int16), 1)


def test_blocks_that_no_date_saw_before_and_after_give_no_patches() -> None:
    unseen = block([acquisition(0)], [acquisition(9, usable=False)])
    assert _patches([unseen]) == []
    seen = block([acquisition(0)], [acquisition(9)])
    assert [view.seen.any() for view in _patches([unseen, seen])] == [True]


def test_a_view_and_its_window_are_the_same_ground() -> None:
    whole = look(block([acquisition(0)], [acquisition(9)]), BANDS)
    part = whole.crop((slice(5, 12), slice(0, 9)))
    assert (part.before == whole.before[:, 5:12, :9]).all()
    assert [(one == other[:, 5:12, :9]).all() for one, other in zip(part.after, whole.after, strict=True)] == [True]
    assert whole.hills.all()  # no relief: slides may be anywhere
    part.before[:] = 0
    assert (whole.before != 0).any()


def test_radar_without_relief_looks_everywhere() -> None:
    assert SarAmplitude()._possible(block([acquisition(0)], [acquisition(9)])).all()
    flat = terrain_from_elevation(np.zeros(SHAPE, np.float32), (10.0, 10.0))
    assert not SarAmplitude()._possible(block([acquisition(0)], [acquisition(9)], flat)).any()


def test_a_loss_of_plants_over_its_scatter() -> None:
    green, bare = np.array([0.05, 0.08, 0.05, 0.4, 0.2, 0.1]), np.array([0.1, 0.1, 0.12, 0.16, 0.2, 0.2])
    one = block([acquisition(0, green[:, None, None])], [acquisition(9, bare[:, None, None])])
    told = RdNdvi().score(one, Spread(0.0, 0.1))
    assert (told.z[told.observed] > 2.5).mean() > 0.99
    assert (told.first_after[told.z > 2.5] == 0).all()


# Plants that come back


def dates(*pairs: tuple[float, float]) -> list[Greenness]:
    return [
        Greenness(date(2020, 1, 1) + timedelta(days=30 * n), area, around) for n, (area, around) in enumerate(pairs)
    ]


def test_what_never_lost_enough_cannot_come_back() -> None:
    green, paler, bare = dates(*[(0.7, 0.7)] * 4), dates(*[(0.66, 0.7)] * 4), dates(*[(0.1, 0.7)] * 4)
    assert regrown(green, paler, green) is None
    back = regrown(green, bare, green)
    assert back is not None
    assert back.share == pytest.approx(1.0)
    assert regrown(green, bare, bare) is None


# Objects across the borders of tiles


@dataclass(frozen=True)
class Thing:
    rows: np.ndarray[Any, np.dtype[np.int32]]
    cols: np.ndarray[Any, np.dtype[np.int32]]


def bar(row: int, first: int, last: int) -> Thing:
    cols = np.arange(first, last + 1, dtype=np.int32)
    return Thing(np.full(cols.size, row, np.int32), cols)


def cut(things: list[Thing]) -> Any:
    def search(window: Slices) -> list[Thing]:
        rows, cols = window
        found = []
        for one in things:
            inside = (
                (one.rows >= rows.start) & (one.rows < rows.stop) & (one.cols >= cols.start) & (one.cols < cols.stop)
            )
            if inside.any():
                found.append(Thing(one.rows[inside], one.cols[inside]))
        return found

    return search


def test_an_object_is_looked_for_until_it_is_whole() -> None:
    shape = (400, 2000)
    long, near, far = bar(100, 90, 900), bar(110, 95, 105), bar(390, 1900, 1950)
    boxes = [(slice(95, 115), slice(90, 110))]
    found = [one for part in completed(boxes, shape, cut([long, near, far])) for one in part]
    assert sorted(one.cols.size for one in found) == [near.cols.size, long.cols.size]


def test_what_is_larger_than_memory_allows_is_given_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detection.regions.LARGEST_WINDOW_PX", 300)
    long = bar(100, 0, 1999)
    found = [one for part in completed([(slice(95, 105), slice(0, 2000))], (400, 2000), cut([long])) for one in part]
    assert sorted(col for one in found for col in one.cols.tolist()) == list(range(2000))
    assert max(one.cols.size for one in found) <= 300


def test_neighbours_business_is_theirs_and_what_reaches_the_border_is_cut() -> None:
    shape, tile, wide = (400, 400), (slice(0, 100), slice(0, 100)), (slice(0, 148), slice(0, 148))
    inside, across, beyond, out = bar(10, 10, 20), bar(20, 90, 120), bar(30, 110, 120), bar(40, 60, 147)
    whole, parts = sort_out([inside, across, beyond, out], wide, tile, shape)
    assert whole == [inside, across]
    assert parts == [(slice(40, 41), slice(60, 148))]


def test_boxes_that_touch_in_a_chain_are_one() -> None:
    boxes = [(slice(n, n + 10), slice(n, n + 10)) for n in (0, 8, 16)] + [(slice(90, 95), slice(0, 5))]
    assert merge_boxes(boxes) == [(slice(0, 26), slice(0, 26)), (slice(90, 95), slice(0, 5))]
    assert merge_boxes([]) == []


# Two sensors


class Blind:
    """A detector that never has enough to see."""

    halo_px = 3

    def model_dump(self) -> dict[str, Any]:
        return {"blind": True}

    def fit(self, blocks: Iterable[Block]) -> Any:
        list(blocks)
        raise NotEnoughDataError("nothing")

    def score(self, block: Block, model: Any) -> Score:
        raise NotEnoughDataError("nothing in this block")

    def candidates(self, score: Score, block: Block) -> list[Any]:
        raise AssertionError("there is nothing to find objects in")


class Seeing(Blind):
    """One that sees the same everywhere."""

    halo_px = 5

    def fit(self, blocks: Iterable[Block]) -> Any:
        return len(list(blocks))

    def score(self, block: Block, model: Any) -> Score:
        index = np.zeros(SHAPE, dtype=np.int16)
        return Score(np.full(SHAPE, 2.5, np.float32), np.ones(SHAPE, dtype=bool), index, index.copy())


BOTH = block(
    [acquisition(0), acquisition(1, -15.0, ("vh", "vv"))], [acquisition(9), acquisition(10, -9.0, ("vh", "vv"))]
)


def test_neither_sensor_is_nothing_and_one_is_enough() -> None:
    with pytest.raises(NotEnoughDataError, match="neither reflectance nor radar shows enough ground"):
        Fused(Blind(), Blind()).fit([BOTH])
    fused = Fused(Blind(), Seeing())
    model = fused.fit([BOTH])
    assert model == Models(None, 1)
    assert fused.halo_px == 5
    assert fused.model_dump() == {"optical": {"blind": True}, "sar": {"blind": True}}
    told = fused.score(BOTH, model)
    assert told.observed.all()
    assert (told.z == 2.5).all()
    assert (told.first_after == 1).all()  # the second of all dates after, which is the first of radar


def test_a_block_in_which_a_sensor_sees_too_little_is_left_to_the_other() -> None:
    told = Fused(Blind(), Blind()).score(BOTH, Models("learnt elsewhere", "as well"))
    assert not told.observed.any()
    assert np.isnan(told.z).all()
    assert (told.first_after == -1).all()
    assert Fused(Blind(), Blind()).candidates(told, BOTH) == []
