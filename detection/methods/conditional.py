"""The conditional matched filter: how much more a pixel changed towards fresh ground than its like did.

Both methods for landslides are built of these functions: what a date after should look like is learnt by regression
on the dates before, the light and the relief (`regression`); what is left is averaged over dates, whitened by the
covariance of the pixel's like, and projected on what fresh ground would do to this pixel (`targets`), as in
[@Reed1974]; learning the expectation first is the idea of [@Theiler2006].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import Block, BoolArray, FloatArray, NotEnoughDataError, Score
from detection.blocks import crop_block, tiles
from detection.methods.pixels import CLOUD_REACH_PX, View, common_bands, eroded, look, median, plant_index
from detection.methods.regression import Expectation, design, fit_expectation, residuals, whitening
from detection.methods.targets import cloud_signature, shade_signature, signatures, snow_like, snow_signature
from detection.regions import grow, within

PATCH_PX, PATCHES, SAMPLES = 160, 24, 120_000
MEAN_PX = 41
"""Haze and slow changes of the light are taken out over this width."""
SMOOTH_PX = 0.7
HALO_PX = CLOUD_REACH_PX + MEAN_PX // 2 + 4
"""Rim of cloud, the mean around, masks grown by one pixel and smoothing; shadows reach farther, see Acquisition."""
LIGHT_CLASSES, PLANT_CLASSES, EDGE_CLASSES = 6, 4, 6
_PRIOR_PX = 400
_FEWEST_IN_CLASS = 1500
_MAD = 1.4826
_CHUNK_PX = 1 << 14
"""So many pixels at a time stay in the processor's cache."""
_CLEAR = 2.5
"""Below so many deviations a change tells nothing of what it is."""


@dataclass(frozen=True)
class Fitted:
    """What is usual in a scene."""

    bands: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    """One per date after."""
    shifts: FloatArray
    """(dates, 2), rows and columns by which each date after still lies off, pixels."""
    light_edges: FloatArray
    plant_edges: FloatArray
    whiteners: FloatArray
    """(light classes * plant classes, bands, bands)."""
    edge_edges: FloatArray
    center: FloatArray
    scale: FloatArray
    """(edge classes,), median and robust standard deviation of the raw score by local contrast."""
    thinness: FloatArray
    """(dates + 1,), by how much the score scatters more where fewer dates were seen."""
    date_scale: FloatArray
    """(dates, 2), median and robust standard deviation of the score of each date alone."""
    smooth_scale: float


@dataclass(frozen=True)
class Filtered:
    """The filter's answer, (rows, cols) each; 0 where not seen."""

    z: FloatArray
    purity: FloatArray
    """Share of the change that goes in the direction of fresh ground, 0-1."""
    cloud: FloatArray
    """How much better a thin cloud tells the change than fresh ground does: difference of cosines, -2 to 1."""
    shade: FloatArray
    """The same of light and shade, either way."""
    contrast: FloatArray
    """Steps of brightness from pixel to pixel before: where they are large, small shifts feign changes."""


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


