"""Displacement products into the catalogue as new sets, and which files they came in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from hazard_db import displacement, pgcopy
from hazard_db.errors import InputError
from hazard_db.progress import Progress
from hazard_db.series import Displacement, Fitter, FloatArray, PointBatch
from hazard_db.thinning import min_zooms

Batches = Callable[[], Iterable[PointBatch]]
"""Gives all points of a product, each time anew."""


@dataclass(frozen=True)
class Work:
    """What storing is done with."""

    conn: Connection
    """In the caller's transaction."""
    fitter: Fitter
    folder: Path
    """For temporary files."""
    tell: Progress


@dataclass(frozen=True)
class StoredSet:
    """What storing a product did."""

    set_id: int
    points: int
    new_points: int
    new_dates: int
    missing_points: int = 0
    """Points of the set that the file does not have, or shares no measured date with."""
    disagreement_mm: float | None = None


@dataclass
class Rates:
    """Velocities of all points, from which a map's choice and the medians follow."""

    velocity: FloatArray
    std: FloatArray
    seasonal: str = "none"

    def medians(self) -> dict[str, float | None]:
        """Return the columns of a set that tell its median rate and standard error, mm/yr."""
        known = np.isfinite(self.velocity)
        values = (float(np.median(part[known])) if known.any() else None for part in (self.velocity, self.std))
        return dict(zip(("median_velocity_mm_yr", "median_velocity_std_mm_yr"), values, strict=True))


def store_set(work: Work, name: str, source: Displacement, batches: Batches) -> StoredSet:
    """Return what storing a new set did: all points are read twice, their series are not kept in memory.

    Raises
    ------
    InputError
        It has no point that was measured.
    """
    conn = work.conn
    lon, lat, rates, state = _measure(work, batches, source.times_yr)
    if not len(lon):
        raise InputError(f"{source.name}: holds no measured displacement at all; nothing to store")
    zooms = min_zooms(lon, lat, rates.velocity, rates.std)
    set_id = _insert_set(conn, name, source, (lon, lat), rates)
    done = 0
    for batch in batches():
        here = slice(done, done + len(batch.codes))
        done = here.stop
        write_points(conn, set_id, batch, (rates.velocity[here], rates.std[here]), (zooms[here], state[here]))
        work.tell("storing points", 0.4 + 0.6 * done / len(lon))
    return StoredSet(set_id, done, done, len(source.dates))


def _measure(work: Work, batches: Batches, times: npt.NDArray[np.float64]) -> tuple[FloatArray, FloatArray, Rates, Any]:
    """Return places, velocities and sums of all points; the sums, which are many, lie in a file."""
    parts: list[tuple[FloatArray, ...]] = []
    fitter, file, done, seasonal = work.fitter, work.folder / "sums.f8", 0, "none"
    with file.open("wb") as out:
        for batch in batches():
            state = fitter.sums(times - times[0], batch.series)
            known = np.isfinite(batch.series)
            velocity, std, seasonal = fitter.velocities(times, state, None if known.all() else known)
            out.write(np.ascontiguousarray(state.T).tobytes())
            parts.append((batch.lon, batch.lat, velocity, std))
            done += len(batch.codes)
            work.tell(f"fitting, {done:,} points", 0.1)
    if not done:
        return np.empty(0), np.empty(0), Rates(np.empty(0), np.empty(0)), None
    lon, lat, velocity, std = (np.concatenate(column) for column in zip(*parts, strict=True))
    stored = np.memmap(file, dtype=np.float64, mode="r", shape=(done, fitter.size))
    return lon, lat, Rates(velocity, std, seasonal), stored


