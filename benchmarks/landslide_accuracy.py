"""How well landslides are found in simulated mountains, beside rdNDVI and IR-MAD; prints Markdown.

The scenes have scar spectra (TEST_SCARS) that no threshold or coefficient was chosen on. Run:
uv run --no-sync python benchmarks/landslide_accuracy.py --seeds 20
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np

from detection.arrays import Candidate, Score
from detection.methods import DETECTORS
from detection.simulate import LandslideScene, Nuisances, World, simulate_landslide
from detection.simulate.spectra import SURFACES

FIRST_SEED = 100_000
SMALLEST_PX = 10
OVERLAP = 0.3
RULE = f"""\
Counted where the ground was seen before and after. Pixels: every pixel of every slide. Objects: a slide of which
{SMALLEST_PX} px or more were seen is found if {OVERLAP:.0%} of those pixels are marked; a marked object is right if
{OVERLAP:.0%} of its pixels belong to slides (of any size). Calibration error: expected over ten classes of confidence.
Dates: share of right objects whose interval holds the day of the event. False objects per km² on scenes without slides.
Confidence is calibrated at the share of slides of the scenes for training, not at that of a real road."""
VISIBLE = ("blue", "green", "red")
ONE = {"n_before": 1, "n_after": 1}
FOREST = World(
    surfaces=np.array([SURFACES["forest"]] * 6, dtype=np.float32) * np.linspace(0.8, 1.3, 6, dtype=np.float32)[:, None]
)
ROUGH = World(noise=0.03, psf_px=0.9, jitter_px=0.4, gain=0.08, haze=World().haze * 2)
UNMASKED = Nuisances(cloud_mask=False)

CASES: dict[str, tuple[str, dict[str, Any], tuple[dict[str, Any], ...]]] = {
    "matched filter, 4 + 4 dates": ("matched_filter", {}, ({},)),
    "pair, with relief": ("pair", ONE, ({},)),
    "pair, no relief": ("pair", {**ONE, "with_terrain": False}, ({},)),
    "pair, visible bands, with relief": ("pair", {**ONE, "bands": VISIBLE}, ({},)),
    "pair, visible bands, no relief": ("pair", {**ONE, "bands": VISIBLE, "with_terrain": False}, ({},)),
    "4 + 4 dates, no quality band": ("matched_filter", {"nuisances": UNMASKED}, ({"masked": False},)),
    "4 + 4 dates, pixels of 30 m": ("matched_filter", {"pixel_m": 30.0}, ({},)),
    "4 + 4 dates, forest": ("matched_filter", {"world": FOREST}, ({},)),
    "4 + 4 dates, noise, blur and haze": ("matched_filter", {"world": ROUGH}, ({},)),
    "pair, with relief, no quality band": ("pair", {**ONE, "nuisances": UNMASKED}, ({"masked": False},)),
    "pair, with relief, forest": ("pair", {**ONE, "world": FOREST}, ({},)),
    "pair, no relief, forest": ("pair", {**ONE, "world": FOREST, "with_terrain": False}, ({},)),
    "rdNDVI, 4 + 4 dates, best threshold": (
        "rdndvi", {}, tuple({"high": high, "low": high * 0.6} for high in (3, 4, 5, 6, 8, 10, 14, 20)),
    ),
    "IR-MAD, 4 + 4 dates, best threshold": (
        "irmad", {}, tuple({"high": high, "low": high * 0.6} for high in (5, 8, 12, 16, 20, 26, 32)),
    ),
}  # fmt: skip


@dataclass
class Tally:
    """Counts over scenes."""

    pixels: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Right, marked, true."""
    objects: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    """Right, marked, found, true."""
    judged: list[tuple[float, bool]] = field(default_factory=list)
    """Confidence of each marked object, and whether it is right."""
    dated: list[bool] = field(default_factory=list)
    false_objects: int = 0
    quiet_km2: float = 0.0
    seconds: float = 0.0
    megapixels: float = 0.0

    def add(self, other: Tally) -> None:
        """Add the counts of another."""
        self.pixels = [a + b for a, b in zip(self.pixels, other.pixels, strict=True)]
        self.objects = [a + b for a, b in zip(self.objects, other.objects, strict=True)]
        self.judged += other.judged
        self.dated += other.dated
        self.false_objects += other.false_objects
        self.quiet_km2 += other.quiet_km2
        self.seconds += other.seconds
        self.megapixels += other.megapixels

    @property
    def object_f1(self) -> float:
        """F1 over objects."""
        precision, recall = self.objects[0] / max(self.objects[1], 1), self.objects[2] / max(self.objects[3], 1)
        return 2 * precision * recall / max(precision + recall, 1e-9)

    @property
    def pixel_f1(self) -> float:
        """F1 over pixels."""
        return 2 * self.pixels[0] / max(self.pixels[1] + self.pixels[2], 1)

    @property
    def calibration(self) -> float:
        """Expected calibration error."""
        if not self.judged:
            return float("nan")
        likely, right = (np.array(part, dtype=float) for part in zip(*self.judged, strict=True))
        place = np.minimum((likely * 10).astype(int), 9)
        return float(sum(abs((likely - right)[place == one].sum()) for one in range(10)) / len(likely))

    def row(self, name: str) -> str:
        """Return the figures as a row of the table."""
        pixel = [self.pixels[0] / max(self.pixels[1], 1), self.pixels[0] / max(self.pixels[2], 1), self.pixel_f1]
        whole = [self.objects[0] / max(self.objects[1], 1), self.objects[2] / max(self.objects[3], 1), self.object_f1]
        rest = [
            self.false_objects / max(self.quiet_km2, 1e-9),
            self.calibration,
            float(np.mean(self.dated or [np.nan])),
        ]
        figures = [f"{one:.2f}" for one in (*pixel, *whole)] + [f"{one:.3f}" for one in rest]
        return f"| {name} | {' | '.join(figures)} | {self.seconds / max(self.megapixels, 1e-9):.1f} |"


