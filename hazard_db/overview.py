"""The catalogue at a glance: what is in it, what waits for a person, and whether its sources still live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Overview:
    """Counts and times of the whole catalogue."""

    alignment: str | None
    segments: int
    observations: int
    observations_to_review: int
    observations_asked: int
    """Whose observers were asked something."""
    sites: int
    events: int
    scenes: int
    latest_scene_at: datetime | None
    runs: int
    latest_run_at: datetime | None
    changes: int
    changes_to_review: int
    alerts_open: int
    alerts_unacknowledged: int
    segments_never_seen: int
    """No detection has seen at least 70 % of their surroundings."""
    latest_look: date | None
    deliveries_waiting: int
    deliveries_failed: int
    rated_at: datetime | None


def holds_simulated(conn: Connection) -> bool:
    """Return whether scenes that no satellite took are in the catalogue, and so what was found in them."""
    return bool(conn.scalar(text("SELECT EXISTS (SELECT FROM scene WHERE collection = 'simulated')")))


def measured(conn: Connection) -> list[str]:
    """Return of what the catalogue holds records that were not simulated, those of public sources left out."""
    return [name for name, found in conn.execute(text(_MEASURED)).one()._mapping.items() if found]


def look(conn: Connection) -> Overview:
    """Return the catalogue at a glance."""
    return Overview(**conn.execute(text(_STATEMENT)).mappings().one())


_MEASURED = """
SELECT EXISTS (SELECT FROM observation WHERE dataset <> 'simulated') AS observations,
       EXISTS (SELECT FROM scene WHERE collection <> 'simulated') AS scenes,
       EXISTS (SELECT FROM displacement_set WHERE name NOT LIKE 'SIMULATED%') AS "displacement sets",
       EXISTS (SELECT FROM glacier WHERE glacier_id NOT LIKE 'SIMULATED%') AS glaciers,
       EXISTS (SELECT FROM sensor WHERE code NOT LIKE 'SIMULATED%') AS instruments
"""

_STATEMENT = """
SELECT (SELECT version FROM alignment WHERE valid_to IS NULL) AS alignment,
       (SELECT count(*) FROM segment WHERE alignment_id = current_alignment()) AS segments,
       (SELECT count(*) FROM observation) AS observations,
       (SELECT count(*) FROM observation WHERE review_status = 'submitted') AS observations_to_review,
       (SELECT count(*) FROM observation WHERE review_status = 'asked') AS observations_asked,
       (SELECT count(*) FROM site) AS sites,
       (SELECT count(*) FROM event) AS events,
       (SELECT count(*) FROM scene WHERE NOT properties ? 'superseded_by') AS scenes,
       (SELECT max(acquired_at) FROM scene) AS latest_scene_at,
       (SELECT count(*) FROM detection_run WHERE status = 'done') AS runs,
       (SELECT max(finished_at) FROM detection_run WHERE status = 'done') AS latest_run_at,
       (SELECT count(*) FROM change WHERE part_of IS NULL) AS changes,
       (SELECT count(*) FROM change WHERE status = 'candidate' AND part_of IS NULL) AS changes_to_review,
       (SELECT count(*) FROM alert WHERE state IN ('open', 'acknowledged', 'escalated')) AS alerts_open,
       (SELECT count(*) FROM alert WHERE state IN ('open', 'escalated')) AS alerts_unacknowledged,
       (SELECT count(*) FROM segment AS s WHERE s.alignment_id = current_alignment()
            AND NOT EXISTS (SELECT FROM visibility AS v WHERE v.segment_id = s.id AND v.share >= 0.7)) AS segments_never_seen,
       (SELECT max(observed_on) FROM visibility WHERE covered_share > 0) AS latest_look,
       (SELECT count(*) FROM delivery WHERE status = 'waiting') AS deliveries_waiting,
       (SELECT count(*) FROM delivery WHERE status = 'failed') AS deliveries_failed,
       (SELECT max(rated_at) FROM risk_rating) AS rated_at
"""
