"""Lakes on every date: water by its colour, what keeps coming back, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from pydantic import BaseModel, ConfigDict, Field
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import convex_hull_image

from detection.arrays import EIGHT, Acquisition, BoolArray, FloatArray
from detection.methods.lakeshore import shore, speckled_shore
from detection.methods.line import weighted_line

SPARSE_SHARE = 0.1
Places = npt.NDArray[np.intp]
State = Literal["water", "frozen", "dry", "unseen"]


class LakeRules(BaseModel):
    """How lakes are told from what looks like them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed_ndwi: float = Field(default=0.30, gt=-1, lt=1)
    """Water for certain."""
    grow_ndwi: float = Field(default=0.10, gt=-1, lt=1)
    """Water where it touches such."""
    max_nir: float = Field(default=0.19, gt=0)
    """Ice and snow are brighter in the near infrared."""
    max_swir: float = Field(default=0.11, gt=0)
    """Ground, even dark and damp, is brighter in the short-wave infrared."""
    min_green: float = Field(default=0.022, ge=0)
    """Darker is shadow."""
    dark_green: float = Field(default=0.07, ge=0)
    """Below it water and shadow are equally dark, and colour has to tell them."""
    dark_blue_ratio: float = Field(default=1.02, gt=0)
    """Blue over green of dark water at most: the light in a shadow is that of the sky."""
    bright_blue_ratio: float = Field(default=1.18, gt=0)
    """The same of bright water: snow in shadow is bluer."""
    max_slope_deg: float = Field(default=12.0, gt=0, le=90)
    min_area_m2: float = Field(default=5000.0, gt=0)
    min_solidity: float = Field(default=0.5, ge=0, le=1)
    """Share of its convex hull; rivers fill less."""
    frozen_ndsi: float = Field(default=0.4, gt=-1, lt=1)
    frozen_share: float = Field(default=0.5, gt=0, le=1)
    """Of a lake's former extent, white."""
    min_seen: float = Field(default=0.8, gt=0, le=1)
    """Share of a lake's extent that must be seen for its area to be told."""


@dataclass(frozen=True)
class Water:
    """What one date shows. All (rows, cols)."""

    water: BoolArray
    """Lakes by two thresholds, of any size."""
    certain: BoolArray
    dark: FloatArray
    """Infrared brightness, near and short-wave together, linear in the share of water; NaN unseen."""
    white: BoolArray
    """Ice or snow."""
    seen: BoolArray
    power: FloatArray | None = None
    """(bands, rows, cols), backscatter as it came, speckle and all; NaN unseen; None without radar."""


@dataclass(frozen=True)
class Sighting:
    """A lake on a date."""

    number: int
    """Of the date."""
    state: State
    mask: BoolArray
    """In the lake's window; the last known extent where it is frozen."""
    seen: float


@dataclass(frozen=True)
class Lake:
    """One lake over all dates; `window` is where it lies in the whole."""

    window: tuple[slice, slice]
    extent: BoolArray
    """Everything it ever covered."""
    sightings: tuple[Sighting, ...]
    """One per date."""
    persistence: float
    """Share of the dates that saw its place and showed it."""


def _sky_lit(band: Mapping[str, FloatArray], rules: LakeRules) -> BoolArray:
    """Return where blue is too strong over green for anything but ground or snow in shadow, (rows, cols).

    In the dark a single pixel is noisy: there the mean of 3 x 3 decides.
    """
    blue, green = band["blue"], band["green"]
    mean_blue, mean_green = (ndi.uniform_filter(np.nan_to_num(one), 3) for one in (blue, green))
    dark, bright = mean_blue > rules.dark_blue_ratio * mean_green, blue > rules.bright_blue_ratio * green
    return np.asarray(np.where(green < rules.dark_green, dark, bright), dtype=np.bool_)


def _without_sky_lit(where: BoolArray, band: Mapping[str, FloatArray], rules: LakeRules) -> BoolArray:
    """Return `where` less what `_sky_lit` says; where it is sparse, only there is looked."""
    at = np.flatnonzero(where)
    if at.size > SPARSE_SHARE * where.size:
        return np.asarray(where & ~_sky_lit(band, rules), dtype=np.bool_)
    rows, cols = np.divmod(at, where.shape[1])
    blue, green = (band[name][rows, cols] for name in ("blue", "green"))
    mean_blue, mean_green = (_mean_of_nine(band[name], rows, cols) for name in ("blue", "green"))
    with np.errstate(invalid="ignore"):
        dark, bright = mean_blue > rules.dark_blue_ratio * mean_green, blue > rules.bright_blue_ratio * green
    kept = np.zeros(where.shape, dtype=np.bool_)
    kept[rows, cols] = ~np.where(green < rules.dark_green, dark, bright)
    return kept


