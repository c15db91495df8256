"""What is known of changes where alerts are decided: evidence, place on the road, and what was said of them before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.alerts.states import LIVE, State
from hazard_db.alerts.streaks import Look, Streak, streak


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
    closed_at: datetime | None = None
    """When it was closed, by whatever."""

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
class Facts:
    """What a rule sees: a change, or a finding of a trigger, with its evidence and the stretch of road it lies at."""

    id: int
    """Of the change, or of the finding."""
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
    source: str = "imagery"
    """Who says so, of a finding of a trigger."""
    is_finding: bool = False
    measures: Mapping[str, float] = field(default_factory=dict)
    """Further numbers that rules ask for, by name with unit; of a change its rate, onset and the like as far as they are known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()
    """Acquisitions that could tell whether it is still so; none where only a person can."""

    @property
    def key(self) -> str:
        """Its name among changes and findings."""
        return f"finding/{self.id}" if self.is_finding else str(self.id)

    @cached_property
    def streak(self) -> Streak | None:
        """What its newest looks say."""
        return streak(self.looks)

    def measure(self, name: str) -> float | None:
        """Return a number that a rule asks for, None where it is not known."""
        own = {
            "area_m2": self.area_m2,
            "flow_m": self.cause.flow_m if self.cause else None,
            "height_above_road_m": self.cause.drop_m if self.cause else None,
            "advance_m": self.cause.advance_m if self.cause else None,
            "growth_m2_day": self.area_m2 / self.cause.days if self.cause and self.cause.days > 0 else None,
            "trend_change_mm_yr": None if self.trend_change_mm_yr is None else abs(self.trend_change_mm_yr),
        }
        return self.measures.get(name) if own.get(name) is None else own[name]


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
    finding_ids: tuple[int, ...] = ()
    raised_at: datetime | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The names of what it speaks of."""
        return frozenset([*map(str, self.change_ids), *(f"finding/{number}" for number in self.finding_ids)])


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


def change_facts(conn: Connection, change_ids: Sequence[int]) -> list[Facts]:
    """Return the facts of changes, along the road."""
    return [_facts(row) for row in conn.execute(text(_FACTS), {"ids": list(change_ids)}).mappings()]


def finding_facts(conn: Connection, finding_ids: Sequence[int]) -> list[Facts]:
    """Return the facts of what triggers found, along the road."""
    return [_facts(row) for row in conn.execute(text(_FINDINGS), {"ids": list(finding_ids)}).mappings()]


def facts_of(conn: Connection, changes: Sequence[int], findings: Sequence[int]) -> list[Facts]:
    """Return the facts of changes and findings."""
    return [
        *(change_facts(conn, changes) if changes else []),
        *(finding_facts(conn, findings) if findings else []),
    ]


def _facts(row: Mapping[Any, Any]) -> Facts:
    return Facts(
        **{
            **row,
            "seen_on": tuple(row["seen_on"]),
            "methods": tuple(row["methods"]),
            "reactivated_in": tuple(row["reactivated_in"]),
            "cause": None if row["cause"] is None else Cause(**row["cause"]),
            "links": tuple(_link(link) for link in row["links"]),
            "looks": tuple(_look(look) for look in row["looks"]),
        }
    )


def _link(link: Mapping[str, Any]) -> AlertLink:
    closed = None if link["closed_at"] is None else datetime.fromisoformat(link["closed_at"])
    return AlertLink(**{**link, "runs": tuple(link["runs"]), "closed_at": closed})


def _look(look: Mapping[str, Any]) -> Look:
    moments = (datetime.fromisoformat(look[name]) for name in ("acquired_at", "told_at"))
    acquired, told = moments
    return Look(acquired, look["shows"], told)


def live_alerts(conn: Connection, ids: Sequence[int] | None = None) -> list[LiveAlert]:
    """Return the alerts that are not closed, locked for the rest of the transaction so that nobody closes them meanwhile."""
    rows = conn.execute(
        text("""SELECT a.id, a.kind, a.state, a.scope, a.group_key, a.severity, a.certainty, a.urgency, a.chainage_from_km,
                       a.chainage_to_km, a.alignment_id, a.evidence, a.headline, a.expires_at, a.raised_at,
                       ARRAY(SELECT change_id FROM alert_change WHERE alert_id = a.id ORDER BY change_id) AS change_ids,
                       ARRAY(SELECT finding_id FROM alert_finding WHERE alert_id = a.id ORDER BY finding_id) AS finding_ids
                FROM alert AS a
                WHERE a.state IN ('candidate', 'open', 'acknowledged', 'escalated')
                  AND (CAST(:ids AS bigint[]) IS NULL OR a.id = ANY(:ids))
                ORDER BY a.id FOR UPDATE"""),
        {"ids": None if ids is None else list(ids)},
    ).mappings()
    return [
        LiveAlert(**{**row, "change_ids": tuple(row["change_ids"]), "finding_ids": tuple(row["finding_ids"])})
        for row in rows
    ]


CLOSED_AT = """CASE WHEN t.state IN ('resolved', 'false_alarm', 'expired')
    THEN coalesce(CAST(t.evidence ->> 'over_since' AS timestamptz), t.resolved_at, t.updated_at) END"""

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
       coalesce(s.consequence, 2) AS consequence, p.place, coalesce(l.links, '[]') AS links,
       coalesce(looked.looks, '[]') AS looks, 'imagery' AS source, false AS is_finding,
       (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(c.properties) WHERE jsonb_typeof(value) = 'number') AS measures,
       (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(c.properties)
        WHERE jsonb_typeof(value) = 'string') AS labels
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
    -- ground whose rate had changed is looked at again by every later run over the same points
    SELECT jsonb_agg(jsonb_build_object('acquired_at', last_date + time '00:00' AT TIME ZONE 'UTC', 'shows', trend_alert,
                                        'told_at', finished_at)) AS looks
    FROM (SELECT f.last_date, bool_or(f.trend_alert) AS trend_alert, max(r.finished_at) AS finished_at
          FROM deformation_area AS f JOIN detection_run AS r ON r.id = f.run_id WHERE f.change_id = c.id
          GROUP BY f.run_id, f.last_date) AS v
) AS looked ON true
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
                     'runs', coalesce(t.evidence -> 'runs', '[]'), 'closed_at', CLOSED_AT,
                     'area_m2', coalesce(CAST(t.evidence -> 'areas' ->> CAST(c.id AS text) AS float8), 0)) ORDER BY t.id) AS links
    FROM alert_change AS k JOIN alert AS t ON t.id = k.alert_id WHERE k.change_id = c.id
) AS l ON true
WHERE c.id = ANY(:ids) ORDER BY coalesce(w.chainage_km, c.chainage_km), c.id
""".replace("CLOSED_AT", CLOSED_AT)

