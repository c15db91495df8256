"""How much of the processor and of memory it costs to prepare the terrain of one degree of GLO-30, simulated relief."""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from affine import Affine
from shapely.geometry import box

from detection import terrain

SIDE = 3600


def main() -> None:
    """Print seconds and megabytes."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "dem", Path(scratch) / "out"
        folder.mkdir()
        _simulate(folder / "Copernicus_DSM_COG_10_N36_00_E074_00_DEM.tif")
        before = time.process_time()
        done = terrain.prepare(folder, box(74.1, 36.1, 74.9, 36.9), out)
        spent = time.process_time() - before
        size = sum(one.stat().st_size for one in done[0].folder.iterdir())
        again = time.process_time()
        terrain.prepare(folder, box(74.1, 36.1, 74.9, 36.9), out)
        again = time.process_time() - again
        rows, cols = done[0].tile.grid.shape
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{rows} x {cols} cells: {spent:.0f} s CPU, peak {peak:.0f} MB, {size / 1e6:.0f} MB on disk, again {again:.1f} s"
    )


def _simulate(path: Path) -> None:
    """Ridges of several sizes with noise, SIMULATED."""
    generator = np.random.default_rng(8)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    ground = np.full((SIDE, SIDE), 3500, dtype=np.float32)
    for waves in (3, 7, 15, 31, 63, 127):
        north, east, phase = *generator.normal(0, waves, 2).tolist(), generator.uniform(0, 6)
        ground += 4000 / waves * np.sin(north * rows * 6.28 + east * cols * 6.28 + phase)
    ground += generator.normal(0, 1, ground.shape).astype(np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=1, dtype="float32", crs="EPSG:4326", tiled=True,
        transform=Affine(1 / SIDE, 0, 74, 0, -1 / SIDE, 37), compress="deflate",
    ) as raster:  # fmt: skip
        raster.write(ground, 1)


if __name__ == "__main__":
    main()
