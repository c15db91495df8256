"""Scenes from files into the catalogue: whole or not at all, once, and safe against being killed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from hazard_db import corridor as road
from hazard_db import scenes
from hazard_db.connect import Engine, transaction
from hazard_db.connect import actor as set_actor
from hazard_db.errors import HazardError, InputError, RasterError, SpaceError
from hazard_db.moments import option
from hazard_db.progress import Progress, silent
from hazard_db.scenes import SceneRecord
from ingest.imagery import sentinel2, shelf, space
from ingest.imagery.bundle import Bundle, packed
from ingest.imagery.crop import Crop, crop
from ingest.imagery.raster import Grid, grid_of, opened
from ingest.imagery.record import write_scene
from ingest.imagery.registry import PRODUCTS, discover, recognise
from ingest.imagery.source import Options, SceneSource

BUFFER_M = 10_000.0
"""How far beside the road imagery is kept."""


@dataclass(frozen=True)
class SceneReport:
    """What became of one scene."""

    id: str
    collection: str
    acquired_at: datetime
    status: str
    """`new`, `unchanged` (the catalogue has it) or `restored` (its rasters had been lost)."""
    supersedes: str | None
    """Earlier processing of the same acquisition that this one replaces."""
    superseded_by: str | None
    """Newer processing of the same acquisition that the catalogue has already."""
    bands: tuple[str, ...]
    valid_share: float | None
    """Of the kept pixels, those with data; None where nothing was written."""
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    seconds: float


class SceneBatchError(RasterError):
    """Some of several scenes could not be stored."""

    def __init__(self, message: str, reports: Sequence[SceneReport], errors: Sequence[HazardError]) -> None:
        super().__init__(message)
        self.reports = tuple(reports)
        self.errors = tuple(errors)


@dataclass(frozen=True)
class Job:
    """What is common to all scenes of one call."""

    engine: Engine
    rasters: Path
    corridor: BaseGeometry | None
    collection: str | None
    actor: str
    progress: Progress


def ingest_scene(
    engine: Engine,
    paths: Sequence[Path],
    *,
    home: Path,
    corridor: BaseGeometry | None = None,
    collection: str | None = None,
    dates: Sequence[str | date | datetime] | None = None,
    bands: Sequence[str] | None = None,
    whole: bool = False,
    actor: str,
    progress: Progress | None = None,
) -> list[SceneReport]:
    """Return what became of each scene found in `paths`.

    Parameters
    ----------
    home
        HAZARD_HOME; rasters go to `rasters/<scene id>/` below it.
    corridor
        Area to keep, EPSG:4326; BUFFER_M around the current alignment where it is None.
    collection
        Name to file the scenes under instead of the product's own.
    dates
        One a scene, in order, for files that do not tell their own.
    bands
        Names of the bands in file order for GeoTIFFs that do not tell them; `-` leaves one out.
    whole
        Keep all of each scene, also outside the corridor.
    progress
        Called with what is being done and the share of it (0-1).

    Raises
    ------
    InputError
        The one scene cannot be stored, or (SceneBatchError) some of several; the others are.
    """
    bundles = discover([Path(path) for path in paths])
    given = _options(dates, bands, len(bundles))
    with transaction(engine) as conn:
        area = None if whole else (corridor if corridor is not None else road.buffer(conn, BUFFER_M))
    home.mkdir(parents=True, exist_ok=True)
    job = Job(engine, home / shelf.RASTERS, area, collection, actor, progress or silent)
    shelf.clean(engine, home)
    reports: list[SceneReport] = []
    errors: list[HazardError] = []
    for bundle, options in zip(bundles, given, strict=True):
        try:
            reports.append(_ingest(job, bundle, options))
        except InputError as error:
            errors.append(error)
    if len(errors) == 1 == len(bundles):
        raise errors[0]
    if errors:
        text = "; ".join(map(str, errors))
        raise SceneBatchError(f"{len(errors)} of {len(bundles)} scenes were not stored: {text}", reports, errors)
    return reports


def _options(
    given_dates: Sequence[str | date | datetime] | None, bands: Sequence[str] | None, count: int
) -> list[Options]:
    """Return the options of each scene."""
    if given_dates is not None and len(given_dates) != count:
        raise InputError(f"--dates names {len(given_dates)} dates for {count} scenes; give one a scene, in order")
    moments = [option(value) for value in given_dates] if given_dates is not None else [None] * count
    names = tuple(bands) if bands is not None else None
    return [Options(date=moment, bands=names) for moment in moments]


def _ingest(job: Job, bundle: Bundle, options: Options) -> SceneReport:
    """Return what became of one scene of files."""
    started = perf_counter()
    full = packed(bundle.root) if bundle.archive and not bundle.members else bundle
    job.progress(f"{full.label}: reading metadata", 0.0)
    source = PRODUCTS[recognise(full, options)].read(full, options)
    grid = grid_of_scene(source)
    part = crop(grid, job.corridor, full.label)
    job.progress(f"{full.label}: checking files", 0.0)
    sources = _sources(full, source)
    checksum = hashed([[name, digest] for name, digest in sorted(sources.items())])
    read = [sources[layer.member.rpartition("/")[2]] for layer in source.bands]
    # whatever its files are called: a copy under another name is no other scene
    key = content_key(job, part, hashed([sorted(sources.values()), read]), source)
    return store(
        job, source, part, checksum=checksum, key=key, label=full.label, origin={"sources": sources}, started=started
    )


def store(
    job: Job,
    source: SceneSource,
    part: Crop,
    *,
    checksum: str,
    key: str,
    label: str,
    origin: Mapping[str, Any],
    started: float,
) -> SceneReport:
    """Return what became of a scene whose layers can be read: everything of it happens in one transaction.

    Raises
    ------
    SpaceError
        The disk is full.
    RasterError
        A layer cannot be read.
    """
    space.require(job.rasters.parent)
    with transaction(job.engine) as conn:
        set_actor(conn, job.actor)
        scenes.lock(conn, key)
        known = next(iter(scenes.with_property(conn, "content_key", key)), None)
        if known is not None and shelf.complete(job.rasters, known):
            return _report(known, "unchanged", None, (), started)
        folder = job.rasters / shelf.INCOMING / key
        try:
            shelf.prepare(folder, scenes.identity(conn))
            record = write_scene(source, part, folder, collection=job.collection, label=label, progress=job.progress)
            record = replace(record, checksum=checksum, properties={**record.properties, "content_key": key, **origin})
            final, stored, supersedes = shelf.publish(conn, job.rasters, folder, record, known)
        except BaseException as error:
            full = space.is_full(job.rasters.parent, error)
            shutil.rmtree(folder, ignore_errors=True)
            if full:
                raise SpaceError(f"{label}: {space.line(job.rasters.parent)}") from error
            raise
    (final / shelf.PENDING).unlink(missing_ok=True)
    files = tuple(sorted(final.glob("*.tif")))
    return _report(stored, "new" if known is None else "restored", supersedes, files, started)


def grid_of_scene(source: SceneSource) -> Grid:
    """Return the finest grid among the bands."""
    grids = []
    for layer in source.bands:
        label = layer.member.rpartition("/")[2]
        with opened(layer.href, label, layer.opener) as dataset:
            grids.append(grid_of(dataset, label))
    return min(grids, key=lambda grid: float(grid.transform.a))


def _sources(bundle: Bundle, source: SceneSource) -> dict[str, str]:
    """Return name -> sha256 of the source files, each held against the product's own manifest.

    Raises
    ------
    RasterError
        A file is not what the manifest says, or breaks off.
    """
    sources = {}
    for member in source.members:
        algorithm, wanted = source.expected.get(member, ("", ""))
        digest, *other = bundle.digests(member, "sha256", *([algorithm] if algorithm else []))
        if other and other[0] != wanted:
            raise RasterError(
                f"{bundle.label}: {member.rpartition('/')[2]} is damaged (its {algorithm} is not that of manifest.safe); "
                "fetch the product again"
            )
        sources[member.rpartition("/")[2]] = digest
    sentinel2.verify(bundle, source)
    return sources


def content_key(job: Job, part: Crop, checksum: str, source: SceneSource) -> str:
    """Return what is the same exactly when the stored scene would be the same."""
    area = "whole" if part.area is None else hashlib.sha256(shapely.to_wkb(part.area.normalize())).hexdigest()
    layers = [[layer.name, layer.band, layer.scale, layer.offset] for layer in source.bands]
    return hashed([checksum, area, job.collection, source.acquired_at.isoformat(), layers])[:32]


def hashed(value: Any) -> str:
    """Return the checksum of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _report(
    scene: SceneRecord, status: str, supersedes: str | None, files: tuple[Path, ...], started: float
) -> SceneReport:
    return SceneReport(
        id=scene.id, collection=scene.collection, acquired_at=scene.acquired_at, status=status, supersedes=supersedes,
        superseded_by=scene.superseded_by, bands=_bands(scene),
        valid_share=scene.properties.get("valid_share"), files=files, notes=tuple(scene.properties.get("notes", ())),
        seconds=perf_counter() - started,
    )  # fmt: skip


def _bands(scene: SceneRecord) -> tuple[str, ...]:
    main = scene.assets.get("reflectance") or scene.assets["backscatter"]
    return tuple(main["bands"])
