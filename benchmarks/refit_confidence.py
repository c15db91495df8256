"""Fit the coefficients of detection/methods/confidence.py on simulated scenes, each of a world and scars drawn anew.

Every scene is looked at in every mode: with all dates or one on each side, with relief or without, in all bands or in visible
light. Prints a table to paste there, and the calibration error in five-fold cross-validation over scenes. Run:
uv run --no-sync python benchmarks/refit_confidence.py --scenes 140
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
from scipy.optimize import minimize

from detection.arrays import Acquisition, Block, NotEnoughDataError
from detection.blocks import terrain_from_elevation
from detection.methods.confidence import BY_SETTING, DIRECTIONS, MODES, explanatory, mode_of
from detection.methods.matched_filter import MatchedFilter
from detection.methods.pair import Pair
from detection.simulate import LandslideScene, Nuisances, World, simulate_landslide

FIRST_SEED = 5000
RIGHT_FROM = 0.3
"""An object is a landslide when so much of it is."""
PEAK = 4.0
"""Objects whose score exceeds it are learnt from: lower than what any method reports, so that the border is known too."""
RIDGE = 3.0
VISIBLE = ("blue", "green", "red")
Array = npt.NDArray[np.float64]
Told = list[tuple[str, list[float], bool]]
"""Mode, explanatory values and truth of each object."""


def setting(number: int) -> dict[str, Any]:
    """Return the arguments of the simulator; every third scene has no slides, one of five no quality band."""
    rng = np.random.default_rng([number, 77])
    slope = float(rng.uniform(20, 34))
    chosen: dict[str, Any] = {} if number % 4 == 1 else {"world": World.drawn(rng)}
    return chosen | {
        "shape": (420, 420),
        "spectra": "varied",
        "mean_slope_deg": slope,
        "slides": (14, 5, 0, 14, 40, 0)[number % 6],
        "nuisances": Nuisances(cloud_mask=number % 5 != 2),
        "pixel_m": 20.0 if number % 7 == 3 else 10.0,
        "n_before": int(rng.integers(2, 6)),
        "n_after": int(rng.integers(2, 6)),
    }


def objects(number: int) -> Told:
    """Return what is told of all objects of a scene in every mode."""
    chosen = setting(number)
    scene = simulate_landslide(FIRST_SEED + number, **chosen)
    block = coarse(scene.block, number) if number % 2 == 0 else scene.block
    block = seen_in(block, (*VISIBLE, "nir")) if number % 4 == 3 else block
    pair = replace(block, before=block.before[-1:], after=block.after[:1])
    visible = seen_in(pair, VISIBLE)
    level = block if np.random.default_rng([number, 78]).random() < 0.4 else pair
    told: Told = []
    for one in (block, pair, replace(level, terrain=None), visible, replace(visible, terrain=None)):
        told += judged(scene, one, masked=chosen["nuisances"].cloud_mask)
    return told


def judged(scene: LandslideScene, block: Block, *, masked: bool) -> Told:
    """Return what is told of the objects that a block shows, and which are landslides."""
    detector = (MatchedFilter if len(block.after) > 1 else Pair)(
        high=PEAK, min_confidence=0.0, min_confidence_visible=0.0
    )
    bands = set(block.before[0].bands)
    mode = mode_of(
        has_relief=block.terrain is not None, dates_after=len(block.after), has_infrared=not bands <= set(VISIBLE)
    )
    try:
        found = detector.candidates(detector.score(block, detector.fit([block])), block)
    except NotEnoughDataError:
        return []
    return [
        (
            mode,
            explanatory(one.features, masked=masked, shortwave="swir1" in bands),
            bool((scene.labels[one.rows, one.cols] > 0).mean() >= RIGHT_FROM),
        )
        for one in found
    ]


def seen_in(block: Block, bands: tuple[str, ...]) -> Block:
    """Return a block in some of its bands only."""

    def cut(one: Acquisition) -> Acquisition:
        return replace(one, bands=bands, reflectance=one.reflectance[[one.bands.index(name) for name in bands]])

    return replace(block, before=tuple(map(cut, block.before)), after=tuple(map(cut, block.after)))


def coarse(block: Block, number: int) -> Block:
    """Return a block whose relief is known from a model of some 30 m only, in whole metres, as most are."""
    if block.terrain is None:
        return block
    rough = np.random.default_rng(number).normal(0, 6, block.shape)
    seen = ndi.gaussian_filter(block.terrain.elevation_m + rough, 1.5)
    return replace(block, terrain=terrain_from_elevation(np.rint(seen), block.pixel_m))


def directions_of(mode: str) -> list[int | None]:
    """Return which way each coefficient of a mode may go; None = it stays zero."""
    # forest is greener than anything simulated; where relief tells hillsides from fields, that is not to count
    silent = {"plants"} if mode in {"stack", "pair"} else set()
    own = [None if name in silent else way for name, way in DIRECTIONS.items()]
    setting: list[int | None] = [None if name in silent else 0 for name in BY_SETTING]
    # visible light is never with short-wave infrared
    return [*own, *setting, *([None] * len(setting) if "visible" in mode else setting)]


def fit(values: Array, right: Array, directions: list[int | None] | None = None) -> Array:
    """Return the coefficients of a ridge logistic regression; the constant is not drawn to zero.

    Parameters
    ----------
    directions
        Per column, see directions_of. None = all may go either way.
    """
    middle, width = values.mean(axis=0), values.std(axis=0)
    middle[0], width[0] = 0.0, 1.0
    width[width == 0] = 1.0
    x = (values - middle) / width
    penalty = np.full(x.shape[1], RIDGE)
    penalty[0] = 1e-6

    def loss(beta: Array) -> tuple[float, Array]:
        total = x @ beta
        likely = 1 / (1 + np.exp(-np.clip(total, -30, 30)))
        value = (np.logaddexp(0, total) - right * total).sum() + (penalty * beta * beta).sum() / 2
        return float(value), x.T @ (likely - right) + penalty * beta

    limits = {1: (0, None), -1: (None, 0), 0: (None, None), None: (0, 0)}
    bounds = [limits[one] for one in directions or [0] * x.shape[1]]
    beta = minimize(loss, np.zeros(x.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 3000}).x
    raw = beta / width
    raw[0] -= (raw[1:] * middle[1:]).sum()
    return np.asarray(raw)


def calibration(likely: Array, right: Array) -> tuple[float, list[str]]:
    """Return the expected calibration error over ten classes, and the classes."""
    error, told = 0.0, []
    for low in np.arange(0, 1, 0.1):
        here = (likely >= low) & (likely < low + 0.1 + 1e-9 * (low > 0.85))
        if here.any():
            error += abs(likely[here].mean() - right[here].mean()) * here.mean()
            told.append(f"{likely[here].mean():.2f}:{right[here].mean():.2f} ({here.sum()})")
    return error, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=140)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers) as pool:
        parts = list(pool.map(objects, range(arguments.scenes)))
    for mode in MODES:
        directions = directions_of(mode)
        mine = [(index, one) for index, part in enumerate(parts) for one in part if one[0] == mode]
        scene = np.array([index for index, _ in mine])
        values, right = np.array([one[1] for _, one in mine]), np.array([float(one[2]) for _, one in mine])
        likely = np.empty(len(right))
        for fold in range(5):
            out = scene // 5 % 5 == fold  # each fold has scenes of every kind
            beta = fit(values[~out], right[~out], directions)
            likely[out] = 1 / (1 + np.exp(-np.clip(values[out] @ beta, -30, 30)))
        error, told = calibration(likely, right)
        chosen = likely >= 0.5
        print(
            f"# {mode}: {len(right)} objects, {right.mean():.2f} right; cross-validated: calibration error {error:.3f},"
        )
        print(f"#   precision {right[chosen].mean():.3f}, recall {chosen[right > 0].mean():.3f}; {' '.join(told)}")
        print(f'    "{mode}": [{", ".join(f"{one:.4g}" for one in fit(values, right, directions))}],', flush=True)


if __name__ == "__main__":
    main()
