"""Displacement products into the catalogue: a file or folder whole or not at all, and once."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from hazard_db import displacement, displacement_store, scenes
from hazard_db.connect import Engine, transaction
from hazard_db.connect import actor as set_actor
from hazard_db.displacement_append import append_epochs
from hazard_db.displacement_store import StoredSet, Work
from hazard_db.errors import InputError, RecordError
from hazard_db.progress import Progress, silent
from hazard_db.series import Displacement, Fitter, PointBatch, Raster, Scatterers
from ingest.displacement.registry import open_displacement
from ingest.files import CHUNK
from ingest.rejects import Rejects, dataset_of

_BLOCK_BYTES = 16_000_000


@dataclass(frozen=True)
class DisplacementReport:
    """What became of a displacement product."""

    file: str
    format: str
    set: str
    set_id: int
    status: str
    """`stored`, `appended` (later epochs of a set that was there) or `unchanged` (the catalogue has this very file)."""
    points: int = 0
    new_points: int = 0
    new_dates: int = 0
    missing_points: int = 0
    """Points of the set without a value on the new dates, because the file does not have them."""
    masked: int = 0
    """Pixels left out: not measured, or zero on all dates, which products write for masked."""
    rejected: int = 0
    disagreement_mm: float | None = None
    reference: str = ""
    unit_in_file: str = ""
    sign: str = "negative = away from the satellite"
    seconds: float = 0.0
    rejects: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Points:
    """The points of a product, in batches."""

    source: Displacement
    masked: int = 0

    def __call__(self) -> Iterator[PointBatch]:
        """Yield all points, anew each time; of rasters only pixels that hold something."""
        place = self.source.place
        self.masked = 0
        return self._pixels(place) if isinstance(place, Raster) else self._scatterers(place)

    def _scatterers(self, place: Scatterers) -> Iterator[PointBatch]:
        height = np.full(len(place.lon), np.nan) if place.height_m is None else place.height_m
        step = self._step(1)
        for at in range(0, len(place.lon), step):
            here = slice(at, at + step)
            series = self.source.read(at, min(at + step, len(place.lon)))
            yield PointBatch(place.ids[here], place.lon[here], place.lat[here], height[here], series)

    def _pixels(self, place: Raster) -> Iterator[PointBatch]:
        rows, cols = place.shape
        a, b, c, d, e, f = place.transform
        mover = Transformer.from_crs(place.wkt, 4326, always_xy=True)
        step = self._step(cols)
        for at in range(0, rows, step):
            series = self.source.read(at, min(at + step, rows)).reshape(len(self.source.dates), -1)
            pick = np.flatnonzero((np.isfinite(series) & (series != 0)).any(axis=0))
            self.masked += series.shape[1] - len(pick)
            if not len(pick):
                continue
            row, col = np.divmod(pick, cols)
            row += at
            lon, lat = mover.transform(c + a * (col + 0.5) + b * (row + 0.5), f + d * (col + 0.5) + e * (row + 0.5))
            if not ((np.abs(lon) <= 180) & (np.abs(lat) <= 90)).all():  # infinity and NaN too
                raise InputError(f"{self.source.name}: pixels are not on the Earth in its CRS; give --crs EPSG:n")
            yield PointBatch(_codes(row, col), lon, lat, np.full(len(pick), np.nan), series[:, pick])

    def _step(self, width: int) -> int:
        """Return how many rows (or points) are read at once."""
        most = max(1, _BLOCK_BYTES // (4 * len(self.source.dates) * width))
        return most if width > 1 else min(most, displacement.AT_ONCE)


def ingest_displacement(
    engine: Engine,
    path: Path,
    *,
    fitter: Fitter,
    name: str | None = None,
    format_name: str | None = None,
    unit: str | None = None,
    crs: str | None = None,
    skip_bad: bool = False,
    rejects: Path | None = None,
    actor: str,
    progress: Progress | None = None,
) -> DisplacementReport:
    """Return what became of a product: everything of it is stored in one transaction.

    Parameters
    ----------
    fitter
        How velocities are made.
    name
        Set to store it as; by default the file's name. Where there is such a set already, the file's later epochs are
        added to it.
    format_name, unit, crs
        As of `open_displacement`.
    skip_bad
        Store the good rows of a table and write the bad ones to `rejects`.
    progress
        Called with what is being done and the share of it (0-1).

    Raises
    ------
    InputError
        The file or (RecordError) a row of it cannot be used, or it does not go on from the set; nothing was stored.
    """
    started = perf_counter()
    tell = progress or silent
    name = name or dataset_of(path)
    tell("reading", 0.0)
    bad = Rejects(path, rejects)
    sha256, size = _hashed(path)
    with transaction(engine) as conn:
        set_actor(conn, actor)
        scenes.lock(conn, f"displacement file {sha256}")  # the same file at once under two names is one set
        scenes.lock(conn, f"displacement set {name}")
        known = displacement_store.known_file(conn, sha256)
        if known is not None:
            report = _unchanged(path, known, displacement.get_set(conn, known))
            return replace(report, seconds=perf_counter() - started)
        source = _opened(path, format_name, unit, crs, bad=bad if skip_bad else None)
        points = _Points(source)
        with tempfile.TemporaryDirectory(prefix="displacement-") as folder:
            stored = _store(Work(conn, fitter, Path(folder), tell), name, source, points)
        displacement_store.register_file(
            conn, stored, source, name=path.name, sha256=sha256, size_bytes=size, dataset=name, rejected=len(bad.rows)
        )
        written = bad.write()
    return DisplacementReport(
        path.name, source.format, name, stored.set_id,
        "stored" if stored.new_dates == len(source.dates) else "appended",
        stored.points, stored.new_points, stored.new_dates, stored.missing_points, points.masked, len(bad.rows),
        stored.disagreement_mm, source.reference, source.unit, seconds=perf_counter() - started, rejects=written,
        notes=source.notes,
    )  # fmt: skip


def _unchanged(path: Path, set_id: int, about: Mapping[str, Any]) -> DisplacementReport:
    return DisplacementReport(
        path.name, about["format"], about["name"], set_id, "unchanged", about["n_points"], reference=about["reference"],
        unit_in_file=about["unit_in_file"],
    )  # fmt: skip


def _opened(
    path: Path, format_name: str | None, unit: str | None, crs: str | None, *, bad: Rejects | None
) -> Displacement:
    """Return a product that can be stored: none of its dates is to come, and its points have names of their own."""
    source = open_displacement(path, format_name, unit, crs, bad=None if bad is None else bad.add)
    if source.dates[-1] > date.today() + timedelta(days=1):
        raise InputError(f"{source.name}: has the date {source.dates[-1]}, which is to come; correct it")
    return _told_apart(source, bad)


def _store(work: Work, name: str, source: Displacement, points: _Points) -> StoredSet:
    known = displacement.find_set(work.conn, name)
    if known is not None:
        return append_epochs(work, known, source, points)
    return displacement_store.store_set(work, name, source, points)


def _told_apart(source: Displacement, bad: Rejects | None) -> Displacement:
    """Return a product whose points all have names of their own.

    Raises
    ------
    RecordError
        Two have the same, and bad records are not to be skipped.
    """
    place = source.place
    if isinstance(place, Raster):
        return source
    first = np.unique(place.ids, return_index=True)[1]
    if len(first) == len(place.ids):
        return source
    again = np.setdiff1d(np.arange(len(place.ids)), first)
    reason = "comes twice; points need names of their own"
    if bad is None:
        raise RecordError(f"{source.name}: point {place.ids[again[0]]} {reason} (--skip-bad keeps the first)")
    for k in again:
        bad.add(f"point {place.ids[k]}", reason, {"lon": place.lon[k], "lat": place.lat[k]})
    return _only(source, place, np.sort(first))


def _only(source: Displacement, place: Scatterers, keep: npt.NDArray[np.intp]) -> Displacement:
    height = None if place.height_m is None else place.height_m[keep]
    kept = Scatterers(place.ids[keep], place.lon[keep], place.lat[keep], height)

    def read(start: int, stop: int) -> Any:
        wanted = keep[start:stop]
        return source.read(int(wanted[0]), int(wanted[-1]) + 1)[:, wanted - wanted[0]]

    return replace(source, place=kept, read=read)


def _codes(rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
    return np.array([f"{row}-{col}" for row, col in zip(rows.tolist(), cols.tolist(), strict=True)])


def _hashed(path: Path) -> tuple[str, int]:
    """Return checksum and size of a file, or of all files of a folder with their names."""
    digest, size = hashlib.sha256(), 0
    try:
        for file in _files(path):
            if path.is_dir():
                digest.update(f"{file.relative_to(path)}\0".encode())
            with file.open("rb") as stream:
                while block := stream.read(CHUNK):
                    digest.update(block)
                    size += len(block)
    except OSError as error:
        raise InputError(f"{path.name or path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest(), size


def _files(path: Path) -> Iterable[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
