"""Sentinel-1 pictures of simulated mountains: speckle, relief, weather, wet snow, and slides of either sign."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import RADAR_BANDS, Acquisition, BoolArray, FloatArray, Terrain
from detection.methods.radar import unseen
from detection.simulate.landslide import LandslideScene, Nuisances, simulate_landslide
from detection.simulate.relief import fractal

ORBITS = {"ascending": (38.0, 77.5, 13), "descending": (39.5, 282.5, 1)}
"""Incidence and look azimuth, degrees, and UTC hour over the Karakoram."""
NOISE_DB = -24.0
"""Noise of the instrument; it fills shadows."""
LEVEL_DB = {"vh": -17.0, "vv": -10.5}
RESOLUTION_PX = 0.75
"""Standard deviation of the impulse response: neighbouring pixels of 10 m share their speckle."""
CHANGE_DB: dict[str, tuple[float, float, float]] = {"train": (0.60, 1.2, 6.0), "test": (0.50, 1.0, 6.5)}
"""Share of slides that darken, and least and largest change: the smallest are lost in speckle."""


@dataclass(frozen=True)
class Weather:
    """What changes besides slides; each can be switched off."""

    moisture: bool = True
    snow: bool = True
    """Wet snow darkens the heights by several dB, down to a line that moves from date to date."""
    fields: bool = True
    river: bool = True
    speckle: bool = True

    @classmethod
    def none(cls) -> Weather:
        """Return a scene without any."""
        return cls(**{name: False for name in cls.__dataclass_fields__})


def simulate_sar(
    seed: int,
    *,
    shape: tuple[int, int] = (400, 400),
    dates: int = 3,
    slides: int | None = None,
    kind: Literal["train", "test"] = "train",
    weather: Weather | None = None,
    with_terrain: bool = True,
    mean_slope_deg: float = 27.0,
) -> LandslideScene:
    """Return a scene seen by radar only, with exact truth; equal arguments give equal scenes.

    Parameters
    ----------
    dates
        Per orbit and side of the event.
    slides
        How many to try, see simulate_landslide.
    kind
        Distribution of the change of backscatter; thresholds may be chosen on "train" only.
    """
    bare = simulate_landslide(
        seed, shape=shape, n_before=1, n_after=1, slides=slides, spectra=kind, nuisances=Nuisances.none(),
        mean_slope_deg=mean_slope_deg,
    )  # fmt: skip
    seen = with_radar(bare, seed, dates=dates, kind=kind, weather=weather)
    before, after = (tuple(one for one in side if one.is_radar) for side in (seen.block.before, seen.block.after))
    terrain = seen.block.terrain if with_terrain else None
    return replace(seen, block=replace(seen.block, before=before, after=after, terrain=terrain))


def with_radar(
    scene: LandslideScene,
    seed: int,
    *,
    dates: int = 3,
    kind: Literal["train", "test"] = "train",
    weather: Weather | None = None,
) -> LandslideScene:
    """Return a scene with radar pictures of the same slides added to its dates.

    Raises
    ------
    ValueError
        The scene has no relief.
    """
    if scene.block.terrain is None:
        raise ValueError("radar looks at relief; simulate the scene with it")
    rng = np.random.default_rng([seed, 2 if kind == "train" else 3])
    radar = _Radar(rng, scene, scene.block.terrain, weather or Weather(), kind)
    before, after = list(scene.block.before), list(scene.block.after)
    for number in range(dates):
        for orbit in ORBITS:
            before.append(radar.shoot(orbit, scene.event_at - timedelta(days=12 * (dates - number) - 5), False))
            after.append(radar.shoot(orbit, scene.event_at + timedelta(days=12 * number + 7), True))
    sides = (tuple(sorted(side, key=lambda one: one.acquired_at)) for side in (before, after))
    return replace(scene, block=replace(scene.block, before=next(sides), after=next(sides)))


class _Radar:
    """Takes the picture of a date."""

    def __init__(
        self, rng: np.random.Generator, scene: LandslideScene, terrain: Terrain, weather: Weather, kind: str
    ) -> None:
        self.rng, self.terrain, self.weather = rng, terrain, weather
        shape = (terrain.slope_deg.shape[0], terrain.slope_deg.shape[1])
        self.shape = shape
        self.ground = 2.0 * fractal(rng, shape, 2.4) + 0.8 * fractal(rng, shape, 1.2)
        self.height = np.argsort(np.argsort(terrain.elevation_m, axis=None)).reshape(shape) / terrain.elevation_m.size
        self.level = np.asarray(terrain.slope_deg < 4.0)
        self.plots = (np.arange(shape[0])[:, None] // 9) * 1000 + np.arange(shape[1])[None, :] // 7
        self.scar = _scars(rng, scene.labels, kind)
        self.snowlines = {False: float(rng.uniform(0.72, 1.0)), True: float(rng.uniform(0.72, 1.0))}
        self.wetness = float(rng.uniform(3.0, 8.0))
        self.river = {side: ndi.shift(self.level, (0, move), order=0) for side, move in ((False, 0), (True, 3))}

    def shoot(self, orbit: str, at: datetime, is_after: bool) -> Acquisition:
        """Return what the radar sees on a date, dB."""
        incidence, look, hour = ORBITS[orbit]
        one = Acquisition(
            at.replace(hour=hour, minute=10, second=0, microsecond=0, tzinfo=UTC), RADAR_BANDS,
            np.zeros((2, *self.shape), np.float32), np.ones(self.shape, bool), 0.0, 0.0,
            orbit=orbit, incidence_deg=incidence, look_azimuth_deg=look,
        )  # fmt: skip
        facing = np.cos(np.radians(self.terrain.aspect_deg - look - 180.0)) * np.tan(np.radians(self.terrain.slope_deg))
        relief_db = np.clip(6.0 * np.nan_to_num(facing), -8, 8)
        hidden = np.asarray(unseen(self.terrain, one))
        for index, band in enumerate(RADAR_BANDS):
            db = LEVEL_DB[band] + self.ground + relief_db + self._weather(is_after)
            if is_after:
                db = db + self.scar[index] * ~hidden
            one.reflectance[index] = self._picture(db, hidden & (facing < 0))
        return one

    def _weather(self, is_after: bool) -> FloatArray:
        rng, on = self.rng, self.weather
        db = np.zeros(self.shape, dtype=np.float32)
        if on.moisture:
            db += np.float32(rng.normal(0, 0.6)) + np.float32(0.5) * fractal(rng, self.shape, 3.0)
        if on.fields:
            db += self.level * rng.normal(0, 2.0, 1009).astype(np.float32)[self.plots % 1009]
        if on.river:
            db -= np.float32(7.0) * ndi.binary_erosion(self.river[is_after], iterations=4)
        if on.snow:
            line = self.snowlines[is_after] + rng.normal(0, 0.02) + 0.01 * fractal(rng, self.shape, 2.5)
            db -= np.float32(self.wetness) * np.clip((self.height - line) / 0.02, 0, 1).astype(np.float32)
        return db

    def _picture(self, db: FloatArray, shadow: BoolArray) -> FloatArray:
        """Return backscatter with noise and speckle: four or five looks of correlated complex circular noise."""
        power = np.where(shadow, 0, 10 ** (db / 10)) + 10 ** (NOISE_DB / 10)
        if self.weather.speckle:
            looks = 4 + int(self.rng.random() < 0.4)
            speckle = np.zeros(self.shape, dtype=np.float32)
            for _ in range(2 * looks):
                field = ndi.gaussian_filter(self.rng.standard_normal(self.shape, dtype=np.float32), RESOLUTION_PX)
                speckle += field**2
            power = power * speckle / speckle.mean()
        return np.asarray(10 * np.log10(np.maximum(power, 1e-5)), dtype=np.float32)


def _scars(rng: np.random.Generator, labels: npt.NDArray[np.int32], kind: str) -> FloatArray:
    """Return the change of vh and vv by slide, dB, (2, rows, cols): vegetation lost darkens, blocks laid bare brighten."""
    darkening, least, most = CHANGE_DB[kind]
    count = int(labels.max()) + 1
    size = rng.uniform(least, most, count) * np.where(rng.random(count) < darkening, -1, 1)
    both = np.stack([size, size * rng.uniform(0.5, 1.0, count)]).astype(np.float32)
    both[:, 0] = 0
    texture = 1 + 0.25 * fractal(rng, (labels.shape[0], labels.shape[1]), 1.8)
    return np.asarray(both[:, labels] * texture, dtype=np.float32)
