"""Simulated lakes of exact area: clear, turbid, frozen, filling, drained, beside a glacier or on their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from detection.arrays import Acquisition, BoolArray, FloatArray, Terrain
from detection.blocks import terrain_from_elevation
from detection.simulate import spectra as library
from detection.simulate.glacier import FINE, _means
from detection.simulate.relief import fractal
from detection.simulate.spectra import ICE_OF, LAKE_ICE, TURBID_OF, Spectra, column
from detection.simulate.summer import Sky, photograph


@dataclass(frozen=True)
class TrueLake:
    """One lake."""

    centre_px: tuple[float, float]
    area_m2: npt.NDArray[np.float64]
    """(dates,), 0 = drained or not yet there."""
    frozen: BoolArray
    """(dates,)."""
    ice_dammed: bool


@dataclass(frozen=True)
class LakeScene:
    """What detectors see, and the truth."""

    dates: tuple[Acquisition, ...]
    terrain: Terrain
    lakes: tuple[TrueLake, ...]
    labels: npt.NDArray[np.int32]
    """(dates, rows, cols), number of the lake that covers half of a pixel or more, from 1."""


@dataclass(frozen=True)
class _Basin:
    """A hollow: where, how large at most, its ragged shore, and how full on each date."""

    row: float
    col: float
    radius_px: float
    shore: npt.NDArray[np.float64]
    fill: npt.NDArray[np.float64]
    frozen: BoolArray
    water: FloatArray
    ice_dammed: bool


def simulate_lakes(
    seed: int,
    dates: tuple[datetime, ...],
    *,
    spectra: Spectra = "train",
    shape: tuple[int, int] = (320, 320),
    pixel_m: float = 10.0,
    lakes: int = 8,
    sky: Sky | None = None,
) -> LakeScene:
    """Return mountains with lakes and a glacier down the left side; the last date but one may find lakes frozen."""
    rng = np.random.default_rng([seed, 0 if spectra == "train" else 1, 9])
    sky = sky or Sky()
    basins = _basins(rng, shape, len(dates), lakes, spectra)
    terrain, ice_edge = _ground(rng, shape, pixel_m, basins)
    bare, ice = _surfaces(rng, shape, spectra)
    ice_share = np.clip(ice_edge[:, None] - np.arange(shape[1])[None, :], 0, 1).astype(np.float32)
    seen, labels = [], np.zeros((len(dates), *shape), dtype=np.int32)
    areas = np.zeros((len(basins), len(dates)))
    for when, at in enumerate(dates):
        surface = (bare + ice_share * (ice - bare)) * np.float32(np.exp(rng.normal(0, 0.05)))
        for number, basin in enumerate(basins):
            share = _water_share(basin, when, shape)
            areas[number, when] = float(share.sum()) * pixel_m**2
            labels[when][share >= 0.5] = number + 1
            cover = column(LAKE_ICE) if basin.frozen[when] else basin.water
            surface = surface + share * (cover - surface)
        surface = surface.astype(np.float32)
        seen.append(photograph(rng, surface, terrain, at, pixel_m=pixel_m, sky=replace(sky)))
    truth = tuple(
        TrueLake((basin.row, basin.col), areas[number], basin.frozen, basin.ice_dammed)
        for number, basin in enumerate(basins)
    )
    return LakeScene(tuple(seen), terrain, truth, labels)


def _basins(
    rng: np.random.Generator, shape: tuple[int, int], dates: int, wanted: int, spectra: Spectra
) -> list[_Basin]:
    """Return hollows that stay apart; the first lies at the glacier's edge."""
    basins: list[_Basin] = []
    bank = TURBID_OF[spectra]
    for _ in range(wanted * 40):
        if len(basins) == wanted:
            break
        radius = float(np.exp(rng.uniform(np.log(7.0), np.log(20.0))))
        dammed = not basins
        row = rng.uniform(40, shape[0] - 40)
        col = _ice_edge_at(row, shape) + 0.6 * radius if dammed else rng.uniform(0.35 * shape[1], shape[1] - 40)
        if any(np.hypot(row - one.row, col - one.col) < radius + one.radius_px + 15 for one in basins):
            continue
        angle = np.linspace(0, 2 * np.pi, 181)[:-1]
        shore = 1 + sum(
            rng.normal(0, 0.12 / order) * np.cos(order * angle + rng.uniform(0, 6.3)) for order in range(2, 6)
        )
        fill = _filling(rng, dates, dammed)
        frozen = np.zeros(dates, dtype=bool)
        if dates > 2 and rng.random() < 0.25:
            frozen[rng.integers(1, dates)] = True
        water = column(bank[rng.integers(len(bank))])
        basins.append(
            _Basin(float(row), float(col), radius, np.asarray(shore), fill, frozen & (fill > 0), water, dammed)
        )
    return basins


