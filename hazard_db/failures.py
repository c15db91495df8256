"""Places of the catalogue where slopes failed: what a map of susceptibility learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Failure:
    """A slope that failed, as a place."""

    lon: float
    lat: float
    accuracy_m: float | None
    """None = nobody has said."""
    source: str
    """site, event or change."""


def failures(conn: Connection, kinds: Sequence[str]) -> list[Failure]:
    """Return sites, dated events and confirmed changes of these kinds, each once; areas by a place inside them.

    Stretches of road that are recorded as lines are left out: on which slope along them something failed is not known. An event
    that is evidence of a site is that site.
    """
    rows = conn.execute(text(_FAILURES), {"kinds": list(kinds)})
    return [Failure(**row._mapping) for row in rows]


_FAILURES = """
SELECT ST_X(p) AS lon, ST_Y(p) AS lat, accuracy_m, source FROM (
    SELECT 'site' AS source, id, ST_PointOnSurface(geom) AS p, CASE WHEN ST_Dimension(geom) = 2 THEN 0 ELSE accuracy_m END AS accuracy_m
    FROM site WHERE kind = ANY(:kinds) AND ST_Dimension(geom) <> 1
    UNION ALL
    SELECT 'event', e.id, ST_PointOnSurface(e.geom), CASE WHEN ST_Dimension(e.geom) = 2 THEN 0 ELSE e.accuracy_m END
    FROM event AS e WHERE e.kind = ANY(:kinds) AND e.geom IS NOT NULL AND ST_Dimension(e.geom) <> 1 AND e.site_id IS NULL
    UNION ALL
    SELECT 'change', c.id, ST_PointOnSurface(c.geom), 0 FROM change AS c
    WHERE c.kind = ANY(:kinds) AND c.status = 'confirmed' AND c.part_of IS NULL AND ST_Dimension(c.geom) = 2
      AND NOT EXISTS (SELECT FROM evidence AS v WHERE v.change_id = c.id)
) AS found ORDER BY source, id
"""