def _mean_of_nine(values: FloatArray, rows: Places, cols: Places) -> FloatArray:
    """Return the mean of 3 x 3 around places, NaN counted as 0, edges mirrored."""
    height, width = values.shape
    total = np.zeros(rows.size, dtype=np.float32)
    for south in (-1, 0, 1):
        for east in (-1, 0, 1):
            total += np.nan_to_num(values[np.clip(rows + south, 0, height - 1), np.clip(cols + east, 0, width - 1)])
    return total / np.float32(9)


def water_on(one: Acquisition, lit: BoolArray | None, slope_deg: FloatArray | None, rules: LakeRules) -> Water:
    """Return the water of a date.

    NDWI = (green - nir) / (green + nir) [@McFeeters1996] by two thresholds; bright, dark, steep and shaded ground is
    left out. Without short-wave infrared, brightness alone tells ice.
    """
    band = dict(zip(one.bands, one.reflectance, strict=True))
    green, nir = band["green"], band["nir"]
    seen = one.usable if lit is None else one.usable & lit
    with np.errstate(invalid="ignore", divide="ignore"):
        total = green + nir
        ndwi = np.where(total > 0.004, (green - nir) / np.maximum(total, 0.004), -1.0).astype(np.float32)
        possible = seen & (nir < rules.max_nir) & (green > rules.min_green)
        if "blue" in band:
            possible &= ~_sky_lit(band, rules)
        white = seen & (nir > rules.max_nir)
        if "swir1" in band:
            swir = band["swir1"]
            possible &= swir < rules.max_swir
            white &= green - swir > rules.frozen_ndsi * (green + swir)
        else:
            white &= green > 0.3
    if slope_deg is not None:
        possible &= ~(slope_deg > rules.max_slope_deg)
    level = np.where(possible, ndwi, -1.0)
    certain = level >= rules.seed_ndwi
    water = apply_hysteresis_threshold(level, rules.grow_ndwi, rules.seed_ndwi)  # type: ignore[no-untyped-call]
    dark = nir + band["swir1"] if "swir1" in band else nir
    return Water(np.asarray(water, dtype=np.bool_), certain, np.where(seen, dark, np.float32(np.nan)), white, seen)


def possible_water(one: Acquisition, rules: LakeRules) -> BoolArray | None:
    """Return where a date may show water by colour alone, (rows, cols); None where it shows none for certain.

    As `water_on`, without relief and in fewer steps: most of a scene is land.
    """
    band = dict(zip(one.bands, one.reflectance, strict=True))
    green, nir = band["green"], band["nir"]
    with np.errstate(invalid="ignore"):
        # (g - n) / (g + n) >= t is (1 - t) g >= (1 + t) n
        grow = (1 - rules.grow_ndwi) * green >= (1 + rules.grow_ndwi) * nir
        grow &= nir < rules.max_nir
        grow &= green > rules.min_green
        if "swir1" in band:
            grow &= band["swir1"] < rules.max_swir
        certain = grow & ((1 - rules.seed_ndwi) * green >= (1 + rules.seed_ndwi) * nir)
    if not certain.any():
        return None
    if "blue" in band:
        grow = _without_sky_lit(grow, band, rules)
        certain &= grow
    labels, count = ndi.label(grow, EIGHT)
    kept = np.zeros(count + 1, dtype=bool)
    kept[labels[certain]] = True
    kept[0] = False
    return np.asarray(kept[labels], dtype=np.bool_)


def follow(dates: list[Water], pixel_area_m2: float, rules: LakeRules) -> list[Lake]:
    """Return the lakes of all dates: one is whatever water overlaps from date to date.

    What is seen once only, between dates that show the place dry, is a passing shadow. The first and the last date
    have no such witness.
    """
    ever = np.zeros(dates[0].water.shape, dtype=bool)
    for one in dates:
        ever |= _large(one.water, 0.5 * rules.min_area_m2 / pixel_area_m2)
    labels, _ = ndi.label(ever, EIGHT)
    lakes = []
    for number, window in enumerate(ndi.find_objects(labels), start=1):
        extent = labels[window] == number
        if extent.sum() * pixel_area_m2 < rules.min_area_m2:
            continue
        wide = tuple(slice(max(part.start - 6, 0), part.stop + 6) for part in window)
        rows, cols = wide
        extent = labels[rows, cols] == number
        lake = _lake((rows, cols), extent, dates, pixel_area_m2, rules)
        if lake is not None:
            lakes.append(lake)
    return lakes


