"""What is known of changes where alerts are decided: evidence, place on the road, and what was said of them before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.alerts.states import LIVE, State


@dataclass(frozen=True)
class AlertLink:
    """An alert that speaks of a change already."""

    alert_id: int
    state: State
    scope: str
    area_m2: float
    """Largest area of the change that the alert has taken note of."""
    runs: tuple[int, ...] = ()
    """Detection runs that the alert has taken note of."""

    @property
    def is_live(self) -> bool:
        """True while the alert is not closed."""
        return self.state in LIVE


@dataclass(frozen=True)
class Cause:
    """What has happened to a lake or glacier, and the way from there to the road."""

    event: str
    """growth, drained or surge."""
    name: str
    """Name or id of the lake or glacier."""
    days: int
    advance_m: float | None
    """Of a surging glacier."""
    way_known: bool
    """An elevation model has told which way the water takes, to the road or not."""
    flow_m: float | None
    """Down the valley to the road; None where the way does not come to it, or is not known."""
    drop_m: float | None


@dataclass(frozen=True)
class ChangeFacts:
    """A change with its evidence and the stretch of road it lies at."""

    id: int
    kind: str
    status: str
    confidence: float
    area_m2: float
    """The largest seen so far."""
    area_uncertainty_m2: float
    first_date: date
    last_date: date
    seen_on: tuple[date, ...]
    """Distinct dates of imagery that show it, oldest first."""
    methods: tuple[str, ...]
    """Distinct detectors that found it."""
    chainage_km: float | None = None
    chainage_from_km: float | None = None
    chainage_to_km: float | None = None
    offset_m: float | None = None
    side: str | None = None
    alignment_id: int | None = None
    alignment: str | None = None
    """Version of the alignment that the chainage belongs to."""
    road_accuracy_m: float = 0.0
    """How far the alignment may lie from the road, as far as its source says."""
    road_is_infill: bool = False
    """The line of the road is a straight guess here."""
    consequence: int = 2
    """Highest class of the segments it lies at, 1 to 4."""
    place: str | None = None
    magnitude: float | None = None
    mean_slope_deg: float | None = None
    observed_share: float | None = None
    cause: Cause | None = None
    """Of a change far above the road: then the place on the road is where the way down from there meets it."""
    links: tuple[AlertLink, ...] = ()
    reactivated_in: tuple[int, ...] = ()
    """Runs that saw it move again after it had come to rest, or its rate change after it had been steady."""
    trend_change_mm_yr: float | None = None
    """Of a deformation area: rate of the last months less the rate before, where that is certain; as its newest run saw it."""


@dataclass(frozen=True)
class LiveAlert:
    """An alert that is not closed, as far as new changes may join it."""

    id: int
    kind: str
    state: State
    scope: str
    group_key: str
    severity: str
    certainty: str
    urgency: str
    chainage_from_km: float | None
    chainage_to_km: float | None
    alignment_id: int | None
    change_ids: tuple[int, ...]
    evidence: Mapping[str, Any]
    headline: Mapping[str, str]
    expires_at: datetime


def lock_raising(conn: Connection) -> None:
    """Wait until no other transaction raises alerts: two runs at once must not raise two for one cause."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('alert: raise', 0))"))


def changes_of_run(conn: Connection, run_id: int) -> list[int]:
    """Return the changes that a run found: new ones and those it saw again, not those it found overgrown."""
    rows = conn.scalars(
        text("""SELECT DISTINCT change_id FROM change_sighting WHERE run_id = :run AND development <> 'revegetated'
                ORDER BY change_id"""),
        {"run": run_id},
    )
    return list(rows)


def change_facts(conn: Connection, change_ids: Sequence[int]) -> list[ChangeFacts]:
    """Return the facts of changes, along the road."""
    rows = conn.execute(text(_FACTS), {"ids": list(change_ids)}).mappings()
    return [
        ChangeFacts(
            **{
                **row,
                "seen_on": tuple(row["seen_on"]),
                "methods": tuple(row["methods"]),
                "reactivated_in": tuple(row["reactivated_in"]),
                "cause": None if row["cause"] is None else Cause(**row["cause"]),
                "links": tuple(AlertLink(**{**link, "runs": tuple(link["runs"])}) for link in row["links"]),
            }
        )
        for row in rows
    ]


def live_alerts(conn: Connection, ids: Sequence[int] | None = None) -> list[LiveAlert]:
    """Return the alerts that are not closed, locked for the rest of the transaction so that nobody closes them meanwhile."""
    rows = conn.execute(
        text("""SELECT a.id, a.kind, a.state, a.scope, a.group_key, a.severity, a.certainty, a.urgency, a.chainage_from_km,
                       a.chainage_to_km, a.alignment_id, a.evidence, a.headline, a.expires_at,
                       ARRAY(SELECT change_id FROM alert_change WHERE alert_id = a.id ORDER BY change_id) AS change_ids
                FROM alert AS a
                WHERE a.state IN ('candidate', 'open', 'acknowledged', 'escalated')
                  AND (CAST(:ids AS bigint[]) IS NULL OR a.id = ANY(:ids))
                ORDER BY a.id FOR UPDATE"""),
        {"ids": None if ids is None else list(ids)},
    ).mappings()
    return [LiveAlert(**{**row, "change_ids": tuple(row["change_ids"])}) for row in rows]


