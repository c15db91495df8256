"""Earthquakes, and how hard they shook each segment of the road."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from hazard_db.connect import raw_copy

LEAST_MMI = 3.0
"""Weaker shaking is not kept: it moves nothing."""


@dataclass(frozen=True)
class Quake:
    """An earthquake as an agency tells it."""

    source: str
    source_id: str
    magnitude: float | None
    depth_km: float | None
    happened_at: datetime
    told_at: datetime
    lon: float
    lat: float
    place: str | None = None
    url: str | None = None
    status: str = "automatic"
    shakemap_version: int | None = None
    aliases: tuple[str, ...] = ()
    """What others call it: agencies rename an earthquake when another one's solution is better."""


@dataclass(frozen=True)
class Shaking:
    """How hard the segments were shaken, (n,) each."""

    segment_ids: npt.NDArray[np.int64]
    mmi: npt.NDArray[np.float64]
    basis: str
    """shakemap or estimated."""
    pga_pct_g: npt.NDArray[np.float64] | None = None
    pgv_cm_s: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class QuakeRecord:
    """An earthquake of the catalogue."""

    id: int
    source_id: str
    magnitude: float | None
    depth_km: float | None
    happened_at: datetime
    place: str | None
    url: str | None
    status: str
    basis: str | None
    largest_mmi: float | None
    km_from: float | None
    """The stretch that was shaken with at least the intensity asked for."""
    km_to: float | None
    shakemap_version: int | None
    lon: float
    lat: float


