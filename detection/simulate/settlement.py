"""Bowls that settle under simulated air: series of displacement whose truth is exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.simulate.relief import fractal

Kind = Literal["linear", "hinge", "step"]
KINDS: tuple[Kind, ...] = ("linear", "hinge", "step")
HALF_WAVELENGTH_MM = 27.73
SPECTRUM = 2.67
"""Power of turbulence falls as frequency to minus this."""
FIRST = date(2019, 1, 5)


@dataclass(frozen=True)
class Air:
    """What hides the ground's motion; each can be switched off by 0."""

    turbulence_mm: float = 7.0
    """Standard deviation over the scene of the delay of one date, spectrum f^-2.67 [@Hanssen2001]."""
    stratified_mm_km: float = 4.0
    """Standard deviation from date to date of the delay per kilometre of height."""
    ramp_mm: float = 8.0
    """Standard deviation of the tilt from one side to the other."""
    seasonal_mm: float = 3.0
    """Amplitude of a ground that breathes over the year, varying over kilometres."""
    decorrelation_mm: float = 2.5
    """Noise of one pixel and date, in the middle; it varies threefold over the scene."""
    jumps: float = 0.03
    """Share of pixels with an unwrapping error of one cycle."""
    missing: float = 0.05
    """Share of values."""

    @classmethod
    def none(cls) -> Air:
        """Return nothing but the ground."""
        return cls(**dict.fromkeys(cls.__dataclass_fields__, 0.0))


@dataclass(frozen=True)
class Bowl:
    """One area that moves."""

    kind: Kind
    size: float
    """Deepest point: mm/yr (linear, hinge after its onset) or mm (step)."""
    onset: date | None
    radius_m: float
    centre: tuple[float, float]
    """Row, column."""
    pixels: npt.NDArray[np.intp]
    """Flat indices."""
    depth: npt.NDArray[np.float64]
    """Share of the deepest point, per pixel."""
    history: npt.NDArray[np.float64]
    """(dates,), mm: displacement of the deepest point."""


@dataclass(frozen=True)
class SettlementScene:
    """What an analysis sees, and the truth."""

    dates: tuple[date, ...]
    y: npt.NDArray[np.float32]
    """(dates, rows, cols), mm along the line of sight, NaN = not measured."""
    bowls: tuple[Bowl, ...]
    height_m: npt.NDArray[np.float32]
    jumped: npt.NDArray[np.bool_]
    """(rows, cols)."""
    pixel_m: float

    def motion(self) -> npt.NDArray[np.float32]:
        """Return the displacement of the ground without its seasons, (dates, rows, cols), mm."""
        return _motion(self.bowls, self.y.shape)


def simulate_settlement(
    seed: int,
    *,
    shape: tuple[int, int] = (400, 400),
    n_dates: int = 150,
    step_days: int = 12,
    pixel_m: float = 50.0,
    bowls: int | None = None,
    profiles: Literal["train", "test"] = "train",
    air: Air | None = None,
) -> SettlementScene:
    """Return a scene of settling bowls with exact truth; equal arguments give equal scenes.

    Parameters
    ----------
    bowls
        How many; None = 28 per 160,000 pixels. Radius 120-450 m, 5-60 mm/yr or 8-60 mm, away from the satellite.
    profiles
        Shapes of bowls and air: thresholds may be chosen on "train" only.
    """
    air = air or Air()
    rng = np.random.default_rng([seed, 0 if profiles == "train" else 1])
    times = np.arange(n_dates) * step_days / 365.25
    dates = tuple(FIRST + timedelta(days=step_days * k) for k in range(n_dates))
    wanted = max(1, round(28 * shape[0] * shape[1] / 160_000)) if bowls is None else bowls
    placed = _place(rng, wanted, _Plan(shape, times, dates, pixel_m, profiles))
    height = 800.0 * fractal(rng, shape, 3.9) + 2500.0
    y = _motion(placed, (n_dates, *shape))
    _add_air(rng, y, height, times, air=air, pixel_m=pixel_m)
    jumped = _add_jumps(rng, y, air.jumps)
    y[rng.random(y.shape, dtype=np.float32) < air.missing] = np.nan
    return SettlementScene(dates, y, placed, height.astype(np.float32), jumped, pixel_m)


@dataclass(frozen=True)
class _Plan:
    """What is common to all bowls of a scene."""

    shape: tuple[int, int]
    times: npt.NDArray[np.float64]
    dates: tuple[date, ...]
    pixel_m: float
    profiles: str


def _place(rng: np.random.Generator, wanted: int, plan: _Plan) -> tuple[Bowl, ...]:
    """Return bowls that do not touch."""
    placed: list[Bowl] = []
    for _ in range(200 * wanted):
        if len(placed) == wanted:
            break
        radius = float(rng.uniform(120, 450))
        margin = radius / plan.pixel_m + 2
        if 2 * margin >= min(plan.shape):
            continue
        row, col = (float(rng.uniform(margin, side - margin)) for side in plan.shape)
        apart = [np.hypot(row - b.centre[0], col - b.centre[1]) * plan.pixel_m - b.radius_m - radius for b in placed]
        if min(apart, default=1e9) > 300:
            placed.append(_bowl(rng, plan, KINDS[len(placed) % 3], radius, (row, col)))
    return tuple(placed)


