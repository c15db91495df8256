"""Displacement sets of the catalogue: who they are, and their points with their series."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from hazard_db import pgcopy
from hazard_db.errors import NotFoundError
from hazard_db.series import Displacement, FloatArray, Look, Raster, Scatterers, in_file

ROOM = "displacement"
AT_ONCE = 20_000
"""Points read or written together: what is in memory follows this and the number of dates, not the size of the set."""


def list_sets(conn: Connection) -> list[dict[str, Any]]:
    """Return the sets, the one with the newest epoch first; `areas` is what its newest run found, `moving` of them confirmed."""
    return [dict(row._mapping) for row in conn.execute(text(f"{_SETS} ORDER BY last_date DESC, s.id DESC"))]


def get_set(conn: Connection, set_id: int) -> dict[str, Any]:
    """Return one set with the files it came in.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    row = conn.execute(text(f"{_SETS} WHERE s.id = :id"), {"id": set_id}).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no displacement set {set_id}")
    files = conn.execute(text(_FILES), {"id": set_id})
    return dict(row._mapping) | {"files": [dict(one._mapping) for one in files]}


def find_set(conn: Connection, name: str) -> int | None:
    """Return the number of the set of a name, locked for the rest of the transaction; None where there is none."""
    found: int | None = conn.scalar(
        text("SELECT id FROM displacement_set WHERE name = :name FOR UPDATE"), {"name": name}
    )
    return found


