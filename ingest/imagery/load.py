"""Scenes from files into the catalogue: whole or not at all, once, and safe against being killed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from hazard_db import corridor as road
from hazard_db import scenes
from hazard_db.connect import Connection, Engine, transaction
from hazard_db.connect import actor as set_actor
from hazard_db.errors import HazardError, InputError, RasterError
from hazard_db.scenes import SceneRecord
from ingest.imagery import cog, sentinel2, sun
from ingest.imagery.bundle import Bundle, packed
from ingest.imagery.crop import Crop, crop, to_wgs84
from ingest.imagery.dates import option
from ingest.imagery.raster import Grid, grid_of, opened
from ingest.imagery.registry import PRODUCTS, discover, recognise
from ingest.imagery.source import Options, SceneSource

log = logging.getLogger(__name__)

BUFFER_M = 10_000.0
"""How far beside the road imagery is kept."""
RASTERS = "rasters"
INCOMING = ".incoming"
PENDING = ".pending"
"""File in a scene's folder until its row is committed; holds the identity of the catalogue."""
NIGHT_DEG = 5.0
"""A computed sun lower than this means that the hour is not the hour of the picture."""


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
class _Job:
    """What is common to all scenes of one call."""

    engine: Engine
    rasters: Path
    corridor: BaseGeometry | None
    collection: str | None
    actor: str
    progress: Callable[[str, float], None]


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
    progress: Callable[[str, float], None] | None = None,
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
    job = _Job(engine, home / RASTERS, area, collection, actor, progress or _silent)
    clean(engine, home)
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


def clean(engine: Engine, home: Path) -> list[str]:
    """Return the folders removed that a killed ingest of this catalogue left behind."""
    rasters = home / RASTERS
    removed: list[str] = []
    if not rasters.is_dir():
        return removed
    with transaction(engine) as conn:
        scenes.lock(conn, scenes.PUBLISH_LOCK)
        own = scenes.identity(conn)
        for marker in sorted(rasters.glob(f"*/{PENDING}")):
            if _marked(marker) != own:
                continue
            if scenes.with_asset_folder(conn, f"{RASTERS}/{marker.parent.name}/"):
                marker.unlink()  # committed, and killed before the mark was taken off
            else:
                shutil.rmtree(marker.parent)
                removed.append(marker.parent.name)
        for marker in sorted(rasters.glob(f"{INCOMING}/*/{PENDING}")):
            # Whoever still writes there holds the lock of that name.
            if _marked(marker) == own and scenes.try_lock(conn, marker.parent.name):
                shutil.rmtree(marker.parent)
                removed.append(marker.parent.name)
    for name in removed:
        log.info("removed %s, left behind by an ingest that was killed", name)
    return removed


def _options(
    given_dates: Sequence[str | date | datetime] | None, bands: Sequence[str] | None, count: int
) -> list[Options]:
    """Return the options of each scene."""
    if given_dates is not None and len(given_dates) != count:
        raise InputError(f"--dates names {len(given_dates)} dates for {count} scenes; give one a scene, in order")
    moments = [option(value) for value in given_dates] if given_dates is not None else [None] * count
    names = tuple(bands) if bands is not None else None
    return [Options(date=moment, bands=names) for moment in moments]


def _ingest(job: _Job, bundle: Bundle, options: Options) -> SceneReport:
    """Return what became of one scene: everything of it happens in one transaction."""
    started = perf_counter()
    full = packed(bundle.root) if bundle.archive and not bundle.members else bundle
    job.progress(f"{full.label}: reading metadata", 0.0)
    source = PRODUCTS[recognise(full)].read(full, options)
    grid = _grid(source)
    part = crop(grid, job.corridor, full.label)
    job.progress(f"{full.label}: checking files", 0.0)
    sources = _sources(full, source)
    checksum = _hashed([[name, digest] for name, digest in sorted(sources.items())])
    key = _content_key(job, part, checksum, source)
    with transaction(job.engine) as conn:
        set_actor(conn, job.actor)
        scenes.lock(conn, key)
        known = next(iter(scenes.with_property(conn, "content_key", key)), None)
        if known is not None and _rasters_there(job, known):
            return _report(known, "unchanged", None, (), started)
        folder = job.rasters / INCOMING / key
        try:
            _prepare(folder, scenes.identity(conn))
            record = _written(job, source, part, folder, full.label)
            record = replace(
                record, checksum=checksum, properties={**record.properties, "content_key": key, "sources": sources}
            )
            final, stored, supersedes = _publish(job, conn, folder, record, known)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    (final / PENDING).unlink(missing_ok=True)
    files = tuple(sorted(final.glob("*.tif")))
    return _report(stored, "new" if known is None else "restored", supersedes, files, started)


