"""A simulated valley glacier whose length is known exactly on every date, with all that hides its snout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.spatial import cKDTree

from detection.arrays import Acquisition, FloatArray, Terrain
from detection.blocks import terrain_from_elevation
from detection.simulate import spectra as library
from detection.simulate.relief import fractal
from detection.simulate.spectra import ICE_OF, TILL_OF, Spectra, column
from detection.simulate.summer import Sky, photograph

FINE = 4
"""Sub-pixels per side: the ice share of a pixel is exact to a sixteenth."""
Season = Literal["late_summer", "early_snow"]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """How the snout moves: a steady rate, and at most one surge on top of it."""

    rate_m_yr: float = 0.0
    """Negative = retreat."""
    surge_at: datetime | None = None
    surge_m_day: float = 0.0
    surge_days: float = 0.0

    def change_m(self, start: datetime, at: datetime) -> float:
        """Return the change of length between two moments."""
        change = self.rate_m_yr * (at - start).total_seconds() / (365.25 * 86400)
        if self.surge_at is not None:
            change += self.surge_m_day * float(
                np.clip((at - self.surge_at).total_seconds() / 86400, 0, self.surge_days)
            )
        return change


@dataclass(frozen=True)
class GlacierScene:
    """What detectors see of a glacier, and the truth. Places in pixels, (row, col), 0, 0 = the outer corner."""

    dates: tuple[Acquisition, ...]
    terrain: Terrain
    pixel_m: float
    centreline_px: Points
    """(n, 2) from the head to the tip on the first date."""
    outline_px: Points
    """(n, 2), ring on the first date."""
    tip_m: npt.NDArray[np.float64]
    """(dates,), length along the centreline to the tip of the snout."""
    area_m2: npt.NDArray[np.float64]
    """(dates,)."""
    drop_m: float
    """How far the parabolic snout lies back at the glacier's edges."""

    def length_m(self, central_share: float) -> npt.NDArray[np.float64]:
        """Return the length to the mean terminus over a central share of the width, (dates,)."""
        return np.asarray(self.tip_m - self.drop_m * central_share**2 / 3)


def simulate_glacier(
    seed: int,
    *,
    motion: Motion | None = None,
    dates: tuple[datetime, ...] | None = None,
    season: Season = "late_summer",
    spectra: Spectra = "train",
    debris: bool = False,
    shape: tuple[int, int] = (340, 260),
    pixel_m: float = 10.0,
    sky: Sky | None = None,
) -> GlacierScene:
    """Return a curved glacier of a prescribed motion on every date; equal arguments give equal scenes.

    Parameters
    ----------
    dates
        None = four of each August and September, 2018 to 2022.
    season
        "early_snow" strews patches of new snow over ice and foreland alike on most dates.
    debris
        The lowest half is covered with till that hardly differs from the foreland's.
    """
    rng = np.random.default_rng([seed, 0 if spectra == "train" else 1, 5])
    motion, sky = motion or Motion(), sky or Sky()
    dates = dates or summers(rng, range(2018, 2023))
    valley = _Valley.draw(rng, shape, pixel_m)
    ground = _Ground.draw(rng, valley, spectra, debris)
    tips = valley.length_m + np.array([motion.change_m(dates[0], at) for at in dates])
    seen, areas = [], []
    for at, tip in zip(dates, tips, strict=True):
        ice = valley.ice_share(float(tip))
        surface = ground.surface(rng, ice)
        surface = _snowed(rng, surface, valley.terrain, season)
        seen.append(photograph(rng, surface, valley.terrain, at, pixel_m=pixel_m, sky=sky))
        areas.append(float(ice.sum()) * pixel_m**2)
    return GlacierScene(
        tuple(seen),
        valley.terrain,
        pixel_m,
        valley.centreline_px(),
        valley.outline_px(),
        tips,
        np.array(areas),
        valley.drop_m,
    )


def summers(rng: np.random.Generator, years: range, each: int = 4) -> tuple[datetime, ...]:
    """Return `each` dates between 1 August and 15 September of every year."""
    days = [sorted(rng.choice(np.arange(0, 46, 5), size=each, replace=False)) for _ in years]
    return tuple(
        datetime(year, 8, 1, 5, 48, tzinfo=UTC) + timedelta(days=int(day))
        for year, picked in zip(years, days, strict=True)
        for day in picked
    )


