"""How well radar amplitude finds landslides in simulated mountains, alone and under cloud; prints Markdown.

The scenes that are measured have changes of backscatter and seeds that nothing was chosen on. Run:
uv run --no-sync python benchmarks/sar_accuracy.py --seeds 20
uv run --no-sync python benchmarks/sar_accuracy.py --refit 90     the coefficients of sar_confidence.py, on other scenes
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
from refit_confidence import fit

from detection.arrays import Acquisition, Block, BoolArray, Candidate, Detector
from detection.evaluation import Objects, Rule, Tally, calibration_error, report, tally
from detection.fusion import Fused, part
from detection.methods.matched_filter import MatchedFilter
from detection.methods.sar_amplitude import SarAmplitude
from detection.methods.sar_confidence import explanatory
from detection.simulate import LandslideScene, simulate_landslide
from detection.simulate.sar import Weather, simulate_sar, with_radar

FIRST_SEED, FIRST_TRAINING_SEED = 200_000, 7000
RIGHT_FROM = 0.3
CASES: dict[str, dict[str, Any]] = {
    "3 dates an orbit and side": {},
    "8 dates an orbit and side": {"dates": 8},
    "1 date an orbit and side": {"dates": 1},
    "3 dates, no relief": {"with_terrain": False},
    "3 dates, no wet snow": {"weather": Weather(snow=False)},
}


def training(number: int) -> LandslideScene:
    """Return a scene to learn from; every third has no slides."""
    rng = np.random.default_rng(number)
    return simulate_sar(
        FIRST_TRAINING_SEED + number, slides=(11, 4, 0, 11, 25, 0)[number % 6], dates=(3, 1, 3, 6)[number % 4],
        mean_slope_deg=float(rng.uniform(20, 34)), with_terrain=number % 5 > 0,
    )  # fmt: skip


def learn(number: int) -> list[tuple[list[float], bool]]:
    """Return the explanatory values of the objects of a scene to learn from, and which are landslides."""
    scene, detector = training(number), SarAmplitude(min_confidence=0.0)
    score = detector.score(scene.block, detector.fit([scene.block]))
    return [(explanatory(one.features), _right(scene, one)) for one in detector.candidates(score, scene.block)]


def _right(scene: LandslideScene, one: Candidate) -> bool:
    return bool((scene.labels[one.rows, one.cols] > 0).mean() >= RIGHT_FROM)


def refit(scenes: int) -> None:
    """Print coefficients, and the calibration error in five-fold cross-validation over scenes."""
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(learn, range(scenes)))
    values, right, place = (
        np.array([x for part in parts for x, _ in part]),
        np.array([good for part in parts for _, good in part], dtype=float),
        np.array([number for number, part in enumerate(parts) for _ in part]),
    )
    beta = fit(values, right)
    likely = np.empty(len(right))
    for fold in range(5):
        mine = place % 5 == fold
        likely[mine] = 1 / (1 + np.exp(-values[mine] @ fit(values[~mine], right[~mine])))
    error = calibration_error([(float(a), bool(b)) for a, b in zip(likely, right, strict=True)])
    print(f"{len(right)} objects, {right.mean():.0%} right; calibration error {error}")
    print([round(float(one), 4) for one in beta])


def measure(case: str, seed: int) -> tuple[Tally, int, float, float]:
    """Return the counts of a scene with slides, and of one without: false objects, km², and seconds of both."""
    dials = CASES[case]
    detector, false, km2, seconds, counts = SarAmplitude(), 0, 0.0, 0.0, Tally()
    for quiet in (False, True):
        scene = simulate_sar(FIRST_SEED + seed, kind="test", **dials, **({"slides": 0} if quiet else {}))
        started = time.process_time()
        score = detector.score(scene.block, detector.fit([scene.block]))
        found = detector.candidates(score, scene.block)
        seconds += time.process_time() - started
        if quiet:
            false, km2 = len(found), scene.labels.size * 1e-4
            continue
        labels = np.zeros(scene.labels.shape, dtype=np.int32)
        for label, one in enumerate(found, start=1):
            labels[one.rows, one.cols] = label
        told = {label: one.confidence for label, one in enumerate(found, start=1)}
        counts = tally(Objects(scene.labels), Objects(labels, told), score.observed)
    return counts, false, km2, seconds / (2 * scene.labels.size * 1e-6)


def under_cloud(seed: int) -> tuple[Tally, Tally]:
    """Return the counts of optical dates alone and with radar, where cloud hides half of the ground on all dates after.

    Everything counts, seen or not: what nobody saw is missed.
    """
    scene = with_radar(
        simulate_landslide(FIRST_SEED + seed, shape=(300, 300), n_before=3, n_after=3, spectra="test"),
        FIRST_SEED + seed, kind="test",
    )  # fmt: skip
    hidden = np.zeros(scene.labels.shape, dtype=bool)
    hidden[:, : hidden.shape[1] // 2] = True
    after = tuple(one if one.is_radar else _hidden(one, hidden) for one in scene.block.after)
    block = replace(scene.block, after=after)
    both = Fused(MatchedFilter(), SarAmplitude())
    return _judged(MatchedFilter(), part(block, radar=False), scene), _judged(both, block, scene)


def _hidden(one: Acquisition, hidden: BoolArray) -> Acquisition:
    reflectance = np.where(hidden, np.float32(np.nan), one.reflectance)
    return replace(one, usable=one.usable & ~hidden, reflectance=reflectance)


def _judged(detector: Detector, block: Block, scene: LandslideScene) -> Tally:
    score = detector.score(block, detector.fit([block]))
    found = detector.candidates(score, block)
    labels = np.zeros(scene.labels.shape, dtype=np.int32)
    for label, one in enumerate(found, start=1):
        labels[one.rows, one.cols] = label
    told = {label: one.confidence for label, one in enumerate(found, start=1)}
    return tally(Objects(scene.labels), Objects(labels, told), np.ones(labels.shape, dtype=bool))


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--refit", type=int, default=0)
    chosen = options.parse_args()
    if chosen.refit:
        refit(chosen.refit)
        return
    print(f"Radar amplitude, {chosen.seeds} seeds. {Rule()}\n")
    print("| case | pixel P | R | F1 | object P | R | F1 | false/km² | calibration error | s/Mpx |")
    print("| --- |" + " --- |" * 9)
    with ProcessPoolExecutor(2) as pool:
        for case in CASES:
            parts = list(pool.map(measure, repeat(case), range(chosen.seeds)))
            total = sum((counts for counts, *_ in parts), Tally())
            figures = report(total, Rule())
            six = [figures[kind][name] for kind in ("pixel", "object") for name in ("precision", "recall", "f1")]
            false = sum(part[1] for part in parts) / sum(part[2] for part in parts)
            row = [f"{one or 0:.2f}" for one in six]
            row += [f"{false:.3f}", f"{figures['calibration']['expected_error']}"]
            print(f"| {case} | {' | '.join(row)} | {np.mean([part[3] for part in parts]):.1f} |", flush=True)
        pairs = list(pool.map(under_cloud, range(chosen.seeds)))
    print("\nCloud over half of the ground on all dates after; what nobody saw counts as missed.\n")
    print("| dates | pixel P | R | F1 | object P | R | F1 |\n| --- |" + " --- |" * 6)
    for name, counts in zip(("3 + 3 optical", "the same and 6 + 6 radar"), zip(*pairs, strict=True), strict=True):
        figures = report(sum(counts, Tally()), Rule())
        six = [figures[kind][one] for kind in ("pixel", "object") for one in ("precision", "recall", "f1")]
        print(f"| {name} | {' | '.join(f'{one or 0:.2f}' for one in six)} |")


if __name__ == "__main__":
    main()
