"""Landslides in files: rasters before and after -> changes, what could be seen, and how it was found."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import rasterio
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry
from threadpoolctl import threadpool_limits

from detection.area import Area
from detection.choice import check, choose
from detection.features import Sighting, feature
from detection.grids import Grid
from detection.output import CHANGE, Collection, check_outputs, publish_raster, write_json
from detection.parts import Parts
from detection.provenance import inputs_of, key_of, notes_of, version_of
from detection.regions import box_of
from detection.registration import register
from detection.scheduling import Crew
from detection.searching import Search, Seen
from detection.sources import open_sources
from detection.windows import Plan
from hazard_db.progress import Progress, silent


@dataclass(frozen=True)
class Detection(Collection):
    """What looking for changes in a set of files brought."""

    mask: Path
    """uint8 raster on the output grid: 0 none, 1 change, 255 not observed."""
    unseen: Path
    """uint8 raster on the output grid: why a pixel was not observed, by the codes of `detection.hiding`; 0 where it was."""
    evidence: Path | None
    """float32 raster of the scores on the output grid, where it was asked for."""
    seconds: float


@dataclass(frozen=True)
class RunResult(Collection):
    """What a run wrote."""

    explain: Path | None
    seconds: float

    @property
    def stats(self) -> dict[str, Any]:
        """What the collection tells of its numbers, and how long it took."""
        return super().stats | {"seconds": self.seconds}

    @property
    def observed_share(self) -> float:
        """Share of the grid that was clear before and after."""
        return float(self.collection["observed_share"])


def run_landslide(
    before: Sequence[Path],
    after: Sequence[Path],
    out: Path,
    *,
    dem: Path | None = None,
    mask: Path | None = None,
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    method: str | None = None,
    explain: Path | None = None,
    unseen: Path | None = None,
    progress: Progress | None = None,
    block_px: int = 704,
    crew: Crew | None = None,
    scratch: Path | None = None,
) -> RunResult:
    """Return what was found in files, after writing it to `out` (GeoJSON) and, where asked for, `mask`, `explain` and `unseen`.

    Parameters
    ----------
    before, after
        Rasters of one or more dates each; the first file's grid is that of the result.
    dem
        Elevation in metres, any grid and CRS.
    mask
        uint8 GeoTIFF: 0 none, 1 change, 255 not observed.
    bands, dates
        What the files do not tell themselves, see `detection.sources.open_sources`.
    method
        Out of DETECTORS; by default the one that suits the dates and bands.
    explain
        float32 GeoTIFF of the scores that the changes come from.
    unseen
        uint8 GeoTIFF: why a pixel was not observed, see `detection.hiding`.
    progress
        Called with a text and the share done, 0-1.
    block_px
        Side of the blocks that memory is bounded by; the result does not depend on it.
    crew
        Does the blocks, on other machines too; None = one thread per processor.
    scratch
        Folder for rasters under way; None = the system's.

    Raises
    ------
    RasterError
        A file cannot be used.
    DetectionError
        The files do not make a comparison, or the result cannot be written.

    Notes
    -----
    Finished blocks are kept in a hidden folder beside `out` until the result is written: the same call goes on where an
    interrupted one stood.
    """
    inputs = [*before, *after, *([dem] if dem is not None else [])]
    check_outputs([out, mask, explain, unseen], inputs)
    parts = out.parent / f".{out.name}.parts"
    with tempfile.TemporaryDirectory(prefix="detect-", dir=scratch) as folder:
        found = detect_landslide(
            before, after, Path(folder), dem=dem, bands=bands, dates=dates, method=method, explain=explain is not None,
            progress=progress, block_px=block_px, crew=crew, parts=parts,
        )  # fmt: skip
        if mask is not None:
            publish_raster(found.mask, mask, overviews="MODE")
        if unseen is not None:
            publish_raster(found.unseen, unseen, overviews="MODE")
        if explain is not None and found.evidence is not None:
            publish_raster(found.evidence, explain, overviews="AVERAGE")
    write_json(found.collection, out)
    shutil.rmtree(parts, ignore_errors=True)
    return RunResult(found.collection, explain, found.seconds)


def detect_landslide(
    before: Sequence[Path],
    after: Sequence[Path],
    folder: Path,
    *,
    dem: Path | None = None,
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    method: str | None = None,
    area: BaseGeometry | None = None,
    explain: bool = False,
    progress: Progress | None = None,
    block_px: int = 704,
    crew: Crew | None = None,
    parts: Path | None = None,
) -> Detection:
    """Return the changes between files; rasters of what was seen are left in `folder`.

    Parameters
    ----------
    area
        Where to look, EPSG:4326; None = everywhere.
    crew
        Does the blocks, on other machines too; None = one thread per processor.
    parts
        Folder to keep finished blocks in, for the case that the run is interrupted; None = not kept.

    Raises
    ------
    RasterError
        A file cannot be used.
    DetectionError
        The files do not make a comparison.
    """
    started = time.monotonic()
    tell = progress or silent
    tell("opening files", 0.0)
    sources = open_sources(before, after, bands, dates)
    plan = Plan(sources.grid, sources.before, sources.after, dem)
    check(plan)
    name, detector = choose(method, plan)
    tell("aligning dates", 0.0)
    with _blas_of_one_thread():
        shifts = register(plan)
    plan = replace(plan, shifts={key: shift.applied for key, shift in shifts.items()})
    inputs = inputs_of(plan, shifts)
    kept = None if parts is None else Parts(parts, key_of(inputs, name, detector, area, block_px, explain))
    with _blas_of_one_thread(), Search(plan, detector, Area(area, plan.grid), block_px, evidence=explain) as search:
        search.fit(tell)
        objects = search.everywhere(folder, tell, crew, kept)
    _paint(folder / "mask.tif", objects)
    tell("done", 1.0)
    collection = {
        "type": "FeatureCollection",
        "features": [feature(one, plan.grid) for one in objects],
        "method": name,
        "version": version_of(detector),
        "observed_share": round(search.seen.share, 4),
        "parameters": json.loads(json.dumps(detector.model_dump(), default=str)),
        "inputs": inputs,
        "notes": notes_of(plan),
        "stats": _stats(len(objects), search.seen, plan.grid),
    }
    evidence = folder / "evidence.tif" if explain else None
    seconds = round(time.monotonic() - started, 2)
    return Detection(collection, folder / "mask.tif", folder / "unseen.tif", evidence, seconds)


def _blas_of_one_thread() -> AbstractContextManager[Any]:
    """Return a context for work on blocks: they keep all processors busy, and further threads of BLAS would spin in wait."""
    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def _stats(changes: int, seen: Seen, grid: Grid) -> dict[str, Any]:
    rows_m, cols_m = grid.pixel_m()
    return {
        "changes": changes,
        "observed_share": round(seen.share, 4),
        "observed_km2": round(seen.observed_px * rows_m * cols_m / 1e6, 3),
        "area_km2": round(seen.area_px * rows_m * cols_m / 1e6, 3),
        "grid_px": list(grid.shape),
        "pixel_m": [round(rows_m, 3), round(cols_m, 3)],
    }


def _paint(mask: Path, objects: Sequence[Sighting]) -> None:
    """Write the changes into the raster of what was observed."""
    with rasterio.open(mask, "r+") as raster:
        for one in objects:
            rows, cols = box_of(one)
            window = Window.from_slices(rows, cols)
            values = raster.read(1, window=window)
            values[one.rows - rows.start, one.cols - cols.start] = CHANGE
            raster.write(values, 1, window=window)