def judge(scene: LandslideScene, score: Score, found: list[Candidate]) -> Tally:
    """Return the counts of a scene."""
    tally = Tally()
    marked = np.zeros(scene.labels.shape, dtype=bool)
    dates = [one.acquired_at for one in (*scene.block.before, *scene.block.after)]
    for one in found:
        marked[one.rows, one.cols] = True
        right = bool((scene.labels[one.rows, one.cols] > 0).mean() >= OVERLAP)
        tally.judged.append((one.confidence, right))
        if right:
            first, quiet = score.first_after[one.rows, one.cols], score.last_quiet[one.rows, one.cols]
            if (first >= 0).any() and (quiet >= 0).any():
                end = dates[len(scene.block.before) + int(np.median(first[first >= 0]))]
                tally.dated.append(dates[int(np.median(quiet[quiet >= 0]))] <= scene.event_at <= end)
    true = (scene.labels > 0) & score.observed
    tally.pixels = [int((marked & true).sum()), int((marked & score.observed).sum()), int(true.sum())]
    sizes = np.bincount(scene.labels[true], minlength=len(scene.slides) + 1)
    hits = np.bincount(scene.labels[true & marked], minlength=len(scene.slides) + 1)
    large = sizes >= SMALLEST_PX
    large[0] = False
    hit = int((hits[large] >= OVERLAP * sizes[large]).sum())
    tally.objects = [sum(right for _, right in tally.judged), len(found), hit, int(large.sum())]
    return tally


def run(name: str, seed: int) -> list[Tally]:
    """Return the counts of a case on one scene with slides and one without, for each set of parameters."""
    method, dials, parameters = CASES[name]
    tallies = [Tally() for _ in parameters]
    for quiet in (False, True):
        dials_here = {**dials, "slides": 0} if quiet else dials
        scene = simulate_landslide(FIRST_SEED + seed, spectra="test", **dials_here)
        started = time.perf_counter()
        model = DETECTORS[method]().fit([scene.block])
        score = DETECTORS[method]().score(scene.block, model)
        spent = time.perf_counter() - started
        for tally, chosen in zip(tallies, parameters, strict=True):
            started = time.perf_counter()
            found = DETECTORS[method](**chosen).candidates(score, scene.block)
            tally.seconds += spent + time.perf_counter() - started
            tally.megapixels += scene.labels.size / 1e6
            if quiet:
                tally.false_objects += len(found)
                tally.quiet_km2 += float(score.observed.sum()) * np.prod(scene.block.pixel_m) / 1e6
            else:
                tally.add(judge(scene, score, found))
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cases", nargs="*", default=list(CASES), help="names of cases")
    arguments = parser.parse_args()
    print(RULE, end="\n\n")
    print("| method | pixel P | R | F1 | object P | R | F1 | false/km² | calibration | dates | s/Mpx |")
    print("|---|" + "---|" * 10)
    best: Callable[[Tally], float] = lambda one: one.object_f1  # noqa: E731 - the peers' thresholds favour them
    for name in arguments.cases:
        totals = [Tally() for _ in CASES[name][2]]
        with ProcessPoolExecutor(arguments.workers) as pool:
            for tallies in pool.map(run, repeat(name), range(arguments.seeds)):
                for total, one in zip(totals, tallies, strict=True):
                    total.add(one)
        print(max(totals, key=best).row(name), flush=True)


if __name__ == "__main__":
    main()
