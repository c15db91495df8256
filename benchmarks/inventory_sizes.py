"""Sizes of mapped landslides beside those of the simulator; prints Markdown.

Each is compared above a smallest area, as maps leave out small slides. The tail's exponent is Hill's estimate of p(A) ~ A**-(a + 1)
above 0.01 km²; the inverse gamma law of the simulator has a = 1.4. Run:
uv run --no-sync python benchmarks/inventory_sizes.py FOLDER_WITH_ZIPS
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyogrio
import shapely

SMALLEST_M2, TAIL_M2 = 1000.0, 1e4
PERCENTILES = (10, 50, 90, 99)
Areas = npt.NDArray[np.float64]


def mapped(archive: Path) -> dict[str, Areas]:
    """Return areas in m² per file of a zipped folder of shapefiles in metres."""
    found = {}
    for inner in sorted(name for name in zipfile.ZipFile(archive).namelist() if name.endswith(".shp")):
        shapes = pyogrio.raw.read(f"/vsizip/{archive}/{inner}", columns=[])[2]
        found[f"{archive.stem} {Path(inner).stem}"] = shapely.area(shapely.make_valid(shapely.from_wkb(shapes)))
    return found


def simulated(number: int = 200_000) -> Areas:
    """Return areas drawn as the simulator draws them, before it cuts off what is too small or large for a scene."""
    return np.asarray(1e6 * (1.28e-3 / np.random.default_rng(0).gamma(1.4, size=number) - 1.32e-4))


def row(name: str, areas: Areas) -> str:
    large = areas[areas >= SMALLEST_M2]
    tail = large[large >= TAIL_M2]
    hill = f"{1 / np.mean(np.log(tail / TAIL_M2)):.2f}" if tail.size >= 30 else "-"
    figures = [f"{value:,.0f}" for value in np.percentile(large, PERCENTILES)]
    return f"| {name} | {large.size} | {' | '.join(figures)} | {hill} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    print(f"| from {SMALLEST_M2:.0f} m² | number | " + " | ".join(f"{p} % (m²)" for p in PERCENTILES) + " | tail a |")
    print("|---|" + "---|" * (len(PERCENTILES) + 2))
    for archive in (folder / "China.zip", folder / "PNG.zip"):
        if not archive.is_file():
            print(f"skipped: {archive} is absent")
            continue
        for name, areas in mapped(archive).items():
            if (areas >= SMALLEST_M2).sum() >= 30:
                print(row(name, areas))
    print(row("simulator", simulated()))


if __name__ == "__main__":
    main()
