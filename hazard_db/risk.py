"""Risk by kilometre: a rating per segment and hazard, each number explained by what it is made of."""

from __future__ import annotations

import json
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection, text

from hazard_db.errors import SettingsError

FILE = Path(__file__).parent / "risk_weights.yml"
LEAST_POINTS = 0.1
"""What adds less explains nothing."""
TOLD_ACCURACY_M = 1000.0
"""From here on a reader is told how badly a place is known."""


class Reach(BaseModel):
    """Distances from the road at which a thing counts in full, and no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    near_m: float
    far_m: float

    def share(self, offset_m: float) -> float:
        """Return 1 up to near_m, falling linearly to 0 at far_m."""
        return min(1.0, max(0.0, (self.far_m - offset_m) / (self.far_m - self.near_m)))

    def mean_share(self, offset_m: float, accuracy_m: float) -> float:
        """Return the mean of `share` over all offsets within accuracy_m of offset_m, both sides of the road counted."""
        if accuracy_m <= 0:
            return self.share(offset_m)
        return (self._area(offset_m + accuracy_m) - self._area(offset_m - accuracy_m)) / (2 * accuracy_m)

    def _area(self, offset_m: float) -> float:
        """Return the integral of `share` from 0 to a signed offset, m."""
        end = min(abs(offset_m), self.far_m)
        area = min(end, self.near_m) + max(0.0, end - self.near_m) * (1 + self.share(end)) / 2
        return math.copysign(area, offset_m)


class SiteWeights(BaseModel):
    """Points of a site by its state of activity."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    points: dict[str, float]


