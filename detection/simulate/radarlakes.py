"""Simulated lakes as Sentinel-1 sees them: calm, rough, frozen, gone; beside shadow, layover, wet snow and smooth sand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import RADAR_BANDS, Acquisition, BoolArray, FloatArray, Terrain
from detection.blocks import terrain_from_elevation
from detection.simulate.lakes import _Basin, _basins, _ground, _water_share
from detection.simulate.relief import fractal
from detection.simulate.sar import LEVEL_DB, NOISE_DB, ORBITS, RESOLUTION_PX

Kind = Literal["train", "test"]
Surface = Literal["calm", "rough", "frozen", "none"]
RIDGE_PX = 80
"""Columns added in the east for a ridge that throws shadow and layover on level ground."""
RIDGE_M = 420.0
REPEAT_DAYS = 12
LEVELS_DB: dict[Kind, dict[str, tuple[tuple[float, float], tuple[float, float]]]] = {
    "train": {
        "calm": ((-26.0, -23.5), (-21.5, -17.5)),
        "rough": ((-22.0, -19.0), (-12.5, -9.0)),
        "frozen": ((-21.0, -14.0), (-14.0, -8.0)),
        "sand": ((-21.0, -19.0), (-14.0, -12.5)),
    },
    "test": {
        "calm": ((-28.0, -22.5), (-23.0, -16.5)),
        "rough": ((-23.0, -18.5), (-13.5, -8.0)),
        "frozen": ((-22.0, -13.0), (-15.0, -7.0)),
        "sand": ((-21.5, -18.5), (-14.5, -12.0)),
    },
}
"""Least and most of vh and of vv; thresholds may be chosen on "train" only."""
MONTHS_WITH_ICE = (12, 1, 2, 3)


@dataclass(frozen=True)
class RadarLake:
    """One lake: its area and what its surface is on every date."""

    area_m2: npt.NDArray[np.float64]
    surface: tuple[Surface, ...]


@dataclass(frozen=True)
class RadarLakeScene:
    """What detectors see, and the truth."""

    dates: tuple[Acquisition, ...]
    terrain: Terrain
    lakes: tuple[RadarLake, ...]
    labels: npt.NDArray[np.int32]
    """(dates, rows, cols), number of the lake that covers half of a pixel or more, from 1."""
    hidden: BoolArray
    """(dates, rows, cols), shadow or layover, by rays followed one pixel at a time."""


def simulate_radar_lakes(
    seed: int,
    *,
    kind: Kind = "train",
    start: datetime = datetime(2022, 11, 20, tzinfo=UTC),
    repeats: int = 5,
    lakes: int = 6,
    size: int = 280,
    pixel_m: float = 10.0,
    quiet: bool = False,
) -> RadarLakeScene:
    """Return mountains with lakes, seen from both orbits every 12 days; equal arguments give equal scenes.

    Parameters
    ----------
    quiet
        No wind, ice, snow, sand or speckle.
    """
    rng = np.random.default_rng([seed, 0 if kind == "train" else 1, 17])
    moments = [
        (start + timedelta(days=REPEAT_DAYS * number + (5 if orbit == "ascending" else 0), hours=hour), orbit)
        for number in range(repeats)
        for orbit, (_, _, hour) in sorted(ORBITS.items(), reverse=True)
    ]
    basins = _basins(rng, (size, size), len(moments), lakes, kind)
    terrain = _relief(rng, size, pixel_m, basins)
    shape = (size, size + RIDGE_PX)
    ground = _Ground(rng, terrain, shape, kind, quiet)
    dates, areas = [], np.zeros((len(basins), len(moments)))
    labels, hidden = np.zeros((len(moments), *shape), np.int32), np.zeros((len(moments), *shape), bool)
    surfaces = [_surfaces(rng, basin, [at for at, _ in moments], quiet) for basin in basins]
    for when, (at, orbit) in enumerate(moments):
        lit, shadow, over = ground.seen_from(orbit, pixel_m)
        power = ground.power(lit)
        for number, basin in enumerate(basins):
            share = _water_share(basin, when, shape)
            areas[number, when] = float(share.sum()) * pixel_m**2
            labels[when][share >= 0.5] = number + 1
            power += share * (ground.level(surfaces[number][when]) - power)
        hidden[when] = shadow | over
        dates.append(ground.picture(power, shadow, over, at, orbit))
    truth = tuple(RadarLake(areas[number], surfaces[number]) for number in range(len(basins)))
    return RadarLakeScene(tuple(dates), terrain, truth, labels, hidden)


def _relief(rng: np.random.Generator, size: int, pixel_m: float, basins: list[_Basin]) -> Terrain:
    """Return the ground of the lakes with a valley floor and a steep ridge in the east of it."""
    west, _ = _ground(rng, (size, size), pixel_m, basins)
    east = np.arange(RIDGE_PX, dtype=np.float32)
    floor = west.elevation_m[:, -1:] + 0 * east
    floor = ndi.gaussian_filter1d(floor, 12, axis=0)
    ridge = np.float32(RIDGE_M) * np.clip(1 - np.abs(east - RIDGE_PX / 2) / 20, 0, 1)
    return terrain_from_elevation(np.hstack([west.elevation_m, floor + ridge]).astype(np.float32), (pixel_m, pixel_m))


def _surfaces(rng: np.random.Generator, basin: _Basin, moments: list[datetime], quiet: bool) -> tuple[Surface, ...]:
    """Return what a lake's surface is on every date: some freeze for good, wind comes and goes."""
    freezes = len(moments) if rng.random() > 0.4 else int(rng.integers(1, len(moments)))
    wind = rng.random(len(moments)) < 0.12
    told: list[Surface] = []
    for when, at in enumerate(moments):
        if basin.fill[when] <= 0:
            told.append("none")
        elif not quiet and when >= freezes and at.month in MONTHS_WITH_ICE:
            told.append("frozen")
        else:
            told.append("rough" if wind[when] and not quiet else "calm")
    return tuple(told)


