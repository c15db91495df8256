"""What is usual in a scene, learnt from patches spread over it: expectations, covariances, and how far scores scatter."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import Block, FloatArray, NotEnoughDataError
from detection.blocks import crop_block, tiles
from detection.methods.matching import PLANT_CLASSES, Fitted, classes, matched, matched_alone, smoothed, standardise
from detection.methods.pixels import CLOUD_REACH_PX, View, common_bands, look, median
from detection.methods.regression import Expectation, design, fit_expectation, residuals, whitening
from detection.methods.remainder import all_residuals, inner_of, slopes
from detection.regions import grow, within

PATCH_PX, PATCHES, SAMPLES = 160, 24, 120_000
LIGHT_CLASSES, EDGE_CLASSES = 6, 6
_PRIOR_PX = 400
_FEWEST_IN_CLASS = 1500
_MAD = 1.4826


def fit(blocks: Iterable[Block]) -> Fitted:
    """Return what is usual in the scene, learnt from patches spread over its blocks.

    Raises
    ------
    NotEnoughDataError
        Hardly anything is seen both before and after.
    """
    views = _patches(blocks)
    if not views:
        raise NotEnoughDataError("no pixel is clear both before and after")
    dates = len(views[0].after)
    expectations = tuple(_expectation(views, date) for date in range(dates))
    shifts = np.stack([_shift(views, date, expectations[date]) for date in range(dates)])
    left = [all_residuals(view, expectations, shifts) for view in views]
    return _spread(views, expectations, shifts, left)


def _patches(blocks: Iterable[Block]) -> list[View]:
    """Return views of at most PATCHES patches, each as likely as any other (reservoir sampling)."""
    rng = np.random.default_rng(20180906)
    kept: list[View] = []
    bands: tuple[str, ...] | None = None
    count = 0
    for block in blocks:
        bands = bands or common_bands(block)
        chosen: dict[int, tuple[slice, slice]] = {}
        for tile in tiles(block.shape, PATCH_PX):
            if not _both_seen(block, tile.inner):
                continue
            place = count if count < PATCHES else int(rng.integers(count + 1))
            count += 1
            if place < PATCHES:
                chosen[place] = tile.inner
        if not chosen:
            continue
        for place, window in sorted(chosen.items()):
            wide = grow(window, block.shape, CLOUD_REACH_PX + 2)
            part = look(crop_block(block, wide), bands).crop(within(window, wide))
            if place < len(kept):
                kept[place] = part
            else:
                kept.append(part)
    return [view for view in kept if view.seen.any()]


def _both_seen(block: Block, window: tuple[slice, slice]) -> bool:
    before = np.logical_or.reduce([one.usable[window] for one in block.before])
    after = np.logical_or.reduce([one.usable[window] for one in block.after])
    return bool((before & after).mean() > 0.02)


def _expectation(views: list[View], date: int) -> Expectation:
    """Return the expectation of a date, from a bounded sample of the patches."""
    rng = np.random.default_rng(date)
    places = [np.flatnonzero(view.hills & view.seen_before & view.seen_after[date]) for view in views]
    share = min(1.0, SAMPLES / max(1, sum(len(place) for place in places)))
    places = [np.sort(rng.choice(place, int(len(place) * share), replace=False)) for place in places]
    bands = len(views[0].bands)
    before = [view.before.reshape(bands, -1)[:, place] for view, place in zip(views, places, strict=True)]
    if not any(part.shape[1] for part in before):
        raise NotEnoughDataError(f"date {date + 1} after the event shows no ground that was seen before")
    center = np.concatenate(before, axis=1).mean(axis=1)
    columns = [design(view, date, center, place) for view, place in zip(views, places, strict=True)]
    seen = [view.after[date].reshape(bands, -1)[:, place] for view, place in zip(views, places, strict=True)]
    return fit_expectation(np.concatenate(columns, axis=1), np.concatenate(seen, axis=1), center)


def _shift(views: list[View], date: int, expectation: Expectation) -> FloatArray:
    """Return by how much a date lies off, (rows, cols) in pixels: least squares of its residual on the slopes.

    First order of the Taylor series, as in [@Lucas1981]; residuals beyond 3 deviations do not count.
    """
    normal, right = np.zeros((2, 2)), np.zeros(2)
    for view in views:
        calm = ndi.binary_erosion(view.seen_before & view.seen_after[date], np.ones((5, 5), dtype=bool)) & view.hills
        if calm.sum() < _FEWEST_IN_CLASS:
            continue
        left = residuals(view, date, expectation)[:, calm]
        inner = inner_of(view)
        down, across = (
            np.stack(part)
            for part in zip(*([p[calm] for p in slopes(band, inner)] for band in view.before), strict=True)
        )
        scale = _MAD * np.median(np.abs(left), axis=1, keepdims=True) + 1e-6
        steep = np.hypot(down, across)
        # steps beyond the steepest tenth are borders of snow, water and fields, which move themselves
        weight = (steep < np.quantile(steep, 0.9, axis=1, keepdims=True)) & (np.abs(left) < 3 * scale)
        parts = [part * weight / scale for part in (down, across)]
        normal += [[float((one * other).sum()) for other in parts] for one in parts]
        right += [float((one * left / scale).sum()) for one in parts]
    shift = np.linalg.solve(normal + 1e-6 * np.eye(2) * (1 + np.trace(normal)), right)
    return np.clip(shift, -1, 1).astype(np.float32)


def _quantiles(parts: list[FloatArray], number: int) -> FloatArray:
    return np.quantile(np.concatenate(parts), np.arange(1, number) / number).astype(np.float32)


def _spread(
    views: list[View], expectations: tuple[Expectation, ...], shifts: FloatArray, left: list[list[FloatArray]]
) -> Fitted:
    """Return the fitted statistics: covariances by class, then the spread of the score that they give."""
    seen = [view.seen & view.hills for view in views]
    plant_edges = _quantiles([view.plants[mask] for view, mask in zip(views, seen, strict=True)], PLANT_CLASSES)
    light_edges = np.zeros(0, dtype=np.float32)
    if views[0].light_before is not None:
        lights = [
            view.light_before[mask] for view, mask in zip(views, seen, strict=True) if view.light_before is not None
        ]
        light_edges = _quantiles(lights, LIGHT_CLASSES)
    middles = [median(part, view.seen_after & view.seen_before) for part, view in zip(left, views, strict=True)]
    flat = np.concatenate([part[:, mask] for part, mask in zip(middles, seen, strict=True)], axis=1)
    kind = np.concatenate(
        [classes(view, light_edges, plant_edges, np.flatnonzero(mask)) for view, mask in zip(views, seen, strict=True)]
    )
    whiteners = _whiteners(flat, kind, (len(light_edges) + 1) * PLANT_CLASSES)
    dates = len(expectations)
    bare = Fitted(
        views[0].bands, expectations, shifts, light_edges, plant_edges, whiteners,
        np.zeros(0, np.float32), np.zeros(1, np.float32), np.ones(1, np.float32), np.ones(dates + 1, np.float32),
        np.tile(np.array([0, 1], np.float32), (dates, 1)), 1.0,
    )  # fmt: skip
    return _standardised(bare, views, left, middles)


def _whiteners(flat: FloatArray, kind: npt.NDArray[np.int16], count: int) -> FloatArray:
    """Return per class the whitening of the covariance without the 4-deviation tails, drawn to the common one."""
    calm = (np.abs(flat) < 4 * _MAD * np.median(np.abs(flat), axis=1, keepdims=True)).all(axis=0)
    if calm.sum() < 50 * len(flat):
        raise NotEnoughDataError(f"only {int(calm.sum())} clear pixels to learn from; {50 * len(flat)} are needed")
    common = np.cov(flat[:, calm])
    result = []
    for number in range(count):
        mine = flat[:, calm & (kind == number)]
        own = mine @ mine.T
        result.append(whitening((own + _PRIOR_PX * common) / (mine.shape[1] + _PRIOR_PX)))
    return np.stack(result)


def _standardised(bare: Fitted, views: list[View], left: list[list[FloatArray]], middles: list[FloatArray]) -> Fitted:
    """Return the fit with the spread of its score by contrast, by number of dates, per date, and when smoothed."""
    answers = [matched(view, middle, bare) for view, middle in zip(views, middles, strict=True)]
    masks = [view.seen & view.hills for view in views]
    z = np.concatenate([answer.z[mask] for answer, mask in zip(answers, masks, strict=True)])
    contrast = np.concatenate([answer.contrast[mask] for answer, mask in zip(answers, masks, strict=True)])
    number = np.concatenate([view.seen_after.sum(axis=0)[mask] for view, mask in zip(views, masks, strict=True)])
    edges = _quantiles([contrast], EDGE_CLASSES)
    place = np.searchsorted(edges, contrast)
    centers, scales = zip(*(_robust(z[place == cls]) for cls in range(EDGE_CLASSES)), strict=True)
    center, scale = np.array(centers, np.float32), np.array(scales, np.float32)
    z = (z - center[place]) / scale[place]
    thin = np.ones(len(bare.thinness), dtype=np.float32)
    for dates in range(1, len(thin)):
        if (number == dates).sum() >= _FEWEST_IN_CLASS:
            thin[dates] = max(_robust(z[number == dates])[1], 0.5)
    partly = bare.__class__(**{**vars(bare), "edge_edges": edges, "center": center, "scale": scale, "thinness": thin})
    smooth = []
    for view, answer in zip(views, answers, strict=True):
        whole = smoothed(standardise(answer, view, partly), view.seen)
        smooth.append(whole[view.seen & view.hills])
    return bare.__class__(**{
        **vars(partly),
        "smooth_scale": _robust(np.concatenate(smooth))[1],
        "date_scale": _date_scale(views, left, partly),
    })  # fmt: skip


def _date_scale(views: list[View], left: list[list[FloatArray]], fitted: Fitted) -> FloatArray:
    """Return median and deviation of the score of each date alone."""
    alone = np.concatenate(
        [
            matched_alone(view, part, fitted, np.flatnonzero(view.hills & view.seen))
            for view, part in zip(views, left, strict=True)
        ],
        axis=1,
    )
    return np.array([_robust(scores[np.isfinite(scores)]) for scores in alone], dtype=np.float32)


def _robust(values: FloatArray) -> tuple[float, float]:
    """Return median and robust standard deviation, from the lower half: changes lie in the upper."""
    if not len(values):
        return 0.0, 1.0
    middle = float(np.median(values))
    below = middle - values[values <= middle]
    return middle, max(float(_MAD * np.median(below)), 1e-3)
