"""Fit the coefficients of detection/methods/confidence.py on simulated scenes with the scar spectra for training.

Prints a table to paste there, and the calibration error in five-fold cross-validation over scenes. Run:
uv run --no-sync python benchmarks/refit_confidence.py --scenes 30
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import Block
from detection.blocks import terrain_from_elevation
from detection.methods.confidence import MODES, explanatory, mode_of
from detection.methods.matched_filter import MatchedFilter
from detection.methods.pair import Pair
from detection.simulate import Nuisances, simulate_landslide

FIRST_SEED = 5000
RIGHT_FROM = 0.3
"""An object is a landslide when so much of it is."""
RIDGE = 3.0
Array = npt.NDArray[np.float64]


def setting(mode: str, number: int) -> dict[str, Any]:
    """Return the arguments of the simulator for a mode; every third scene has no slides."""
    rng = np.random.default_rng([number, MODES.index(mode)])
    chosen: dict[str, Any] = {
        "shape": (420, 420),
        "slides": (14, 5, 0, 14, 40, 0)[number % 6],
        "mean_slope_deg": float(rng.uniform(20, 34)),
        "spectra": "train",
        "with_terrain": "level" not in mode,
    }
    several = mode == "stack" or ("level" in mode and number % 5 in {1, 2})
    chosen["n_before"] = chosen["n_after"] = int(rng.integers(2, 6)) if several else 1
    if "visible" in mode:
        chosen["bands"] = ("blue", "green", "red")
    elif number % 4 == 3:
        chosen["bands"] = ("blue", "green", "red", "nir")
    # files from elsewhere often have no quality band, and coarser pixels
    chosen["nuisances"] = Nuisances(cloud_mask=number % 5 != 2)
    chosen["pixel_m"] = 20.0 if number % 7 == 3 else 10.0
    return chosen


def objects(mode: str, number: int) -> tuple[list[list[float]], list[bool]]:
    """Return the explanatory values of all objects of a scene, and which are landslides."""
    scene = simulate_landslide(FIRST_SEED + number, **setting(mode, number))
    detector = (MatchedFilter if mode == "stack" else Pair)(min_confidence=0.0)
    block = scene.block if number % 2 else coarse(scene.block, number)
    infrared = "nir" in block.before[0].bands
    seen_as = mode_of(has_relief=block.terrain is not None, dates_after=len(block.after), has_infrared=infrared)
    if seen_as != mode:
        raise ValueError(f"the scene for {mode} is of mode {seen_as}")
    found = detector.candidates(detector.score(block, detector.fit([block])), block)
    values = [explanatory(one.features) for one in found]
    return values, [bool((scene.labels[one.rows, one.cols] > 0).mean() >= RIGHT_FROM) for one in found]


def coarse(block: Block, number: int) -> Block:
    """Return a block whose relief is known from a model of some 30 m only, in whole metres, as most are."""
    if block.terrain is None:
        return block
    rough = np.random.default_rng(number).normal(0, 6, block.shape)
    seen = ndi.gaussian_filter(block.terrain.elevation_m + rough, 1.5)
    return replace(block, terrain=terrain_from_elevation(np.rint(seen), block.pixel_m))


def fit(values: Array, right: Array) -> Array:
    """Return the coefficients of a ridge logistic regression by Newton's method; the constant is not drawn to zero."""
    middle, width = values.mean(axis=0), values.std(axis=0)
    middle[0], width[0] = 0.0, 1.0
    width[width == 0] = 1.0
    x = (values - middle) / width
    penalty = RIDGE * np.eye(x.shape[1])
    penalty[0, 0] = 1e-6
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        likely = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        hessian = (x * (likely * (1 - likely))[:, None]).T @ x + penalty
        step = np.linalg.solve(hessian, x.T @ (right - likely) - penalty @ beta)
        beta += np.clip(step, -2, 2)
    raw = beta / width
    raw[0] -= (raw[1:] * middle[1:]).sum()
    return raw


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
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--modes", nargs="*", default=list(MODES))
    arguments = parser.parse_args()
    for mode in arguments.modes:
        with ProcessPoolExecutor(arguments.workers) as pool:
            parts = list(pool.map(objects, repeat(mode), range(arguments.scenes)))
        scene = np.concatenate([np.full(len(part[1]), index) for index, part in enumerate(parts)])
        values = np.array([value for part in parts for value in part[0]])
        right = np.array([one for part in parts for one in part[1]], dtype=np.float64)
        likely = np.empty(len(right))
        for fold in range(5):
            out = scene // 5 % 5 == fold  # each fold has scenes of every kind
            likely[out] = 1 / (1 + np.exp(-np.clip(values[out] @ fit(values[~out], right[~out]), -30, 30)))
        error, told = calibration(likely, right)
        chosen = likely >= 0.5
        print(
            f"# {mode}: {len(right)} objects, {right.mean():.2f} right; cross-validated: calibration error {error:.3f},"
        )
        print(f"#   precision {right[chosen].mean():.3f}, recall {chosen[right > 0].mean():.3f}; {' '.join(told)}")
        print(f'    "{mode}": [{", ".join(f"{value:.4g}" for value in fit(values, right))}],', flush=True)


if __name__ == "__main__":
    main()
