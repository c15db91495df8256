"""Open water in radar: dark in both polarisations, between land that is not; and what the radar cannot tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from pydantic import Field

from detection.arrays import EIGHT, Acquisition, BoolArray, FloatArray, Terrain
from detection.methods.illumination import REACH_PX, sunlit
from detection.methods.lakes import LakeRules, Water
from detection.methods.radar import smooth, unseen

SPECKLE_PX = 1.3
"""Standard deviation of the Gaussian mean over speckle."""
CELL_PX = 32
USUAL_INCIDENCE_DEG = 39.0
"""The middle of the swath of Sentinel-1 IW, for dates that do not tell."""
BINS_DB = 0.25
WIDE_PX = 400
"""Larger places lose two pixels along their shore, smaller ones one, before two kinds of ground are looked for."""
FRINGE_PX = 3
"""The mean over speckle carries shadow and layover so far."""
VALLEY = 0.85
"""Between two kinds the histogram falls below so much of its peak at the darker."""
RADAR_LOOK_BACK = 180.0


class RadarLakeRules(LakeRules):
    """How lakes are told in radar as well; water and levels in dB below the land around."""

    radar_darker_db: float = Field(default=3.5, gt=0)
    """A place worth a closer look is darker than the land around by so much in every band."""
    radar_separation_db: float = Field(default=4.5, gt=0)
    """Water and land of a place lie so far apart at least."""
    radar_ashman: float = Field(default=3.0, gt=0)
    """... and in standard deviations [@Ashman1994]; halves of a single bell have 2.65."""
    radar_most_vv_db: float = Field(default=-14.0)
    """Brighter than this on the mean is no calm water."""
    radar_most_spread_db: float = Field(default=1.3, gt=0)
    """Standard deviation within calm water: wet snow wears the relief below it."""
    radar_max_slope_deg: float = Field(default=8.0, gt=0, le=90)
    radar_mean_slope_deg: float = Field(default=5.0, gt=0, le=90)
    """Lakes are level; what only just passes pixel by pixel is a slope."""
    ground_db: float = Field(default=2.0, gt=0)
    """Ground is as bright as the land around to so much, in either band ..."""
    ground_ratio_db: float = Field(default=1.5, gt=0)
    """... and in their ratio: waves raise vv and leave vh dark."""
    ice_vh_db: float = Field(default=1.0, gt=0)
    """Ice full of bubbles is brighter than the land in vh; waves never are."""
    ice_months: tuple[int, ...] = (11, 12, 1, 2, 3, 4)
    """When a lake may bear ice of any brightness, so that bright is not ground."""


def blind(terrain: Terrain, one: Acquisition, pixel_m: tuple[float, float]) -> BoolArray:
    """Return where the radar sees no ground of its own, (rows, cols): own and cast shadow, layover and what lies under it.

    What stands before the radar's beam shades like before a sun of elevation 90° - incidence. A place shares its range
    with ground farther off that rises over it by more than distance times tan(incidence): shade of a sun that stands on
    the far side at the elevation of the incidence angle.
    """
    incidence = one.incidence_deg or USUAL_INCIDENCE_DEG
    look = one.look_azimuth_deg
    if look is None:
        return np.asarray(terrain.slope_deg > 90.0 - incidence)
    wide = np.pad(terrain.elevation_m, REACH_PX, mode="edge")  # beyond what is known the ground goes on as it ends
    beam = sunlit(wide, pixel_m, 90.0 - incidence, (look + RADAR_LOOK_BACK) % 360)
    own = sunlit(wide, pixel_m, incidence, look)
    hidden = ~(beam & own)[REACH_PX:-REACH_PX, REACH_PX:-REACH_PX]
    tilted = unseen(terrain, one)
    hidden = hidden if tilted is None else hidden | tilted
    return np.asarray(ndi.binary_dilation(hidden, EIGHT, iterations=FRINGE_PX), dtype=np.bool_)


def power(one: Acquisition, sigma_px: float = SPECKLE_PX) -> FloatArray:
    """Return backscatter as power without most of its speckle, (bands, rows, cols); NaN where not usable."""
    linear = np.where(one.usable, 10 ** (np.nan_to_num(one.reflectance) / 10), 0).astype(np.float32)
    return np.stack([np.where(one.usable, smooth(band, one.usable, sigma_px), np.float32(np.nan)) for band in linear])


def possible_dark(one: Acquisition, slope_deg: FloatArray | None, rules: RadarLakeRules) -> BoolArray:
    """Return where a date may show calm water, (rows, cols): darker than the land around in every band, and level."""
    dark = one.usable.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        for band in 10 * np.log10(power(one)):
            dark &= band < _around(band) - rules.radar_darker_db
    if slope_deg is not None:
        dark &= ~(slope_deg > rules.radar_max_slope_deg)
    return np.asarray(ndi.binary_opening(dark, EIGHT), dtype=np.bool_)


def _around(band_db: FloatArray) -> FloatArray:
    """Return the median of 5 x 5 cells of CELL_PX around every pixel, dB."""
    rows, cols = (-(-size // CELL_PX) for size in band_db.shape)
    padded = np.full((rows * CELL_PX, cols * CELL_PX), np.nan, dtype=np.float32)
    padded[: band_db.shape[0], : band_db.shape[1]] = band_db
    cells = padded.reshape(rows, CELL_PX, cols, CELL_PX).transpose(0, 2, 1, 3).reshape(rows, cols, -1)
    known = np.isfinite(cells).any(axis=2)
    usual = np.float32(np.nanmedian(band_db)) if np.isfinite(band_db).any() else np.float32(0)
    middle = np.full((rows, cols), usual, dtype=np.float32)
    middle[known] = np.nanmedian(cells[known], axis=1)
    wide = ndi.median_filter(middle, 5, mode="nearest")
    return np.asarray(np.kron(wide, np.ones((CELL_PX, CELL_PX), np.float32))[: band_db.shape[0], : band_db.shape[1]])


def split(values_db: npt.NDArray[np.float32], rules: RadarLakeRules) -> float | None:
    """Return the level between two kinds of ground, dB; None where there is one kind only.

    Threshold of least error [@Kittler1986] over the histogram, refused where the two lie too close for their spread.
    """
    if values_db.size < 40:
        return None
    edges = np.arange(float(values_db.min()), float(values_db.max()) + 2 * BINS_DB, BINS_DB)
    counts, _ = np.histogram(values_db, edges)
    if counts.size < 8:
        return None
    share, middle = counts / counts.sum(), edges[:-1] + BINS_DB / 2
    below = np.cumsum(share)
    sums, squares = np.cumsum(share * middle), np.cumsum(share * middle**2)
    fit = (below > 0.05) & (below < 0.95)
    if not fit.any():
        return None
    low, high = below[fit], 1 - below[fit]
    dark, bright = sums[fit] / low, (sums[-1] - sums[fit]) / high
    least = BINS_DB**2 / 12
    dark_var = np.maximum(squares[fit] / low - dark**2, least)
    bright_var = np.maximum((squares[-1] - squares[fit]) / high - bright**2, least)
    error = low * np.log(dark_var) + high * np.log(bright_var) - 2 * (low * np.log(low) + high * np.log(high))
    at = int(np.argmin(error))
    apart = bright[at] - dark[at]
    spread = np.sqrt((dark_var[at] + bright_var[at]) / 2)
    if apart < rules.radar_separation_db or apart / spread < rules.radar_ashman:
        return None
    limit = int(np.flatnonzero(fit)[at]) + 1
    bell = ndi.gaussian_filter1d(share, 1.0 / BINS_DB / 2)
    peak, other = int(np.argmax(bell[:limit])), limit + int(np.argmax(bell[limit:]))
    if bell[peak : other + 1].min() > VALLEY * bell[peak]:
        return None  # the tail of a single kind
    return float(edges[limit])


def dark_water_on(
    one: Acquisition,
    place: BoolArray,
    known: BoolArray,
    rules: RadarLakeRules,
    *,
    hidden: BoolArray | None = None,
    slope_deg: FloatArray | None = None,
) -> Water:
    """Return what a date of radar shows of a place.

    Parameters
    ----------
    place
        (rows, cols), where any date may show water.
    known
        (rows, cols), where earlier dates did show water, whatever slope an older elevation model tells: what of it is
        dark no more is ground only if it looks so.
    hidden
        (rows, cols), see `blind`.
    """
    usable = one.usable if hidden is None else one.usable & ~hidden
    bands = np.where(usable, power(one), np.float32(np.nan))
    width = int(np.clip(round(0.5 * np.sqrt(place.sum())), 6, 20))
    zone = ndi.binary_dilation(place, EIGHT, iterations=width) & usable
    land = zone & ~ndi.binary_dilation(place, EIGHT, iterations=3)
    nothing = np.zeros(usable.shape, dtype=bool)
    if land.sum() < 30:
        return Water(nothing, nothing, bands[0], nothing, nothing)
    around = np.nanmedian(bands[:, land], axis=1)
    dark = np.asarray((bands / around[:, None, None]).mean(axis=0), dtype=np.float32)
    slope = np.zeros(usable.shape, np.float32) if slope_deg is None else np.where(known, 0, np.nan_to_num(slope_deg))
    flat = zone & (slope <= rules.radar_max_slope_deg)
    core = ndi.binary_erosion(place, EIGHT, iterations=2 if place.sum() > WIDE_PX else 1)
    water = _water(one, bands, (core | land) & zone, flat, rules)  # without pixels that the shore mixes
    labels, count = ndi.label(water, EIGHT)
    level = ndi.mean(slope, labels, np.arange(1, count + 1)) <= rules.radar_mean_slope_deg
    water = np.concatenate([[False], level])[labels]
    if water.any():
        half = 0.5 * (1 + float(np.median(dark[water])))
        with np.errstate(invalid="ignore"):
            water |= ndi.binary_dilation(water, EIGHT, iterations=2) & flat & (dark < half)
    reach = ndi.binary_dilation(place, EIGHT, iterations=2)
    rest = reach & usable & ~ndi.binary_dilation(water, EIGHT, iterations=2)
    ground, white = _rest(one, bands, rest & place, around, rules)
    doubtful = rest if not ground else rest & known if one.acquired_at.month in rules.ice_months else nothing
    seen = usable & ~doubtful
    frozen = rest if white else nothing
    raw = np.where(usable, 10 ** (np.nan_to_num(one.reflectance) / 10), np.float32(np.nan)).astype(np.float32)
    return Water(water, water, dark, frozen, seen | frozen, raw)


def _water(one: Acquisition, bands: FloatArray, sample: BoolArray, flat: BoolArray, rules: RadarLakeRules) -> BoolArray:
    """Return the calm water in the flat part of a zone, (rows, cols); none where a sample of it is not of two kinds."""
    found = np.zeros(flat.shape, dtype=np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = (10 * np.log10(bands)).mean(axis=0)
    limit = split(level[sample], rules)
    if limit is None:
        return found
    with np.errstate(invalid="ignore"):
        water = flat & (level < limit)
    labels, _ = ndi.label(ndi.binary_opening(water, EIGHT), EIGHT)
    for number, part in enumerate(ndi.find_objects(labels), start=1):
        found[part] |= _even(labels[part] == number, level[part], rules)
    if "vv" not in one.bands:
        return found
    labels, count = ndi.label(found, EIGHT)
    strength = np.nan_to_num(bands[one.bands.index("vv")])
    means = 10 * np.log10(np.maximum(ndi.mean(strength, labels, np.arange(1, count + 1)), 1e-6))
    return np.asarray(np.concatenate([[False], means < rules.radar_most_vv_db])[labels], dtype=np.bool_)


def _even(mask: BoolArray, level: FloatArray, rules: RadarLakeRules) -> BoolArray:
    """Return the part of something dark that is of one brightness; nothing where no part is."""
    core = ndi.binary_erosion(mask, EIGHT, iterations=2)
    if core.sum() < 9 or level[core].std() <= rules.radar_most_spread_db:
        return mask
    limit = split(level[core], rules.model_copy(update={"radar_separation_db": 2.0, "radar_ashman": 0.5}))
    if limit is None:
        return np.zeros_like(mask)
    labels, count = ndi.label(ndi.binary_opening(mask & (level < limit), EIGHT), EIGHT)
    kept = np.zeros_like(mask)
    for number in range(1, count + 1):
        one = labels == number
        core = ndi.binary_erosion(one, EIGHT, iterations=2)
        if core.sum() >= 9 and level[core].std() <= rules.radar_most_spread_db:
            kept |= one
    return kept


def _rest(
    one: Acquisition, bands: FloatArray, rest: BoolArray, around: FloatArray, rules: RadarLakeRules
) -> tuple[bool, bool]:
    """Return whether what is not dark of a place looks like the land around, and whether like ice full of bubbles."""
    if rest.sum() < 20:
        return True, False
    contrast = dict(zip(one.bands, 10 * np.log10(np.nanmean(bands[:, rest], axis=1) / around), strict=True))
    if set(contrast) != {"vh", "vv"}:
        return False, False
    cold = one.acquired_at.month in rules.ice_months
    white = bool(cold and contrast["vh"] > rules.ice_vh_db)
    alike = max(map(abs, contrast.values())) <= rules.ground_db
    return alike and abs(contrast["vv"] - contrast["vh"]) <= rules.ground_ratio_db, white
