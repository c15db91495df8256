"""Landslides in files: rasters before and after -> changes, what could be seen, and how it was found."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import rasterio
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry
from threadpoolctl import threadpool_limits

from detection.area import Area
from detection.arrays import Detector
from detection.bandpass import OLI
from detection.choice import check, choose
from detection.coregister import Shift
from detection.features import Sighting, feature
from detection.output import CHANGE, check_outputs, publish_raster, write_json
from detection.parts import Parts
from detection.rasterfiles import sha256
from detection.regions import box_of
from detection.registration import register
from detection.scheduling import Crew
from detection.searching import Search
from detection.sources import Scene, open_sources
from detection.windows import Plan
from hazard_db.progress import Progress, silent


@dataclass(frozen=True)
class Detection:
    """What looking for changes in a set of files brought."""

    features: list[dict[str, Any]]
    """GeoJSON features, EPSG:4326."""
    mask: Path
    """uint8 raster on the output grid: 0 none, 1 change, 255 not observed."""
    unseen: Path
    """uint8 raster on the output grid: why a pixel was not observed, by the codes of `detection.hiding`; 0 where it was."""
    evidence: Path | None
    """float32 raster of the scores on the output grid, where it was asked for."""
    method: str
    version: str
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]]
    observed_share: float
    """Share of the area that was clear before and after."""
    notes: list[str]
    stats: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class RunResult:
    """What a run wrote."""

    out: Path
    mask: Path | None
    explain: Path | None
    collection: dict[str, Any]
    """The GeoJSON feature collection as written."""
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> list[dict[str, Any]]:
        """The changes."""
        features: list[dict[str, Any]] = self.collection["features"]
        return features

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
    collection = feature_collection(found)
    write_json(collection, out)
    shutil.rmtree(parts, ignore_errors=True)
    return RunResult(out, mask, explain, collection, found.stats | {"seconds": found.seconds})


def feature_collection(found: Detection) -> dict[str, Any]:
    """Return a detection as GeoJSON with foreign members that say how it was made."""
    return {
        "type": "FeatureCollection",
        "features": found.features,
        "method": found.method,
        "version": found.version,
        "observed_share": found.observed_share,
        "parameters": found.parameters,
        "inputs": found.inputs,
        "notes": found.notes,
        "stats": found.stats,
    }


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
    inputs = _inputs(plan, shifts)
    kept = None if parts is None else Parts(parts, _key(inputs, name, detector, area, block_px, explain))
    with _blas_of_one_thread(), Search(plan, detector, Area(area, plan.grid), block_px, evidence=explain) as search:
        search.fit(tell)
        objects = search.everywhere(folder, tell, crew, kept)
    seen = search.seen
    features = [feature(one, plan.grid) for one in objects]
    _paint(folder / "mask.tif", objects)
    rows_m, cols_m = plan.grid.pixel_m()
    tell("done", 1.0)
    return Detection(
        features=features,
        mask=folder / "mask.tif",
        unseen=folder / "unseen.tif",
        evidence=folder / "evidence.tif" if explain else None,
        method=name,
        version=_version(detector),
        parameters=json.loads(json.dumps(detector.model_dump(), default=str)),
        inputs=inputs,
        observed_share=round(seen.share, 4),
        notes=_notes(plan),
        stats={
            "changes": len(features),
            "observed_share": round(seen.share, 4),
            "observed_km2": round(seen.observed_px * rows_m * cols_m / 1e6, 3),
            "area_km2": round(seen.area_px * rows_m * cols_m / 1e6, 3),
            "grid_px": list(plan.grid.shape),
            "pixel_m": [round(rows_m, 3), round(cols_m, 3)],
        },
        seconds=round(time.monotonic() - started, 2),
    )


def _blas_of_one_thread() -> AbstractContextManager[Any]:
    """Return a context for work on blocks: they keep all processors busy, and further threads of BLAS would spin in wait."""
    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def _version(detector: Detector) -> str:
    return str(getattr(detector, "version", None) or version("kkh-hazard-watch"))


def _key(inputs: list[dict[str, Any]], name: str, detector: Detector, *rest: Any) -> str:
    """Return what makes a block's result: files, bands, dates, method with its parameters and version, area, block size."""
    told = [inputs, name, _version(detector), detector.model_dump(), [str(one) for one in rest]]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _paint(mask: Path, objects: Sequence[Sighting]) -> None:
    """Write the changes into the raster of what was observed."""
    with rasterio.open(mask, "r+") as raster:
        for one in objects:
            rows, cols = box_of(one)
            window = Window.from_slices(rows, cols)
            values = raster.read(1, window=window)
            values[one.rows - rows.start, one.cols - cols.start] = CHANGE
            raster.write(values, 1, window=window)


def _inputs(plan: Plan, shifts: Mapping[str, Shift]) -> list[dict[str, Any]]:
    """Return what went in, file by file."""
    listed = []
    for role, scenes in (("before", plan.before), ("after", plan.after)):
        for scene in scenes:
            facts = _facts(scene, shifts.get(scene.key))
            listed += [{"file": Path(href).name, "role": role, "sha256": sha256(href), **facts} for href in scene.files]
    if plan.dem is not None:
        listed.append({"file": plan.dem.name, "role": "dem", "sha256": sha256(str(plan.dem))})
    return listed


def _facts(scene: Scene, shift: Shift | None) -> dict[str, Any]:
    at = scene.acquired.at
    facts: dict[str, Any] = {
        "acquired": at.isoformat().replace("+00:00", "Z") if scene.acquired.precise else at.date().isoformat(),
        "bands": list(scene.bands),
        "quality": None if scene.quality is None else scene.quality.name,
    }
    if scene.look is not None:
        return facts | {"orbit": scene.look.orbit, "unit": "power" if scene.look.linear else "dB"}
    facts |= {
        "bandpass": scene.bandpass,
        "adjusted_to": OLI if scene.adjusted else None,
        "sun_elevation_deg": round(scene.sun.elevation_deg, 2),
        "sun_azimuth_deg": round(scene.sun.azimuth_deg, 2),
        "sun_basis": scene.sun.basis,
    }
    if shift is not None:
        facts["shift_px"] = [round(shift.rows, 3), round(shift.cols, 3)] if shift.tiles else None
        facts["shift_applied"] = shift.applied != (0.0, 0.0)
    return facts


def _notes(plan: Plan) -> list[str]:
    """Return what a reader must know to weigh the result."""
    notes = [note for scene in plan.scenes for note in scene.notes]
    if plan.dem is None:
        notes.append("no elevation model: slopes are unknown and confidence is lower")
    if len(plan.after) == 1:
        notes.append(
            "one date after: what is seen once only cannot be told from a passing cloud or shadow; confidence is lower"
        )
    if len(plan.before) == 1:
        notes.append(
            "one date before: nothing tells how much the ground changes from date to date; confidence is lower"
        )
    bare = [scene.label for scene in plan.scenes if scene.quality is None and scene.look is None]
    if bare:
        notes.append(f"no scl or qa_pixel in {', '.join(bare)}: clouds and their shadows are not masked there")
    notes += [
        f"{scene.label}: warped from {scene.grid.crs.to_string()} to {plan.grid.crs.to_string()}"
        for scene in plan.scenes
        if scene.grid.crs != plan.grid.crs
    ]
    hours = [scene.label for scene in plan.scenes if scene.sun.basis.startswith("computed for")]
    if hours:
        notes.append(f"sun of {', '.join(hours)} computed for 10:30 local solar time, as only the day is known")
    return notes
