"""Later epochs of a displacement set: added to the sums that its fits are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from hazard_db import displacement, pgcopy
from hazard_db.displacement import AT_ONCE
from hazard_db.displacement_store import BOX, Batches, Rates, StoredSet, Work, box, write_points
from hazard_db.errors import InputError
from hazard_db.series import Displacement, FloatArray, PointBatch
from hazard_db.thinning import min_zooms

MOST_DISAGREEMENT_MM = 3.0
"""Beyond this a file does not go on from what is stored: it was made anew, and its earlier epochs are others."""
MOST_APART_DEG = 0.001
"""A point that lies farther from where it was is another that has its name, as where rows are numbered."""
MOST_GAIN = 5.0
"""Where displacements on the dates in both are so many times larger or smaller, they are in another unit."""


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
    _check_places(conn, set_id, source)
    conn.execute(text("CREATE INDEX ON staged_series (code)"))
    conn.execute(text("ANALYZE staged_series"))
    conn.execute(text(_UPDATED))
    seasonal, missing, apart, moments = _add(work, set_id, seam)
    disagreement = float(np.median(apart)) if len(apart) else None
    if disagreement is not None and disagreement > MOST_DISAGREEMENT_MM:
        raise InputError(
            f"{source.name}: differs by {disagreement:.1f} mm from what is stored of the dates in both: it was made anew; "
            "store it as a set of its own with --set NAME"
        )
    _check_scale(moments, source)
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
        _check_sameness(about, source)
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


def _check_sameness(about: dict[str, Any], source: Displacement) -> None:
    """Refuse a file that looks from elsewhere, or is measured against something else."""
    look = source.look
    if look is not None and about["look_up"] is not None:
        alike = look.east * about["look_east"] + look.north * about["look_north"] + look.up * about["look_up"]
        if alike < np.cos(np.radians(5.0)):
            raise InputError(
                f"{source.name}: looks from another side than set {about['name']}; name another with --set NAME"
            )
    if source.reference != about["reference"]:
        raise InputError(
            f"{source.name}: is measured against {source.reference}, set {about['name']} against {about['reference']}; "
            "store it as a set of its own with --set NAME"
        )


def _check_places(conn: Connection, set_id: int, source: Displacement) -> None:
    """Refuse points that have the names of others."""
    values = {"id": set_id, "apart": MOST_APART_DEG}
    code = conn.scalar(text(_ELSEWHERE), values)
    if code is not None:
        raise InputError(
            f"{source.name}: point {code} lies elsewhere than in the set, so names do not tell the same points; store it as "
            "a set of its own with --set NAME"
        )


def _check_scale(moments: FloatArray, source: Displacement) -> None:
    """Refuse displacements of another unit or sign; moments are the sums of stored^2, file^2 and stored * file."""
    stored, given, both = (float(value) for value in moments)
    if not stored or not given:
        return
    if not 1 / MOST_GAIN < np.sqrt(given / stored) < MOST_GAIN:
        raise InputError(
            f"{source.name}: on the dates in both its displacements are {np.sqrt(given / stored):.3g} times those of the set; "
            "give --unit"
        )
    if both < -0.5 * np.sqrt(stored * given):
        raise InputError(f"{source.name}: on the dates in both its displacements have the other sign; turn it")


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


def _add(work: Work, set_id: int, seam: _Seam) -> tuple[str, int, FloatArray, FloatArray]:
    """Return the seasonal terms, how many points got no new value, how much the files differ at each point, mm, and moments."""
    conn, fitter = work.conn, work.fitter
    apart, missing, seasonal, moments = [], 0, "none", np.zeros(3)
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
            moments += _moments(rows["stored"], rows["common"])
        state = rows["sums"].T + fitter.sums(since_first[seam.n_before - 1 :], fresh.T, rows["last"])
        known = _known(conn, (set_id, *ids), rows["id"], seam.n_before, fresh)
        velocity, std, seasonal = fitter.velocities(seam.times, state, known)
        _write_updated(conn, rows["id"], fresh, state, (velocity, std))
        work.tell("adding epochs", 0.1 + 0.7 * (number + 1) / len(ranges))
    return seasonal, missing, np.concatenate(apart) if apart else np.empty(0), moments


def _moments(stored: FloatArray, given: FloatArray) -> FloatArray:
    """Return the sums of stored^2, given^2 and stored * given about the mean of each point, (points, dates)."""
    known = np.isfinite(stored) & np.isfinite(given)
    a, b = (np.where(known, part, np.nan).astype(np.float64) for part in (stored, given))
    a, b = np.nan_to_num(a - _mean(a)[:, None]), np.nan_to_num(b - _mean(b)[:, None])
    return np.array([(a * a).sum(), (b * b).sum(), (a * b).sum()])


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
        write_points(conn, set_id, batch, (velocity, std), (waiting, state.T))
    conn.execute(text("DROP TABLE only_staged"))
    return count


def _rewrite(conn: Connection, set_id: int, seam: _Seam, seasonal: str, source: Displacement) -> int:
    """Bring points and set up to date; return how many points there are."""
    conn.execute(text("ANALYZE updated_point"))
    rows = np.concatenate([_drawn(conn, set_id, ids) for ids in displacement.id_ranges(conn, set_id)])
    rates = Rates(rows["velocity"], rows["std"], seasonal)
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
            **rates.medians(), **box(rows["lon"], rows["lat"]),
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


_UPDATE_SET = f"""
UPDATE displacement_set SET dates = :dates, times_yr = :times_yr, seasonal = :seasonal, n_points = :n_points,
    median_velocity_mm_yr = :median_velocity_mm_yr, median_velocity_std_mm_yr = :median_velocity_std_mm_yr,
    notes = notes || (SELECT coalesce(jsonb_agg(n), '[]') FROM jsonb_array_elements(CAST(:notes AS jsonb)) AS n
                      WHERE NOT notes @> jsonb_build_array(n)),
    geom = {BOX}
WHERE id = :id
"""
_STAGED = """
CREATE TEMPORARY TABLE staged_series (code text, height_m real, common real[], fresh real[], lon float8, lat float8) ON COMMIT DROP
"""
_ELSEWHERE = """
SELECT s.code FROM staged_series AS s JOIN displacement_point AS p ON p.set_id = :id AND p.code = s.code
WHERE NOT ST_DWithin(p.geom, ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326), :apart) LIMIT 1
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
