"""Displacement products into the catalogue: a new set, or later epochs of one that is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from hazard_db import displacement, pgcopy
from hazard_db.displacement import AT_ONCE
from hazard_db.errors import InputError
from hazard_db.series import Displacement, Fitter, FloatArray, PointBatch
from hazard_db.thinning import min_zooms

Batches = Callable[[], Iterable[PointBatch]]
"""Gives all points of a product, each time anew."""
Tell = Callable[[str, float], None]
MOST_DISAGREEMENT_MM = 3.0
"""Beyond this a file does not go on from what is stored: it was made anew, and its earlier epochs are others."""


@dataclass(frozen=True)
class Work:
    """What storing is done with."""

    conn: Connection
    """In the caller's transaction."""
    fitter: Fitter
    folder: Path
    """For temporary files."""
    tell: Tell


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
class _Rates:
    """Velocities of all points, from which a map's choice and the medians follow."""

    velocity: FloatArray
    std: FloatArray
    seasonal: str = "none"

    def medians(self) -> dict[str, float | None]:
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
        _write_points(conn, set_id, batch, (rates.velocity[here], rates.std[here]), (zooms[here], state[here]))
        work.tell("storing points", 0.4 + 0.6 * done / len(lon))
    return StoredSet(set_id, done, done, len(source.dates))


def _measure(
    work: Work, batches: Batches, times: npt.NDArray[np.float64]
) -> tuple[FloatArray, FloatArray, _Rates, Any]:
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
        return np.empty(0), np.empty(0), _Rates(np.empty(0), np.empty(0)), None
    lon, lat, velocity, std = (np.concatenate(column) for column in zip(*parts, strict=True))
    stored = np.memmap(file, dtype=np.float64, mode="r", shape=(done, fitter.size))
    return lon, lat, _Rates(velocity, std, seasonal), stored


def _write_points(
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
    conn: Connection, name: str, source: Displacement, place: tuple[FloatArray, FloatArray], rates: _Rates
) -> int:
    values = displacement.describe(source) | rates.medians()
    set_id: int = conn.execute(
        text(_INSERT_SET),
        values | {
            "name": name, "dates": list(source.dates), "times_yr": [float(one) for one in source.times_yr],
            "seasonal": rates.seasonal, "n_points": len(place[0]), **_box(*place),
        },
    ).scalar_one()  # fmt: skip
    return set_id


def _box(lon: FloatArray, lat: FloatArray) -> dict[str, float]:
    small = 1e-6  # one point alone has a box too
    return {
        "west": float(lon.min()) - small, "south": float(lat.min()) - small,
        "east": float(lon.max()) + small, "north": float(lat.max()) + small,
    }  # fmt: skip


def append_epochs(work: Work, set_id: int, source: Displacement, batches: Batches) -> StoredSet:
    """Return what adding a file's later epochs to a set did.

    Each point's new values are moved by the mean difference on the dates in both, so that they count from the zero of the
    set. Sums are added to; of the series nothing is read but those dates and, of points with gaps, which dates were
    measured. Points that only the file has come in as new ones, not measured before its first date.

    Raises
    ------
    InputError
        The file does not go on from the set.
    """
    conn = work.conn
    seam = _Seam.of(displacement.get_set(conn, set_id), source)
    work.tell("comparing with what is stored", 0.05)
    _stage(conn, batches, seam)
    conn.execute(text("CREATE INDEX ON staged_series (code)"))
    conn.execute(text("ANALYZE staged_series"))
    conn.execute(text(_UPDATED))
    seasonal, missing, apart = _add(work, set_id, seam)
    disagreement = float(np.median(apart)) if len(apart) else None
    if disagreement is not None and disagreement > MOST_DISAGREEMENT_MM:
        raise InputError(
            f"{source.name}: differs by {disagreement:.1f} mm from what is stored of the dates in both: it was made anew; "
            "store it as a set of its own with --set NAME"
        )
    added = _add_new_points(work, set_id, seam)
    work.tell("writing", 0.8)
    count = _rewrite(conn, set_id, seam, seasonal, source)
    return StoredSet(set_id, count, added, len(seam.fresh), missing, disagreement)


