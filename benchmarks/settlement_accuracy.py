"""How well settling bowls are found, dated and measured in simulated series; prints Markdown.

The scenes have bowl shapes (profiles "test") and seeds that no threshold was chosen on. Run:
uv run --no-sync python benchmarks/settlement_accuracy.py --seeds 20
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import numpy as np

from detection.settlement.analysis import Found, analyse
from detection.settlement.areas import Area, areas
from detection.settlement.design import design, seasonal_for
from detection.settlement.field import Field
from detection.settlement.fitting import fit
from detection.settlement.run import LIMITS, confidence
from detection.simulate.settlement import HALF_WAVELENGTH_MM, Bowl, SettlementScene, simulate_settlement

FIRST_SEED = 100_000
RULE = """\
A bowl counts for recall from 10 mm/yr or 15 mm and 150 m radius on; it is found if an area shares a pixel with it. An area is right if
it shares a pixel with a bowl of any size. Velocities are compared, pixel by pixel, with least squares of the true motion; z-scores are
the errors over their own standard deviations, outside of bowls that bend or break (there the linear model itself is wrong). Onsets:
found bowls that begin to move or drop."""
GOALS = (
    "recall and precision >= 0.95, RMSE <= 0.5 mm/yr, z 0.97-1.03, onset median <= 24 and 90th percentile <= 90 days"
)


@dataclass
class Tally:
    """Counts over scenes."""

    wanted: int = 0
    found: int = 0
    told: int = 0
    right: int = 0
    squares: list[float] = field(default_factory=list)
    """Per scene: mean squared error of velocities in bowls, and everywhere."""
    everywhere: list[float] = field(default_factory=list)
    z: list[float] = field(default_factory=list)
    onset_days: list[float] = field(default_factory=list)
    undated: int = 0
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    rate_errors: list[float] = field(default_factory=list)
    judged: list[tuple[float, bool]] = field(default_factory=list)
    seconds: float = 0.0


def look(seed: int, profiles: str, tally: Tally, *, verbose: bool) -> None:
    """Add one scene to the tally."""
    scene = simulate_settlement(seed, profiles=profiles)  # type: ignore[arg-type]
    times = np.array([(day - scene.dates[0]).days for day in scene.dates]) / 365.25
    shape = (scene.y.shape[1], scene.y.shape[2])
    truth = fit(design(times, seasonal_for(times)), scene.motion().reshape(len(times), -1)).velocity
    whole = Field(scene.y.reshape(len(times), -1), shape, (scene.pixel_m, scene.pixel_m))
    started = time.perf_counter()
    seasonal = seasonal_for(times)
    result = analyse(
        whole,
        times,
        seasonal=seasonal,
        limits=LIMITS,
        filtering=None,
        cycle_mm=HALF_WAVELENGTH_MM,
        tell=lambda *_: None,
    )
    told = areas(whole, result.regions, result.fit.velocity, times, seasonal)
    tally.seconds += time.perf_counter() - started
    _count_velocities(scene, result, truth, tally)
    _count_areas(scene, told, tally)
    if verbose:
        print(f"<!-- seed {seed}: {tally.found}/{tally.wanted} found, {tally.right}/{tally.told} right -->", flush=True)


def _count_velocities(scene: SettlementScene, result: Found, truth: np.ndarray, tally: Tally) -> None:
    error = result.fit.velocity - truth
    inside, bent = np.zeros(len(error), dtype=bool), np.zeros(len(error), dtype=bool)
    for bowl in scene.bowls:
        inside[bowl.pixels] = True
        bent[bowl.pixels] = bowl.kind != "linear"
    tally.squares.append(float(np.nanmean(error[inside] ** 2)))
    tally.everywhere.append(float(np.nanmean(error**2)))
    tally.z.append(float(np.nanstd((error / result.fit.velocity_std)[~bent])))


def _count_areas(scene: SettlementScene, told: list[Area], tally: Tally) -> None:
    owner = np.zeros(scene.y.shape[1] * scene.y.shape[2], dtype=int)
    for number, one in enumerate(told, start=1):
        owner[one.points] = number
    touched: set[int] = set()
    for bowl in scene.bowls:
        numbers = Counter(owner[bowl.pixels].tolist())
        numbers.pop(0, None)
        touched |= set(numbers)
        limit = 15 if bowl.kind == "step" else 10
        if bowl.radius_m < 150 or abs(bowl.size) < limit:
            continue
        tally.wanted += 1
        if numbers:
            tally.found += 1
            _count_onset(scene, bowl, told[numbers.most_common(1)[0][0] - 1], tally)
    tally.told += len(told)
    tally.right += len(touched)
    tally.judged += [(confidence(one), number in touched) for number, one in enumerate(told, start=1)]


def _count_onset(scene: SettlementScene, bowl: Bowl, one: Area, tally: Tally) -> None:
    tally.classes[bowl.kind, one.motion.kind] += 1
    depth = np.zeros(scene.y.shape[1] * scene.y.shape[2])
    depth[bowl.pixels] = bowl.depth
    if bowl.kind in ("linear", "hinge") and one.motion.kind == bowl.kind:
        tally.rate_errors.append(one.motion.velocity - bowl.size * float(depth[one.points].mean()))
    if bowl.onset is None:
        return
    if one.motion.onset_yr is None:
        tally.undated += 1
        return
    onset = scene.dates[0] + timedelta(days=round(one.motion.onset_yr * 365.25))
    tally.onset_days.append(abs((onset - bowl.onset).days))


def calibration(judged: list[tuple[float, bool]]) -> float:
    """Return the expected calibration error over ten classes."""
    likely, right = (np.array(part, dtype=float) for part in zip(*judged, strict=True))
    place = np.minimum((likely * 10).astype(int), 9)
    return float(sum(abs((likely - right)[place == one].sum()) for one in range(10)) / len(likely))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--profiles", default="test", choices=("train", "test"))
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    tally = Tally()
    for seed in range(given.first, given.first + given.seeds):
        look(seed, given.profiles, tally, verbose=given.verbose)
    rows = {
        "recall": f"{tally.found / max(tally.wanted, 1):.3f} ({tally.found} of {tally.wanted})",
        "precision": f"{tally.right / max(tally.told, 1):.3f} ({tally.right} of {tally.told})",
        "velocity RMSE in bowls, mm/yr": f"{np.sqrt(np.mean(tally.squares)):.3f}",
        "velocity RMSE everywhere, mm/yr": f"{np.sqrt(np.mean(tally.everywhere)):.3f}",
        "z-score spread": f"{np.mean(tally.z):.3f} ({min(tally.z):.3f}-{max(tally.z):.3f} by scene)",
        "onset error, days": f"median {np.median(tally.onset_days):.0f}, 90 % {np.percentile(tally.onset_days, 90):.0f}",
        "bowls found without an onset": f"{tally.undated}",
        "area rate RMSE, mm/yr": f"{np.sqrt(np.mean(np.square(tally.rate_errors))):.2f}",
        "calibration error": f"{calibration(tally.judged):.3f}",
        "seconds a scene (160,000 x 150)": f"{tally.seconds / given.seeds:.1f}",
    }
    print(
        f"\n{given.seeds} scenes, profiles {given.profiles}, seeds from {given.first}\n\n| figure | value |\n| --- | --- |"
    )
    print("\n".join(f"| {name} | {value} |" for name, value in rows.items()))
    print("\nClasses (true, told): " + ", ".join(f"{a}-{b} {n}" for (a, b), n in sorted(tally.classes.items())))
    print(f"\n{RULE}\nGoals: {GOALS}.")


if __name__ == "__main__":
    main()
