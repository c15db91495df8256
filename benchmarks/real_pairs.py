"""What is found in real pictures: pairs of dates of a forest where no slide is known, and a pair after an earthquake.

Romania: all pairs of single dates, June to September, of which nine tenths are clear by the scene classification; no relief.
Between years forest is felled there, so that changes of those pairs are no pure count of false ones: the share of marked
ground whose NDVI fell by more than 0.1 tells how much of it lost its plants.
Hokkaido: visible bands, one date each; agreement with the map of a published network on the ground that both saw. Neither is
the truth. Run:
uv run --no-sync python benchmarks/real_pairs.py --romania CUBE.nc --hokkaido FOLDER --pictures FOLDER
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations, repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

from detection.pictures import before_after_png
from detection.run import run_landslide

EPOCH = datetime(2015, 8, 1, tzinfo=UTC)
PLACE = from_origin(5_500_000, 2_600_000, 10, 10)
"""Somewhere in Romania: the cube's own position is of no matter here."""
VARIABLES = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "scl": "SCL"}
CLEAR, CLEAR_SHARE = (4, 5, 6), 0.9
KINDS = ("same year, up to 45 days apart", "a year apart, same season (15 days)", "more years apart, same season")
HOKKAIDO_DATES = ["2018-04-20", "2018-09-25"]
SURE = 50
"""The network's confidence from which it counts as a slide, as in its own map."""


@dataclass(frozen=True)
class Outcome:
    """What a pair of dates brought."""

    kind: str
    changes: int
    seen_km2: float
    marked: int
    bared: int
    """Marked pixels whose NDVI fell by more than 0.1."""


def written(cube: Path, folder: Path) -> dict[datetime, Path]:
    """Write the clear summer dates of a cube as GeoTIFFs; return them by date."""
    stacks = {}
    for name, variable in VARIABLES.items():
        with rasterio.open(f"netcdf:{cube}:{variable}") as source:
            days = [EPOCH + timedelta(days=int(source.tags(number)["NETCDF_DIM_time"])) for number in source.indexes]
            stacks[name] = source.read()
    found = {}
    for index, day in enumerate(days):
        if day.month in range(6, 10) and np.isin(stacks["scl"][index], CLEAR).mean() > CLEAR_SHARE:
            path = folder / f"romania_{day:%Y%m%d}.tif"
            profile = {"driver": "GTiff", "dtype": "uint16", "crs": "EPSG:3035", "transform": PLACE, "nodata": 0}
            rows, cols = stacks["red"].shape[1:]
            with rasterio.open(path, "w", height=rows, width=cols, count=len(stacks), **profile) as raster:
                for number, (name, stack) in enumerate(stacks.items(), start=1):
                    raster.write(stack[index].astype("uint16"), number)
                    raster.set_band_description(number, name)
            found[day] = path
    return found


def kind_of(earlier: datetime, later: datetime) -> str | None:
    """Return which of KINDS a pair is; None = of different seasons."""
    days = (later - earlier).days
    if later.year == earlier.year:
        return KINDS[0] if days <= 45 else None
    apart = abs(later.timetuple().tm_yday - earlier.timetuple().tm_yday)
    return None if apart > 15 else KINDS[1 if later.year == earlier.year + 1 else 2]


def compared(pair: tuple[str, Path, Path], pictures: Path | None) -> Outcome:
    """Return what a pair brought; draw its changes where a folder is given."""
    kind, before, after = pair
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        mask = Path(scratch) / "mask.tif"
        result = run_landslide([before], [after], Path(scratch) / "out.geojson", mask=mask)
        for index, one in enumerate(result.features if pictures else []):
            assert pictures is not None
            name = f"{before.stem}_{after.stem}_{index}_{one['properties']['confidence']}.png"
            before_after_png([before], [after], one["geometry"], pictures / name)
        with rasterio.open(mask) as raster:
            values = raster.read(1)
    changed = values == 1
    bared = changed & (ndvi(before) - ndvi(after) > 0.1)
    return Outcome(kind, len(result.features), float((values != 255).sum()) / 1e4, int(changed.sum()), int(bared.sum()))