@dataclass(frozen=True)
class _Seam:
    """Where a file goes on from a set."""

    n_before: int
    common: tuple[int, ...]
    """Positions in the set of the dates in both."""
    common_in_file: tuple[int, ...]
    fresh: tuple[int, ...]
    """Positions in the file of the new dates."""
    dates: tuple[date, ...]
    """All, old and new."""
    times: npt.NDArray[np.float64]

    @classmethod
    def of(cls, about: dict[str, Any], source: Displacement) -> _Seam:
        """Return the seam; raises InputError where the file does not go on from the set."""
        label, known = source.name, tuple(about["dates"])
        raster = json.loads(displacement.describe(source)["raster"] or "null")
        if raster != about["raster"] or source.component != about["component"]:
            raise InputError(
                f"{label}: is not of the grid or component of set {about['name']}; name another with --set NAME"
            )
        between = [day for day in source.dates if day <= known[-1] and day not in known]
        common = [day for day in source.dates if day in known]
        fresh = [k for k, day in enumerate(source.dates) if day > known[-1]]
        if not fresh:
            raise InputError(
                f"{label}: has no epoch after {known[-1]}, where set {about['name']} ends; name another with --set NAME"
            )
        if between:
            raise InputError(
                f"{label}: has {len(between)} dates before {known[-1]} that set {about['name']} lacks (first {between[0]}); "
                "store it as a set of its own with --set NAME"
            )
        if not common:
            raise InputError(
                f"{label}: shares no date with set {about['name']}, so its zero is unknown; give a file that overlaps it"
            )
        in_file = [source.dates.index(day) for day in common]
        in_set = [known.index(day) for day in common]
        shift = about["times_yr"][in_set[0]] - source.times_yr[in_file[0]]
        times = np.array([*about["times_yr"], *(source.times_yr[fresh] + shift)])
        dates = (*known, *(source.dates[k] for k in fresh))
        return cls(len(known), tuple(in_set), tuple(in_file), tuple(fresh), dates, times)


def _stage(conn: Connection, batches: Batches, seam: _Seam) -> None:
    conn.execute(text(_STAGED))
    for batch in batches():
        columns = {
            "height_m": pgcopy.numbers(batch.height_m, "f4"),
            "common": pgcopy.array(batch.series[list(seam.common_in_file)].T, "f4"),
            "fresh": pgcopy.array(batch.series[list(seam.fresh)].T, "f4"),
            "lon": pgcopy.numbers(batch.lon, "f8"),
            "lat": pgcopy.numbers(batch.lat, "f8"),
        }
        pgcopy.write(conn, "staged_series", columns, ("code", batch.codes.tolist()))


def _add(work: Work, set_id: int, seam: _Seam) -> tuple[str, int, FloatArray]:
    """Return the seasonal terms, how many points got no new value, and by how much the files differ at each point, mm."""
    conn, fitter = work.conn, work.fitter
    apart, missing, seasonal = [], 0, "none"
    ranges = displacement.id_ranges(conn, set_id)
    since_first = seam.times - seam.times[0]
    for number, ids in enumerate(ranges):
        rows = pgcopy.read(conn, _joined(set_id, ids, seam), _joined_columns(seam, fitter.size))
        difference = (rows["stored"] - rows["common"]).astype(np.float64)
        shift = _mean(difference)
        fresh = (rows["fresh"] + shift[:, None]).astype(np.float32)
        missing += int((~np.isfinite(fresh)).all(axis=1).sum())
        if len(seam.common) > 1:
            rest = np.sqrt(_mean((difference - shift[:, None]) ** 2))
            apart.append(rest[np.isfinite(rest)])
        state = rows["sums"].T + fitter.sums(since_first[seam.n_before - 1 :], fresh.T, rows["last"])
        known = _known(conn, (set_id, *ids), rows["id"], seam.n_before, fresh)
        velocity, std, seasonal = fitter.velocities(seam.times, state, known)
        _write_updated(conn, rows["id"], fresh, state, (velocity, std))
        work.tell("adding epochs", 0.1 + 0.7 * (number + 1) / len(ranges))
    return seasonal, missing, np.concatenate(apart) if apart else np.empty(0)


def _mean(values: FloatArray) -> FloatArray:
    """Return the mean of each row over what is known of it, NaN where nothing is."""
    count = np.isfinite(values).sum(axis=1)
    return np.asarray(np.where(count > 0, np.nan_to_num(values).sum(axis=1), np.nan) / np.maximum(count, 1))


def _joined(set_id: int, ids: tuple[int, int], seam: _Seam) -> str:
    stored = ", ".join(f"p.series[{k + 1}]" for k in seam.common)
    absent = {n: f"array_fill(CAST('NaN' AS real), ARRAY[{n}])" for n in {len(seam.common), len(seam.fresh)}}
    return f"""SELECT p.id, p.sums, p.series[{seam.n_before}], ARRAY[{stored}], coalesce(s.common, {absent[len(seam.common)]}),
                      coalesce(s.fresh, {absent[len(seam.fresh)]})
               FROM displacement_point AS p LEFT JOIN staged_series AS s ON s.code = p.code
               WHERE p.set_id = {set_id} AND p.id BETWEEN {ids[0]} AND {ids[1]} ORDER BY p.id"""


