"""Which rasters may go: old, or replaced, and nothing that is known rests on them; the records of them stay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Policy:
    """How long what is kept, in days; None = for ever."""

    scenes_days: int | None = None
    """Since the picture was taken."""
    superseded_days: int | None = None
    """Since a newer processing of the same acquisition came in."""
    evidence_days: int | None = None
    """Since the run whose evidence it is."""
    newest: int = 6
    """Of each place, sensor and orbit so many dates are kept whatever their age: the next ones are compared with them."""

    @property
    def asks_nothing(self) -> bool:
        """Whether everything is kept."""
        return self.scenes_days is self.superseded_days is self.evidence_days is None


@dataclass(frozen=True)
class Candidate:
    """A scene or result whose rasters are old enough to go."""

    kind: str
    """`scene` or `evidence`."""
    id: str
    at: datetime
    """When the picture was taken, or the run made."""
    reason: str
    """`old` or `superseded`."""
    held_by: str | None
    """Why it stays all the same; None = it may go."""
    assets: Mapping[str, Mapping[str, Any]]


def candidates(conn: Connection, policy: Policy) -> list[Candidate]:
    """Return what a policy asks to go, the oldest first, also what is held back."""
    rows = conn.execute(
        text(_CANDIDATES),
        {
            "scenes": policy.scenes_days, "superseded": policy.superseded_days, "evidence": policy.evidence_days,
            "newest": policy.newest,
        },
    )  # fmt: skip
    return [Candidate(**row) for row in rows.mappings()]


def forget_scene(conn: Connection, scene_id: str, removed: Mapping[str, Any]) -> None:
    """Take the rasters of a scene out of the catalogue; what they were is kept with the scene."""
    conn.execute(
        text("""UPDATE scene SET assets = '{}', properties = properties || jsonb_build_object('removed',
                    CAST(:removed AS jsonb) || jsonb_build_object('at', now(), 'assets', assets)) WHERE id = :id"""),
        {"id": scene_id, "removed": json.dumps(dict(removed))},
    )


def forget_result(conn: Connection, raster_id: str) -> None:
    """Take a result out of the catalogue; its run stays."""
    conn.execute(text("DELETE FROM raster WHERE id = :id"), {"id": raster_id})


_CANDIDATES = """
WITH held_change AS (
    SELECT id, CASE status WHEN 'confirmed' THEN 'a confirmed change' ELSE 'a change that waits for review' END AS why
    FROM change WHERE status <> 'false_alarm'
    UNION ALL SELECT change_id, 'the evidence of a site' FROM evidence WHERE change_id IS NOT NULL
    UNION ALL SELECT c.change_id, 'an open alert' FROM alert_change AS c JOIN alert AS a ON a.id = c.alert_id
        WHERE a.state IN ('open', 'acknowledged', 'escalated')),
held_run AS (
    SELECT run_id, min(why) AS why FROM (
        SELECT c.run_id, h.why FROM held_change AS h JOIN change AS c USING (id)
        UNION ALL SELECT s.run_id, h.why FROM held_change AS h JOIN change_sighting AS s ON s.change_id = h.id) AS r
    GROUP BY run_id),
held_scene AS (
    SELECT i ->> 'scene' AS id, min(h.why) AS why
    FROM held_run AS h JOIN detection_run AS r ON r.id = h.run_id, jsonb_array_elements(r.inputs) AS i
    WHERE i ? 'scene' GROUP BY 1),
ranked AS (
    SELECT s.id, row_number() OVER (
        PARTITION BY s.collection, s.epsg, s.properties ->> 'orbit', coalesce(s.grid_tile, ST_GeoHash(ST_Centroid(s.geom), 4))
        ORDER BY s.acquired_at DESC, s.id) AS place
    FROM scene AS s WHERE s.assets <> '{}' AND NOT s.properties ? 'superseded_by')
SELECT 'scene' AS kind, s.id, s.acquired_at AS at,
       CASE WHEN n.id IS NULL THEN 'old' ELSE 'superseded' END AS reason,
       CASE WHEN h.why IS NOT NULL THEN h.why
            WHEN r.place <= :newest THEN 'the newest dates of its place' END AS held_by, s.assets
FROM scene AS s LEFT JOIN scene AS n ON n.id = s.properties ->> 'superseded_by'
LEFT JOIN held_scene AS h ON h.id = s.id LEFT JOIN ranked AS r ON r.id = s.id
WHERE s.assets <> '{}' AND (
    s.acquired_at < now() - make_interval(days => CAST(:scenes AS integer))
    OR n.created_at < now() - make_interval(days => CAST(:superseded AS integer)))
UNION ALL
SELECT 'evidence', e.id, d.finished_at, 'old', h.why, e.assets
FROM raster AS e JOIN detection_run AS d ON d.id = e.run_id LEFT JOIN held_run AS h ON h.run_id = e.run_id
WHERE e.kind = 'evidence' AND d.finished_at < now() - make_interval(days => CAST(:evidence AS integer))
ORDER BY 3, 2
"""
"""A term that is null (for ever) finds nothing."""