def slopes(picture: FloatArray, inner: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the change of a band per pixel, down and across, (rows, cols); 0 where not `inner`."""
    down, across = np.zeros_like(picture), np.zeros_like(picture)
    if min(picture.shape) > 2:
        np.subtract(picture[2:], picture[:-2], out=down[1:-1])
        np.subtract(picture[:, 2:], picture[:, :-2], out=across[:, 1:-1])
    half = inner * np.float32(0.5)
    down *= half
    across *= half
    return down, across


def _inner(view: View) -> BoolArray:
    """Return pixels seen before whose neighbours are too, (rows, cols)."""
    return eroded(view.seen_before, corners=True)


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
        inner = _inner(view)
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


def all_residuals(view: View, expectations: tuple[Expectation, ...], shifts: FloatArray) -> FloatArray:
    """Return the residual of every date, free of shift and of its mean around, (dates, bands, rows, cols).

    It takes the place of `view.after`, of which a block has no room for two.
    """
    result = view.after
    inner, seen = _inner(view), (view.seen_before & view.seen_after).astype(np.float32)
    shares = []
    for date, expectation in enumerate(expectations):
        residuals(view, date, expectation, out=result[date])
        around = ndi.uniform_filter(seen[date], MEAN_PX, mode="constant")
        shares.append(1 / np.maximum(around, np.float32(1e-3)))
    for band, picture in enumerate(view.before):
        down, across = slopes(picture, inner)
        for date, expectation in enumerate(expectations):
            one = result[date, band]
            one -= shifts[date, 0] * down
            one -= shifts[date, 1] * across
            one *= seen[date]
            most = 3 * expectation.deviation[band]  # what changed is not to tilt the mean around it
            around = ndi.uniform_filter(np.clip(one, -most, most), MEAN_PX, mode="constant")
            around *= shares[date]
            one -= around
            one *= seen[date]
    return result


def classes(
    view: View, fitted_light: FloatArray, fitted_plants: FloatArray, pixels: npt.NDArray[np.intp]
) -> npt.NDArray[np.int16]:
    """Return the class of light and plants of some pixels (flat indices)."""
    plants = plant_index(view.before.reshape(len(view.bands), -1)[:, pixels], view.bands)
    kind = _place(fitted_plants, plants)
    if view.light_before is not None:
        kind += PLANT_CLASSES * _place(fitted_light, view.light_before.reshape(-1)[pixels])
    return kind


def _place(edges: FloatArray, values: FloatArray) -> npt.NDArray[np.int16]:
    """Return how many edges lie below each value: for a handful of edges faster than a search."""
    place = np.zeros(values.shape, dtype=np.int16)
    for edge in edges:
        place += values > edge
    return place


def _quantiles(parts: list[FloatArray], number: int) -> FloatArray:
    return np.quantile(np.concatenate(parts), np.arange(1, number) / number).astype(np.float32)


def _spread(
    views: list[View], expectations: tuple[Expectation, ...], shifts: FloatArray, left: list[FloatArray]
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


def _standardised(bare: Fitted, views: list[View], left: list[FloatArray], middles: list[FloatArray]) -> Fitted:
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


def _date_scale(views: list[View], left: list[FloatArray], fitted: Fitted) -> FloatArray:
    """Return median and deviation of the score of each date alone."""
    result = []
    for date in range(len(fitted.expectations)):
        scores = []
        for view, part in zip(views, left, strict=True):
            seen = view.hills & view.seen_before & view.seen_after[date]
            if seen.any():
                scores.append(matched_pixels(view, part[date], fitted, np.flatnonzero(seen))[0])
        result.append(_robust(np.concatenate(scores)))
    return np.array(result, dtype=np.float32)


def _robust(values: FloatArray) -> tuple[float, float]:
    """Return median and robust standard deviation, from the lower half: changes lie in the upper."""
    if not len(values):
        return 0.0, 1.0
    middle = float(np.median(values))
    below = middle - values[values <= middle]
    return middle, max(float(_MAD * np.median(below)), 1e-3)


def matched(view: View, residual: FloatArray, fitted: Fitted) -> Filtered:
    """Return the raw score of a residual (bands, rows, cols), not standardised."""
    shape = view.seen_before.shape
    pixels = np.flatnonzero(view.seen)
    z = np.zeros(shape, dtype=np.float32)
    purity = np.zeros(shape, dtype=np.float32)
    cloud, shade = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    z.flat[pixels], purity.flat[pixels], cloud.flat[pixels], shade.flat[pixels] = matched_pixels(
        view, residual, fitted, pixels
    )
    return Filtered(z, purity, cloud, shade, _contrast(view))


def _contrast(view: View) -> FloatArray:
    """Return the root mean square of the change per pixel before, over bands, (rows, cols)."""
    inner = _inner(view)
    total = np.zeros(inner.shape, dtype=np.float32)
    for band in view.before:
        for slope in slopes(band, inner):
            total += slope * slope
    total /= len(view.before)
    return np.sqrt(total, out=total)


def matched_pixels(
    view: View, residual: FloatArray, fitted: Fitted, pixels: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return score, purity and likeness to cloud and to shade of some pixels (flat indices), see Filtered.

    The score is the best of s'S⁻¹e / sqrt(s'S⁻¹s) over the targets, the matched filter of [@Reed1974].
    """
    kind = classes(view, fitted.light_edges, fitted.plant_edges, pixels)
    order = np.argsort(kind, kind="stable")
    bounds = np.searchsorted(kind[order], np.arange(len(fitted.whiteners) + 1))
    answers = np.empty((4, len(pixels)), dtype=np.float32)
    for number, whitener in enumerate(fitted.whiteners):
        for start in range(bounds[number], bounds[number + 1], _CHUNK_PX):
            places = order[start : min(start + _CHUNK_PX, bounds[number + 1])]
            answers[:, places] = _matched_like(view, residual, whitener, pixels[places])
    return answers[0], answers[1], answers[2], answers[3]


def _matched_like(view: View, residual: FloatArray, whitener: FloatArray, pixels: npt.NDArray[np.intp]) -> FloatArray:
    """Return score, purity, likeness to cloud and to shade, (4, pixels), of pixels of one class."""
    bands = len(view.bands)
    change = residual.reshape(bands, -1)[:, pixels]
    before = view.before.reshape(bands, -1)[:, pixels]
    inverse = np.exp(-before)
    white = whitener @ change
    length = np.maximum(np.sqrt(np.einsum("bp,bp->p", white, white)), np.float32(1e-6))
    best = np.max([_along(whitener @ target, white) for target in signatures(inverse, view.bands)], axis=0)
    cloud = _along(whitener @ cloud_signature(inverse, view.bands), white) - best
    shade = np.abs(_along(whitener @ shade_signature(view.bands), white)) - best
    snow = snow_signature(inverse, view.bands)
    if snow is not None:  # what is better told by snow come or gone is no scar
        along = np.abs(_along(whitener @ snow, white))
        snowy = (along > best) & (along > _CLEAR) & snow_like(before, change, view.bands)
        best = np.where(snowy, np.minimum(best, 1), best)
    return np.stack([best, best / length, cloud / length, shade / length])


def _along(aim: FloatArray, white: FloatArray) -> FloatArray:
    """Return the projection of each column on the direction of the same column of `aim`."""
    length = np.sqrt(np.einsum("bp,bp->p", aim, aim)) + np.float32(1e-6)
    return np.asarray(np.einsum("bp,bp->p", aim, white) / length, dtype=np.float32)


def standardise(answer: Filtered, view: View, fitted: Fitted) -> FloatArray:
    """Return the score with median 0 and deviation 1 among its like, (rows, cols); 0 where not seen."""
    place = _place(fitted.edge_edges, answer.contrast)
    number = (view.seen_after & view.seen_before).sum(axis=0, dtype=np.int16)
    z = (answer.z - fitted.center[place]) / (fitted.scale[place] * fitted.thinness[number])
    return np.asarray(z * view.seen, dtype=np.float32)


def smoothed(z: FloatArray, seen: BoolArray) -> FloatArray:
    """Return the score averaged over its neighbours that are seen, by a Gaussian of SMOOTH_PX; 0 where not seen."""
    weight = ndi.gaussian_filter(seen.astype(np.float32), SMOOTH_PX, mode="constant", truncate=3.0)
    total = ndi.gaussian_filter(z * seen, SMOOTH_PX, mode="constant", truncate=3.0)
    return np.asarray(np.where(seen, total / np.maximum(weight, 1e-3), 0), dtype=np.float32)


def apply(block: Block, fitted: Fitted, floor: float) -> Score:
    """Return the score of a block.

    Parameters
    ----------
    floor
        The dates vote on pixels whose score exceeds it.
    """
    if len(block.after) != len(fitted.expectations):
        raise ValueError(f"fitted on {len(fitted.expectations)} dates after, the block has {len(block.after)}")
    view = look(block, fitted.bands)
    left = all_residuals(view, fitted.expectations, fitted.shifts)
    answer = matched(view, median(left, view.seen_after & view.seen_before), fitted)
    z = standardise(answer, view, fitted) / np.float32(fitted.smooth_scale)
    seen = view.seen
    alone, pixels = _alone(z > floor, view, left, fitted)
    vote = z.copy()
    standard = (alone - fitted.date_scale[:, :1]) / fitted.date_scale[:, 1:]
    vote.flat[pixels] = lowest_but_one(standard)
    first_after, last_quiet = _interval(alone, pixels, [one.usable for one in block.before])
    z = smoothed(np.minimum(z, vote), seen)
    unseen = np.float32(np.nan)
    layers = {
        "purity": answer.purity,
        "cloud": answer.cloud,
        "shade": answer.shade,
        "contrast": answer.contrast,
        "vote": smoothed(np.clip(vote, -5, 50), seen),
        "plants": view.plants,
        "dates": view.seen_after.sum(axis=0, dtype=np.float32),
    }
    return Score(
        np.where(seen, z, unseen), seen, first_after, last_quiet,
        {name: np.where(seen, layer, unseen) for name, layer in layers.items()},
    )  # fmt: skip


_SHOWN, _QUIET = 0.5, 0.25
"""A date shows the change from this share of the strongest date's score on, and is quiet below the other."""


def _alone(where: BoolArray, view: View, left: FloatArray, fitted: Fitted) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return the raw score of each date alone (dates, pixels), NaN = not seen, and the pixels (flat indices)."""
    pixels = np.flatnonzero(where & view.seen)
    alone = np.full((len(left), len(pixels)), np.nan, dtype=np.float32)
    for date in range(len(left)):
        mine = np.flatnonzero(view.seen_after[date].flat[pixels])
        alone[date, mine] = matched_pixels(view, left[date], fitted, pixels[mine])[0]
    return alone, pixels


def lowest_but_one(alone: FloatArray) -> FloatArray:
    """Return the second smallest of three and more seen dates, the smallest of one or two, (pixels,).

    Parameters
    ----------
    alone
        (dates, pixels), NaN = not seen.
    """
    if not alone.size:
        return np.zeros(alone.shape[1], dtype=np.float32)
    ordered = np.sort(alone, axis=0)  # NaN last
    count = np.isfinite(alone).sum(axis=0)
    which = np.where(count >= 3, 1, 0)
    return np.asarray(np.take_along_axis(ordered, which[None], axis=0)[0], dtype=np.float32)


def _interval(
    alone: FloatArray, pixels: npt.NDArray[np.intp], before: list[BoolArray]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return the first date after that shows the change, and the last date of all before it that is quiet; -1 = none.

    Both (rows, cols). Where nothing shows, the last quiet date is the last usable one of those before.

    Parameters
    ----------
    alone
        (dates after, pixels), raw score of each date, NaN = not seen: raw, a change is as large on a noisy date.
    before
        Usable pixels of each date before.
    """
    shape = before[0].shape
    strongest = np.nan_to_num(alone, nan=-np.inf).max(axis=0, initial=0)
    shown = (np.nan_to_num(alone, nan=-np.inf) >= _SHOWN * strongest) & (strongest > 0)
    first = np.where(shown.any(axis=0), shown.argmax(axis=0), -1)
    calm = np.nan_to_num(alone, nan=np.inf) < _QUIET * strongest
    calm &= np.arange(len(alone))[:, None] < first
    quiet = np.where(calm.any(axis=0), len(alone) - 1 - calm[::-1].argmax(axis=0), -1)
    first_after = np.full(shape, -1, dtype=np.int16)
    last_quiet = np.full(shape, -1, dtype=np.int16)
    first_after.flat[pixels] = first
    for index, usable in enumerate(before):
        last_quiet[usable] = index
    last_quiet.flat[pixels] = np.where(quiet >= 0, quiet + len(before), last_quiet.flat[pixels])
    return first_after, last_quiet
