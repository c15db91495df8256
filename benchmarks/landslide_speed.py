"""Time and memory of landslide detection on files, beside merely reading their bands; prints Markdown.

A simulated scene is laid side by side until it fills the size asked for. Run:
uv run --no-sync python benchmarks/landslide_speed.py --size 3000
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin

from detection.arrays import Acquisition
from detection.simulate import simulate_landslide

SCENE_PX, FILE_BLOCK_PX = 1000, 256
NODATA = -32768
DETECT = """
import sys
from pathlib import Path
from detection.run import run_landslide
folder = Path(sys.argv[1])
before, after = (sorted(folder.glob(f"{side}*.tif")) for side in ("before", "after"))
run_landslide(before, after, folder / "out.geojson", dem=folder / "dem.tif", block_px=int(sys.argv[2]))
"""
READ = """
import sys
from pathlib import Path
import rasterio
for path in sorted(Path(sys.argv[1]).glob("*.tif")):
    with rasterio.Env(GDAL_CACHEMAX=64 * 2**20), rasterio.open(path) as raster:
        for top in range(0, raster.height, 256):
            raster.read(window=((top, min(top + 256, raster.height)), (0, raster.width)))
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    def row(self, label: str, mpx: float) -> str:
        """Return a line of the table."""
        return f"| {label} | {self.wall_s / mpx:.2f} | {self.cpu_s / mpx:.2f} | {self.peak_mib:.0f} |"


def run(code: str, *arguments: str) -> Cost:
    """Return what Python code took in a process of its own; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the process ended with {process.returncode}")
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def write(folder: Path, dates: int, size: int) -> None:
    """Write dates before and after, with the clear sky as a scene classification, and relief, size x size pixels each."""
    side_px = min(size, SCENE_PX)
    block = simulate_landslide(7, shape=(side_px, side_px), n_before=dates, n_after=dates).block
    for side, pictures in (("before", block.before), ("after", block.after)):
        for number, one in enumerate(pictures):
            values = np.where(np.isfinite(one.reflectance), np.nan_to_num(one.reflectance) * 10_000, NODATA)
            bands = np.concatenate([np.rint(values), np.where(one.usable, 4, 0)[None]]).astype(np.int16)
            _write(folder / f"{side}{number}.tif", bands, size, (*one.bands, "scl"), one)
    if block.terrain is not None:
        _write(folder / "dem.tif", block.terrain.elevation_m[None], size, ("elevation",), None)


def _write(
    path: Path, bands: npt.NDArray[np.generic], size: int, names: tuple[str, ...], one: Acquisition | None
) -> None:
    """Write (bands, rows, cols) again and again, strip by strip."""
    columns = np.arange(size) % bands.shape[2]
    with rasterio.open(
        path, "w", driver="GTiff", height=size, width=size, count=len(bands), dtype=bands.dtype, crs="EPSG:32643",
        transform=from_origin(480_000, 4_020_000, 10, 10), nodata=np.nan if one is None else NODATA,
        tiled=True, compress="deflate", blockxsize=FILE_BLOCK_PX, blockysize=FILE_BLOCK_PX,
    ) as raster:  # fmt: skip
        for top in range(0, size, FILE_BLOCK_PX):
            rows = np.arange(top, min(top + FILE_BLOCK_PX, size))
            strip = bands[:, rows % bands.shape[1]][:, :, columns]
            raster.write(strip, window=((top, top + len(rows)), (0, size)))
        for number, name in enumerate(names, start=1):
            raster.set_band_description(number, name)
        if one is not None:
            raster.update_tags(
                acquired=one.acquired_at.isoformat(),
                sun_elevation=str(one.sun_elevation_deg),
                sun_azimuth=str(one.sun_azimuth_deg),
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=3000, help="side of the rasters, pixels")
    parser.add_argument("--dates", type=int, default=4, help="before, and as many after")
    parser.add_argument("--block", type=int, default=704, help="side of the blocks, pixels")
    parser.add_argument("--folder", type=Path, help="keep the rasters here, or take those that are here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="landslide-speed-") as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "dem.tif").exists():
            # a child's peak counts from what its parent held when it started
            writer = get_context("spawn").Process(target=write, args=(folder, given.dates, given.size))
            writer.start()
            writer.join()
        reading, work = run(READ, str(folder)), run(DETECT, str(folder), str(given.block))
    mpx = given.size**2 / 1e6
    print(f"\n{given.size}² pixels, {given.dates} + {given.dates} dates, blocks of {given.block} px\n")
    print("| | wall s/Mpx | processor s/Mpx | peak MiB |\n|---|---|---|---|")
    print(reading.row("reading all bands", mpx))
    print(work.row("landslides", mpx))
    print(
        f"\nratio to reading: wall {work.wall_s / reading.wall_s:.1f}, processor {work.cpu_s / reading.cpu_s:.1f} "
        f"(goals: 1.5 s/Mpx wall on two processors, 1024 MiB)"
    )


if __name__ == "__main__":
    main()
