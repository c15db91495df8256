"""What ratings were, and what changed and why between two days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import InputError

SAME = 0.05
"""Points are kept to one decimal: less is no difference."""


@dataclass(frozen=True)
class Reason:
    """One thing that made a rating change."""

    why: str
    """new, gone, state, size, place, cost, age, weights, or seen."""
    source: str
    id: str
    label: str
    points_before: float
    points_after: float
    detail: str
    date: str | None
    reviewed: bool


@dataclass(frozen=True)
class RatingChange:
    """The rating of a segment for a hazard on two days; None = it was not rated then."""

    segment_id: int
    km_from: float
    km_to: float
    place: str | None
    hazard: str
    score_before: float | None
    score_after: float | None
    grade_before: str | None
    grade_after: str | None
    confidence_before: float | None
    confidence_after: float | None
    rated_before: datetime | None
    rated_after: datetime | None
    weights_before: str | None
    weights_after: str | None
    alignment_before: str | None
    """Version of the road on which the earlier rating was made."""
    km_before: float | None
    """Kilometre of the segment's middle on that version."""
    reasons: tuple[Reason, ...]


def history(conn: Connection, segment_id: int, hazard: str = "all") -> list[dict[str, Any]]:
    """Return every rating that a segment ever had, newest first."""
    rows = conn.execute(
        text("""SELECT score, grade, confidence, contributions, weights_version, rated_at, superseded_at FROM risk_rating
                WHERE segment_id = :id AND hazard = :hazard ORDER BY rated_at DESC, id DESC"""),
        {"id": segment_id, "hazard": hazard},
    )
    return [dict(row._mapping) for row in rows]


def compare(
    conn: Connection, km_from: float, km_to: float, before: date, after: date, *, hazard: str | None = None
) -> list[RatingChange]:
    """Return what was known of a stretch at the end of two days (UTC), for each segment and hazard that differs.

    A rating of an earlier version of the road is that of the segment which held the place of today's.

    Raises
    ------
    InputError
        The first day is not before the second.
    """
    if before >= after:
        raise InputError(f"the first day ({before}) must lie before the second ({after})")
    rows = conn.execute(
        text(_COMPARED),
        {"km_from": km_from, "km_to": km_to, "before": before, "after": after, "hazard": hazard},
    )
    found = []
    for row in rows:
        values = dict(row._mapping)
        parts_before, parts_after = values.pop("parts_before") or [], values.pop("parts_after") or []
        reasons = tuple(explain(parts_before, parts_after, row.weights_before != row.weights_after))
        if reasons or (row.grade_before, row.score_before) != (row.grade_after, row.score_after):
            found.append(RatingChange(**values, reasons=reasons))
    return found


def explain(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], reweighed: bool
) -> Iterable[Reason]:
    """Yield why the points differ, the largest difference first.

    Every difference is told once: the points of all reasons add up to the difference of the scores.
    """
    old, new = ({(part["source"], part["id"]): part for part in parts} for parts in (before, after))
    reasons = [
        reason
        for key in old.keys() | new.keys()
        if (reason := _reason(old.get(key), new.get(key), reweighed)) is not None
    ]
    return sorted(reasons, key=lambda one: (-abs(one.points_after - one.points_before), one.source, one.id))


def _reason(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, reweighed: bool) -> Reason | None:
    told = new or old
    assert told is not None
    points = [0.0 if part is None else float(part["points"]) for part in (old, new)]
    if old is not None and new is not None:
        if told["source"] == "visibility":
            why = None if old["detail"] == new["detail"] else "seen"
        else:
            why = None if abs(points[1] - points[0]) < SAME else _why(old, new, reweighed)
    else:
        why = "seen" if told["source"] == "visibility" else "gone" if new is None else "new"
    if why is None:
        return None
    detail = new["detail"] if new else f"was: {told['detail']}"
    if why == "state" and old is not None and new is not None:
        detail = f"{old.get('state')} → {new.get('state')}: {detail}"
    return Reason(
        why, told["source"], told["id"], told["label"], points[0], points[1], detail, told.get("date"),
        bool(told.get("reviewed")),
    )  # fmt: skip


