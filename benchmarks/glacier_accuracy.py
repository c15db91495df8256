"""How well glaciers and lakes are measured in simulated mountains, and on real data where present; prints Markdown.

The scenes have spectra of ice, till and water that no threshold was chosen on. Run:
uv run --no-sync python benchmarks/glacier_accuracy.py --seeds 20 [--data FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import shapely
from rasterio.transform import from_origin
from skimage.measure import perimeter

from detection.arrays import BANDS, Acquisition
from detection.icefiles import ice_plan, inputs_of
from detection.lakes import detect_lakes
from detection.methods.centreline import Swath, half_width_m, length_m, swath
from detection.methods.glaciertrend import course
from detection.methods.icecover import ice_index, surface_channels
from detection.methods.illumination import sunlit
from detection.methods.lakes import Lake, LakeRules, follow, water_on
from detection.methods.terminus import TerminusRules
from detection.methods.tongue import Measure, Tongue, measure
from detection.simulate.glacier import GlacierScene, Motion, simulate_glacier
from detection.simulate.lakes import LakeScene, simulate_lakes
from detection.simulate.spectra import SURFACES, column
from detection.sources import open_dates

FIRST_SEED = 200_000
PIXEL_M = (10.0, 10.0)
RULES, LAKE_RULES = TerminusRules(), LakeRules()
LEAST_CHANGE_M = 20.0
LEAST_LAKE_M2 = 10_000.0


@dataclass
class Tally:
    """Errors of one kind of scene."""

    dates: int = 0
    length: list[float] = field(default_factory=list)
    scaled: list[float] = field(default_factory=list)
    change: list[tuple[float, float]] = field(default_factory=list)
    """(found, true) against the first date."""
    area: list[float] = field(default_factory=list)
    false_surges: int = 0
    seconds: float = 0.0
    years: float = 0.0

    def row(self, name: str) -> str:
        """Return a line of the table."""
        length, change = np.array(self.length), np.array(self.change).reshape(-1, 2)
        moved = np.abs(change[:, 1]) >= LEAST_CHANGE_M
        right = np.sign(change[moved, 0]) == np.sign(change[moved, 1])
        return (
            f"| {name} | {len(length) / max(self.dates, 1):.0%} | {rms(length):.1f} | {length.mean():+.1f} | "
            f"{rms(change[:, 0] - change[:, 1]):.1f} | {right.mean():.1%} of {moved.sum()} | "
            f"{(np.abs(self.scaled) < 1).mean():.0%} | {np.mean(np.abs(self.area)):.2%} | {self.false_surges} in "
            f"{self.years:.0f} | {self.seconds / max(self.years, 1e-9):.3f} |"
        )


def rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")


def tongue_of(scene: GlacierScene) -> tuple[Tongue, float, Callable[[float], float]]:
    """Return a simulated glacier on its swath, its half-width, and its area from a length."""
    line, outline = scene.centreline_px * PIXEL_M[0], shapely.Polygon(scene.outline_px * PIXEL_M[0])
    width, end = half_width_m(line, outline), length_m(line)
    where = swath(line, end - min(2500.0, 0.8 * end), end + 1500, RULES.central_share * width, (5, 10))
    inside = shapely.contains_xy(outline, where.places_m[..., 0], where.places_m[..., 1])
    mapped = float((where.along_m[0] + 5 * inside.sum(axis=1)).mean())
    index, nir = [], []
    for one in scene.dates:
        lit = sunlit(scene.terrain.elevation_m, PIXEL_M, one.sun_elevation_deg, one.sun_azimuth_deg)
        index.append(where.sample(ice_index(one, lit), PIXEL_M))
        nir.append(where.sample(one.reflectance[3], PIXEL_M))
    tongue = Tongue(
        tuple(one.acquired_at for one in scene.dates), where.along_m, np.array(index), np.array(nir),
        partial(channels, scene, where), mapped, scene.pixel_m,
    )  # fmt: skip
    return tongue, width, lambda length: outline.area + 2 * width * (length - mapped)


def channels(scene: GlacierScene, where: Swath) -> Any:
    return np.array([[where.sample(layer, PIXEL_M) for layer in surface_channels(one)] for one in scene.dates])


def one_glacier(seed: int, season: str, debris: bool) -> Tally:
    """Return the errors of one glacier of five summers."""
    rate = float(np.random.default_rng(seed).uniform(-80, 60))
    scene = simulate_glacier(seed, motion=Motion(rate), season=season, debris=debris, spectra="test")  # type: ignore[arg-type]
    tally = Tally(dates=len(scene.dates), years=5.0)
    started = time.process_time()
    tongue, _, area_of = tongue_of(scene)
    lengths = measure(tongue, RULES)
    found = course(lengths.by_epoch)
    tally.seconds = time.process_time() - started
    tally.false_surges = int(found.surge_from is not None)
    truth = scene.length_m(RULES.central_share)
    first = next((n for n, one in enumerate(lengths.by_date) if isinstance(one, Measure)), None)
    for number, one in enumerate(lengths.by_date):
        if not isinstance(one, Measure) or first is None:
            continue
        start = lengths.by_date[first]
        tally.length.append(one.length_m - truth[number])
        tally.scaled.append(tally.length[-1] / one.sigma_m)
        tally.area.append(area_of(one.length_m) / scene.area_m2[number] - 1)
        if number != first and isinstance(start, Measure):
            tally.change.append((one.length_m - start.length_m, float(truth[number] - truth[first])))
    return tally


def one_surge(seed: int) -> float | None:
    """Return after how many days a surge in summer is told, None = never; negative = before it began."""
    rng = np.random.default_rng(seed)
    quiet = [datetime(year, 8, day, 5, 48, tzinfo=UTC) for year in (2020, 2021) for day in (5, 25)]
    watched = [datetime(2022, 5, 20, 5, 48, tzinfo=UTC) + timedelta(days=10 * n) for n in range(12)]
    start = datetime(2022, 5, 25, tzinfo=UTC) + timedelta(days=float(rng.uniform(0, 40)))
    motion = Motion(float(rng.uniform(-30, 20)), start, float(rng.uniform(1.5, 8.0)), 90.0)
    scene = simulate_glacier(seed, motion=motion, dates=tuple(quiet + watched), spectra="test")
    found = course(measure(tongue_of(scene)[0], RULES).by_epoch)
    return None if found.surge_from is None else (found.surge_from - start).total_seconds() / 86400


@dataclass
class LakeTally:
    """Lakes of LEAST_LAKE_M2 or more that could be seen, date by date."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    areas: int = 0
    within: int = 0
    dams: int = 0
    dams_right: int = 0