def _large(water: BoolArray, fewest_px: float) -> BoolArray:
    labels, count = ndi.label(water, EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray((sizes >= fewest_px)[labels], dtype=np.bool_)


def _lake(
    window: tuple[slice, slice], extent: BoolArray, dates: list[Water], pixel_area_m2: float, rules: LakeRules
) -> Lake | None:
    """Return one lake through all dates; None where it is none."""
    seen = [float(one.seen[window][extent].mean()) for one in dates]
    masks = [_mask(one, window, extent, float(np.sqrt(pixel_area_m2))) for one in dates]
    areas = np.array([mask.sum() * pixel_area_m2 for mask in masks])
    states: list[State] = [
        _state(one, (window, extent), area, share, rules) for one, area, share in zip(dates, areas, seen, strict=True)
    ]
    wet = [number for number, state in enumerate(states) if state == "water"]
    told = [number for number, state in enumerate(states) if state in {"water", "dry"}]
    if not wet or _passing(wet, told) or _solidity(masks[wet[int(np.argmax(areas[wet]))]]) < rules.min_solidity:
        return None
    sightings = tuple(_sighting(number, states, wet, masks, seen[number]) for number in range(len(dates)))
    return Lake(window, extent, sightings, len(wet) / max(len(told), 1))


def _mask(one: Water, window: tuple[slice, slice], extent: BoolArray, pixel_m: float) -> BoolArray:
    """Return what a date shows of a lake, to its shore."""
    own, other = one.water[window] & extent, one.water[window] & ~extent
    found = shore(own, one.dark[window], other)
    if one.power is None or not found.any():
        return found
    return speckled_shore(found, one.power[:, window[0], window[1]], other, pixel_m)


def _sighting(number: int, states: list[State], wet: list[int], masks: list[BoolArray], seen: float) -> Sighting:
    """Return a lake on a date; under ice it is as large as on the nearest date of open water, if it was not gone."""
    if states[number] != "frozen":
        return Sighting(number, states[number], masks[number], seen)
    before = [index for index in wet if index < number]
    if not before or "dry" in states[before[-1] : number]:
        return Sighting(number, "unseen", masks[number], seen)
    after = [index for index in wet if index > number]
    nearest = min(before[-1:] + after[:1], key=lambda index: abs(index - number))
    return Sighting(number, "frozen", masks[nearest], seen)


def _state(
    one: Water, place: tuple[tuple[slice, slice], BoolArray], area_m2: float, seen: float, rules: LakeRules
) -> State:
    """Return what a date shows of a place: the window and, in it, the lake's extent."""
    window, extent = place
    visible = one.seen[window] & extent
    if not visible.any() or seen < rules.min_seen:
        return "unseen"
    if area_m2 >= rules.min_area_m2 and one.certain[window][extent].any():
        return "water"
    if float(one.white[window][visible].mean()) >= rules.frozen_share:
        return "frozen"
    return "dry" if area_m2 < rules.min_area_m2 else "unseen"


def _passing(wet: list[int], told: list[int]) -> bool:
    """Return whether water was seen once, and the place dry both before and after."""
    if len(wet) != 1 or len(told) < 3:
        return False
    at = told.index(wet[0])
    return 0 < at < len(told) - 1


def _solidity(mask: BoolArray) -> float:
    """Return a mask's area over that of its convex hull."""
    rows, cols = np.nonzero(mask)
    cut = mask[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    if min(cut.shape) < 3:
        return 0.0
    return float(cut.sum() / convex_hull_image(cut).sum())  # type: ignore[no-untyped-call]


def growth(
    moments: list[datetime], areas_m2: list[float], sigma_m2: list[float], span_days: float = 400.0
) -> tuple[float, float] | None:
    """Return the filling rate at the last moment and its standard deviation, m2 per year; None with one date.

    A weighted line through the areas of the last `span_days`.
    """
    days = np.array([(one - moments[-1]).total_seconds() / 86400 for one in moments])
    near = days >= -span_days
    if np.unique(np.round(days[near], 3)).size < 2:
        return None
    rate, error = weighted_line(
        days[near] / 365.25, np.array(areas_m2)[near], np.maximum(np.array(sigma_m2)[near], 1.0)
    )
    return rate, error


def dammed_by_ice(
    mask: BoolArray, ice: BoolArray | None, elevation_m: FloatArray | None, pixel_m: tuple[float, float]
) -> tuple[bool | None, float | None]:
    """Return whether ice holds a lake, None = cannot be told; and the share of its shore that is ice.

    Ice that only reaches it from above feeds a lake behind a moraine; ice at its side or below it is the dam. Which is
    which the fall of the land around tells, a plane through the relief. (rows, cols) with a wide frame.
    """
    if ice is None:
        return None, None
    ring = ndi.binary_dilation(mask, EIGHT, iterations=3) & ~ndi.binary_dilation(mask, EIGHT, iterations=1)
    touching = ring & ice
    share = float(touching.sum() / max(ring.sum(), 1))
    if share < 0.05:
        return False, share
    if elevation_m is None:
        return None, share
    known = np.isfinite(elevation_m) & ~mask
    if known.sum() < 20:
        return None, share
    south, east = (np.argwhere(known) * np.array(pixel_m)).T
    design = np.column_stack([np.ones(south.size), south, east])
    slope = np.linalg.lstsq(design, elevation_m[known].astype(np.float64), rcond=None)[0][1:]
    steepness = float(np.hypot(*slope))
    side = (np.argwhere(touching).mean(axis=0) - np.argwhere(mask).mean(axis=0)) * np.array(pixel_m)
    if steepness < 0.01 or not np.hypot(*side):
        return True, share
    return bool(-(slope @ side) / (steepness * np.hypot(*side)) > -0.5), share