def _why(old: Mapping[str, Any], new: Mapping[str, Any], reweighed: bool) -> str:
    """Return the first thing that tells two versions of a reason apart; only age is left where nothing else does."""
    for why, key in (("state", "state"), ("size", "size"), ("size", "records"), ("state", "confidence")):
        if old.get(key) != new.get(key):
            return why
    if reweighed:
        return "weights"
    for why, key in (("place", "exposure"), ("cost", "vulnerability")):
        if old.get(key) != new.get(key):
            return why
    return "size" if old["source"] == "cap" or ("records" in old and old["records"] > 1) else "age"


# The version of the road that was in force at a moment is the newest that had been loaded by then.
_COMPARED = """
WITH moment AS (
    SELECT which, at,
           (SELECT a.id FROM alignment AS a WHERE a.created_at < at ORDER BY a.created_at DESC, a.id DESC LIMIT 1) AS alignment_id
    FROM (VALUES ('before', CAST(CAST(:before AS date) + 1 AS timestamp) AT TIME ZONE 'UTC'),
                 ('after', CAST(CAST(:after AS date) + 1 AS timestamp) AT TIME ZONE 'UTC')) AS m(which, at)
), wanted AS (
    SELECT * FROM segment WHERE alignment_id = current_alignment() AND km_to > :km_from AND km_from < :km_to
), place AS (
    SELECT w.id AS wanted_id, m.which, m.at, a.version,
           CASE WHEN m.alignment_id = w.alignment_id THEN w.id ELSE then_.id END AS segment_id,
           CASE WHEN m.alignment_id = w.alignment_id THEN (w.km_from + w.km_to) / 2 ELSE then_.chainage_km END AS km
    FROM wanted AS w CROSS JOIN moment AS m JOIN alignment AS a ON a.id = m.alignment_id
    LEFT JOIN LATERAL (
        SELECT s.id, c.chainage_km
        FROM corridor_reference(ST_LineInterpolatePoint(w.geom, 0.5), m.alignment_id) AS c
        JOIN segment AS s ON s.alignment_id = m.alignment_id AND c.chainage_km BETWEEN s.km_from AND s.km_to
        WHERE m.alignment_id <> w.alignment_id ORDER BY s.km_from LIMIT 1) AS then_ ON true
), rated AS (
    SELECT p.wanted_id, p.which, p.version, p.km, r.*
    FROM place AS p JOIN risk_rating AS r ON r.segment_id = p.segment_id AND r.rated_at < p.at
     AND (r.superseded_at IS NULL OR r.superseded_at >= p.at)
    WHERE CAST(:hazard AS text) IS NULL OR r.hazard = :hazard
)
SELECT w.id AS segment_id, w.km_from, w.km_to, w.place, coalesce(n.hazard, o.hazard) AS hazard,
       o.score AS score_before, n.score AS score_after, o.grade AS grade_before, n.grade AS grade_after,
       o.confidence AS confidence_before, n.confidence AS confidence_after, o.rated_at AS rated_before, n.rated_at AS rated_after,
       o.weights_version AS weights_before, n.weights_version AS weights_after, o.version AS alignment_before, o.km AS km_before,
       o.contributions AS parts_before, n.contributions AS parts_after
FROM (SELECT * FROM rated WHERE which = 'before') AS o
FULL JOIN (SELECT * FROM rated WHERE which = 'after') AS n ON n.wanted_id = o.wanted_id AND n.hazard = o.hazard
JOIN wanted AS w ON w.id = coalesce(n.wanted_id, o.wanted_id)
ORDER BY w.km_from, coalesce(n.hazard, o.hazard) <> 'all', coalesce(n.hazard, o.hazard)
"""