def ndvi(path: Path) -> npt.NDArray[np.float64]:
    """Return the vegetation index of a date."""
    with rasterio.open(path) as raster:
        red, nir = (raster.read(raster.descriptions.index(name) + 1).astype(float) for name in ("red", "nir"))
    return np.asarray((nir - red) / np.maximum(nir + red, 1))


def romania(cube: Path, pictures: Path | None, workers: int) -> Iterator[str]:
    """Yield the table of all pairs of a cube."""
    with tempfile.TemporaryDirectory() as scratch:
        dates = written(cube, Path(scratch))
        pairs = [
            (kind, dates[one], dates[other])
            for one, other in combinations(sorted(dates), 2)
            if (kind := kind_of(one, other)) is not None
        ]
        with ProcessPoolExecutor(workers) as pool:
            outcomes = list(pool.map(compared, pairs, repeat(pictures)))
    yield "| pairs | number | changes | km² seen | per km² | pairs without any | lost its plants |"
    yield "|---|" + "---|" * 6
    for kind in KINDS:
        mine = [one for one in outcomes if one.kind == kind]
        changes, seen = sum(one.changes for one in mine), sum(one.seen_km2 for one in mine)
        bared = sum(one.bared for one in mine) / max(sum(one.marked for one in mine), 1)
        none = sum(not one.changes for one in mine)
        yield f"| {kind} | {len(mine)} | {changes} | {seen:.1f} | {changes / max(seen, 1e-9):.2f} | {none} | {bared:.0%} |"


def hokkaido(folder: Path) -> Iterator[str]:
    """Yield the agreement with the network's map, with relief and without."""
    before, after = (
        [folder / role / f"download.B{band}.tif" for band in (2, 3, 4)] for role in ("pre-event", "post-event")
    )
    reference = folder / "cnn_reference" / "example_outputs" / "example_1" / "Predict_LS_Conf.tif"
    yield "| Hokkaido | km² both saw | network marks | marked here | of them by the network | network's found | F1 | kappa |"
    yield "|---|" + "---|" * 7
    for name, dem in (("with relief", folder / "dem" / "download.DSM.tif"), ("no relief", None)):
        with tempfile.TemporaryDirectory() as scratch:
            mask = Path(scratch) / "mask.tif"
            run_landslide(before, after, Path(scratch) / "out.geojson", dem=dem, mask=mask, dates=HOKKAIDO_DATES)
            with rasterio.open(mask) as raster:
                values, transform, crs = raster.read(1), raster.transform, raster.crs
        other = np.full(values.shape, 255, dtype=np.uint8)
        with rasterio.open(reference) as source:
            reproject(
                rasterio.band(source, 1), other, dst_transform=transform, dst_crs=crs, resampling=Resampling.nearest,
                src_nodata=255, dst_nodata=255, init_dest_nodata=True,
            )  # fmt: skip
        both = (values != 255) & (other != 255)
        mine, theirs = (values == 1)[both], (other >= SURE)[both]
        hit, total = float((mine & theirs).sum()), float(both.sum())
        chance = mine.mean() * theirs.mean() + (~mine).mean() * (~theirs).mean()
        kappa = ((mine == theirs).mean() - chance) / (1 - chance)
        figures = [
            hit / max(mine.sum(), 1),
            hit / max(theirs.sum(), 1),
            2 * hit / max(mine.sum() + theirs.sum(), 1),
            kappa,
        ]
        km2 = total * abs(transform.a * transform.e) * 111_320**2 * np.cos(np.radians(42.73)) / 1e6
        shares = f"{theirs.mean():.1%} | {mine.mean():.1%} | " + " | ".join(f"{one:.2f}" for one in figures)
        yield f"| {name} | {km2:.1f} | {shares} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--romania", type=Path, help="cube of 10 m, NetCDF")
    parser.add_argument("--hokkaido", type=Path, help="folder of the pair")
    parser.add_argument("--pictures", type=Path, help="folder for a picture per change of the Romanian pairs")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    for line in romania(arguments.romania, arguments.pictures, arguments.workers) if arguments.romania else ():
        print(line, flush=True)
    for line in hokkaido(arguments.hokkaido) if arguments.hokkaido else ():
        print(line, flush=True)


if __name__ == "__main__":
    main()