def _bowl(rng: np.random.Generator, plan: _Plan, kind: Kind, radius: float, centre: tuple[float, float]) -> Bowl:
    times = plan.times
    earliest = round(0.15 * len(times))
    at = int(rng.integers(earliest, max(round(0.85 * len(times)), earliest + 1)))
    size = -float(rng.uniform(8, 60) if kind == "step" else rng.uniform(5, 60))
    history = {
        "linear": size * times,
        "hinge": size * np.maximum(0, times - times[at]),
        "step": size * (times >= times[at]),
    }[kind]
    reach = int(radius / plan.pixel_m) + 2
    rows, cols = (
        np.arange(max(int(middle) - reach, 0), min(int(middle) + reach + 1, side))
        for middle, side in zip(centre, plan.shape, strict=True)
    )
    distance = np.hypot(rows[:, None] + 0.5 - centre[0], cols[None] + 0.5 - centre[1]) * plan.pixel_m / radius
    depth = _profile(rng, distance, plan.profiles)
    inside = depth > 0
    pixels = (rows[:, None] * plan.shape[1] + cols[None])[inside]
    onset = None if kind == "linear" else plan.dates[at]
    return Bowl(kind, size, onset, radius, centre, pixels, depth[inside], history)


def _profile(rng: np.random.Generator, distance: npt.NDArray[np.float64], profiles: str) -> npt.NDArray[np.float64]:
    """Return depth by distance in radii: round bowls to train on, flat-bottomed and pointed ones to test on."""
    if profiles == "train":
        return np.where(distance < 1, (1 + np.cos(np.pi * np.minimum(distance, 1))) / 2, 0.0)
    power = float(rng.uniform(1.5, 4.0))
    return np.clip(1 - distance**power, 0.0, None)


def _motion(bowls: tuple[Bowl, ...], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    y = np.zeros((shape[0], shape[1] * shape[2]), dtype=np.float32)
    for bowl in bowls:
        y[:, bowl.pixels] += (bowl.history[:, None] * bowl.depth[None]).astype(np.float32)
    return y.reshape(shape)


def _add_air(
    rng: np.random.Generator,
    y: npt.NDArray[np.float32],
    height: npt.NDArray[Any],
    times: npt.NDArray[np.float64],
    *,
    air: Air,
    pixel_m: float,
) -> None:
    """Add delays and noise, in place."""
    shape = (y.shape[1], y.shape[2])
    km = ((height - height.mean()) / 1000.0).astype(np.float32)
    r, c = (np.linspace(-0.5, 0.5, shape[0])[:, None], np.linspace(-0.5, 0.5, shape[1])[None])
    breathing = _smooth(rng, shape, 3000 / pixel_m) * air.seasonal_mm
    phase = 2 * np.pi * _smooth(rng, shape, 6000 / pixel_m)
    sigma = (air.decorrelation_mm * 3.0 ** (2 * _smooth(rng, shape, 1500 / pixel_m) - 1)).astype(np.float32)
    for date_index, t in enumerate(times):
        tilt = rng.normal(0, 1, 2) * air.ramp_mm
        delay = fractal(rng, shape, SPECTRUM) * np.float32(air.turbulence_mm)
        delay += (tilt[0] * r + tilt[1] * c).astype(np.float32)
        delay += np.float32(rng.normal(0, 1) * air.stratified_mm_km) * km
        delay += (breathing * np.cos(2 * np.pi * t - phase)).astype(np.float32)
        y[date_index] += delay + rng.standard_normal(shape, dtype=np.float32) * sigma


def _smooth(rng: np.random.Generator, shape: tuple[int, int], sigma_px: float) -> npt.NDArray[np.float64]:
    """Return a smooth field between 0 and 1."""
    field = ndi.gaussian_filter(rng.normal(0, 1, shape), sigma_px, mode="wrap")
    spread = np.ptp(field)
    return np.asarray((field - field.min()) / (spread if spread > 0 else 1.0))


def _add_jumps(rng: np.random.Generator, y: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.bool_]:
    """Add one cycle from some date on to some pixels, in place; return which, (rows, cols)."""
    jumped = rng.random(y.shape[1:]) < share
    rows, cols = np.nonzero(jumped)
    first = rng.integers(5, y.shape[0] - 5, len(rows)) if y.shape[0] > 10 else np.zeros(len(rows), dtype=int)
    after = np.arange(y.shape[0])[:, None] >= first[None]
    y[:, rows, cols] += (after * rng.choice([-HALF_WAVELENGTH_MM, HALF_WAVELENGTH_MM], len(rows))).astype(np.float32)
    return jumped
