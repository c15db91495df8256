"""What a block shows in logarithms of reflectance: a composite of the dates before, each date after, light, plants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import BANDS, Acquisition, Block, BoolArray, FloatArray, NotEnoughDataError
from detection.methods.illumination import cos_to_sun, normals, sunlit
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
_ROWS = 64


@dataclass(frozen=True)
class View:
    """A block in logarithms of reflectance, freed of the light as far as the relief tells it."""

    bands: tuple[str, ...]
    before: FloatArray
    """(bands, rows, cols), median over the dates; 0 where not seen."""
    after: list[FloatArray]
    """(bands, rows, cols) per date; 0 where not seen."""
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

        single = [name for name in self.__dataclass_fields__ if name not in {"bands", "after"}]
        parts = {name: cut(getattr(self, name)) for name in single}
        return View(bands=self.bands, after=[cut(date) for date in self.after], **parts)  # type: ignore[arg-type,misc]


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
    normal = None if block.terrain is None else normals(block.terrain)
    before = [_date(one, bands, block, normal) for one in block.before]
    seen_before = np.stack([one.seen for one in before])
    count = seen_before.sum(axis=0, dtype=np.float32)
    middle = median([one.values for one in before], seen_before)
    light_before = light_after = None
    if normal is not None:
        light_before = np.zeros(block.shape, dtype=np.float32)
        for one in before:
            light_before += 0 if one.light is None else one.seen * one.light
        light_before /= np.maximum(count, 1)
        light_after = np.empty((len(block.after), *block.shape), dtype=np.float32)
    del before  # the largest arrays there are: those after need their room
    values = []
    seen_after = np.empty((len(block.after), *block.shape), dtype=np.bool_)
    for index, later in enumerate(block.after):
        date = _date(later, bands, block, normal)
        values.append(date.values)
        seen_after[index] = date.seen
        if light_after is not None and date.light is not None:
            light_after[index] = date.light
    upright = None if normal is None else normal[0].copy()
    return View(bands, middle, values, count > 0, seen_after, light_before, light_after, upright)


@dataclass(frozen=True)
class _Date:
    values: FloatArray
    seen: BoolArray
    light: FloatArray | None


def _date(one: Acquisition, bands: tuple[str, ...], block: Block, normal: FloatArray | None) -> _Date:
    """Return what a date shows: its values, the logarithms of reflectance, in the place of that where it is to spare."""
    order = [one.bands.index(name) for name in bands]
    seen = one.usable & ~white([one.reflectance[index] for index in order], bands)
    for index in order:
        seen &= np.isfinite(one.reflectance[index])
    seen = eroded(seen)  # next to cloud and snow there is a little of both
    cosine = None
    if normal is not None:
        cosine = np.maximum(cos_to_sun(normal, one.sun_elevation_deg, one.sun_azimuth_deg), LEAST_COS_INCIDENCE)
        seen &= _lit(one, block) & (cosine > LEAST_COS_INCIDENCE)
    hidden = ~seen
    spare = block.spare and one.bands == bands and one.reflectance.flags.c_contiguous
    values = one.reflectance if spare else np.empty((len(bands), *block.shape), dtype=np.float32)
    for index, name, band in zip(order, bands, values, strict=True):
        np.clip(one.reflectance[index], _DARKEST, _BRIGHTEST, out=band)
        if cosine is not None:
            np.divide(band, _light(cosine, one.sun_elevation_deg, DIFFUSE_SHARE[name]), out=band)
        np.log(band, out=band)
        np.copyto(band, 0, where=hidden)
    return _Date(values, seen, None if cosine is None else np.log(cosine))


def eroded(mask: BoolArray, *, corners: bool = False) -> BoolArray:
    """Return a mask without the pixels that have a neighbour outside it, of four or, with corners, of eight.

    What lies beyond the edge of the array counts as inside. Shifted views are ten times as fast as SciPy's erosion.
    """
    result = mask.copy()
    for axis in (0, 1):
        before = result.copy() if corners else mask  # a square is a line of lines
        kept, source = (result, before) if axis == 0 else (result.T, before.T)
        kept[1:] &= source[:-1]
        kept[:-1] &= source[1:]
    return result


def white(picture: Sequence[FloatArray], bands: tuple[str, ...]) -> BoolArray:
    """Return where cloud or snow lies, with its rim, (rows, cols), told from the visible bands alone.

    Masks of clouds leak, and many files have none. The difference of blue and half of red is after the haze-optimised
    transform of [@Zhu2012]; bright ground may exceed its lower threshold, so that it counts next to a core only.

    Parameters
    ----------
    picture
        Reflectance of each band, (rows, cols), NaN = unknown.
    """
    visible = [picture[index] for index, name in enumerate(bands) if name in {"blue", "green", "red"}]
    found = np.zeros(picture[0].shape, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        if visible:
            found |= reduce(np.minimum, visible) > WHITE
        if {"blue", "red"} <= set(bands):
            haze = picture[bands.index("blue")] - picture[bands.index("red")] / 2 - np.float32(0.08)
            core = (haze > CLOUDY) | found
            if core.any():
                found |= (haze > HAZY) & ndi.maximum_filter(core, size=2 * CLOUD_REACH_PX + 1)
    return found


def _lit(one: Acquisition, block: Block) -> BoolArray:
    """Return where the sun shines, (rows, cols), without the rim of shadows, which is half dark."""
    lit = one.sunlit
    if lit is None and block.terrain is not None:
        lit = sunlit(block.terrain.elevation_m, block.pixel_m, one.sun_elevation_deg, one.sun_azimuth_deg)
    return np.ones(block.shape, dtype=bool) if lit is None else eroded(lit)


def _light(cosine: FloatArray, sun_elevation_deg: float, diffuse_share: float) -> FloatArray:
    """Return the light on the ground beside that on level ground, (rows, cols), from the cosine of incidence."""
    level = max(np.sin(np.radians(sun_elevation_deg)), LEAST_COS_INCIDENCE)
    light: FloatArray = cosine * np.float32((1 - diffuse_share) / level)
    light += np.float32(diffuse_share)
    return light


def median(dates: Sequence[FloatArray] | FloatArray, seen: BoolArray) -> FloatArray:
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
    result = np.empty(dates[0].shape, dtype=np.float32)
    for top in range(0, result.shape[1], _ROWS):  # so much of one band of all dates fits the processor's cache
        rows = slice(top, top + _ROWS)
        hidden = ~seen[:, rows]
        count = np.uint8(len(seen)) - hidden.sum(axis=0, dtype=np.uint8)
        wanted = [count == number for number in range(len(seen) + 1)]
        for band in range(len(result)):
            ordered = [values[band, rows].copy() for values in dates]
            for values, mask in zip(ordered, hidden, strict=True):
                np.copyto(values, _FAR, where=mask)
            _middle(ordered, wanted, result[band, rows])
    return result


def _middle(ordered: list[FloatArray], wanted: list[BoolArray], out: FloatArray) -> None:
    """Put the median of the first n values into `out`, (rows, cols), 0 where n is none, after putting them in order.

    Parameters
    ----------
    ordered
        One array per date, _FAR where not seen; overwritten.
    wanted
        Per number of values, from 0 on, where it is that number that counts.
    """
    spare = np.empty_like(ordered[0])
    for last in range(len(ordered) - 1, 0, -1):  # bubble sort: every comparison is one pass over whole arrays
        for index in range(last):
            np.minimum(ordered[index], ordered[index + 1], out=spare)
            np.maximum(ordered[index], ordered[index + 1], out=ordered[index + 1])
            ordered[index], spare = spare, ordered[index]
    out[:] = 0
    for number, where in enumerate(wanted[1:], start=1):
        low, high = ordered[(number - 1) // 2], ordered[number // 2]
        if low is not high:
            np.add(low, high, out=spare)
            low = np.divide(spare, 2, out=spare)
        np.copyto(out, low, where=where)
