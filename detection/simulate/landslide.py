"""Landslides in simulated mountains, before and after, with every nuisance that hides or feigns them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.spatial import cKDTree

from detection.arrays import BANDS, Acquisition, Block, BoolArray, FloatArray, Terrain
from detection.blocks import terrain_from_elevation
from detection.simulate import spectra as library
from detection.simulate.relief import Relief, fractal, mountains, walk_down
from detection.simulate.sensor import clouds, lighting, observe
from detection.simulate.spectra import ScarSpectra, Spectrum, column
from detection.simulate.world import World

LATITUDE_DEG = 36.3


@dataclass(frozen=True)
class Nuisances:
    """What may hide or feign a change; each can be switched off."""

    clouds: bool = True
    cloud_mask: bool = True
    """A leaky mask of clouds and snow comes with the pictures; else none does."""
    snow: bool = True
    river: bool = True
    fields: bool = True
    season: bool = True
    """Plants green up and dry out from date to date."""
    sun: bool = True
    """Another sun on every date; else the same on all."""
    relief_light: bool = True
    """Light and shadow by relief; else the ground is lit as if it were level."""
    haze: bool = True
    gain: bool = True
    jitter: bool = True
    noise: bool = True

    @classmethod
    def none(cls) -> Nuisances:
        """Return a scene without any."""
        return cls(**{name: False for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Slide:
    """The truth of one landslide."""

    label: int
    area_m2: float
    spectrum: str
    mixing: float
    """Share of the ground that shows the scar, 0-1."""


@dataclass(frozen=True)
class LandslideScene:
    """What detectors see, and the truth."""

    block: Block
    labels: npt.NDArray[np.int32]
    """(rows, cols), 0 = no slide; a pixel belongs to a slide that covers half of it or more."""
    slides: tuple[Slide, ...]
    event_at: datetime
    """All slides came down then, after the last date of `before` and before the first of `after`."""

    @property
    def areas_m2(self) -> dict[int, float]:
        """Exact area per label, before it is cut into pixels."""
        return {slide.label: slide.area_m2 for slide in self.slides}


@dataclass(frozen=True)
class _Scar:
    """One slide before it is painted."""

    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    cover: FloatArray
    area_m2: float


def simulate_landslide(
    seed: int,
    *,
    shape: tuple[int, int] = (600, 600),
    n_before: int = 4,
    n_after: int = 4,
    slides: int | None = None,
    spectra: ScarSpectra = "train",
    elevation_m: FloatArray | None = None,
    pixel_m: float = 10.0,
    mean_slope_deg: float = 27.0,
    bands: tuple[str, ...] = BANDS,
    with_terrain: bool = True,
    nuisances: Nuisances | None = None,
    world: World | None = None,
    taken: Sequence[datetime] | None = None,
) -> LandslideScene:
    """Return a scene of landslides with exact truth; equal arguments give equal scenes.

    Parameters
    ----------
    slides
        How many to try; None = 25 per 360,000 pixels. Sizes follow the inverse gamma law of [@Malamud2004].
    spectra
        Which scar spectra: coefficients may be fitted on "train" and "varied" only, methods chosen on "check" too.
    elevation_m
        Relief to use, (rows, cols); None = fractal mountains with a valley.
    world
        Its constants; None = those of World().
    taken
        When each date was taken, in order, n_before of them before the slides; None = days of one summer and the next.
    """
    nuisances, world = nuisances or Nuisances(), world or World()
    rng = np.random.default_rng([seed, ("train", "test", "varied", "check").index(spectra)])
    if elevation_m is None:
        relief = mountains(rng, shape, pixel_m, mean_slope_deg)
    else:
        shape = (elevation_m.shape[0], elevation_m.shape[1])
        relief = Relief(elevation_m.astype(np.float32), None, np.zeros(shape, dtype=bool))
    terrain = terrain_from_elevation(relief.elevation_m, (pixel_m, pixel_m))
    wanted = round(25 * shape[0] * shape[1] / 360_000) if slides is None else slides
    scars = _draw_scars(rng, terrain, wanted, pixel_m, world.length_to_width)
    bank = library.scars(spectra, seed)
    ground = _Ground.draw(rng, relief, terrain)
    labels, scar_share, scar_reflectance, truth = _paint(rng, scars, bank, shape, world.mixing)
    camera = _Camera(rng, relief, terrain, ground=ground, nuisances=nuisances, pixel_m=pixel_m, world=world)
    dates = _dates(rng, n_before, n_after) if taken is None else list(taken)
    seen = []
    for index, date in enumerate(dates):
        is_after = index >= n_before
        seen.append(camera.shoot(date, scar_share if is_after else None, scar_reflectance, is_after, bands))
    event_at = dates[n_before - 1] + (dates[n_before] - dates[n_before - 1]) * float(rng.uniform(0.1, 0.9))
    block = Block(tuple(seen[:n_before]), tuple(seen[n_before:]), terrain if with_terrain else None, (pixel_m, pixel_m))
    return LandslideScene(block, labels, truth, event_at)


def _dates(rng: np.random.Generator, n_before: int, n_after: int) -> list[datetime]:
    """Return dates of one summer and the next, in order, about 10:45 local solar time."""
    dates = []
    for year, count in ((2022, n_before), (2023, n_after)):
        first = datetime(year, 6, 20, 5, 48, tzinfo=UTC)
        days = np.sort(rng.choice(np.arange(0, 95, 5), size=count, replace=count > 19))
        dates += [first + timedelta(days=int(day)) for day in days]
    return dates


def sun_position(date: datetime) -> tuple[float, float]:
    """Return elevation and azimuth of the sun, degrees, at 10:45 local solar time of a date at LATITUDE_DEG.

    Cooper's declination and the textbook hour-angle formulas [@Duffie2013].
    """
    day = date.timetuple().tm_yday
    declination = np.radians(23.45 * np.sin(2 * np.pi * (284 + day) / 365))
    latitude, hour = np.radians(LATITUDE_DEG), np.radians(-18.75)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour)
    return float(np.degrees(np.arcsin(up))), float(np.degrees(np.arctan2(east, north)) % 360)


def _draw_scars(
    rng: np.random.Generator, terrain: Terrain, wanted: int, pixel_m: float, ratios: tuple[float, float]
) -> list[_Scar]:
    """Return slides on steep ground that neither touch each other nor the border."""
    below_snow = terrain.elevation_m < np.nanquantile(terrain.elevation_m, 0.8)
    steep = np.argwhere((terrain.slope_deg > 24.0) & below_snow)
    taken = np.zeros(terrain.slope_deg.shape, dtype=bool)
    taken[:6], taken[-6:], taken[:, :6], taken[:, -6:] = True, True, True, True
    scars: list[_Scar] = []
    for _ in range(wanted * 12):
        if len(scars) == wanted or not len(steep):
            break
        area_m2 = 1e6 * (1.28e-3 / rng.gamma(1.4) - 1.32e-4)
        ratio = rng.uniform(*ratios)
        start = steep[rng.integers(len(steep))] + rng.random(2)
        if not 7 * pixel_m**2 <= area_m2 <= 2.5e5:
            continue
        scar = _scar(rng, terrain.elevation_m, start, area_m2 / pixel_m**2, ratio)
        if scar is None:
            continue
        around = np.s_[scar.rows.min() - 4 : scar.rows.max() + 5, scar.cols.min() - 4 : scar.cols.max() + 5]
        if scar.rows.min() < 6 or scar.cols.min() < 6 or taken[scar.rows, scar.cols].any():
            continue
        footprint = np.zeros_like(taken)
        footprint[scar.rows, scar.cols] = True
        taken[around] |= ndi.binary_dilation(footprint[around], iterations=4)
        scars.append(_Scar(scar.rows, scar.cols, scar.cover, float(scar.cover.sum()) * pixel_m**2))
    return scars


def _scar(
    rng: np.random.Generator, elevation_m: FloatArray, start: npt.NDArray[np.float64], area_px: float, ratio: float
) -> _Scar | None:
    """Return the cover of a tongue of an area and length over width along the way down, None where it cannot run."""
    length, width = np.sqrt(area_px * ratio), np.sqrt(area_px / ratio)
    path = walk_down(elevation_m, (float(start[0]), float(start[1])), max(length - width, 1.0))
    if len(path) < 0.8 * (max(length - width, 1.0) / 0.5):
        return None
    if np.hypot(*(path[-1] - path[0])) < 0.7 * (length - width):  # it circles in a hollow
        return None
    along = np.linspace(0, 1, len(path))
    half = width / 2 * (1 + 0.2 * np.sin(2 * np.pi * (along * rng.uniform(0.5, 1.5) + rng.random())))
    low = np.floor(path.min(axis=0) - width - 2).astype(int)
    high = np.ceil(path.max(axis=0) + width + 2).astype(int)
    if (low < 0).any() or (high >= np.array(elevation_m.shape)).any():
        return None
    fine = 4  # sub-pixels per side: cover is exact to a sixteenth
    rows, cols = (np.arange(low[axis] * fine, (high[axis] + 1) * fine) / fine + 0.5 / fine for axis in (0, 1))
    grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    distance, nearest = cKDTree(path).query(grid.reshape(-1, 2))
    inside = (distance <= half[nearest]).reshape(grid.shape[:2]).astype(np.float32)
    cover = inside.reshape(len(rows) // fine, fine, len(cols) // fine, fine).mean(axis=(1, 3))
    touched = np.nonzero(cover)
    return _Scar(touched[0] + low[0], touched[1] + low[1], cover[touched].astype(np.float32), 0.0)


def _paint(
    rng: np.random.Generator,
    scars: list[_Scar],
    bank: dict[str, Spectrum],
    shape: tuple[int, int],
    mixings: tuple[float, float],
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray, tuple[Slide, ...]]:
    """Return labels, share of scar per pixel, reflectance of the scar, and the list of slides."""
    labels = np.zeros(shape, dtype=np.int32)
    share = np.zeros(shape, dtype=np.float32)
    reflectance = np.zeros((len(BANDS), *shape), dtype=np.float32)
    texture = np.exp(0.08 * fractal(rng, shape, 2.0))
    names = sorted(bank)
    truth = []
    for label, scar in enumerate(scars, start=1):
        name, mixing = names[rng.integers(len(names))], float(rng.uniform(*mixings))
        patchy = mixing * np.clip(1 + 0.15 * rng.standard_normal(len(scar.rows)), 0.6, 1.05)
        share[scar.rows, scar.cols] = scar.cover * np.minimum(patchy, 1)
        reflectance[:, scar.rows, scar.cols] = np.array(bank[name])[:, None] * texture[scar.rows, scar.cols]
        half = scar.cover >= 0.5
        labels[scar.rows[half], scar.cols[half]] = label
        truth.append(Slide(label, scar.area_m2, name, mixing))
    return labels, share, reflectance, tuple(truth)


@dataclass(frozen=True)
class _Ground:
    """Shares of the surfaces, which stay, and the fields that change them by date."""

    shares: FloatArray
    """(surfaces, rows, cols), sum 1."""
    texture: FloatArray
    snowline: FloatArray
    plots: npt.NDArray[np.int32]
    """(rows, cols), number of the field on the valley floor, 0 = none."""
    roughness: FloatArray

    @classmethod
    def draw(cls, rng: np.random.Generator, relief: Relief, terrain: Terrain) -> _Ground:
        """Return the ground: greener low down, on gentle and on northern slopes; rock where it is steep."""
        shape = relief.elevation_m.shape
        grid = (shape[0], shape[1])
        height = (relief.elevation_m - np.median(relief.elevation_m)) / 600.0
        steep = (np.nan_to_num(terrain.slope_deg) - 27) / 9.0
        north = np.cos(np.radians(np.nan_to_num(terrain.aspect_deg)))
        favour = {
            "dark rock": 0.7 * steep + 0.2 * height,
            "light rock": 0.6 * steep + 0.2 * height - 0.4,
            "scree": 0.4 - 0.1 * steep,
            "soil": 0.3 - 0.3 * height - 0.4 * steep,
            "shrub": 0.3 - 0.5 * height - 0.4 * steep + 0.3 * north,
            "forest": -0.6 - 0.7 * height - 0.5 * steep + 0.9 * north,
        }
        logits = np.stack([favour[name] + 1.3 * fractal(rng, grid, 2.6) for name in library.SURFACES])
        shares = np.exp(1.6 * (logits - logits.max(axis=0)))
        shares /= shares.sum(axis=0)
        texture = np.exp(0.10 * fractal(rng, grid, 1.6))
        snowline = float(np.quantile(relief.elevation_m, 0.86)) - 120 * north + 60 * fractal(rng, grid, 3.0)
        plots = np.zeros(grid, dtype=np.int32)
        if relief.valley_px is not None:
            cell = (np.arange(grid[0])[:, None] // 9) * 1000 + np.floor(relief.valley_px / 7).astype(int) % 1000
            plots = np.where(relief.floor & (np.abs(relief.valley_px) > 5), 1 + cell % 997, 0).astype(np.int32)
        return cls(
            shares.astype(np.float32),
            texture.astype(np.float32),
            snowline.astype(np.float32),
            plots,
            fractal(rng, grid, 1.5),
        )


class _Camera:
    """Takes the picture of a date."""

    def __init__(
        self,
        rng: np.random.Generator,
        relief: Relief,
        terrain: Terrain,
        *,
        ground: _Ground,
        nuisances: Nuisances,
        pixel_m: float,
        world: World,
    ) -> None:
        self.rng, self.relief, self.terrain, self.ground = rng, relief, terrain, ground
        self.nuisances, self.pixel_m, self.world = nuisances, pixel_m, world
        self.river_shift = float(rng.choice([-1, 1]) * rng.uniform(2, 5))

    def shoot(
        self, date: datetime, scar_share: FloatArray | None, scar: FloatArray, is_after: bool, bands: tuple[str, ...]
    ) -> Acquisition:
        """Return what the satellite sees on a date; the slides are there when a scar share is given."""
        surface = self._surface(is_after)
        if scar_share is not None:
            surface += scar_share * (scar - surface)
        surface, snow = self._snow(surface)
        elevation, azimuth = sun_position(date if self.nuisances.sun else datetime(2022, 8, 1, tzinfo=UTC))
        if self.nuisances.relief_light:
            sky = float(np.exp(self.rng.normal(0, 0.25)))  # more of it on hazy days
            surface *= lighting(self.terrain, (self.pixel_m, self.pixel_m), (elevation, azimuth), sky)
        image, usable = self._clouds(surface, azimuth)
        image = self._sensor(image)
        if self.nuisances.cloud_mask:
            usable &= ~ndi.binary_dilation(snow >= 0.35, iterations=1)
        which = [BANDS.index(name) for name in bands]
        reflectance = np.where(usable, image[which], np.float32(np.nan)).astype(np.float32)
        return Acquisition(date, bands, reflectance, usable, elevation, azimuth)

    def _surface(self, is_after: bool) -> FloatArray:
        """Return reflectance of the ground under even light: plants by season, fields and river by date."""
        rng, ground = self.rng, self.ground
        table = self.world.surfaces.copy()
        if self.nuisances.season:
            dryness = rng.uniform(*self.world.dryness)
            table[4] += dryness * (table[3] - table[4])
            table[5] += 0.25 * dryness * (table[3] - table[5])
        surface = np.tensordot(table.T, ground.shares, axes=1) * ground.texture
        surface = surface.astype(np.float32)
        if self.nuisances.fields and ground.plots.any():
            green = rng.random(ground.plots.max() + 1).astype(np.float32)[ground.plots]
            mixed = column(library.FALLOW) + green * (column(library.CROP) - column(library.FALLOW))
            surface = np.where(ground.plots > 0, mixed, surface)
        if self.relief.valley_px is not None:
            shift = self.river_shift if is_after and self.nuisances.river else 0.0
            wander = 4 * np.sin(np.arange(surface.shape[1]) / 25.0)[:, None]
            wet = np.clip(3.5 - np.abs(self.relief.valley_px - wander - shift), 0, 1).astype(np.float32)
            surface = surface + wet * (column(library.WATER) - surface)
        return np.asarray(surface, dtype=np.float32)

    def _snow(self, surface: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the ground with its snow above the snowline of the date, and the share of snow."""
        if not self.nuisances.snow:
            return surface, np.zeros(surface.shape[1:], dtype=np.float32)
        line = self.ground.snowline + self.rng.normal(0, self.world.snowline_m) + 15 * self.ground.roughness
        snow = np.clip((self.relief.elevation_m - line) / 100.0, 0, 1).astype(np.float32)
        return surface + snow * (column(library.SNOW) - surface), snow

    def _clouds(self, surface: FloatArray, sun_azimuth_deg: float) -> tuple[FloatArray, BoolArray]:
        """Return the picture with its clouds and their shadows, and what the leaky mask leaves usable."""
        shape = (surface.shape[1], surface.shape[2])
        if not self.nuisances.clouds:
            return surface, np.ones(shape, dtype=bool)
        opacity, shadow, flagged = clouds(
            self.rng, shape, float(self.rng.uniform(*self.world.cloud_cover)), sun_azimuth_deg
        )
        surface = surface * (1 - shadow)
        usable = ~flagged if self.nuisances.cloud_mask else np.ones(shape, dtype=bool)
        return surface + opacity * (self.world.cloud[:, None, None] - surface), usable

    def _sensor(self, image: FloatArray) -> FloatArray:
        """Return the picture after air, optics and electronics."""
        rng, on, world = self.rng, self.nuisances, self.world
        shift = rng.normal(0, world.jitter_px, size=2) if on.jitter else np.zeros(2)
        image = observe(image, psf_px=world.psf_px, shift_px=(float(shift[0]), float(shift[1])))
        if on.haze:
            veil = rng.uniform(0, 1) * (1 + 0.4 * fractal(rng, (image.shape[1], image.shape[2]), 3.5))
            image = image + world.haze[:, None, None] * np.maximum(veil, 0)
        if on.gain:
            image = image * np.exp(rng.normal(0, world.gain, size=(len(BANDS), 1, 1)))
        if on.noise:
            image = image * (1 + world.noise * rng.standard_normal(image.shape, dtype=np.float32))
            image = image + 0.001 * rng.standard_normal(image.shape, dtype=np.float32)
        return np.clip(image, 0.0005, 1.6).astype(np.float32)