_FINDINGS = """
SELECT f.id, f.kind, 'candidate' AS status, f.confidence, CAST(0 AS float8) AS area_m2, CAST(0 AS float8) AS area_uncertainty_m2,
       CAST(f.first_at AT TIME ZONE 'UTC' AS date) AS first_date, CAST(f.last_at AT TIME ZONE 'UTC' AS date) AS last_date,
       looked.dates AS seen_on, ARRAY[f.source] AS methods, CAST('{}' AS bigint[]) AS reactivated_in,
       f.chainage_km, f.chainage_from_km, f.chainage_to_km, f.offset_m, f.side, a.id AS alignment_id, a.version AS alignment,
       CAST(NULL AS jsonb) AS cause, coalesce(s.consequence, 2) AS consequence, p.place, coalesce(l.links, '[]') AS links,
       coalesce(looked.looks, '[]') AS looks, f.source, true AS is_finding, f.measures, f.labels
FROM finding AS f
LEFT JOIN alignment AS a ON a.id = f.alignment_id
LEFT JOIN LATERAL (
    SELECT max(consequence) AS consequence FROM segment WHERE alignment_id = a.id
      AND km_to >= f.chainage_from_km AND km_from <= f.chainage_to_km
) AS s ON true
LEFT JOIN LATERAL (
    SELECT place FROM calibration_point WHERE alignment_id = a.id ORDER BY abs(chainage_km - f.chainage_km) LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('acquired_at', k.acquired_at, 'shows', k.shows, 'told_at', k.told_at)) AS looks,
           coalesce(array_agg(DISTINCT CAST(k.acquired_at AT TIME ZONE 'UTC' AS date)) FILTER (WHERE k.shows), '{}') AS dates
    FROM finding_look AS k WHERE k.finding_id = f.id
) AS looked ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('alert_id', t.id, 'state', t.state, 'scope', t.scope, 'area_m2', 0,
                     'runs', CAST('[]' AS jsonb), 'closed_at', CLOSED_AT) ORDER BY t.id) AS links
    FROM alert_finding AS k JOIN alert AS t ON t.id = k.alert_id WHERE k.finding_id = f.id
) AS l ON true
WHERE f.id = ANY(:ids) ORDER BY f.chainage_km, f.id
""".replace("CLOSED_AT", CLOSED_AT)