def _joined_columns(seam: _Seam, size: int) -> dict[str, tuple[str, int]]:
    return {
        "id": ("i8", 0), "sums": ("f8", size), "last": ("f4", 0), "stored": ("f4", len(seam.common)),
        "common": ("f4", len(seam.common)), "fresh": ("f4", len(seam.fresh)),
    }  # fmt: skip


def _known(
    conn: Connection, points: tuple[int, int, int], order: npt.NDArray[Any], before: int, fresh: FloatArray
) -> npt.NDArray[np.bool_] | None:
    """Return which dates were measured, (dates, points), of points given by set, first and last id; None where all were."""
    query = f"""SELECT id, series FROM displacement_point
                WHERE set_id = {points[0]} AND gaps > 0 AND id BETWEEN {points[1]} AND {points[2]} ORDER BY id"""
    rows = pgcopy.read(conn, query, {"id": ("i8", 0), "series": ("f4", before)})
    if not len(rows) and np.isfinite(fresh).all():
        return None
    known = np.ones((before, len(order)), dtype=bool)
    known[:, np.searchsorted(order, rows["id"])] = np.isfinite(rows["series"]).T
    return np.vstack([known, np.isfinite(fresh).T])


def _write_updated(
    conn: Connection, ids: npt.NDArray[Any], fresh: FloatArray, state: FloatArray, rates: tuple[FloatArray, FloatArray]
) -> None:
    columns = {
        "id": pgcopy.numbers(ids, "i8"),
        "velocity": pgcopy.numbers(rates[0], "f4"),
        "std": pgcopy.numbers(rates[1], "f4"),
        "gaps": pgcopy.numbers((~np.isfinite(fresh)).sum(axis=1), "i4"),
        "fresh": pgcopy.array(fresh, "f4"),
        "sums": pgcopy.array(state.T, "f8"),
    }
    pgcopy.write(conn, "updated_point", columns, nullable=("velocity", "std"))


def _add_new_points(work: Work, set_id: int, seam: _Seam) -> int:
    """Return how many points only the file has, after storing them."""
    conn, fitter = work.conn, work.fitter
    conn.execute(text(_ONLY_STAGED), {"id": set_id})
    count: int = conn.scalar(text("SELECT count(*) FROM only_staged")) or 0
    layout = {
        "height": ("f4", 0), "common": ("f4", len(seam.common)), "fresh": ("f4", len(seam.fresh)),
        "lon": ("f8", 0), "lat": ("f8", 0),
    }  # fmt: skip
    for at in range(0, count, AT_ONCE):
        where = f"WHERE number BETWEEN {at + 1} AND {at + AT_ONCE} ORDER BY number"
        rows = pgcopy.read(conn, f"SELECT height_m, common, fresh, lon, lat FROM only_staged {where}", layout)
        codes = conn.scalars(text(f"SELECT code FROM only_staged {where}")).all()
        series = np.full((len(seam.dates), len(rows)), np.nan, dtype=np.float32)
        series[list(seam.common)], series[seam.n_before :] = rows["common"].T, rows["fresh"].T
        batch = PointBatch(np.array(codes), rows["lon"], rows["lat"], rows["height"], series)
        state = fitter.sums(seam.times - seam.times[0], series)
        velocity, std, _ = fitter.velocities(seam.times, state, np.isfinite(series))
        waiting = np.zeros(len(rows), np.int16)  # when all points are there they are chosen for the zooms together
        _write_points(conn, set_id, batch, (velocity, std), (waiting, state.T))
    conn.execute(text("DROP TABLE only_staged"))
    return count


