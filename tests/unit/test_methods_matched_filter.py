"""The matched filter against simulated truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from detection.arrays import Acquisition, Block, NotEnoughDataError, Score
from detection.blocks import crop_block, crop_score, tiles
from detection.methods import DETECTORS
from detection.methods.conditional import lowest_but_one
from detection.methods.illumination import sunlit
from detection.methods.learning import fit
from detection.methods.matched_filter import MatchedFilter
from detection.methods.matching import Fitted
from detection.simulate import LandslideScene, Nuisances, simulate_landslide


@pytest.fixture(scope="module")
def scene() -> LandslideScene:
    """Return a scene with everything in it."""
    return simulate_landslide(11, shape=(400, 400), slides=14)


@pytest.fixture(scope="module")
def fitted(scene: LandslideScene) -> Fitted:
    """Return what is usual in it."""
    return MatchedFilter().fit([scene.block])


@pytest.fixture(scope="module")
def score(scene: LandslideScene, fitted: Fitted) -> Score:
    """Return its score."""
    return MatchedFilter().score(scene.block, fitted)


def found_share(scene: LandslideScene, score: Score, found: np.ndarray, fewest: int = 10) -> float:
    """Return the share of slides of which 30 % and more are marked."""
    true = np.where(score.observed, scene.labels, 0)
    hits = [found[true == s.label].mean() >= 0.3 for s in scene.slides if (true == s.label).sum() >= fewest]
    return float(np.mean(hits))


def mark(scene: LandslideScene, score: Score, detector: MatchedFilter) -> tuple[np.ndarray, list[bool]]:
    """Return marked pixels, and which objects are right."""
    marked = np.zeros(scene.labels.shape, dtype=bool)
    right = []
    for one in detector.candidates(score, scene.block):
        marked[one.rows, one.cols] = True
        right.append(bool((scene.labels[one.rows, one.cols] > 0).mean() >= 0.3))
    return marked, right


def test_slides_are_found_and_little_else(scene: LandslideScene, score: Score) -> None:
    marked, right = mark(scene, score, MatchedFilter())
    assert found_share(scene, score, marked) >= 0.75
    assert np.mean(right) >= 0.75


def test_score_is_standard_on_unchanged_hills(scene: LandslideScene, score: Score) -> None:
    terrain = scene.block.terrain
    assert terrain is not None
    quiet = score.z[score.observed & (scene.labels == 0) & (terrain.slope_deg > 15)]
    middle = np.median(quiet)
    assert abs(middle) < 0.3
    # below the median: what snow explains better is cut off above it
    assert middle - np.quantile(quiet, 0.1587) == pytest.approx(1, abs=0.25)


def test_nan_only_where_not_observed(score: Score) -> None:
    assert np.array_equal(np.isfinite(score.z), score.observed)
    assert all(np.array_equal(np.isfinite(layer), score.observed) for layer in score.layers.values())
    assert 0.3 < score.observed.mean() < 1


def test_interval_holds_the_day_of_the_event(scene: LandslideScene, score: Score) -> None:
    dates = [one.acquired_at for one in (*scene.block.before, *scene.block.after)]
    core = (scene.labels > 0) & (np.nan_to_num(score.z) > 5)
    first, quiet = score.first_after[core], score.last_quiet[core]
    assert (first >= 0).mean() > 0.95
    inside = [
        dates[q] <= scene.event_at <= dates[4 + f] for f, q in zip(first, quiet, strict=True) if f >= 0 and q >= 0
    ]
    assert np.mean(inside) >= 0.95


def test_late_slides_are_dated_late() -> None:
    nuisances = replace(Nuisances(), clouds=False, snow=False)
    scene, calm = (
        simulate_landslide(12, shape=(240, 240), n_before=4, n_after=6, slides=8, nuisances=nuisances) for _ in range(2)
    )
    # a date before the event stands for the first one after
    still = replace(calm.block.before[1], acquired_at=scene.block.after[0].acquired_at)
    before = (calm.block.before[0], *calm.block.before[2:])
    block = replace(scene.block, before=before, after=(still, *scene.block.after[1:]))
    detector = MatchedFilter()
    score = detector.score(block, detector.fit([block]))
    core = (scene.labels > 0) & (np.nan_to_num(score.z) > 6) & block.after[0].usable & block.after[1].usable
    assert core.sum() > 20
    assert np.median(score.first_after[core]) == 1
    assert np.median(score.last_quiet[core]) == 3  # three before, then the first after


def lit(block: Block) -> Block:
    """Return a block whose dates know where the sun shone."""

    def one(date: Acquisition) -> Acquisition:
        assert block.terrain is not None
        sun = (date.sun_elevation_deg, date.sun_azimuth_deg)
        return replace(date, sunlit=sunlit(block.terrain.elevation_m, block.pixel_m, *sun))

    return replace(block, before=tuple(map(one, block.before)), after=tuple(map(one, block.after)))


def test_blocks_with_halo_make_the_whole(scene: LandslideScene, fitted: Fitted, score: Score) -> None:
    detector = MatchedFilter()
    block = lit(scene.block)
    for tile in list(tiles(scene.block.shape, 210, detector.halo_px))[:2]:
        part = crop_score(detector.score(crop_block(block, tile.outer), fitted), tile.inside)
        whole = crop_score(score, tile.inner)
        assert np.array_equal(part.observed, whole.observed)
        assert np.allclose(part.z, whole.z, atol=2e-3, equal_nan=True)
        assert np.array_equal(part.first_after, whole.first_after)


def test_pictures_are_overwritten_only_where_they_are_to_spare(
    scene: LandslideScene, fitted: Fitted, score: Score
) -> None:
    kept = [one.reflectance.copy() for one in (*scene.block.before, *scene.block.after)]

    def copied(dates: tuple[Acquisition, ...]) -> tuple[Acquisition, ...]:
        return tuple(replace(one, reflectance=one.reflectance.copy()) for one in dates)

    spare = replace(scene.block, before=copied(scene.block.before), after=copied(scene.block.after), spare=True)
    again = MatchedFilter().score(spare, fitted)
    assert np.array_equal(again.z, score.z, equal_nan=True)
    assert all(np.array_equal(again.layers[name], score.layers[name], equal_nan=True) for name in score.layers)
    assert not np.array_equal(spare.after[0].reflectance, kept[-4], equal_nan=True)
    MatchedFilter().score(scene.block, fitted)
    untouched = [one.reflectance for one in (*scene.block.before, *scene.block.after)]
    assert all(np.array_equal(one, other, equal_nan=True) for one, other in zip(untouched, kept, strict=True))


def test_fit_does_not_need_the_scene_in_one_piece(scene: LandslideScene) -> None:
    parts = [crop_block(scene.block, tile.inner) for tile in tiles(scene.block.shape, 200)]
    detector = MatchedFilter()
    score = detector.score(scene.block, detector.fit(iter(parts)))
    marked, right = mark(scene, score, detector)
    assert found_share(scene, score, marked) >= 0.7
    assert np.mean(right) >= 0.7


def test_a_cloud_on_one_date_is_outvoted() -> None:
    quiet = replace(Nuisances(), clouds=False, snow=False, river=False, fields=False)
    scene = simulate_landslide(13, shape=(240, 240), slides=0, nuisances=quiet)
    after = scene.block.after[2]
    picture = after.reflectance.copy()
    picture[:, 100:112, 60:72] = 0.3
    block = replace(
        scene.block, after=(*scene.block.after[:2], replace(after, reflectance=picture), scene.block.after[3])
    )
    detector = MatchedFilter(min_confidence=0)
    score = detector.score(block, detector.fit([block]))
    there = (slice(98, 114), slice(58, 74))
    enough = score.layers["dates"][there] >= 3
    assert enough.sum() > 100
    assert score.z[there][enough].max() < 5
    alone = replace(block, after=(block.after[2],))
    score = detector.score(alone, detector.fit([alone]))
    assert np.nanmedian(score.z[102:110, 62:70]) > 5


def test_lowest_but_one() -> None:
    nan = np.nan
    alone = np.array([[5, 5, nan], [1, 7, 3], [8, nan, nan], [9, nan, nan]], dtype=np.float32)
    assert lowest_but_one(alone).tolist() == [5, 5, 3]


@pytest.mark.parametrize("bands", [("blue", "green", "red"), ("green", "red", "nir", "swir1"), ("red", "nir", "swir2")])
@pytest.mark.parametrize("with_terrain", [True, False])
def test_any_three_bands_do(bands: tuple[str, ...], with_terrain: bool) -> None:
    scene = simulate_landslide(
        14, shape=(200, 200), slides=6, bands=bands, with_terrain=with_terrain, n_before=2, n_after=2
    )
    detector = MatchedFilter(min_confidence=0)
    score = detector.score(scene.block, detector.fit([scene.block]))
    for one in detector.candidates(score, scene.block):
        assert 0 <= one.confidence <= 1
        assert (one.mean_slope_deg is not None) == with_terrain


def test_confidence_falls_with_what_is_missing() -> None:
    scene = simulate_landslide(15, shape=(300, 300), slides=12, nuisances=replace(Nuisances(), clouds=False))
    block = scene.block
    one = replace(block, before=block.before[:1], after=block.after[:1])
    visible = tuple(
        Acquisition(a.acquired_at, a.bands[:3], a.reflectance[:3], a.usable, a.sun_elevation_deg, a.sun_azimuth_deg)
        for a in (one.before[0], one.after[0])
    )
    slides = range(1, int(scene.labels.max()) + 1)
    means = []
    for each in (block, one, replace(one, terrain=None), Block(visible[:1], visible[1:], None, block.pixel_m)):
        detector = MatchedFilter(min_confidence=0)
        found = detector.candidates(detector.score(each, detector.fit([each])), each)
        # over all true slides, those that were missed among them: few but sure findings are not more certainty
        sure = dict.fromkeys(slides, 0.0)
        for one_found in found:
            labels = scene.labels[one_found.rows, one_found.cols]
            for slide in np.unique(labels[labels > 0]) if (labels > 0).mean() >= 0.5 else ():
                sure[int(slide)] = max(sure[int(slide)], one_found.confidence)
        means.append(float(np.mean(list(sure.values()))))
    stack, pair, level, seen = means
    assert stack > max(pair, level)
    assert min(pair, level) > seen


def test_nothing_in_common_is_refused() -> None:
    block = simulate_landslide(16, shape=(100, 100), n_before=1, n_after=1).block
    block.after[0].usable[:] = False
    with pytest.raises(NotEnoughDataError):
        fit([block])
    with pytest.raises(NotEnoughDataError):
        fit([])


def test_another_number_of_dates_than_fitted_is_a_mistake(scene: LandslideScene, fitted: Fitted) -> None:
    with pytest.raises(ValueError, match="fitted on 4 dates"):
        MatchedFilter().score(replace(scene.block, after=scene.block.after[:2]), fitted)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_parameters_are_checked(name: str) -> None:
    with pytest.raises(ValidationError):
        DETECTORS[name](typo=1)
    with pytest.raises(ValidationError):
        DETECTORS[name](high=-1)
    assert DETECTORS[name]().model_dump()["min_area_px"] >= 6