_FACTS = """
SELECT c.id, c.kind, c.status, c.confidence, c.area_m2, c.area_uncertainty_m2,
       coalesce(d.first_date, c.first_date) AS first_date, coalesce(d.last_date, c.last_date) AS last_date,
       c.magnitude, c.mean_slope_deg, c.observed_share,
       seen.dates AS seen_on, seen.methods,
       seen.reactivated_in || coalesce(changed.runs, '{}') AS reactivated_in,
       CASE WHEN d.trend_alert THEN d.trend_change_mm_yr END AS trend_change_mm_yr,
       coalesce(w.chainage_km, c.chainage_km) AS chainage_km, coalesce(w.chainage_km, c.chainage_from_km) AS chainage_from_km,
       coalesce(w.chainage_km, c.chainage_to_km) AS chainage_to_km, c.offset_m, c.side, a.id AS alignment_id, a.version AS alignment,
       CASE WHEN c.properties ? 'event' THEN jsonb_build_object(
           'event', c.properties -> 'event', 'days', c.properties -> 'days', 'advance_m', c.properties -> 'advance_m',
           'name', coalesce(w.name, c.properties ->> 'lake_id', c.properties ->> 'glacier_id'), 'way_known', coalesce(w.known, false),
           'flow_m', w.flow_m, 'drop_m', w.drop_m) END AS cause,
       coalesce(a.accuracy_m, 0) AS road_accuracy_m, coalesce(s.infill, false) AS road_is_infill,
       coalesce(s.consequence, 2) AS consequence, p.place, coalesce(l.links, '[]') AS links
FROM change AS c
LEFT JOIN LATERAL (
    SELECT coalesce(l.name, g.name) AS name,
           -- a way that ends with its elevation model, short of all reach, may still come to the road
           k.chainage_km IS NOT NULL OR ST_Length(CAST(k.geom AS geography)) >= 60000 AS known,
           k.alignment_id, k.chainage_km, k.flow_m, k.drop_m
    FROM (SELECT c.properties ->> 'lake_id' AS lake, c.properties ->> 'glacier_id' AS glacier) AS source
    LEFT JOIN glacial_lake AS l ON l.lake_id = source.lake LEFT JOIN glacier AS g ON g.glacier_id = source.glacier
    LEFT JOIN cascade AS k ON k.lake = l.id OR k.glacier = g.id
    WHERE c.properties ? 'event'
) AS w ON true
LEFT JOIN alignment AS a ON a.id = coalesce(w.alignment_id, c.alignment_id)
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT s.last_date ORDER BY s.last_date) AS dates, array_agg(DISTINCT r.method ORDER BY r.method) AS methods,
           coalesce(array_agg(s.run_id) FILTER (WHERE s.development = 'reactivated'), '{}') AS reactivated_in
    FROM change_sighting AS s JOIN detection_run AS r ON r.id = s.run_id
    WHERE s.change_id = c.id AND s.development <> 'revegetated'
) AS seen
LEFT JOIN LATERAL (
    -- of areas that the newest run took for one change, the one that changed its rate speaks
    SELECT first_date, last_date, trend_alert, trend_change_mm_yr FROM deformation_area WHERE change_id = c.id
    ORDER BY run_id DESC, trend_alert DESC, abs(trend_change_mm_yr) DESC NULLS LAST LIMIT 1
) AS d ON true
LEFT JOIN LATERAL (
    SELECT array_agg(run_id) AS runs FROM (
        SELECT run_id, bool_or(trend_alert) AS now, lag(bool_or(trend_alert)) OVER (ORDER BY run_id) AS before
        FROM deformation_area WHERE change_id = c.id GROUP BY run_id) AS r
    WHERE now AND NOT coalesce(before, false)
) AS changed ON true
LEFT JOIN LATERAL (
    SELECT max(consequence) AS consequence, bool_or(basis = 'straight infill') AS infill
    FROM segment WHERE alignment_id = a.id AND km_to >= coalesce(w.chainage_km, c.chainage_from_km)
      AND km_from <= coalesce(w.chainage_km, c.chainage_to_km)
) AS s ON true
LEFT JOIN LATERAL (
    SELECT place FROM calibration_point WHERE alignment_id = a.id ORDER BY abs(chainage_km - coalesce(w.chainage_km, c.chainage_km)) LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('alert_id', t.id, 'state', t.state, 'scope', t.scope,
                     'runs', coalesce(t.evidence -> 'runs', '[]'),
                     'area_m2', coalesce(CAST(t.evidence -> 'areas' ->> CAST(c.id AS text) AS float8), 0)) ORDER BY t.id) AS links
    FROM alert_change AS k JOIN alert AS t ON t.id = k.alert_id WHERE k.change_id = c.id
) AS l ON true
WHERE c.id = ANY(:ids) ORDER BY coalesce(w.chainage_km, c.chainage_km), c.id
"""