def _rewrite(conn: Connection, set_id: int, seam: _Seam, seasonal: str, source: Displacement) -> int:
    """Bring points and set up to date; return how many points there are."""
    conn.execute(text("ANALYZE updated_point"))
    rows = np.concatenate([_drawn(conn, set_id, ids) for ids in displacement.id_ranges(conn, set_id)])
    rates = _Rates(rows["velocity"], rows["std"], seasonal)
    zooms = min_zooms(rows["lon"], rows["lat"], rates.velocity, rates.std)
    conn.execute(text("CREATE TEMPORARY TABLE drawn_from (id bigint PRIMARY KEY, min_zoom smallint) ON COMMIT DROP"))
    columns = {"id": pgcopy.numbers(rows["id"], "i8"), "min_zoom": pgcopy.numbers(zooms, "i2")}
    pgcopy.write(conn, "drawn_from", columns)
    conn.execute(text("ANALYZE drawn_from"))
    conn.execute(text(_UPDATE), {"set": set_id})
    conn.execute(text(_UPDATE_NEW), {"set": set_id})
    conn.execute(
        text(_UPDATE_SET),
        {
            "id": set_id, "dates": list(seam.dates), "times_yr": [float(one) for one in seam.times],
            "seasonal": seasonal, "n_points": len(rows), "notes": json.dumps(list(source.notes)),
            **rates.medians(), **_box(rows["lon"], rows["lat"]),
        },
    )  # fmt: skip
    conn.execute(text("DROP TABLE staged_series, updated_point, drawn_from"))
    return len(rows)


def _drawn(conn: Connection, set_id: int, ids: tuple[int, int]) -> npt.NDArray[Any]:
    """Return places and velocities of some points as they are to be."""
    query = f"""SELECT p.id, ST_X(p.geom), ST_Y(p.geom),
                       coalesce(CASE WHEN u.id IS NULL THEN p.velocity_mm_yr ELSE u.velocity END, 'NaN'),
                       coalesce(CASE WHEN u.id IS NULL THEN p.velocity_std_mm_yr ELSE u.std END, 'NaN')
                FROM displacement_point AS p LEFT JOIN updated_point AS u ON u.id = p.id
                WHERE p.set_id = {set_id} AND p.id BETWEEN {ids[0]} AND {ids[1]} ORDER BY p.id"""
    kinds = {"id": "i8", "lon": "f8", "lat": "f8", "velocity": "f4", "std": "f4"}
    return pgcopy.read(conn, query, {name: (kind, 0) for name, kind in kinds.items()})


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


_BOX = "ST_MakeEnvelope(:west, :south, :east, :north, 4326)"
_INSERT_SET = f"""
INSERT INTO displacement_set (name, format, component, reference, unit_in_file, crs_in_file, look_east, look_north, look_up,
    wavelength_mm, dates, times_yr, raster, seasonal, n_points, median_velocity_mm_yr, median_velocity_std_mm_yr, facts, notes, geom)
VALUES (:name, :format, :component, :reference, :unit_in_file, :crs_in_file, :look_east, :look_north, :look_up, :wavelength_mm,
    :dates, :times_yr, CAST(:raster AS jsonb), :seasonal, :n_points, :median_velocity_mm_yr, :median_velocity_std_mm_yr,
    CAST(:facts AS jsonb), CAST(:notes AS jsonb), {_BOX})
RETURNING id
"""
_UPDATE_SET = f"""
UPDATE displacement_set SET dates = :dates, times_yr = :times_yr, seasonal = :seasonal, n_points = :n_points,
    median_velocity_mm_yr = :median_velocity_mm_yr, median_velocity_std_mm_yr = :median_velocity_std_mm_yr,
    notes = notes || (SELECT coalesce(jsonb_agg(n), '[]') FROM jsonb_array_elements(CAST(:notes AS jsonb)) AS n
                      WHERE NOT notes @> jsonb_build_array(n)),
    geom = {_BOX}
WHERE id = :id
"""
_STAGED = """
CREATE TEMPORARY TABLE staged_series (code text, height_m real, common real[], fresh real[], lon float8, lat float8) ON COMMIT DROP
"""
_ONLY_STAGED = """
CREATE TEMPORARY TABLE only_staged ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY s.code) AS number, s.* FROM staged_series AS s
WHERE NOT EXISTS (SELECT FROM displacement_point AS p WHERE p.set_id = :id AND p.code = s.code)
"""
_UPDATED = """
CREATE TEMPORARY TABLE updated_point (id bigint PRIMARY KEY, velocity real, std real, gaps int, fresh real[], sums float8[])
ON COMMIT DROP
"""
_UPDATE = """
UPDATE displacement_point AS p SET series = p.series || u.fresh, sums = u.sums, velocity_mm_yr = u.velocity,
    velocity_std_mm_yr = u.std, gaps = p.gaps + u.gaps, min_zoom = d.min_zoom
FROM updated_point AS u JOIN drawn_from AS d USING (id) WHERE p.id = u.id AND p.set_id = :set
"""
_UPDATE_NEW = """
UPDATE displacement_point AS p SET min_zoom = d.min_zoom FROM drawn_from AS d
WHERE p.id = d.id AND p.set_id = :set AND NOT EXISTS (SELECT FROM updated_point AS u WHERE u.id = p.id)
"""