@dataclass(frozen=True)
class _Valley:
    """Where the glacier lies: coordinates along and across its curved axis."""

    axis_px: Points
    """(n, 2), a point per metre from the head far beyond the snout."""
    along_m: FloatArray
    """(fine rows, fine cols), distance along the axis of the nearest point of it."""
    across_m: FloatArray
    terrain: Terrain
    length_m: float
    half_width_m: float
    drop_m: float

    @classmethod
    def draw(cls, rng: np.random.Generator, shape: tuple[int, int], pixel_m: float) -> _Valley:
        """Return a valley that runs down the rows in a bend and its counter-bend."""
        rows, cols = shape
        reach_m = rows * pixel_m
        run = np.arange(150.0, reach_m - 20.0)
        swing = rng.uniform(0.04, 0.10) * reach_m * rng.choice([-1, 1])
        sideways = cols * pixel_m / 2 + swing * np.sin(
            2 * np.pi * (run / reach_m * rng.uniform(0.6, 0.9) + rng.random())
        )
        steps = np.hypot(np.gradient(run), np.gradient(sideways))
        along = np.concatenate([[0.0], np.cumsum(steps[1:])])
        metres = np.arange(0.0, along[-1])
        axis = np.column_stack([np.interp(metres, along, run), np.interp(metres, along, sideways)]) / pixel_m
        grid = (np.indices((rows * FINE, cols * FINE)).reshape(2, -1).T + 0.5) / FINE
        coarse = axis[::5]
        nearest = cKDTree(coarse).query(grid)[1]
        heading = np.gradient(coarse, axis=0)
        heading /= np.hypot(heading[:, :1], heading[:, 1:])
        offset = grid - coarse[nearest]
        ahead = np.einsum("ij,ij->i", offset, heading[nearest]) * pixel_m
        ahead_of = heading[nearest]
        signed = (ahead_of[:, 0] * offset[:, 1] - ahead_of[:, 1] * offset[:, 0]) * pixel_m
        fine = (rows * FINE, cols * FINE)
        along_m = (5.0 * nearest + ahead).reshape(fine).astype(np.float32)
        width = float(rng.uniform(180, 300))
        terrain = _relief(rng, _means(along_m), _means(np.abs(signed).reshape(fine)), width, pixel_m)
        length = float(rng.uniform(0.55, 0.65) * reach_m)
        drop = float(rng.uniform(0.5, 1.0) * width)
        return cls(axis, along_m, signed.reshape(fine).astype(np.float32), terrain, length, width, drop)

    def ice_share(self, tip_m: float) -> FloatArray:
        """Return the share of each pixel under ice, (rows, cols): parallel sides, parabolic snout."""
        across = self.across_m / self.half_width_m
        inside = (np.abs(across) < 1) & (self.along_m > 0) & (self.along_m < tip_m - self.drop_m * across**2)
        return _means(inside)

    def centreline_px(self) -> Points:
        """Return the axis from the head to the tip at the start."""
        return np.asarray(self.axis_px[: int(self.length_m) + 1 : 20])

    def outline_px(self) -> Points:
        """Return the ring round the ice at the start."""
        across = np.linspace(-1, 1, 41)
        heading = np.gradient(self.axis_px, axis=0)
        heading /= np.hypot(heading[:, :1], heading[:, 1:])
        left = np.column_stack([-heading[:, 1], heading[:, 0]])
        metre_px = self.half_width_m * (self.axis_px[1] - self.axis_px[0]).dot(heading[0])
        edge = np.arange(0, self.length_m - self.drop_m, 20).astype(int)
        snout = (self.length_m - self.drop_m * across**2).astype(int)
        sides = [self.axis_px[edge] + side * metre_px * left[edge] for side in (-1, 1)]
        front = self.axis_px[snout] + across[:, None] * metre_px * left[snout]
        return np.concatenate([sides[0], front, sides[1][::-1], sides[0][:1]])