def _grid(source: SceneSource) -> Grid:
    """Return the finest grid among the bands."""
    grids = []
    for layer in source.bands:
        label = layer.member.rpartition("/")[2]
        with opened(layer.href, label) as dataset:
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


def _content_key(job: _Job, part: Crop, checksum: str, source: SceneSource) -> str:
    """Return what is the same exactly when the stored scene would be the same."""
    area = "whole" if part.area is None else hashlib.sha256(shapely.to_wkb(part.area.normalize())).hexdigest()
    layers = [[layer.name, layer.band, layer.scale, layer.offset] for layer in source.bands]
    return _hashed([checksum, area, job.collection, source.acquired_at.isoformat(), layers])[:32]


def _hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _rasters_there(job: _Job, scene: SceneRecord) -> bool:
    return all((job.rasters.parent / str(asset["href"])).is_file() for asset in scene.assets.values())


def _prepare(folder: Path, identity: str) -> None:
    """Make an empty folder that says whose it is."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / PENDING).write_text(identity)


def _marked(marker: Path) -> str:
    try:
        return marker.read_text()
    except OSError:
        return ""


def _written(job: _Job, source: SceneSource, part: Crop, folder: Path, label: str) -> SceneRecord:
    """Return the scene whose rasters have been written into `folder`; it is in no catalogue yet."""
    centre = to_wgs84(box(*part.grid.bounds), part.grid).centroid
    acquired_at, position, basis = _light(source, centre.x, centre.y)
    tags = _tags(source, acquired_at, position)
    reflectance = folder / "reflectance.tif"
    counts = cog.write_reflectance(
        source.bands, part, reflectance, tags=tags, all_zero_is_nodata=source.all_zero_is_nodata, label=label,
        progress=job.progress,
    )  # fmt: skip
    cog.refuse_implausible(reflectance, label)
    assets = {"reflectance": cog.asset(reflectance, [layer.name for layer in source.bands])}
    if source.quality is not None:
        quality = folder / f"{source.quality.name}.tif"
        cog.write_quality(source.quality, part, quality, tags=tags)
        assets[source.quality.name] = cog.asset(quality, [source.quality.name])
    size = part.window.width * part.window.height
    properties = {
        "product": source.name,
        "acquisition": f"{source.acquisition} {_grid_name(part.grid)}" if not source.grid_tile else source.acquisition,
        "acquired_precision": source.acquired_precision,
        "sun_basis": basis,
        "processing_baseline": source.baseline,
        "generated_at": source.generated_at,
        "scaling": {layer.name: [layer.scale, layer.offset] for layer in source.bands},
        "cropped": part.area is not None,
        "valid_share": round(counts.valid / size, 6),
        "clipped": counts.clipped,
        "notes": list(source.notes),
    }
    return SceneRecord(
        id=_identifier(source.name), collection=job.collection or source.collection, sensor=source.sensor,
        acquired_at=acquired_at, epsg=part.grid.epsg, sun_elevation_deg=position[0], sun_azimuth_deg=position[1],
        assets=assets, checksum="", footprint=cog.footprint(reflectance, part.grid, part), grid_tile=source.grid_tile,
        cloud_cover=source.cloud_cover, properties={k: v for k, v in properties.items() if v is not None},
    )  # fmt: skip


def _light(source: SceneSource, lon: float, lat: float) -> tuple[datetime, tuple[float, float], str]:
    """Return the time, the sun's elevation and azimuth, and what they rest on."""
    at = source.acquired_at
    if source.acquired_precision == "day":
        at = sun.overpass(at, lon)
    if source.sun is not None:
        return at, source.sun, "product"
    if source.acquired_precision == "day":
        return at, sun.position(at, lon, lat), "computed, hour of the overpass assumed"
    position = sun.position(at, lon, lat)
    if position[0] >= NIGHT_DEG:
        return at, position, "computed"
    usual = sun.overpass(at, lon)
    return at, sun.position(usual, lon, lat), "computed for the usual hour: the sun was down at the hour that is tagged"


