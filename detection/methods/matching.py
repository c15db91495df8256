"""How far a change goes in the direction of fresh ground, measured by the spread of the pixel's like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import BoolArray, FloatArray
from detection.methods.pixels import View
from detection.methods.regression import Expectation
from detection.methods.remainder import inner_of, slopes
from detection.methods.targets import cloud_signature, shade_signature, signatures, snow_like, snow_signature

SMOOTH_PX = 0.7
PLANT_CLASSES = 4
_CHUNK_PX = 1 << 13
"""So many pixels at a time stay in the processor's cache."""
_CLEAR = 2.5
"""Below so many deviations a change tells nothing of what it is."""

Places = npt.NDArray[np.intp]


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


def matched(view: View, residual: FloatArray, fitted: Fitted) -> Filtered:
    """Return the raw score of a residual (bands, rows, cols), not standardised.

    The score is the best of s'S⁻¹e / sqrt(s'S⁻¹s) over the targets, the matched filter of [@Reed1974].
    """
    pixels = np.flatnonzero(view.seen)
    maps = np.zeros((4, *view.seen_before.shape), dtype=np.float32)
    for places, whitener in _alike(view, fitted, pixels):
        own = pixels[places]
        aims = _Aims(_of_pixels(view.before, own), whitener, view.bands)
        for whole, values in zip(maps, aims.likeness(_of_pixels(residual, own)), strict=True):
            whole.reshape(-1)[own] = values
    z, purity, cloud, shade = maps
    return Filtered(z, purity, cloud, shade, _contrast(view))


def matched_alone(view: View, left: list[FloatArray], fitted: Fitted, pixels: Places) -> FloatArray:
    """Return the raw score of each date alone at some pixels (flat indices), (dates, pixels); NaN = not seen.

    Parameters
    ----------
    left
        Residuals of each date, (bands, rows, cols).
    """
    alone = np.empty((len(left), len(pixels)), dtype=np.float32)
    for places, whitener in _alike(view, fitted, pixels):
        own = pixels[places]
        aims = _Aims(_of_pixels(view.before, own), whitener, view.bands)
        for date, residual in enumerate(left):
            alone[date][places] = aims.best(_of_pixels(residual, own))
    for date, seen in enumerate(view.seen_after):
        alone[date, ~seen.reshape(-1)[pixels]] = np.nan
    return alone


def _of_pixels(picture: FloatArray, pixels: Places) -> FloatArray:
    """Return some pixels (flat indices) of (bands, rows, cols), (bands, pixels)."""
    return np.take(picture.reshape(len(picture), -1), pixels, axis=1, mode="clip")  # anything else is slower


def _alike(view: View, fitted: Fitted, pixels: Places) -> Iterator[tuple[Places, FloatArray]]:
    """Yield which of some pixels (flat indices) are of one class of light and plants, a chunk at a time, and its whitener."""
    kind = classes(view, fitted.light_edges, fitted.plant_edges, pixels)
    order = np.argsort(kind, kind="stable")
    bounds = np.searchsorted(kind[order], np.arange(len(fitted.whiteners) + 1))
    for number, whitener in enumerate(fitted.whiteners):
        for start in range(bounds[number], bounds[number + 1], _CHUNK_PX):
            yield order[start : min(start + _CHUNK_PX, bounds[number + 1])], whitener