def _relief(
    rng: np.random.Generator, along_m: FloatArray, across_m: FloatArray, width_m: float, pixel_m: float
) -> Terrain:
    """Return a valley of gentle floor between steep walls."""
    wall = np.maximum(across_m - width_m - 60, 0)
    height = 4300 - 0.12 * along_m + 0.62 * wall + 12 * fractal(rng, (along_m.shape[0], along_m.shape[1]), 3.4)
    height = ndi.gaussian_filter(height, 2) + np.minimum(wall / 100, 1) * 40 * fractal(
        rng, (height.shape[0], height.shape[1]), 3.6
    )
    return terrain_from_elevation(height.astype(np.float32), (pixel_m, pixel_m))


def _means(fine: npt.NDArray[np.generic]) -> FloatArray:
    """Return the mean of the sub-pixels of each pixel."""
    rows, cols = (side // FINE for side in fine.shape)
    return np.asarray(fine.reshape(rows, FINE, cols, FINE).mean(axis=(1, 3)), dtype=np.float32)


@dataclass(frozen=True)
class _Ground:
    """What the ground looks like without snow, bare and under ice."""

    bare: FloatArray
    """(bands, rows, cols)."""
    ice: FloatArray
    dirt: FloatArray
    """(rows, cols), share of the ice that dirt hides."""

    @classmethod
    def draw(cls, rng: np.random.Generator, valley: _Valley, spectra: Spectra, debris: bool) -> _Ground:
        """Return rock, scree, soil and a little green around; ice with dirt, or with a cover of till low down."""
        shape = (valley.terrain.elevation_m.shape[0], valley.terrain.elevation_m.shape[1])
        names = ("dark rock", "light rock", "scree", "soil", "shrub")
        favour = np.array([0.2, 0.2, 0.6, 0.3, 0.5 if debris else -0.6])[:, None, None]
        logits = favour + np.stack([1.2 * fractal(rng, shape, 2.6) for _ in names])
        shares = np.exp(1.5 * (logits - logits.max(axis=0)))
        table = np.array([library.SURFACES[name] for name in names], dtype=np.float32)
        texture = np.exp(0.10 * fractal(rng, shape, 1.6))
        bare = np.tensordot(table.T, shares / shares.sum(axis=0), axes=1) * texture
        bank = ICE_OF[spectra]
        ice = column(bank[rng.integers(len(bank))]) * np.exp(0.08 * fractal(rng, shape, 2.0))
        dirt = np.clip(rng.uniform(0.05, 0.3) + 0.1 * fractal(rng, shape, 2.8), 0, 0.6)
        if debris:
            along = _means(valley.along_m) / valley.length_m
            cover = np.clip((along - 0.5) / 0.1, 0, 1) * np.clip(0.95 + 0.05 * fractal(rng, shape, 2.4), 0.8, 1)
            dirt = np.maximum(dirt, cover)
        tills = TILL_OF[spectra]
        till = column(tills[rng.integers(len(tills))]) * np.exp(0.12 * fractal(rng, shape, 1.6))
        ice = ice + dirt * (till - ice)
        return cls(bare.astype(np.float32), ice.astype(np.float32), dirt.astype(np.float32))

    def surface(self, rng: np.random.Generator, share: FloatArray) -> FloatArray:
        """Return the ground of a date; dampness and melt change its brightness a little."""
        ice = self.ice * np.float32(np.exp(rng.normal(0, 0.08)))
        bare = self.bare * np.float32(np.exp(rng.normal(0, 0.06)))
        return np.asarray(bare + share * (ice - bare), dtype=np.float32)


def _snowed(rng: np.random.Generator, surface: FloatArray, terrain: Terrain, season: Season) -> FloatArray:
    """Return the surface with the snow of a date: high up, and in patches everywhere after an early fall."""
    shape = (surface.shape[1], surface.shape[2])
    height = terrain.elevation_m
    line = np.quantile(height, 0.85) + rng.normal(0, 60) + 30 * fractal(rng, shape, 2.5)
    snow = np.clip((height - line) / 80, 0, 1)
    if season == "early_snow" and rng.random() < 0.7:
        field = fractal(rng, shape, 2.8)
        edge = np.quantile(field, 1 - rng.uniform(0.15, 0.6))
        snow = np.maximum(snow, np.clip((field - edge) / 0.4, 0, 1) * rng.uniform(0.6, 1.0))
    return np.asarray(surface + snow * (column(library.SNOW) - surface), dtype=np.float32)