def one_lake_scene(seed: int) -> LakeTally:
    dates = tuple(datetime(2022, 6, 15, 5, 48, tzinfo=UTC) + timedelta(days=15 * n) for n in range(7))
    scene = simulate_lakes(seed, dates, spectra="test")
    seen = [
        water_on(
            one, sunlit(scene.terrain.elevation_m, PIXEL_M, one.sun_elevation_deg, one.sun_azimuth_deg),
            scene.terrain.slope_deg, LAKE_RULES,
        )
        for one in scene.dates
    ]  # fmt: skip
    lakes = follow(seen, 100.0, LAKE_RULES)
    tally = LakeTally()
    for when in range(len(dates)):
        _score_date(scene, lakes, when, tally)
    return tally


def _score_date(scene: LakeScene, lakes: list[Lake], when: int, tally: LakeTally) -> None:
    labels, matched = scene.labels[when], set()
    for lake in lakes:
        one = lake.sightings[when]
        if one.state not in {"water", "frozen"}:
            continue
        inside = np.bincount(labels[lake.window][one.mask], minlength=len(scene.lakes) + 1)
        number = int(inside[1:].argmax()) + 1
        union = (labels == number).sum() + one.mask.sum() - inside[number]
        if inside[number] / union < 0.5:
            tally.false += one.mask.sum() * 100 >= LEAST_LAKE_M2
            continue
        matched.add(number)
        truth = scene.lakes[number - 1].area_m2[when]
        if truth >= LEAST_LAKE_M2 and one.state == "water":
            bound = 0.69 * float(perimeter(np.pad(one.mask, 1))) * 10 * 10 / 2  # type: ignore[no-untyped-call]
            tally.areas += 1
            tally.within += abs(one.mask.sum() * 100 - truth) <= bound
    for number, truth in enumerate(scene.lakes, start=1):
        visible = scene.dates[when].usable[labels == number]
        if truth.area_m2[when] >= LEAST_LAKE_M2 and visible.size and visible.mean() >= 0.9:
            tally.hits += number in matched
            tally.missed += number not in matched


def summed(tallies: Iterable[Any]) -> Any:
    """Return tallies of one kind added up."""
    first, *others = tallies
    for other in others:
        for name in vars(first):
            setattr(first, name, getattr(first, name) + getattr(other, name))
    return first