class Weights(BaseModel):
    """The documented file of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: str
    grades: dict[str, float]
    reach: dict[str, Reach]
    stretch_km: float
    sites: SiteWeights
    events: dict[str, float]
    closures: dict[str, float]
    changes: dict[str, float]
    deformation: dict[str, float]
    observations: dict[str, float]
    cascades: dict[str, float] = {}
    """Lakes and surging glaciers above the road, along the way that water takes; without it they do not count."""
    confidence: dict[str, float]
    hazard_of: dict[str, str]

    def grade(self, score: float) -> str:
        """Return the name of the highest grade that `score` reaches."""
        return max((limit, name) for name, limit in self.grades.items() if score >= limit)[1]


@dataclass(frozen=True)
class Contribution:
    """One reason for a rating."""

    source: str
    """site, event, closure, change, deformation, observation, cascade, cap."""
    id: str
    label: str
    points: float
    detail: str
    date: str | None
    reviewed: bool = False
    """A person stands behind it."""


@dataclass(frozen=True)
class SegmentRisk:
    """The current rating of a segment for a hazard."""

    segment_id: int
    km_from: float
    km_to: float
    place: str | None
    basis: str
    hazard: str
    score: float
    grade: str
    confidence: float
    contributions: tuple[Mapping[str, Any], ...]
    rated_at: datetime
    last_look: date | None
    last_good_look: date | None
    weights_version: str


@dataclass(frozen=True)
class RiskReport:
    """What an update did."""

    segments: int
    changed: int
    """Ratings that differ from the ones before."""
    grades: Mapping[str, int]
    weights_version: str


def load_weights(path: Path | None = None) -> Weights:
    """Return the weights of a file: given, named in HAZARD_RISK_WEIGHTS, or our own.

    Raises
    ------
    SettingsError
        The file is missing or says something that is not understood.
    """
    path = path or Path(os.environ.get("HAZARD_RISK_WEIGHTS", FILE))
    try:
        return Weights.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: the risk weights cannot be read ({str(error).splitlines()[0]})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}, {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def update(conn: Connection, on: date | None = None, weights: Weights | None = None) -> RiskReport:
    """Return what changed when every segment was rated from what is in the catalogue now."""
    weights, on = weights or load_weights(), on or date.today()
    parts: dict[tuple[int, str], list[Contribution]] = defaultdict(list)
    for fact in conn.execute(text(_FACTS), {"on": on, "unknown_m": weights.events["unknown_accuracy_m"]}):
        hazard = weights.hazard_of.get(fact.kind, fact.kind)
        contribution = rate(fact, weights, on)
        if hazard != "none" and contribution is not None:
            parts[fact.segment_id, hazard].append(contribution)
            parts[fact.segment_id, "all"].append(contribution)
    looks = {row.id: row for row in conn.execute(text(_SEGMENTS), {"on": on})}
    for segment in looks:
        parts[segment, "all"] += []
    rows: list[dict[str, Any]] = [
        _rating(looks[key[0]], key[1], found, weights, on) for key, found in sorted(parts.items())
    ]
    changed = _store(conn, rows)
    grades = {name: 0 for name in [*weights.grades, "unknown"]}
    for row in rows:
        grades[row["grade"]] += row["hazard"] == "all"
    return RiskReport(len(looks), changed, grades, weights.version)


def show(conn: Connection, km_from: float, km_to: float, hazard: str | None = None) -> list[SegmentRisk]:
    """Return the current ratings of the segments that overlap a stretch, in order, `all` first."""
    rows = conn.execute(
        text("""SELECT s.id AS segment_id, s.km_from, s.km_to, s.place, s.basis, r.hazard, r.score, r.grade, r.confidence,
                       r.contributions, r.rated_at, r.weights_version, v.last_look, v.last_good_look
                FROM segment AS s JOIN risk_rating AS r ON r.segment_id = s.id AND r.superseded_at IS NULL
                LEFT JOIN LATERAL (SELECT max(observed_on) AS last_look,
                                          max(observed_on) FILTER (WHERE share >= 0.7) AS last_good_look
                                   FROM visibility WHERE segment_id = s.id AND covered_share > 0) AS v ON true
                WHERE s.alignment_id = current_alignment() AND s.km_to > :km_from AND s.km_from < :km_to
                  AND (CAST(:hazard AS text) IS NULL OR r.hazard = :hazard)
                ORDER BY s.km_from, r.hazard <> 'all', r.score DESC"""),
        {"km_from": km_from, "km_to": km_to, "hazard": hazard},
    )
    return [SegmentRisk(**{**dict(row._mapping), "contributions": tuple(row.contributions)}) for row in rows]


def history(conn: Connection, segment_id: int, hazard: str = "all") -> list[dict[str, Any]]:
    """Return every rating that a segment ever had, newest first."""
    rows = conn.execute(
        text("""SELECT score, grade, confidence, contributions, weights_version, rated_at, superseded_at FROM risk_rating
                WHERE segment_id = :id AND hazard = :hazard ORDER BY rated_at DESC, id DESC"""),
        {"id": segment_id, "hazard": hazard},
    )
    return [dict(row._mapping) for row in rows]


def rate(fact: Any, weights: Weights, on: date) -> Contribution | None:
    """Return what one record near a segment adds to its rating, None where it is too far away to count.

    A place known badly is a chance spread over all the places it may be: along the road, and to both sides of it
    unless it is known to be on the road.
    """
    reach = weights.reach.get(fact.kind, weights.reach["default"])
    nearness = 1.0 if fact.on_road else reach.mean_share(fact.offset_m, fact.accuracy_m)
    length_km = fact.length_km + 2 * fact.accuracy_m / 1000
    spread = min(1.0, weights.stretch_km / max(length_km, 1e-9))
    points, reason = _POINTS[fact.source](fact, weights, on)
    points *= nearness * spread
    if points < LEAST_POINTS:
        return None
    near = fact.on_road or fact.offset_m < 1
    where = "on the road" if near else f"{fact.offset_m:.0f} m from the road"
    if fact.source == "cascade":
        where = f"{fact.offset_m / 1000:.1f} km up the valley"
    detail = f"{reason}, {where}"
    if fact.accuracy_m >= TOLD_ACCURACY_M:
        detail += f", place known to ±{fact.accuracy_m / 1000:g} km"
    if spread < 1:
        detail += f", spread over {length_km:.0f} km"
    reviewed = fact.source in {"site", "event", "closure"} or fact.state in {"confirmed", "accepted"}
    return Contribution(
        fact.source, str(fact.id), fact.label, round(points, 1), detail, str(fact.day) if fact.day else None, reviewed
    )


def _aged(fact: Any, on: date, half_life_years: float) -> float:
    years = max(0.0, (on - fact.day).days / 365.25) if fact.day else half_life_years
    return float(0.5 ** (years / half_life_years))


def _site(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    return weights.sites.points[fact.state], f"{fact.state} {fact.kind.replace('_', ' ')}"


def _event(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    w = weights.events
    deaths = min(w["most_for_fatalities"], w["per_fatality"] * (fact.amount or 0))
    return (w["points"] + deaths) * _aged(fact, on, w["half_life_years"]), f"event of {fact.day}"


def _closure(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    return weights.closures["points"] * _aged(fact, on, weights.closures["half_life_years"]), f"closed on {fact.day}"


def _change(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    w = weights.changes
    size = min(1.0, (fact.amount / w["large_m2"]) ** 0.5)
    sure = w["confirmed"] if fact.state == "confirmed" else w["candidate"] * fact.confidence
    return sure * size * _aged(
        fact, on, w["half_life_years"]
    ), f"{fact.state} change of {fact.amount:,.0f} m² by {fact.day}"


def _deformation(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    w = weights.deformation
    speed = min(1.0, fact.amount / w["fast_mm_yr"])
    sure = w["confirmed"] if fact.state == "confirmed" else w["candidate"] * fact.confidence
    points = sure * speed * _aged(fact, on, w["half_life_years"])
    return points, f"{fact.state} ground motion of {fact.amount:.0f} mm/yr by {fact.day}"


def _observation(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    w = weights.observations
    return w[fact.state] * _aged(fact, on, w["half_life_years"]), f"{fact.state} field observation"


def _cascade(fact: Any, weights: Weights, on: date) -> tuple[float, str]:
    w = weights.cascades
    if not w:
        return 0.0, ""
    sure = fact.confidence * _aged(fact, on, w["half_life_years"])
    if fact.state == "surge":
        return w["surge"] * sure, f"glacier that surged by {fact.day}"
    size = min(1.0, (fact.amount / w["large_m2"]) ** 0.5)
    dammed = fact.state == "ice_dammed"
    what = f"{'ice-dammed lake' if dammed else 'lake'} of {fact.amount:,.0f} m² on {fact.day}"
    return (w["ice_dammed"] if dammed else w["lake"]) * size * sure, what


_POINTS = {
    "site": _site,
    "event": _event,
    "closure": _closure,
    "change": _change,
    "deformation": _deformation,
    "observation": _observation,
    "cascade": _cascade,
}


def _rating(look: Any, hazard: str, found: Sequence[Contribution], weights: Weights, on: date) -> dict[str, Any]:
    found = sorted(found, key=lambda part: (-part.points, part.source, part.id))
    total = round(sum(part.points for part in found), 1)
    if total > 100:
        found = [
            *found,
            Contribution("cap", "", "Points beyond 100", round(100 - total, 1), "a rating ends at 100", None),
        ]
    score = min(100.0, total)
    w = weights.confidence
    seen = look.last_good_look is not None and (on - look.last_good_look).days <= w["good_look_days"]
    reviewed = any(part.reviewed for part in found)
    # little known and nothing seen lately is not the same as low
    lately = look.last_look is not None and (on - look.last_look).days <= w["look_expires_days"]
    confidence = w["base"] + (w["good_look"] if seen else w["any_look"] if look.last_look else 0)
    confidence += w["reviewed"] * reviewed + w["surveyed_line"] * (look.basis != "straight infill")
    return {
        "segment_id": look.id,
        "hazard": hazard,
        "score": score,
        "grade": weights.grade(score) if score >= weights.grades["intermediate"] or lately else "unknown",
        "confidence": round(min(1.0, confidence), 2),
        "contributions": json.dumps([vars(part) for part in found]),
        "weights_version": weights.version,
    }


def _store(conn: Connection, rows: list[dict[str, Any]]) -> int:
    """Return how many ratings changed; those that did supersede the ones before."""
    conn.execute(
        text("""CREATE TEMPORARY TABLE rated (segment_id bigint, hazard text, score float8, grade text, confidence float8,
                contributions jsonb, weights_version text) ON COMMIT DROP""")
    )
    if rows:
        conn.execute(
            text("""INSERT INTO rated SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
                    AS r(segment_id bigint, hazard text, score float8, grade text, confidence float8, contributions jsonb,
                         weights_version text)"""),
            {"rows": json.dumps([{**row, "contributions": json.loads(row["contributions"])} for row in rows])},
        )
    conn.execute(
        text("""UPDATE risk_rating AS old SET superseded_at = now()
                FROM segment AS s
                WHERE s.id = old.segment_id AND s.alignment_id = current_alignment() AND old.superseded_at IS NULL
                  AND NOT EXISTS (SELECT FROM rated AS n
                      WHERE (n.segment_id, n.hazard, n.score, n.grade, n.confidence, n.contributions, n.weights_version)
                          = (old.segment_id, old.hazard, old.score, old.grade, old.confidence, old.contributions, old.weights_version))""")
    )
    changed = conn.execute(
        text("""INSERT INTO risk_rating (segment_id, hazard, score, grade, confidence, contributions, weights_version)
                SELECT n.* FROM rated AS n
                WHERE NOT EXISTS (SELECT FROM risk_rating AS r
                    WHERE r.segment_id = n.segment_id AND r.hazard = n.hazard AND r.superseded_at IS NULL)""")
    )
    conn.execute(text("DROP TABLE rated"))
    return changed.rowcount


# Everything that speaks of a segment, one row per pair. A record reaches to both sides by what is unsure of its place.
# A line that lies on the road is a stretch of it, and what hit the road is on it, however badly the place is known.
_FACTS = """
WITH fact AS (
    SELECT 'site' AS source, CAST(id AS text) AS id, code || ' ' || name AS label, kind, activity AS state, NULL::float8 AS amount,
           NULL::float8 AS confidence, NULL::date AS day, chainage_from_km AS a, chainage_to_km AS b, offset_m,
           coalesce(accuracy_m, 0) AS accuracy_m, ST_Dimension(geom) = 1 AND offset_m < 1 AS on_road
    FROM site WHERE chainage_km IS NOT NULL
    UNION ALL
    SELECT 'event', CAST(id AS text), name, kind, NULL, fatalities, NULL, occurred_on, chainage_from_km, chainage_to_km, offset_m,
           coalesce(accuracy_m, CASE WHEN ST_Dimension(geom) = 0 THEN :unknown_m ELSE 0 END),
           impacts ? 'road' OR (ST_Dimension(geom) = 1 AND offset_m < 1)
    FROM event WHERE chainage_km IS NOT NULL AND occurred_on <= :on
    UNION ALL
    SELECT 'closure', CAST(c.id AS text), c.cause, coalesce(e.kind, 'landslide'), NULL, NULL, NULL,
           CAST(c.closed_at AS date), c.chainage_from_km, c.chainage_to_km, 0, 0, true
    FROM closure AS c LEFT JOIN event AS e ON e.id = c.event_id WHERE c.closed_at <= :on AND c.withdrawn_at IS NULL
    UNION ALL
    SELECT 'change', CAST(id AS text), 'Change ' || id, kind, status, area_m2, confidence, last_date,
           chainage_from_km, chainage_to_km, offset_m, 0, false
    FROM change WHERE chainage_km IS NOT NULL AND part_of IS NULL AND status <> 'false_alarm' AND first_date <= :on
      AND NOT EXISTS (SELECT FROM deformation_area AS a JOIN displacement_set AS d ON d.latest_run_id = a.run_id
                      WHERE a.change_id = change.id)
    UNION ALL
    -- a change that two sets show, or one set in parts, counts once: as the fastest of its areas
    (SELECT DISTINCT ON (a.change_id) 'deformation', CAST(a.id AS text), 'Ground motion ' || a.id, 'settlement', c.status,
           greatest(abs(a.velocity_mm_yr), a.slope_velocity_mm_yr), a.confidence, a.last_date,
           a.chainage_from_km, a.chainage_to_km, a.offset_m, 0, false
    FROM deformation_area AS a JOIN displacement_set AS d ON d.latest_run_id = a.run_id JOIN change AS c ON c.id = a.change_id
    WHERE a.chainage_km IS NOT NULL AND c.status <> 'false_alarm' AND a.last_date <= :on
    ORDER BY a.change_id, greatest(abs(a.velocity_mm_yr), a.slope_velocity_mm_yr) DESC, a.id)
    UNION ALL
    SELECT 'observation', CAST(id AS text), coalesce(left(note, 80), kind), kind, review_status, NULL, NULL,
           CAST(observed_at AT TIME ZONE 'Asia/Karachi' AS date), chainage_from_km, chainage_to_km, offset_m,
           coalesce(accuracy_m, 0), false
    FROM observation WHERE chainage_km IS NOT NULL AND review_status <> 'rejected'
    UNION ALL
    SELECT 'cascade', l.lake_id, coalesce(l.name, 'Lake ' || l.lake_id), 'cascade',
           CASE WHEN l.ice_dammed THEN 'ice_dammed' ELSE 'lake' END,
           o.area_m2, o.confidence, o.observed_on, k.chainage_km, k.chainage_km, k.flow_m, k.gap_m, false
    FROM cascade AS k JOIN glacial_lake AS l ON l.id = k.lake
    JOIN LATERAL (SELECT * FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL AND o.observed_on <= :on
                  ORDER BY o.observed_on DESC LIMIT 1) AS o ON o.state <> 'dry'
    WHERE k.alignment_id = current_alignment()
      AND (SELECT count(*) FROM lake_outline AS v WHERE v.lake = l.id AND v.superseded_at IS NULL AND v.state = 'water') >= 2
    UNION ALL
    SELECT 'cascade', g.glacier_id, coalesce(g.name, 'Glacier ' || g.glacier_id), 'cascade', 'surge', NULL, t.confidence, t.observed_on,
           k.chainage_km, k.chainage_km, k.flow_m, k.gap_m, false
    FROM cascade AS k JOIN glacier AS g ON g.id = k.glacier
    JOIN LATERAL (SELECT * FROM terminus AS t WHERE t.glacier = g.id AND t.superseded_at IS NULL AND t.length_m IS NOT NULL
                  AND t.observed_on <= :on ORDER BY t.observed_on DESC LIMIT 1) AS t ON t.trend = 'surge'
    WHERE k.alignment_id = current_alignment()
)
SELECT s.id AS segment_id, fact.source, fact.id, fact.label, fact.kind, fact.state, fact.amount, fact.confidence, fact.day,
       fact.offset_m, fact.accuracy_m, fact.on_road, fact.b - fact.a AS length_km
FROM fact JOIN segment AS s
  ON s.alignment_id = current_alignment()
 AND s.km_to > fact.a - fact.accuracy_m / 1000
 AND (s.km_from < fact.b + fact.accuracy_m / 1000 OR (s.km_from = fact.b AND fact.a = fact.b))
"""

_SEGMENTS = """
SELECT s.id, s.basis, max(v.observed_on) AS last_look, max(v.observed_on) FILTER (WHERE v.share >= 0.7) AS last_good_look
FROM segment AS s LEFT JOIN visibility AS v ON v.segment_id = s.id AND v.covered_share > 0 AND v.observed_on <= :on
WHERE s.alignment_id = current_alignment() GROUP BY s.id, s.basis
"""
