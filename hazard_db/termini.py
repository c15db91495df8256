"""Termini of the catalogue: one a glacier and day, the latest look at it; what it replaced stays beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from sqlalchemy import Connection, text

from hazard_db.glacier_file import Glacier

MEASURED = (
    "trend", "length_m", "length_uncertainty_m", "change_m", "change_uncertainty_m", "rate_m_yr", "rate_uncertainty_m_yr",
    "area_m2", "area_uncertainty_m2", "surge_on", "surface", "centreline", "reason", "confidence",
)  # fmt: skip
"""Columns of a measurement, as its feature names them, but for `surge_date`."""


@dataclass(frozen=True)
class TerminusRecord:
    """What one picture tells of a glacier's end."""

    glacier_id: str
    scene_id: str
    observed_on: date
    measured: Mapping[str, Any]
    """By the names in MEASURED."""
    geometry: Mapping[str, Any] | None
    """GeoJSON line, EPSG:4326; None where nothing could be measured."""


def outlines_in(conn: Connection, area_wkb: bytes) -> list[Glacier]:
    """Return the glaciers with their latest outlines that an area (EPSG:4326) touches."""
    rows = conn.execute(
        text("""SELECT g.glacier_id, ST_AsBinary(o.geom) AS geom FROM glacier AS g JOIN LATERAL (
                    SELECT geom FROM glacier_outline AS o WHERE o.glacier = g.id ORDER BY outlined_on DESC NULLS LAST, o.id DESC LIMIT 1
                ) AS o ON ST_Intersects(o.geom, ST_GeomFromWKB(:area, 4326)) ORDER BY g.glacier_id"""),
        {"area": area_wkb},
    )
    shapes: list[tuple[str, Any]] = [(row.glacier_id, shapely.from_wkb(bytes(row.geom))) for row in rows]
    return [Glacier(name, outline) for name, outline in shapes]


def numbers(conn: Connection, glacier_ids: Sequence[str]) -> list[int]:
    """Return the catalogue's own numbers of glaciers."""
    return list(conn.scalars(text("SELECT id FROM glacier WHERE glacier_id = ANY(:ids)"), {"ids": list(glacier_ids)}))


def store(conn: Connection, run_id: int, records: Sequence[TerminusRecord]) -> int:
    """Return how many termini are new or differ from what was known, in the caller's transaction.

    Of several pictures of a day the one that measured best counts. A picture that shows nothing does not replace a
    measurement of another picture, unless that one has been processed anew.
    """
    best: dict[tuple[str, date], TerminusRecord] = {}
    for record in sorted(records, key=_worst_first):
        best[record.glacier_id, record.observed_on] = record
    rows = [
        {
            "glacier_id": one.glacier_id, "scene_id": one.scene_id, "observed_on": one.observed_on.isoformat(),
            **{name: one.measured[name] for name in MEASURED}, "geometry": one.geometry,
        }
        for one in best.values()
    ]  # fmt: skip
    values = {"run": run_id, "rows": json.dumps(rows)}
    conn.execute(text(_SUPERSEDE), values)
    return conn.execute(text(_INSERT), values).rowcount


def series(conn: Connection, glacier_id: str) -> list[dict[str, Any]]:
    """Return a glacier's lengths through time."""
    rows = conn.execute(
        text(f"""SELECT t.observed_on, {", ".join(f"t.{name}" for name in MEASURED)}, t.scene_id
                 FROM terminus AS t JOIN glacier AS g ON g.id = t.glacier
                 WHERE g.glacier_id = :glacier AND t.superseded_at IS NULL ORDER BY t.observed_on"""),
        {"glacier": glacier_id},
    )
    return [dict(row._mapping) for row in rows]


def _worst_first(record: TerminusRecord) -> tuple[bool, float, float, str]:
    length, sigma = record.measured["length_m"], record.measured["length_uncertainty_m"]
    return length is not None, -(sigma or 0.0), float(record.measured["confidence"]), record.scene_id


_COLUMNS = ", ".join(f"{name} {'date' if name == 'surge_on' else 'text' if name in {'trend', 'surface', 'centreline', 'reason'} else 'float8'}" for name in MEASURED)  # fmt: skip  # noqa: E501
_GIVEN = f"""given AS (
    SELECT g.id AS glacier, i.* FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS i(glacier_id text, scene_id text, observed_on date, {_COLUMNS}, geometry jsonb)
    JOIN glacier AS g USING (glacier_id)
)"""
_SAME = f"""({", ".join(f"t.{name}" for name in MEASURED)}, t.scene_id)
    IS NOT DISTINCT FROM ({", ".join(f"i.{name}" for name in MEASURED)}, i.scene_id)"""
_SUPERSEDE = f"""
WITH {_GIVEN}
UPDATE terminus AS t SET superseded_at = now() FROM given AS i
WHERE t.glacier = i.glacier AND t.observed_on = i.observed_on AND t.superseded_at IS NULL AND NOT ({_SAME})
  AND (i.length_m IS NOT NULL OR t.length_m IS NULL OR t.scene_id = i.scene_id
       OR EXISTS (SELECT FROM scene AS s WHERE s.id = t.scene_id AND s.properties ? 'superseded_by'))
"""
_INSERT = f"""
WITH {_GIVEN}
INSERT INTO terminus (glacier, run_id, scene_id, observed_on, {", ".join(MEASURED)}, geom)
SELECT i.glacier, :run, i.scene_id, i.observed_on, {", ".join(f"i.{name}" for name in MEASURED)},
       CASE WHEN jsonb_typeof(i.geometry) = 'object' THEN ST_SetSRID(ST_GeomFromGeoJSON(i.geometry), 4326) END
FROM given AS i
WHERE NOT EXISTS (SELECT FROM terminus AS t WHERE t.glacier = i.glacier AND t.observed_on = i.observed_on AND t.superseded_at IS NULL)
"""
