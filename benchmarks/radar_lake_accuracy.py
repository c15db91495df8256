"""How well lakes are found and measured by radar in simulated winters and summers; prints Markdown.

The levels of water, ice, waves and sand are those of a kind that no threshold was chosen on. Run:
uv run --no-sync python benchmarks/radar_lake_accuracy.py --seeds 20
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.geometry import shape
from skimage.measure import perimeter

from detection.lakes import run_lake
from detection.simulate.radarlakes import RadarLakeScene, simulate_radar_lakes

FIRST_SEED = 300_000
LEAST_M2 = 10_000.0
PLACE, UTM = from_origin(480_000, 4_020_000, 10, 10), "EPSG:32643"
STARTS = {"winter": datetime(2022, 11, 20, tzinfo=UTC), "summer": datetime(2022, 6, 1, tzinfo=UTC)}
TO_UTM = Transformer.from_crs(4326, UTM, always_xy=True)


@dataclass
class Tally:
    """Lakes of LEAST_M2 or more that lay calm before the radar on two dates of an orbit, date by date."""

    hits: int = 0
    missed: int = 0
    false: int = 0
    within: int = 0
    within_told: int = 0
    areas: int = 0
    drained: int = 0
    """Lakes that were told to have gone, and had."""
    gone: int = 0
    drained_false: int = 0
    """Lakes that were told to have gone, and had not."""
    not_calm: int = 0
    not_calm_water: int = 0
    """Dates of rough or frozen lakes, and those told as open water."""
    split_ids: int = 0
    bias: list[float] = field(default_factory=list)


def write(path: Path, bands: dict[str, Any], tags: dict[str, str] | None = None) -> Path:
    """Write float bands by their names."""
    height, width = next(iter(bands.values())).shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=len(bands), dtype="float32", crs=UTM,
        transform=PLACE, nodata=float("nan"), compress="deflate", tiled=True,
    ) as raster:  # fmt: skip
        for number, (name, values) in enumerate(bands.items(), start=1):
            raster.write(values.astype("float32"), number)
            raster.set_band_description(number, name)
        raster.update_tags(**(tags or {}))
    return path


def files_of(scene: RadarLakeScene, folder: Path) -> tuple[list[Path], Path]:
    """Write a scene as the files that the command reads."""
    files = []
    for number, one in enumerate(scene.dates):
        tags = {"acquired": one.acquired_at.isoformat(), "orbit": one.orbit, "incidence": str(one.incidence_deg)}
        files.append(write(folder / f"radar{number:02d}.tif", dict(zip(one.bands, one.reflectance, strict=True)), tags))
    return files, write(folder / "dem.tif", {"elevation": scene.terrain.elevation_m})


def one_scene(seed: int, season: str, kind: str = "test") -> Tally:
    """Return how the lakes of one scene were told."""
    scene = simulate_radar_lakes(seed, kind=kind, start=STARTS[season])  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        files, dem = files_of(scene, Path(folder))
        features = run_lake(files, Path(folder) / "out.geojson", dem=dem).features
    tally, days = Tally(), [one.acquired_at.date().isoformat() for one in scene.dates]
    matched: set[tuple[int, int]] = set()
    ids: dict[int, set[str]] = {}
    for feature in features:
        told = feature["properties"]
        when = days.index(told["date"])
        area = shapely.transform(shape(feature["geometry"]), lambda xy: np.column_stack(TO_UTM.transform(*xy.T)))
        mask = rasterize([area], scene.labels.shape[1:], transform=PLACE).astype(bool)
        inside = np.bincount(scene.labels[when][mask], minlength=len(scene.lakes) + 1)
        number = int(inside[1:].argmax()) + 1
        union = (scene.labels[when] == number).sum() + mask.sum() - inside[number]
        if told["drained_by"] is not None:
            ever = np.bincount(scene.labels.max(axis=0)[mask], minlength=len(scene.lakes) + 1)
            lake = scene.lakes[int(ever[1:].argmax())]
            gone = lake.area_m2[days.index(told["drained_by"])] == 0
            tally.drained += int(gone)
            tally.drained_false += int(not gone)
        if told["state"] != "water":
            continue
        if inside[number] / union < 0.5:
            tally.false += mask.sum() * 100 >= LEAST_M2
            continue
        ids.setdefault(number, set()).add(told["lake_id"])
        matched.add((number, when))
        truth = scene.lakes[number - 1].area_m2[when]
        if truth >= LEAST_M2 and scene.lakes[number - 1].surface[when] == "calm":
            error = told["area_m2"] - truth
            tally.areas += 1
            tally.bias.append(error / truth)
            tally.within_told += abs(error) <= told["area_uncertainty_m2"]
            tally.within += abs(error) <= 0.69 / 2 * float(perimeter(np.pad(mask, 1))) * 100  # type: ignore[no-untyped-call]
    tally.split_ids = sum(len(one) - 1 for one in ids.values())
    for number, lake in enumerate(scene.lakes, start=1):
        count(scene, number, lake, matched, tally)
    return tally


def count(scene: RadarLakeScene, number: int, lake: Any, matched: set[tuple[int, int]], tally: Tally) -> None:
    clear = [
        surface == "calm"
        and lake.area_m2[when] >= LEAST_M2
        and not scene.hidden[when][scene.labels[when] == number].mean() > 0.1
        for when, surface in enumerate(lake.surface)
    ]
    orbits = Counter(one.orbit for one, ok in zip(scene.dates, clear, strict=True) if ok)
    tally.gone += int((lake.area_m2 == 0).any())
    for when, surface in enumerate(lake.surface):
        if clear[when] and max(orbits.values()) >= 2:
            tally.hits += (number, when) in matched
            tally.missed += (number, when) not in matched
        if surface in {"rough", "frozen"}:
            tally.not_calm += 1
            tally.not_calm_water += (number, when) in matched


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--kind", default="test", choices=("train", "test"))
    options = parser.parse_args()
    print(
        "| season | F1 | found, missed, false | area within 0.69 P G / 2 | within one standard deviation told | mean area error |"
        " drained: told, of | told falsely | rough or frozen told as water | ids too many |\n" + "|---" * 10 + "|"
    )
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.workers) as pool:
        for season in STARTS:
            told = list(pool.map(partial(one_scene, season=season, kind=options.kind), seeds))
            sums = {name: sum(getattr(one, name) for one in told) for name in vars(told[0]) if name != "bias"}
            bias = np.concatenate([one.bias for one in told])
            f1 = 2 * sums["hits"] / (2 * sums["hits"] + sums["missed"] + sums["false"])
            print(
                f"| {season} | {f1:.3f} | {sums['hits']}, {sums['missed']}, {sums['false']} | "
                f"{sums['within'] / sums['areas']:.1%} of {sums['areas']} | {sums['within_told'] / sums['areas']:.1%} | "
                f"{bias.mean():+.1%} | {sums['drained']}, {sums['gone']} | {sums['drained_false']} | "
                f"{sums['not_calm_water']} of {sums['not_calm']} | {sums['split_ids']} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
