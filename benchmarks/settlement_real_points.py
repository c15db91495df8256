"""Real Sentinel-1 scatterers: velocities beside the published ones, and how often nothing is taken for motion; prints Markdown.

    python benchmarks/settlement_real_points.py /path/to/site-packages/wasar

The points (Huelva, ascending and descending, centimetres) are the example of the package wasar, which is installed for this alone:
`pip install wasar` into an environment of its own. False alarms are counted on the points' own noise: from each series its trend and
seasons are taken off, and what is left, with all its memory in time, is given to other points by chance (so that neighbours no longer
move alike). Whatever is found then, or told to change its trend, is none.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import os
import tempfile
from pathlib import Path

from hazard_db.progress import silent

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyogrio
import shapely

from detection.polygons import area_m2
from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit
from detection.settlement.run import Options, look_for_areas
from detection.settlement.trend import trend_change
from hazard_db.series import Displacement, Scatterers
from ingest.displacement.registry import open_displacement


def table(package: Path, name: str, folder: Path) -> tuple[Displacement, np.ndarray]:  # type: ignore[type-arg]
    """Return a track as a product, and the velocities that were published with it, mm/yr."""
    meta, _, _, fields = pyogrio.raw.read(package / f"example/Data/shapefiles/Sentinel_{name}.shp")
    names = list(meta["fields"])
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*fields, strict=True))
    return open_displacement(path, "scatterers", "cm"), np.asarray(fields[names.index("Vel")], dtype=float) * 10


def areas_of(source: Displacement) -> tuple[int, float]:
    """Return how many areas are found, and their area, km2."""
    with tempfile.TemporaryDirectory() as folder:
        found = look_for_areas(source, Path(folder), Options(), silent).features
    return len(found), sum(area_m2(shapely.geometry.shape(one["geometry"])) for one in found) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--shuffles", type=int, default=20)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| figure | ascending | descending |\n| --- | --- | --- |")
    columns = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Asc", "Desc"):
            source, published = table(asked.package, name, Path(folder))
            columns.append(figures(source, published, asked.shuffles, rng))
    for key in columns[0]:
        print(f"| {key} | {columns[0][key]} | {columns[1][key]} |")


def figures(source: Displacement, published: np.ndarray, shuffles: int, rng: np.random.Generator) -> dict[str, str]:  # type: ignore[type-arg]
    """Return what is told of one track."""
    y, times = source.read(0, source.length), source.times_yr
    seasonal = seasonal_for(times)
    G = design(times, seasonal)
    plain, full = fit(design(times), y), fit(G, y)
    rest = (y - G @ np.nan_to_num(full.parameters)).astype(np.float32)
    assert isinstance(source.place, Scatterers)
    east, north = source.place.lon * np.cos(np.radians(source.place.lat.mean())), source.place.lat
    hull = shapely.MultiPoint(np.column_stack([east, north])).convex_hull.area * 111.2**2
    counts, sizes = [], []
    for _ in range(shuffles):
        noise = rest[:, rng.permutation(rest.shape[1])]
        null = dataclasses.replace(source, read=lambda start, stop, noise=noise: noise[:, start:stop])
        count, size = areas_of(null)
        counts.append(count)
        sizes.append(size)
    alerts = [change.alert for series in rest.T if (change := trend_change(times, series, seasonal)) is not None]
    found, covered = areas_of(source)
    return {
        "points, dates": f"{y.shape[1]}, {len(times)} ({source.dates[0]} to {source.dates[-1]})",
        "difference to published velocity, RMS, mm/yr": f"{np.sqrt(np.nanmean((plain.velocity - published) ** 2)):.3f}",
        "median standard error of a velocity, mm/yr": f"{np.nanmedian(full.velocity_std):.2f}",
        "points beyond five standard errors": f"{int((np.abs(full.velocity) > 5 * full.velocity_std).sum())}",
        "areas found, km2": f"{found}, {covered:.2f} (points span {hull:.0f} km2)",
        "false areas in a scene of noise, mean of shuffles (most)": f"{np.mean(counts):.2f} ({max(counts)})",
        "false area, km2 a scene": f"{np.mean(sizes):.3f}",
        "single points whose noise meets the rule for a change of trend": f"{sum(alerts)} of {len(alerts)}",
    }  # fmt: skip


if __name__ == "__main__":
    main()