def labelled(path: Path) -> str:
    """Return how well the ice decision does on labelled Landsat pixels: snow and ice against rock and water."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = {name.lower(): name for name in rows[0]}
    red, nir, swir, green, kind = (columns[name] for name in LANDSAT_COLUMNS)
    numbers = np.array([[float(row[name]) for name in (red, nir, swir, green)] for row in rows], dtype=np.float32)
    image = np.stack([numbers[:, 3], numbers[:, 0], numbers[:, 1], numbers[:, 2]])[:, None]
    one = Acquisition(
        datetime(2021, 8, 1, tzinfo=UTC),
        ("green", "red", "nir", "swir1"),
        image,
        np.ones((1, len(rows)), bool),
        45,
        150,
    )
    index = ice_index(one)[0]
    told = index > np.log(2)
    classes = np.array([int(float(row[kind])) for row in rows])
    true = np.isin(classes, (1, 2, 3))
    known = np.isfinite(index)
    return (
        f"F1 {f1(told[known], true[known]):.3f} on {known.sum()} of {len(rows)} labelled pixels; the others are as bright as cloud "
        f"and left out, F1 {f1(told, true):.3f} where they count as told to be no ice"
    )


def f1(told: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    """Return the F1 of an answer for each pixel."""
    return float(2 * (told & true).sum() / (told.sum() + true.sum()))


LANDSAT_COLUMNS = ("sr_b4", "sr_b5", "sr_b6", "sr_b3", "class")


def speed(side: int = 3000, dates: int = 3) -> str:
    """Return the time of the whole lake pass over that of only reading the bands it needs."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        small = simulate_lakes(FIRST_SEED, (datetime(2022, 8, 1, 6, tzinfo=UTC),), shape=(500, 500)).dates[0]
        for number in range(dates):
            land = np.broadcast_to(column(SURFACES["scree"]), (6, side, side)) * rng.uniform(0.7, 1.3, (side, side))
            land[:, :500, :500] = np.nan_to_num(small.reflectance)
            values = np.rint(land * 10_000).astype(np.uint16)
            path = Path(folder) / f"s_2022080{number + 1}.tif"
            with rasterio.open(
                path, "w", driver="GTiff", height=side, width=side, count=6, dtype="uint16", nodata=0, crs="EPSG:32643",
                transform=from_origin(480_000, 4_020_000, 10, 10), tiled=True, compress="deflate", interleave="band",
            ) as raster:  # fmt: skip
                raster.write(values)
                raster.descriptions = BANDS
            files.append(path)
        reading = min(seconds(lambda: read_bands(files)) for _ in range(2))
        plan = ice_plan(open_dates(files), None)
        opening = seconds(lambda: ice_plan(open_dates(files), None))
        checksums = seconds(lambda: inputs_of(plan))
        whole = seconds(lambda: detect_lakes(plan))
    return (
        f"lakes of {dates} dates of {side}² px, processor time: {whole - checksums:.2f} s for index and lakes, {opening:.2f} s for opening "
        f"and checking, {checksums:.2f} s for checksums of the files; reading the four bands alone {reading:.2f} s: "
        f"x {(whole - checksums) / reading:.2f}, with opening and checksums x {(whole + opening) / reading:.2f}"
    )


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor time of some work; the clock on the wall tells what else the machine does."""
    started = time.process_time()
    work()
    return time.process_time() - started


def read_bands(files: Iterable[Path]) -> None:
    for path in files:
        with rasterio.open(path) as raster:
            raster.read([1, 2, 4, 5])


def quiet(glaciers: int, workers: int) -> str:
    """Return how many surges are told of glaciers that have none, on seeds of their own."""
    seeds = range(2 * FIRST_SEED, 2 * FIRST_SEED + glaciers)
    with ProcessPoolExecutor(workers) as pool:
        tallies = list(pool.map(partial(one_glacier, season="late_summer", debris=False), seeds, chunksize=4))
    told, years = sum(one.false_surges for one in tallies), sum(one.years for one in tallies)
    return f"surges told where there were none: {told} in {years:.0f} glacier-years"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="0: only the speed of lakes, and real data.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, help="Folder of real data.")
    parser.add_argument(
        "--quiet", type=int, metavar="N", help="Only look for surges of N glaciers that have none, five years each."
    )
    options = parser.parse_args()
    if options.quiet:
        print(quiet(options.quiet, options.workers))
        return
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    print(speed())
    if options.data is not None:
        print(labelled(options.data / "glaciers" / "snow_ice_labelled_pixels" / "Landsat_training_data.csv"))
    if not options.seeds:
        return
    with ProcessPoolExecutor(options.workers) as pool:
        print(
            "\n| scenes | measured | length RMSE m | bias m | change RMSE m | sign right | within 1 sigma | mean area error |"
            " false surges in glacier-years | s per glacier-year |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        for name, season, debris in (
            ("late summer", "late_summer", False),
            ("early snow", "early_snow", False),
            ("debris", "late_summer", True),
        ):
            print(summed(pool.map(partial(one_glacier, season=season, debris=debris), seeds)).row(name), flush=True)
        delays = list(pool.map(one_surge, seeds))
        told = [delay for delay in delays if delay is not None]
        print(
            f"\nSurges told within 60 days: {sum(0 <= delay <= 60 for delay in told)} of {len(delays)}, "
            f"median {np.median(told):.0f} days; before they began: {sum(delay < 0 for delay in told)}",
            flush=True,
        )
        lakes = summed(pool.map(one_lake_scene, seeds))
    f1 = 2 * lakes.hits / (2 * lakes.hits + lakes.missed + lakes.false)
    print(
        f"Lakes of {LEAST_LAKE_M2:.0f} m2 or more: F1 {f1:.3f} ({lakes.hits} found, {lakes.missed} missed, {lakes.false} "
        f"false); area within 0.69 P G / 2: {lakes.within / lakes.areas:.1%} of {lakes.areas}"
    )


if __name__ == "__main__":
    main()
