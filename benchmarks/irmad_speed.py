"""One pass of MAD beside Orfeo ToolBox's MultivariateAlterationDetector: time, and whether correlations agree.

Both read two GeoTIFFs of six float bands. Skips with a line where OTB is absent. Run:
uv run --no-sync python benchmarks/irmad_speed.py --size 3000
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window
from threadpoolctl import threadpool_limits

from detection.arrays import FloatArray
from detection.methods.irmad import Variates, of_moments
from detection.simulate.relief import fractal

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
OTB = "otbcli_MultivariateAlterationDetector"
STRIP_PX = 256


def pictures(folder: Path, size: int) -> tuple[Path, Path]:
    """Write two pictures of correlated bands, and return where."""
    rng = np.random.default_rng(1)
    base = [fractal(rng, (size, size), 2.0) for _ in range(3)]
    paths = folder / "before.tif", folder / "after.tif"
    for path in paths:
        own = {
            "driver": "GTiff", "height": size, "width": size, "count": 6, "dtype": "float32", "crs": "EPSG:32643",
            "transform": from_origin(480_000, 4_020_000, 10, 10), "tiled": True,
        }  # fmt: skip
        with rasterio.open(path, "w", **own) as raster:
            for band in range(6):
                mixed = sum(rng.uniform(0.2, 1) * one for one in base)
                noise = rng.standard_normal((size, size), dtype=np.float32)
                raster.write((0.2 + 0.03 * mixed + 0.01 * (band + 1) * noise).astype(np.float32), band + 1)
    return paths


def strips(paths: tuple[Path, Path], size: int) -> Iterator[tuple[Window, FloatArray]]:
    """Yield windows and (2 * bands, pixels) of each strip of the pictures; the array is the same for all strips."""
    room = np.empty(12 * STRIP_PX * size, dtype=np.float32)
    with rasterio.open(paths[0]) as first, rasterio.open(paths[1]) as second:
        for top in range(0, size, STRIP_PX):
            window = Window(0, top, size, min(STRIP_PX, size - top))
            both = room[: 12 * int(window.height) * size].reshape(2, 6, -1, size)
            for one, part in zip((first, second), both, strict=True):
                one.read(window=window, out=part)
            yield window, both.reshape(12, -1)


def ours(paths: tuple[Path, Path], size: int, out: Path) -> Variates:
    """Write the MAD variates of a whole picture, strip by strip, and return how they came about."""
    total, products = np.zeros(12), np.zeros((12, 12))
    about: FloatArray = np.zeros((0, 1), dtype=np.float32)
    for _, part in strips(paths, size):
        about = part.mean(axis=1, keepdims=True) if not about.size else about
        np.subtract(part, about, out=part)  # near zero, single precision does for a strip
        total += part.sum(axis=1)
        products += part @ part.T
    mean = total / size**2
    covariance = products / size**2 - np.outer(mean, mean)
    mean += about[:, 0]
    variates = of_moments(mean[:6], mean[6:], covariance, BANDS)
    weights = np.concatenate([variates.before, -variates.after]).T.astype(np.float32)
    shift = (weights @ mean)[:, None].astype(np.float32)
    with rasterio.open(paths[0]) as first, rasterio.open(out, "w", **first.profile) as raster:
        for window, part in strips(paths, size):
            mad = weights @ part
            mad -= shift
            raster.write(mad.reshape(6, int(window.height), size), window=window)
    return variates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=3000)
    size = parser.parse_args().size
    if shutil.which(OTB) is None:
        print(f"skipped: {OTB} is not on this machine (Debian: otb-bin)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = pictures(folder, size)
        started, spent = time.perf_counter(), time.process_time()
        with threadpool_limits(1, user_api="blas"):  # on matrices so narrow its threads only wait for each other
            variates = ours(paths, size, folder / "ours.tif")
        mine, mine_cpu = time.perf_counter() - started, time.process_time() - spent
        started = time.perf_counter()
        told = subprocess.run(
            [OTB, "-in1", paths[0], "-in2", paths[1], "-out", folder / "otb.tif"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        theirs = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        theirs_cpu = used.ru_utime + used.ru_stime
    block = re.search(r"Rho\s*:?\s*\[?([^\n\]]+)", told, re.IGNORECASE)
    print(f"{size}² x 6: ours {mine:.2f} s, OTB {theirs:.2f} s, {theirs / mine:.1f} times as fast")
    print(f"processor time: ours {mine_cpu:.2f} s, OTB {theirs_cpu:.2f} s, a ratio of {theirs_cpu / mine_cpu:.1f}")
    if block:
        rho = np.sort([abs(float(one)) for one in re.findall(r"[-+.\de]+", block[1])])[::-1]
        print(f"largest difference of a correlation: {np.abs(rho - variates.correlations).max():.1e}")


if __name__ == "__main__":
    main()
