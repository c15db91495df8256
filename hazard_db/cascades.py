"""The ways from lakes and glaciers down to the road, as the catalogue keeps them; where they meet it the database finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

Kind = Literal["lake", "glacier"]


@dataclass(frozen=True)
class Origin:
    """A lake or glacier, and what it covers."""

    kind: Kind
    id: int
    area: BaseGeometry
    """EPSG:4326."""


@dataclass(frozen=True)
class Path:
    """The way from one of them."""

    kind: Kind
    id: int
    line: shapely.LineString
    """EPSG:4326 with heights in metres, downstream."""
    pixel_m: float


def origins(
    conn: Connection, kind: Kind, ids: Sequence[int] | None = None, *, without: str | None = None
) -> list[Origin]:
    """Return lakes as last seen, or glaciers as last outlined, near the road.

    Parameters
    ----------
    without
        Only those that have no way on the elevation model of this checksum.
    """
    rows = conn.execute(text(_ORIGINS[kind]), {"ids": None if ids is None else list(ids), "sha": without})
    return [Origin(kind, row.id, shapely.from_wkb(bytes(row.geom))) for row in rows]


def store(conn: Connection, paths: Sequence[Path], *, dem: str, dem_sha256: str) -> int:
    """Return how many of the ways come to the road, after storing them in place of those known before."""
    met = 0
    for path in paths:
        chainage = conn.execute(
            text(f"""INSERT INTO cascade ({path.kind}, dem, dem_sha256, pixel_m, geom)
                     VALUES (:id, :dem, :sha, :pixel, ST_SetSRID(ST_GeomFromWKB(:wkb), 4326))
                     ON CONFLICT ({path.kind}) DO UPDATE SET dem = excluded.dem, dem_sha256 = excluded.dem_sha256,
                         pixel_m = excluded.pixel_m, geom = excluded.geom RETURNING chainage_km"""),
            {
                "id": path.id, "dem": dem, "sha": dem_sha256, "pixel": path.pixel_m,
                "wkb": shapely.to_wkb(path.line, output_dimension=3),
            },
        ).scalar_one()  # fmt: skip
        met += chainage is not None
    return met


def find(conn: Connection, km_from: float | None = None, km_to: float | None = None) -> list[dict[str, Any]]:
    """Return the ways that come to the current road, along it."""
    rows = conn.execute(
        text("""SELECT k.id, CASE WHEN k.lake IS NULL THEN 'glacier' ELSE 'lake' END AS kind, coalesce(l.lake_id, g.glacier_id) AS source,
                       coalesce(l.name, g.name) AS name, k.chainage_km, p.place, k.flow_m, k.drop_m, k.gap_m, l.ice_dammed,
                       o.area_m2, o.observed_on, k.dem
                FROM cascade AS k LEFT JOIN glacial_lake AS l ON l.id = k.lake LEFT JOIN glacier AS g ON g.id = k.glacier
                LEFT JOIN LATERAL (SELECT area_m2, observed_on FROM lake_outline AS o WHERE o.lake = k.lake AND superseded_at IS NULL
                                   ORDER BY observed_on DESC LIMIT 1) AS o ON true
                LEFT JOIN LATERAL (SELECT place FROM calibration_point WHERE alignment_id = k.alignment_id
                                   ORDER BY abs(chainage_km - k.chainage_km) LIMIT 1) AS p ON true
                WHERE k.alignment_id = current_alignment() AND (CAST(:km_from AS float8) IS NULL OR k.chainage_km >= :km_from)
                  AND (CAST(:km_to AS float8) IS NULL OR k.chainage_km <= :km_to)
                ORDER BY k.chainage_km, k.flow_m, k.id"""),
        {"km_from": km_from, "km_to": km_to},
    )
    return [dict(row._mapping) for row in rows]


_ORIGINS = {
    "lake": """
SELECT l.id, ST_AsBinary(coalesce(o.geom, l.geom)) AS geom
FROM glacial_lake AS l JOIN LATERAL (SELECT geom FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL
                                     ORDER BY o.geom IS NULL, o.observed_on DESC LIMIT 1) AS o ON true
WHERE (CAST(:ids AS bigint[]) IS NULL OR l.id = ANY(:ids)) AND l.chainage_km IS NOT NULL
  AND NOT EXISTS (SELECT FROM cascade AS k WHERE k.lake = l.id AND k.dem_sha256 = :sha) ORDER BY l.id""",
    "glacier": """
SELECT g.id, ST_AsBinary(o.geom) AS geom
FROM glacier AS g JOIN LATERAL (SELECT geom, chainage_km FROM glacier_outline AS o WHERE o.glacier = g.id
                                ORDER BY o.outlined_on DESC NULLS LAST, o.id DESC LIMIT 1) AS o ON true
WHERE (CAST(:ids AS bigint[]) IS NULL OR g.id = ANY(:ids)) AND o.chainage_km IS NOT NULL
  AND NOT EXISTS (SELECT FROM cascade AS k WHERE k.glacier = g.id AND k.dem_sha256 = :sha) ORDER BY g.id""",
}
