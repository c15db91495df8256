"""What a block shows in logarithms of reflectance: a composite of the dates before, each date after, light, plants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import BANDS, Acquisition, Block, BoolArray, FloatArray, NotEnoughDataError, Terrain
from detection.methods.illumination import cos_incidence, sunlit
from detection.methods.targets import DIFFUSE_SHARE

FEWEST_BANDS = 3
LEAST_COS_INCIDENCE = 0.15
"""Light that grazes the ground tells more of its roughness than of its colour."""
WHITE = 0.42
"""Ground is darker than this in at least one visible band; snow and cloud are not."""
HAZY, CLOUDY = 0.03, 0.09
"""Haze-optimised differences of blue and red that no bare ground exceeds, or thick cloud and snow only."""
CLOUD_REACH_PX = 12
"""So far around thick cloud and snow, haze is taken for their rim."""
_LEVEL = np.float32(np.cos(np.radians(10.0)))
_DARKEST, _BRIGHTEST = 0.002, 1.5
_FAR = np.float32(np.inf)


@dataclass(frozen=True)
class View:
    """A block in logarithms of reflectance, freed of the light as far as the relief tells it."""

    bands: tuple[str, ...]
    before: FloatArray
    """(bands, rows, cols), median over the dates; 0 where not seen."""
    after: FloatArray
    """(dates, bands, rows, cols); 0 where not seen."""
    seen_before: BoolArray
    seen_after: BoolArray
    """(dates, rows, cols)."""
    light_before: FloatArray | None
    """(rows, cols), logarithm of cos i, mean over the dates; None without relief."""
    light_after: FloatArray | None
    """(dates, rows, cols)."""
    upright: FloatArray | None
    """(rows, cols), cosine of slope."""

    @property
    def seen(self) -> BoolArray:
        """(rows, cols), True where there is something to compare."""
        return np.asarray(self.seen_before & self.seen_after.any(axis=0))

    @property
    def plants(self) -> FloatArray:
        """Return the index of plants before, (rows, cols)."""
        return plant_index(self.before, self.bands)

    @property
    def hills(self) -> BoolArray:
        """Return where slides can be, (rows, cols): what is usual on fields and river beds is learnt from nobody."""
        if self.upright is None:
            return np.ones(self.seen_before.shape, dtype=bool)
        return np.asarray(self.upright < _LEVEL)

    def crop(self, window: tuple[slice, slice]) -> View:
        """Return a window of the view, copied."""
        rows, cols = window

        def cut(values: npt.NDArray[np.generic] | None) -> npt.NDArray[np.generic] | None:
            return None if values is None else values[..., rows, cols].copy()

        parts = {name: cut(getattr(self, name)) for name in self.__dataclass_fields__ if name != "bands"}
        return View(bands=self.bands, **parts)  # type: ignore[arg-type]


def plant_index(logarithms: FloatArray, bands: tuple[str, ...]) -> FloatArray:
    """Return (a - b) / (a + b) of NIR and red, of green and red without NIR, else 0; -1 to 1, shape without bands."""
    other = "nir" if "nir" in bands else "green"
    if "red" not in bands or other not in bands:
        return np.zeros(logarithms.shape[1:], dtype=np.float32)
    # a ratio of reflectances is the hyperbolic tangent of half the difference of their logarithms
    return np.asarray(np.tanh((logarithms[bands.index(other)] - logarithms[bands.index("red")]) / 2), dtype=np.float32)


def common_bands(block: Block) -> tuple[str, ...]:
    """Return the bands that all dates have, in the order of BANDS.

    Raises
    ------
    NotEnoughDataError
        There are fewer than three.
    """
    every = [set(one.bands) for one in (*block.before, *block.after)]
    bands = tuple(name for name in BANDS if all(name in each for each in every))
    if len(bands) < FEWEST_BANDS:
        raise NotEnoughDataError(f"the dates share {len(bands)} bands; at least {FEWEST_BANDS} are needed")
    return bands


def look(block: Block, bands: tuple[str, ...]) -> View:
    """Return the view of a block in some bands."""
    before = [_Date.of(one, bands, block) for one in block.before]
    seen_before = np.stack([one.seen for one in before])
    count = seen_before.sum(axis=0)
    middle = median([one.values for one in before], seen_before)
    light_before = light_after = upright = None
    if block.terrain is not None:
        total = np.zeros(block.shape, dtype=np.float32)
        for one in before:
            total += 0 if one.light is None else one.seen * one.light
        light_before = total / np.maximum(count, 1)
        upright = np.cos(np.radians(np.nan_to_num(block.terrain.slope_deg), dtype=np.float32))
    del before  # the largest arrays there are: those after need their room
    values = np.empty((len(block.after), len(bands), *block.shape), dtype=np.float32)
    seen_after = np.empty((len(block.after), *block.shape), dtype=np.bool_)
    lights = []
    for index, later in enumerate(block.after):
        date = _Date.of(later, bands, block)
        values[index], seen_after[index] = date.values, date.seen
        lights.append(date.light)
    if block.terrain is not None:
        light_after = np.stack([light for light in lights if light is not None])
    return View(bands, middle, values, count > 0, seen_after, light_before, light_after, upright)


@dataclass(frozen=True)
class _Date:
    values: FloatArray
    seen: BoolArray
    light: FloatArray | None

    @classmethod
    def of(cls, one: Acquisition, bands: tuple[str, ...], block: Block) -> _Date:
        picture = one.reflectance[[one.bands.index(name) for name in bands]]
        seen = one.usable & np.isfinite(picture).all(axis=0)
        seen &= ~white(picture, bands)
        seen = ndi.binary_erosion(seen, border_value=1)  # next to cloud and snow there is a little of both
        np.nan_to_num(picture, copy=False, nan=1.0)
        np.clip(picture, _DARKEST, _BRIGHTEST, out=picture)
        np.log(picture, out=picture)
        light = None
        if block.terrain is not None:
            light, lit = _light(block.terrain, block.pixel_m, one, picture, bands)
            seen &= lit
        picture *= seen
        return cls(picture, seen, light)


def white(picture: FloatArray, bands: tuple[str, ...]) -> BoolArray:
    """Return where cloud or snow lies, with its rim, (rows, cols), told from the visible bands alone.

    Masks of clouds leak, and many files have none. The difference of blue and half of red is after the haze-optimised
    transform of [@Zhu2012]; bright ground may exceed its lower threshold, so that it counts next to a core only.

    Parameters
    ----------
    picture
        Reflectance, (bands, rows, cols), NaN = unknown.
    """
    visible = [picture[index] for index, name in enumerate(bands) if name in {"blue", "green", "red"}]
    found = np.zeros(picture.shape[1:], dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        if visible:
            found |= np.min(visible, axis=0) > WHITE
        if {"blue", "red"} <= set(bands):
            haze = picture[bands.index("blue")] - picture[bands.index("red")] / 2 - np.float32(0.08)
            core = (haze > CLOUDY) | found
            if core.any():
                found |= (haze > HAZY) & ndi.maximum_filter(core, size=2 * CLOUD_REACH_PX + 1)
    return found


def _light(
    terrain: Terrain, pixel_m: tuple[float, float], one: Acquisition, picture: FloatArray, bands: tuple[str, ...]
) -> tuple[FloatArray, BoolArray]:
    """Take the light out of a picture, in place; return the logarithm of cos i, and where the sun shines."""
    sun = (one.sun_elevation_deg, one.sun_azimuth_deg)
    cosine = cos_incidence(terrain, *sun)
    lit = sunlit(terrain.elevation_m, pixel_m, *sun) if one.sunlit is None else one.sunlit
    lit = ~ndi.binary_dilation(~lit)  # the rim of a shadow is half dark
    lit &= cosine > LEAST_COS_INCIDENCE
    np.maximum(cosine, LEAST_COS_INCIDENCE, out=cosine)
    level = np.float32(max(np.sin(np.radians(one.sun_elevation_deg)), LEAST_COS_INCIDENCE))
    for index, name in enumerate(bands):
        share = np.float32(DIFFUSE_SHARE[name])
        picture[index] -= np.log((1 - share) / level * cosine + share)
    return np.log(cosine), np.asarray(lit)


def median(dates: list[FloatArray] | FloatArray, seen: BoolArray) -> FloatArray:
    """Return the median over dates that saw a pixel, (bands, rows, cols); 0 where none did.

    Parameters
    ----------
    dates
        (bands, rows, cols) each.
    seen
        (dates, rows, cols).
    """
    if len(dates) == 1:
        return np.asarray(dates[0] * seen[0], dtype=np.float32)
    count = seen.sum(axis=0)
    result = np.empty(dates[0].shape, dtype=np.float32)
    for band in range(len(result)):  # one band of all dates fits the processor's cache, all bands do not
        result[band] = _middle(
            [np.where(mask, values[band], _FAR) for values, mask in zip(dates, seen, strict=True)], count
        )
    return result


def _middle(ordered: list[FloatArray], count: npt.NDArray[np.intp]) -> FloatArray:
    """Return the median of the first `count` of values, (rows, cols), after putting them in order; 0 where none is.

    Parameters
    ----------
    ordered
        One array per date, _FAR where not seen; overwritten.
    """
    for last in range(len(ordered) - 1, 0, -1):  # bubble sort: every comparison is one pass over whole arrays
        for index in range(last):
            low = np.minimum(ordered[index], ordered[index + 1])
            np.maximum(ordered[index], ordered[index + 1], out=ordered[index + 1])
            ordered[index] = low
    result = np.zeros_like(ordered[0])
    for number in range(1, len(ordered) + 1):
        low, high = ordered[(number - 1) // 2], ordered[number // 2]
        np.copyto(result, low if low is high else (low + high) / 2, where=count == number)
    return result