def middles(conn: Connection) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the segments of the current road, (n,), and the longitude and latitude of their middles, (n, 2)."""
    rows = conn.execute(
        text("""SELECT id, ST_X(p) AS lon, ST_Y(p) AS lat FROM (
                    SELECT id, km_from, ST_LineInterpolatePoint(geom, 0.5) AS p FROM segment WHERE alignment_id = current_alignment()) AS s
                ORDER BY km_from""")
    ).all()
    return np.array([row.id for row in rows], dtype=np.int64), np.array([(row.lon, row.lat) for row in rows]).reshape(
        -1, 2
    )


def store(conn: Connection, quake: Quake, shaking: Shaking | None) -> tuple[int, bool]:
    """Return the earthquake's number and whether this told anything new.

    What an agency said earlier never replaces what it said later, whenever it arrives; a measured ShakeMap is not replaced
    by an estimate.
    """
    values = {name: getattr(quake, name) for name in Quake.__dataclass_fields__ if name != "aliases"}
    values["source_id"] = conn.scalar(
        text("""SELECT source_id FROM earthquake WHERE source = :source AND source_id = ANY(:ids)
                ORDER BY source_id <> :own, id LIMIT 1"""),
        {"source": quake.source, "ids": [quake.source_id, *quake.aliases], "own": quake.source_id},
    ) or quake.source_id  # fmt: skip
    number: int | None = conn.scalar(text(_UPSERT), values)
    if number is None:
        known: int = conn.execute(
            text("SELECT id FROM earthquake WHERE source = :source AND source_id = :source_id"), values
        ).scalar_one()
        return known, False
    if shaking is not None:
        _store_shaking(conn, number, shaking)
    return number, True


def list_quakes(conn: Connection, *, since: datetime | None = None, least_mmi: float = LEAST_MMI, shaken_only: bool = True,
                ids: Sequence[int] | None = None, limit: int = 1000) -> list[QuakeRecord]:  # fmt: skip
    """Return earthquakes, newest first; by default those that shook the road."""
    rows = conn.execute(
        text("""SELECT e.id, e.source_id, e.magnitude, e.depth_km, e.happened_at, e.place, e.url, e.status, e.shakemap_version,
                       ST_X(e.geom) AS lon, ST_Y(e.geom) AS lat, k.basis, k.largest_mmi, k.km_from, k.km_to
                FROM earthquake AS e LEFT JOIN LATERAL (
                    SELECT max(h.mmi) AS largest_mmi, min(s.km_from) AS km_from, max(s.km_to) AS km_to, min(h.basis) AS basis
                    FROM segment_shaking AS h JOIN segment AS s ON s.id = h.segment_id AND s.alignment_id = current_alignment()
                    WHERE h.earthquake_id = e.id AND h.mmi >= :least) AS k ON true
                WHERE e.status <> 'deleted' AND (NOT :shaken OR k.largest_mmi IS NOT NULL)
                  AND (CAST(:since AS timestamptz) IS NULL OR e.happened_at >= :since)
                  AND (CAST(:ids AS bigint[]) IS NULL OR e.id = ANY(:ids))
                ORDER BY e.happened_at DESC, e.id DESC LIMIT :limit"""),
        {"since": since, "least": least_mmi, "shaken": shaken_only, "limit": limit, "ids": None if ids is None else list(ids)},
    ).mappings()  # fmt: skip
    return [QuakeRecord(**row) for row in rows]


def names(conn: Connection, ids: Sequence[int]) -> list[tuple[int, str, datetime, datetime]]:
    """Return number, id of the agency, when it happened and when it was told, deleted ones too."""
    rows = conn.execute(
        text("SELECT id, source_id, happened_at, told_at FROM earthquake WHERE id = ANY(:ids) ORDER BY id"),
        {"ids": list(ids)},
    )
    return [tuple(row) for row in rows]


def shaking_of_segment(conn: Connection, segment_id: int, *, limit: int = 20) -> list[dict[str, Any]]:
    """Return the earthquakes that shook a segment, newest first."""
    rows = conn.execute(
        text("""SELECT e.id, e.magnitude, e.happened_at, e.place, e.url, k.mmi, k.pga_pct_g, k.pgv_cm_s, k.basis
                FROM segment_shaking AS k JOIN earthquake AS e ON e.id = k.earthquake_id
                WHERE k.segment_id = :segment AND e.status <> 'deleted' ORDER BY e.happened_at DESC LIMIT :limit"""),
        {"segment": segment_id, "limit": limit},
    ).mappings()
    return [dict(row) for row in rows]


def _store_shaking(conn: Connection, number: int, shaking: Shaking) -> None:
    measured = conn.scalar(
        text("SELECT EXISTS (SELECT FROM segment_shaking WHERE earthquake_id = :id AND basis = 'shakemap')"),
        {"id": number},
    )
    if measured and shaking.basis != "shakemap":
        return
    conn.execute(text("DELETE FROM segment_shaking WHERE earthquake_id = :id"), {"id": number})
    kept = np.flatnonzero(shaking.mmi >= LEAST_MMI)
    none = np.full(len(shaking.mmi), np.nan)
    pga = none if shaking.pga_pct_g is None else shaking.pga_pct_g
    pgv = none if shaking.pgv_cm_s is None else shaking.pgv_cm_s
    with raw_copy(
        conn, "COPY segment_shaking (earthquake_id, segment_id, mmi, pga_pct_g, pgv_cm_s, basis) FROM STDIN"
    ) as copy:
        for row in kept.tolist():
            numbers = (_known(pga[row]), _known(pgv[row]))
            copy.write_row((number, int(shaking.segment_ids[row]), float(shaking.mmi[row]), *numbers, shaking.basis))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


_UPSERT = """
INSERT INTO earthquake AS e (source, source_id, magnitude, depth_km, happened_at, told_at, place, url, status, shakemap_version, geom)
VALUES (:source, :source_id, :magnitude, :depth_km, :happened_at, :told_at, :place, :url, :status, :shakemap_version,
        ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
ON CONFLICT (source, source_id) DO UPDATE SET magnitude = excluded.magnitude, depth_km = excluded.depth_km,
    happened_at = excluded.happened_at, told_at = greatest(e.told_at, excluded.told_at), place = coalesce(excluded.place, e.place),
    url = coalesce(excluded.url, e.url), status = excluded.status,
    shakemap_version = coalesce(excluded.shakemap_version, e.shakemap_version), geom = excluded.geom
WHERE excluded.told_at > e.told_at OR coalesce(excluded.shakemap_version, 0) > coalesce(e.shakemap_version, 0)
RETURNING e.id
"""