class _Aims:
    """Where fresh ground, cloud, shade and snow would take pixels of one class, whitened."""

    def __init__(self, before: FloatArray, whitener: FloatArray, bands: tuple[str, ...]) -> None:
        self.before, self.whitener, self.bands = before, whitener, bands
        self.inverse = np.exp(-before)
        self.ground = [self._aim(target) for target in signatures(self.inverse, bands)]
        snow = snow_signature(self.inverse, bands)
        self.snow = None if snow is None else self._aim(snow)

    def best(self, change: FloatArray) -> FloatArray:
        """Return the score of a change (bands, pixels), (pixels,)."""
        return self._best(change, self.whitener @ change)

    def likeness(self, change: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return score, purity, likeness to cloud and to shade, (pixels,) each, see Filtered."""
        white = self.whitener @ change
        length = np.maximum(np.sqrt(np.einsum("bp,bp->p", white, white)), np.float32(1e-6))
        ground = self._towards_ground(white)
        cloud = _along(self._aim(cloud_signature(self.inverse, self.bands)), white) - ground
        shade = np.abs(_along(self._aim(shade_signature(self.bands)), white)) - ground
        best = self._best(change, white, ground)
        return best, best / length, cloud / length, shade / length

    def _best(self, change: FloatArray, white: FloatArray, ground: FloatArray | None = None) -> FloatArray:
        best = self._towards_ground(white) if ground is None else ground
        if self.snow is None:
            return best
        along = np.abs(_along(self.snow, white))  # what is better told by snow come or gone is no scar
        snowy = (along > best) & (along > _CLEAR) & snow_like(self.before, change, self.bands)
        return np.where(snowy, np.minimum(best, 1), best)

    def _towards_ground(self, white: FloatArray) -> FloatArray:
        best = _along(self.ground[0], white)
        for aim in self.ground[1:]:
            np.maximum(best, _along(aim, white), out=best)
        return best

    def _aim(self, signature: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return a change of log reflectance (bands, pixels), whitened, and its length."""
        aim = self.whitener @ signature
        return aim, np.sqrt(np.einsum("bp,bp->p", aim, aim)) + np.float32(1e-6)


def _along(aim: tuple[FloatArray, FloatArray], white: FloatArray) -> FloatArray:
    """Return the projection of each column on the direction of the same column of an aim."""
    along = np.einsum("bp,bp->p", aim[0], white)
    along /= aim[1]
    return np.asarray(along, dtype=np.float32)


def classes(view: View, fitted_light: FloatArray, fitted_plants: FloatArray, pixels: Places) -> npt.NDArray[np.int8]:
    """Return the class of light and plants of some pixels (flat indices)."""
    kind = place(fitted_plants, view.plants.reshape(-1)[pixels])
    if view.light_before is not None:
        kind += PLANT_CLASSES * place(fitted_light, view.light_before.reshape(-1)[pixels])
    return kind


def place(edges: FloatArray, values: FloatArray) -> npt.NDArray[np.int8]:
    """Return how many edges lie below each value: for a handful of edges faster than a search."""
    number = np.zeros(values.shape, dtype=np.int8)
    for edge in edges:
        number += (values > edge).view(np.int8)
    return number


def _contrast(view: View) -> FloatArray:
    """Return the root mean square of the change per pixel before, over bands, (rows, cols)."""
    inner = inner_of(view)
    total = np.zeros(inner.shape, dtype=np.float32)
    for band in view.before:
        for slope in slopes(band, inner):
            total += slope * slope
    total /= len(view.before)
    return np.sqrt(total, out=total)


def standardise(answer: Filtered, view: View, fitted: Fitted) -> FloatArray:
    """Return the score with median 0 and deviation 1 among its like, (rows, cols); 0 where not seen."""
    edge = place(fitted.edge_edges, answer.contrast)
    number = (view.seen_after & view.seen_before).sum(axis=0, dtype=np.int16)
    z = (answer.z - fitted.center[edge]) / (fitted.scale[edge] * fitted.thinness[number])
    return np.asarray(z * view.seen, dtype=np.float32)


def smoothed(z: FloatArray, seen: BoolArray) -> FloatArray:
    """Return the score averaged over its neighbours that are seen, by a Gaussian of SMOOTH_PX; 0 where not seen."""
    weight = ndi.gaussian_filter(seen.astype(np.float32), SMOOTH_PX, mode="constant", truncate=3.0)
    total = ndi.gaussian_filter(z * seen, SMOOTH_PX, mode="constant", truncate=3.0)
    return np.asarray(np.where(seen, total / np.maximum(weight, 1e-3), 0), dtype=np.float32)