def _filling(rng: np.random.Generator, dates: int, dammed: bool) -> npt.NDArray[np.float64]:
    """Return the share of the full area on each date: most lakes keep it, some fill, some drain for good."""
    fate = 0.1 if dammed else rng.random()
    if fate < 0.3:
        return np.linspace(rng.uniform(0.45, 0.7), 1.0, dates)
    fill = np.full(dates, 1.0)
    if fate > 0.85 and dates > 3:
        fill[rng.integers(2, dates) :] = 0.0
    return fill


def _ice_edge_at(row: float, shape: tuple[int, int]) -> float:
    return 0.2 * shape[1] + 6 * float(np.sin(row / 40.0))


def _ground(
    rng: np.random.Generator, shape: tuple[int, int], pixel_m: float, basins: list[_Basin]
) -> tuple[Terrain, npt.NDArray[np.float64]]:
    """Return relief that is level under the lakes, and the column at which the glacier ends in every row."""
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    height = 4000 - 0.08 * pixel_m * rows + 0.10 * pixel_m * np.maximum(cols - 0.25 * shape[1], 0)
    height = height + 60 * fractal(rng, shape, 3.6)
    for basin in basins:
        distance = np.hypot(rows - basin.row, cols - basin.col) / (1.4 * basin.radius_px)
        weight = np.clip(3 - 2 * distance, 0, 1)
        level = float(height[int(basin.row), int(basin.col)])
        height = height + weight * (level - height)
    edge = np.array([_ice_edge_at(row, shape) for row in range(shape[0])])
    return terrain_from_elevation(height.astype(np.float32), (pixel_m, pixel_m)), edge


def _surfaces(rng: np.random.Generator, shape: tuple[int, int], spectra: Spectra) -> tuple[FloatArray, FloatArray]:
    names = ("dark rock", "light rock", "scree", "soil", "shrub")
    logits = np.stack([1.2 * fractal(rng, shape, 2.6) for _ in names])
    shares = np.exp(1.5 * (logits - logits.max(axis=0)))
    table = np.array([library.SURFACES[name] for name in names], dtype=np.float32)
    bare = np.tensordot(table.T, shares / shares.sum(axis=0), axes=1) * np.exp(0.10 * fractal(rng, shape, 1.6))
    bank = ICE_OF[spectra]
    ice = column(bank[rng.integers(len(bank))]) * np.exp(0.08 * fractal(rng, shape, 2.0))
    return bare.astype(np.float32), ice.astype(np.float32)


def _water_share(basin: _Basin, when: int, shape: tuple[int, int]) -> FloatArray:
    """Return the share of each pixel that the lake covers, exact to a sixteenth."""
    share = np.zeros(shape, dtype=np.float32)
    if basin.fill[when] <= 0:
        return share
    reach = int(1.6 * basin.radius_px) + 2
    top, left = max(int(basin.row) - reach, 0), max(int(basin.col) - reach, 0)
    bottom, right = min(int(basin.row) + reach, shape[0]), min(int(basin.col) + reach, shape[1])
    fine = (np.indices(((bottom - top) * FINE, (right - left) * FINE)) + 0.5) / FINE
    south, east = fine[0] + top - basin.row, fine[1] + left - basin.col
    turn = np.degrees(np.arctan2(east, south)) % 360
    limit = basin.radius_px * np.interp(turn, np.arange(0, 361, 2), np.append(basin.shore, basin.shore[0]))
    share[top:bottom, left:right] = _means(np.hypot(south, east) < limit * np.sqrt(basin.fill[when]))
    return share