def _tags(source: SceneSource, acquired_at: datetime, position: tuple[float, float]) -> dict[str, str]:
    tags = {
        "acquired": acquired_at.isoformat().replace("+00:00", "Z"),
        "TIFFTAG_DATETIME": f"{acquired_at:%Y:%m:%d %H:%M:%S}",
        "sun_elevation": f"{position[0]:.6f}",
        "sun_azimuth": f"{position[1]:.6f}",
        "product": source.name,
        "platform": source.sensor,
        "boa_offset_applied": "yes",
    }
    return tags | ({"processing_baseline": source.baseline} if source.baseline else {})


def _grid_name(grid: Grid) -> str:
    west, south, east, north = grid.bounds
    return f"EPSG:{grid.epsg} {west:.6f} {south:.6f} {east:.6f} {north:.6f} {grid.width}x{grid.height}"


def _identifier(name: str) -> str:
    """Return a name as an identifier that is also a safe folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:120] or "scene"


def _publish(
    job: _Job, conn: Connection, folder: Path, record: SceneRecord, known: SceneRecord | None
) -> tuple[Path, SceneRecord, str | None]:
    """Return the folder, the scene as stored, and what it supersedes; the folder is renamed last."""
    scenes.lock(conn, scenes.PUBLISH_LOCK)
    name = known.id if known is not None else record.id
    if known is None and scenes.existing(conn, [name]):
        name = f"{name}-{str(record.properties['content_key'])[:8]}"
    final = _free_folder(job.rasters, name)
    assets = {
        asset: {**values, "href": f"{RASTERS}/{final.name}/{values['href']}"} for asset, values in record.assets.items()
    }
    stored = replace(record if known is None else known, id=name, assets=assets)
    supersedes = None
    if known is not None:
        scenes.replace_assets(conn, name, assets)
    else:
        stored, supersedes = _ranked(conn, stored)
        scenes.insert_scene(conn, stored)
        if supersedes is not None:
            scenes.supersede(conn, older=supersedes, newer=name)
    folder.rename(final)
    _sync(job.rasters)
    return final, stored, supersedes


def _ranked(conn: Connection, scene: SceneRecord) -> tuple[SceneRecord, str | None]:
    """Return the scene, and the current one of the same acquisition that it replaces; or marked as replaced itself."""
    same = scenes.with_property(conn, "acquisition", str(scene.properties["acquisition"]))
    current = next((one for one in same if one.superseded_by is None), None)
    if current is None:
        return scene, None
    if _rank(scene.properties) >= _rank(current.properties):
        return scene, current.id
    return replace(scene, properties={**scene.properties, "superseded_by": current.id}), None


def _rank(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Return what orders processings of one acquisition: when they were made, then by which version."""
    return str(properties.get("generated_at", "")), str(properties.get("processing_baseline", ""))


def _free_folder(rasters: Path, name: str) -> Path:
    """Return a folder name that nobody uses; another catalogue may keep its rasters under the same home."""
    candidate, number = rasters / name, 2
    while candidate.exists():
        candidate, number = rasters / f"{name}-{number}", number + 1
    return candidate


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _report(
    scene: SceneRecord, status: str, supersedes: str | None, files: tuple[Path, ...], started: float
) -> SceneReport:
    return SceneReport(
        id=scene.id, collection=scene.collection, acquired_at=scene.acquired_at, status=status, supersedes=supersedes,
        superseded_by=scene.superseded_by, bands=tuple(scene.assets["reflectance"]["bands"]),
        valid_share=scene.properties.get("valid_share"), files=files, notes=tuple(scene.properties.get("notes", ())),
        seconds=perf_counter() - started,
    )  # fmt: skip


def _silent(what: str, share: float) -> None:
    del what, share