class _Ground:
    """What the radar sees of the land, and how it takes its pictures."""

    def __init__(
        self, rng: np.random.Generator, terrain: Terrain, shape: tuple[int, int], kind: Kind, quiet: bool
    ) -> None:
        self.rng, self.terrain, self.shape, self.kind, self.quiet = rng, terrain, shape, kind, quiet
        self.texture = 1.6 * fractal(rng, shape, 2.4) + 0.6 * fractal(rng, shape, 1.2)
        rank = np.argsort(np.argsort(terrain.elevation_m, axis=None)).reshape(shape) / terrain.elevation_m.size
        self.height = rank.astype(np.float32)
        self.snowline, self.wetness = float(rng.uniform(0.6, 1.0)), float(rng.uniform(3.0, 8.0))
        row, col = rng.uniform(30, shape[0] - 30), rng.uniform(0.2 * shape[1], 0.3 * shape[1])
        south, east = np.ogrid[0 : shape[0], 0 : shape[1]]
        self.sand = np.hypot(south - row, east - col) < rng.uniform(8, 16)
        self.sand_level = self.level("sand")

    def level(self, surface: str) -> FloatArray:
        """Return the power of a surface, (2, 1, 1), vh and vv, drawn anew."""
        if surface == "none":
            return np.zeros((2, 1, 1), dtype=np.float32)
        low, high = np.array(LEVELS_DB[self.kind][surface]).T
        share = self.rng.random()  # smooth in one band is smooth in the other
        db = low + (high - low) * np.clip(share + self.rng.normal(0, 0.1, 2), 0, 1)
        return np.asarray(10 ** (db / 10), dtype=np.float32)[:, None, None]

    def seen_from(self, orbit: str, pixel_m: float) -> tuple[FloatArray, BoolArray, BoolArray]:
        """Return relief in the picture, dB, and where there is shadow and layover; all (rows, cols)."""
        incidence, look, _ = ORBITS[orbit]
        towards = np.radians(self.terrain.aspect_deg - look - 180.0)
        relief = np.clip(6 * np.cos(towards) * np.tan(np.radians(self.terrain.slope_deg)), -8, 8)
        angle, z = np.radians(incidence), self.terrain.elevation_m
        south, east = -np.cos(np.radians(look)), np.sin(np.radians(look))
        shadow, over = np.zeros(self.shape, bool), np.zeros(self.shape, bool)
        for step in range(1, 61):
            near, far = (
                ndi.shift(z, (side * step * south, side * step * east), order=1, mode="nearest") for side in (1, -1)
            )
            shadow |= near - z > step * pixel_m / np.tan(angle)
            over |= far - z > step * pixel_m * np.tan(angle)
        return relief.astype(np.float32), shadow, over

    def power(self, relief_db: FloatArray) -> FloatArray:
        """Return the power of the land on a date, (2, rows, cols): moisture, and wet snow down to a line that moves."""
        db: FloatArray = (
            np.array([LEVEL_DB[band] for band in RADAR_BANDS], np.float32)[:, None, None] + self.texture + relief_db
        )
        if not self.quiet:
            db += np.float32(self.rng.normal(0, 0.6))
            line = self.snowline + self.rng.normal(0, 0.04) + 0.02 * fractal(self.rng, self.shape, 2.5)
            db -= np.float32(self.wetness) * np.clip((self.height - line) / 0.03, 0, 1).astype(np.float32)
        power = 10 ** (db / 10)
        return np.asarray(power if self.quiet else np.where(self.sand, self.sand_level, power), dtype=np.float32)

    def picture(self, power: FloatArray, shadow: BoolArray, over: BoolArray, at: datetime, orbit: str) -> Acquisition:
        """Return a date in dB: blur, noise of the instrument, and speckle of four or five looks."""
        incidence, look, _ = ORBITS[orbit]
        received = np.where(shadow, 0, np.where(over, 3 * power, power)) + 10 ** (NOISE_DB / 10 - 0.4)
        power = np.stack([ndi.gaussian_filter(band, RESOLUTION_PX / np.sqrt(2)) for band in received])
        if not self.quiet:
            power = power * np.stack([self._speckle() for _ in power])
        db = (10 * np.log10(np.maximum(power, 1e-5))).astype(np.float32)
        return Acquisition(
            at, RADAR_BANDS, db, np.ones(self.shape, bool), 90.0, 0.0,
            orbit=orbit, incidence_deg=incidence, look_azimuth_deg=look,
        )  # fmt: skip

    def _speckle(self) -> FloatArray:
        looks = 4 + int(self.rng.random() < 0.4)
        total = np.zeros(self.shape, dtype=np.float32)
        for _ in range(2 * looks):
            field = ndi.gaussian_filter(self.rng.standard_normal(self.shape, dtype=np.float32), RESOLUTION_PX)
            total += field**2
        return np.asarray(total / total.mean(), dtype=np.float32)