def get_points(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return points with their series, dates and what they are measured against, in the order asked for.

    Raises
    ------
    NotFoundError
        One of them is not there.
    """
    rows = {row.id: dict(row._mapping) for row in conn.execute(text(_POINTS), {"ids": list(ids)})}
    missing = [number for number in ids if number not in rows]
    if missing:
        raise NotFoundError(f"there is no displacement point {missing[0]}")
    return [rows[number] for number in ids]


def points_in(conn: Connection, set_id: int, geometry: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return velocity and its standard deviation, mm/yr, of the points of a set within an area."""
    rows = conn.execute(
        text("""SELECT velocity_mm_yr, velocity_std_mm_yr FROM displacement_point
                WHERE set_id = :id AND velocity_std_mm_yr IS NOT NULL
                  AND ST_Intersects(geom, ST_SetSRID(ST_GeomFromGeoJSON(:shape), 4326))"""),
        {"id": set_id, "shape": json.dumps(geometry)},
    )
    return [(row.velocity_mm_yr, row.velocity_std_mm_yr) for row in rows]


def fastest_points(conn: Connection, set_id: int, limit: int = 20) -> list[dict[str, Any]]:
    """Return the points of a set that move fastest beyond three standard errors, the fastest first."""
    rows = conn.execute(
        text("""SELECT id, code, velocity_mm_yr, velocity_std_mm_yr, gaps, ST_X(geom) AS lon, ST_Y(geom) AS lat
                FROM displacement_point
                WHERE set_id = :id AND abs(velocity_mm_yr) >= 3 * velocity_std_mm_yr
                ORDER BY abs(velocity_mm_yr) DESC, id LIMIT :limit"""),
        {"id": set_id, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]


def sets_since(conn: Connection, since: date) -> list[int]:
    """Return the sets with epochs on or after a day."""
    rows = conn.scalars(
        text("SELECT id FROM displacement_set WHERE dates[cardinality(dates)] >= :since ORDER BY id"), {"since": since}
    )
    return list(rows)


def checksum(conn: Connection, set_id: int) -> list[str]:
    """Return the checksums of the files that a set was made from, in their order."""
    rows = conn.scalars(
        text("""SELECT s.sha256 FROM displacement_file AS f JOIN source_file AS s ON s.id = f.source_file_id
                WHERE f.set_id = :id ORDER BY f.id"""),
        {"id": set_id},
    )
    return list(rows)


def open_set(conn: Connection, set_id: int, folder: Path) -> Displacement:
    """Return a set as a product: its series lie in a file of `folder` and not in memory.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    about = get_set(conn, set_id)
    dates, count = tuple(about["dates"]), about["n_points"]
    lon, lat, height = (np.empty(count) for _ in range(3))
    codes: list[str] = []
    series = in_file(folder / f"set-{set_id}.f4", (max(count, 1), len(dates)))
    filled = 0
    for ids in id_ranges(conn, set_id):
        query = f"""SELECT id, ST_X(geom), ST_Y(geom), coalesce(height_m, 'NaN'), series FROM displacement_point
                    WHERE set_id = {set_id} AND id BETWEEN {ids[0]} AND {ids[1]} ORDER BY id"""
        columns = {
            "id": ("i8", 0),
            "lon": ("f8", 0),
            "lat": ("f8", 0),
            "height": ("f4", 0),
            "series": ("f4", len(dates)),
        }
        rows = pgcopy.read(conn, query, columns)
        here = slice(filled, filled + len(rows))
        lon[here], lat[here], height[here], series[here] = rows["lon"], rows["lat"], rows["height"], rows["series"]
        if about["raster"]:
            codes += _codes(conn, set_id, ids)
        else:
            codes += [str(number) for number in rows["id"]]
        filled += len(rows)
    look = None if about["look_up"] is None else Look(about["look_east"], about["look_north"], about["look_up"])
    told = {name: about[name] for name in ("name", "format", "reference", "component", "wavelength_mm", "facts")}
    common = {
        **told, "dates": dates, "unit": about["unit_in_file"], "crs": about["crs_in_file"], "look": look,
        "years": tuple(about["times_yr"]), "notes": tuple(about["notes"]),
    }  # fmt: skip
    if about["raster"]:
        place = Raster(about["raster"]["wkt"], tuple(about["raster"]["transform"]), tuple(about["raster"]["shape"]))
        return Displacement(place=place, read=_pixels(place, codes, series), **common)
    heights = height if np.isfinite(height).all() else None
    return Displacement(
        place=Scatterers(np.array(codes), lon, lat, heights),
        read=lambda start, stop: np.asarray(series[start:stop].T),
        **common,
    )


def id_ranges(conn: Connection, set_id: int) -> list[tuple[int, int]]:
    """Return first and last id of AT_ONCE points each, all points of a set in the order of their ids."""
    rows = conn.execute(
        text("""SELECT min(id) AS first, max(id) AS last FROM (
                    SELECT id, (row_number() OVER (ORDER BY id) - 1) / :many AS part FROM displacement_point WHERE set_id = :id) AS p
                GROUP BY part ORDER BY part"""),
        {"id": set_id, "many": AT_ONCE},
    )
    return [(row.first, row.last) for row in rows]


def _codes(conn: Connection, set_id: int, ids: tuple[int, int]) -> list[str]:
    return list(
        conn.scalars(
            text("SELECT code FROM displacement_point WHERE set_id = :set AND id BETWEEN :first AND :last ORDER BY id"),
            {"set": set_id, "first": ids[0], "last": ids[1]},
        )
    )


def _pixels(place: Raster, codes: list[str], series: Any) -> Any:
    """Return a function that reads rows of a raster, NaN where the catalogue has no pixel."""
    cells = np.array([[int(part) for part in code.split("-")] for code in codes], dtype=np.int64).reshape(-1, 2)
    order = np.argsort(cells[:, 0], kind="stable")
    rows = cells[order, 0]

    def read(start: int, stop: int) -> FloatArray:
        first, last = np.searchsorted(rows, [start, stop])
        pick = order[first:last]
        out = np.full((series.shape[1], stop - start, place.shape[1]), np.nan, dtype=np.float32)
        out[:, cells[pick, 0] - start, cells[pick, 1]] = series[pick].T
        return out

    return read


def describe(source: Displacement) -> dict[str, Any]:
    """Return the columns of a set that a product tells."""
    look = source.look
    raster = asdict(source.place) if isinstance(source.place, Raster) else None
    return {
        "format": source.format, "component": source.component, "reference": source.reference,
        "unit_in_file": source.unit, "crs_in_file": source.crs, "wavelength_mm": source.wavelength_mm,
        "look_east": look and look.east, "look_north": look and look.north, "look_up": look and look.up,
        "raster": None if raster is None else json.dumps(raster),
        "facts": json.dumps(source.facts, default=str), "notes": json.dumps(list(source.notes)),
    }  # fmt: skip


_SETS = """
SELECT s.id, s.name, s.format, s.component, s.reference, s.unit_in_file, s.crs_in_file, s.look_east, s.look_north, s.look_up,
       s.wavelength_mm, s.dates, s.times_yr, s.dates[1] AS first_date, s.dates[cardinality(s.dates)] AS last_date,
       cardinality(s.dates) AS n_dates, s.raster, s.seasonal, s.n_points, s.median_velocity_mm_yr, s.median_velocity_std_mm_yr,
       s.facts, s.notes, s.latest_run_id, s.created_at,
       ARRAY[ST_XMin(s.geom), ST_YMin(s.geom), ST_XMax(s.geom), ST_YMax(s.geom)] AS bounds,
       CAST(ST_AsGeoJSON(s.geom, 6) AS jsonb) AS geometry,
       (SELECT count(*) FROM deformation_area AS a WHERE a.run_id = s.latest_run_id) AS areas
FROM displacement_set AS s
"""
_FILES = """
SELECT f.first_date, f.last_date, f.new_dates, f.new_points, f.missing_points, f.disagreement_mm, f.created_at,
       s.name, s.sha256, s.size_bytes, s.rejected
FROM displacement_file AS f JOIN source_file AS s ON s.id = f.source_file_id WHERE f.set_id = :id ORDER BY f.id
"""
_POINTS = """
SELECT p.id, p.set_id, p.code, p.height_m, p.velocity_mm_yr, p.velocity_std_mm_yr, p.gaps, p.series,
       s.name AS set_name, s.dates, s.times_yr, s.seasonal, s.reference, s.component, s.look_east, s.look_north, s.look_up,
       ST_X(p.geom) AS lon, ST_Y(p.geom) AS lat, CAST(ST_AsGeoJSON(p.geom, 7) AS jsonb) AS geometry
FROM displacement_point AS p JOIN displacement_set AS s ON s.id = p.set_id WHERE p.id = ANY(:ids)
"""