def write_points(
    conn: Connection, set_id: int, batch: PointBatch, rates: tuple[FloatArray, FloatArray], kept: tuple[Any, Any]
) -> None:
    """Write points with their velocities; `kept` is the least zoom and the sums of each."""
    count = len(batch.codes)
    columns = {
        "set_id": pgcopy.numbers(np.full(count, set_id), "i8"),
        "height_m": pgcopy.numbers(batch.height_m, "f4"),
        "velocity_mm_yr": pgcopy.numbers(rates[0], "f4"),
        "velocity_std_mm_yr": pgcopy.numbers(rates[1], "f4"),
        "min_zoom": pgcopy.numbers(kept[0], "i2"),
        "gaps": pgcopy.numbers((~np.isfinite(batch.series)).sum(axis=0), "i4"),
        "series": pgcopy.array(batch.series.T, "f4"),
        "sums": pgcopy.array(np.asarray(kept[1]), "f8"),
        "geom": pgcopy.points(batch.lon, batch.lat),
    }
    nullable = ("height_m", "velocity_mm_yr", "velocity_std_mm_yr")
    pgcopy.write(conn, "displacement_point", columns, ("code", batch.codes.tolist()), nullable)


def _insert_set(
    conn: Connection, name: str, source: Displacement, place: tuple[FloatArray, FloatArray], rates: Rates
) -> int:
    values = displacement.describe(source) | rates.medians()
    set_id: int = conn.execute(
        text(_INSERT_SET),
        values | {
            "name": name, "dates": list(source.dates), "times_yr": [float(one) for one in source.times_yr],
            "seasonal": rates.seasonal, "n_points": len(place[0]), **box(*place),
        },
    ).scalar_one()  # fmt: skip
    return set_id


def box(lon: FloatArray, lat: FloatArray) -> dict[str, float]:
    """Return the corners of the box around points, the parameters of BOX."""
    small = 1e-6  # one point alone has a box too
    return {
        "west": float(lon.min()) - small, "south": float(lat.min()) - small,
        "east": float(lon.max()) + small, "north": float(lat.max()) + small,
    }  # fmt: skip


def known_file(conn: Connection, sha256: str) -> int | None:
    """Return the set that a file of this checksum is in; None where it is not known."""
    found: int | None = conn.scalar(
        text("""SELECT f.set_id FROM displacement_file AS f JOIN source_file AS s ON s.id = f.source_file_id
                WHERE s.room = :room AND s.sha256 = :sha"""),
        {"room": displacement.ROOM, "sha": sha256},
    )
    return found


def register_file(
    conn: Connection,
    stored: StoredSet,
    source: Displacement,
    *,
    name: str,
    sha256: str,
    size_bytes: int,
    dataset: str,
    rejected: int,
) -> None:
    """Note which file brought what to a set."""
    file_id = conn.execute(
        text("""INSERT INTO source_file (room, name, sha256, size_bytes, format, crs, dataset, records, rejected, notes)
                VALUES (:room, :name, :sha256, :size, :format, :crs, :dataset, :records, :rejected, CAST(:notes AS jsonb))
                RETURNING id"""),
        {
            "room": displacement.ROOM, "name": name, "sha256": sha256, "size": size_bytes, "format": source.format,
            "crs": source.crs, "dataset": dataset, "records": stored.points, "rejected": rejected,
            "notes": json.dumps(list(source.notes)),
        },
    ).scalar_one()  # fmt: skip
    conn.execute(
        text("""INSERT INTO displacement_file (set_id, source_file_id, first_date, last_date, new_dates, new_points,
                                               missing_points, disagreement_mm)
                VALUES (:set, :file, :first, :last, :dates, :points, :missing, :apart)"""),
        {
            "set": stored.set_id, "file": file_id, "first": source.dates[0], "last": source.dates[-1],
            "dates": stored.new_dates, "points": stored.new_points, "missing": stored.missing_points,
            "apart": stored.disagreement_mm,
        },
    )  # fmt: skip


BOX = "ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
_INSERT_SET = f"""
INSERT INTO displacement_set (name, format, component, reference, unit_in_file, crs_in_file, look_east, look_north, look_up,
    wavelength_mm, dates, times_yr, raster, seasonal, n_points, median_velocity_mm_yr, median_velocity_std_mm_yr, facts, notes, geom)
VALUES (:name, :format, :component, :reference, :unit_in_file, :crs_in_file, :look_east, :look_north, :look_up, :wavelength_mm,
    :dates, :times_yr, CAST(:raster AS jsonb), :seasonal, :n_points, :median_velocity_mm_yr, :median_velocity_std_mm_yr,
    CAST(:facts AS jsonb), CAST(:notes AS jsonb), {BOX})
RETURNING id
"""
