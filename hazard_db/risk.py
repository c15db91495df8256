"""Risk by kilometre: a rating per segment and hazard, each number explained by what it is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.risk_facts import weighed
from hazard_db.risk_reasons import Contribution, capped, contribution
from hazard_db.risk_weights import Weights, load_weights

GOOD_SHARE = 0.7
"""A look that saw this share of a segment's surroundings is a good one."""


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

    @property
    def data_from(self) -> str | None:
        """Date of the oldest data that it rests on."""
        return min(self._dates(), default=None)

    @property
    def data_to(self) -> str | None:
        """Date of the newest data that it rests on."""
        return max(self._dates(), default=None)

    def _dates(self) -> list[str]:
        return [part["date"] for part in self.contributions if part.get("date") and part["source"] != "visibility"]


@dataclass(frozen=True)
class RiskReport:
    """What an update did."""

    segments: int
    changed: int
    """Ratings that differ from the ones before."""
    grades: Mapping[str, int]
    weights_version: str


def update(conn: Connection, on: date | None = None, weights: Weights | None = None) -> RiskReport:
    """Return what changed when every segment was rated from what is in the catalogue now."""
    weights, on = weights or load_weights(), on or date.today()
    segments = conn.execute(text(_SEGMENTS), {"on": on, "good": GOOD_SHARE}).all()
    parts: dict[tuple[int, str], list[Contribution]] = defaultdict(list)
    for fact in weighed(conn, segments, weights, on) if segments else []:
        parts[fact.segment_id, fact.hazard].append(contribution(fact, weights))
    whole: dict[int, list[Contribution]] = defaultdict(list)
    rows = []
    looks = {segment.id: segment for segment in segments}
    for (segment_id, hazard), found in parts.items():
        told = capped(found, hazard, weights)
        whole[segment_id] += told
        rows.append(_rating(looks[segment_id], hazard, told, weights, on))
    rows += [_rating(look, "all", [*whole[look.id], _view(look)], weights, on) for look in segments]
    changed = _store(conn, rows)
    grades = {name: 0 for name in [*weights.grades, "unknown"]}
    for row in rows:
        grades[row["grade"]] += row["hazard"] == "all"
    return RiskReport(len(segments), changed, grades, weights.version)


def show(conn: Connection, km_from: float, km_to: float, hazard: str | None = None) -> list[SegmentRisk]:
    """Return the current ratings of the segments that overlap a stretch, in order, `all` first."""
    rows = conn.execute(
        text("""SELECT s.id AS segment_id, s.km_from, s.km_to, s.place, s.basis, r.hazard, r.score, r.grade, r.confidence,
                       r.contributions, r.rated_at, r.weights_version, v.last_look, v.last_good_look
                FROM segment AS s JOIN risk_rating AS r ON r.segment_id = s.id AND r.superseded_at IS NULL
                LEFT JOIN LATERAL (SELECT max(observed_on) AS last_look,
                                          max(observed_on) FILTER (WHERE share >= :good) AS last_good_look
                                   FROM visibility WHERE segment_id = s.id AND covered_share > 0) AS v ON true
                WHERE s.alignment_id = current_alignment() AND s.km_to > :km_from AND s.km_from < :km_to
                  AND (CAST(:hazard AS text) IS NULL OR r.hazard = :hazard)
                ORDER BY s.km_from, r.hazard <> 'all', r.score DESC, r.hazard"""),
        {"km_from": km_from, "km_to": km_to, "hazard": hazard, "good": GOOD_SHARE},
    )
    return [SegmentRisk(**{**dict(row._mapping), "contributions": tuple(row.contributions)}) for row in rows]


def _view(look: Any) -> Contribution:
    """Return what was seen of the segment: nothing said of ground that nobody saw is not the same as nothing there."""
    good, last = look.last_good_look, look.last_look
    if good:
        told = f"last seen clearly on {good}" + (f"; a later look on {last} saw too little" if last > good else "")
    else:
        told = f"never seen clearly; looked at on {last}" if last else "no detector has looked here"
    return Contribution("visibility", "", "What was seen", 0.0, told, str(good or last) if good or last else None)


def _rating(look: Any, hazard: str, found: Sequence[Contribution], weights: Weights, on: date) -> dict[str, Any]:
    found = sorted(found, key=lambda part: (part.source == "visibility", -part.points, part.source, part.id))
    total = round(sum(part.points for part in found), 1)
    if total > 100:
        over = Contribution("cap", "", "Points beyond 100", round(100 - total, 1), "a rating ends at 100", None)
        found = [*found, over]
    score = min(100.0, total)
    # little known and nothing seen clearly lately is not the same as low: a look into clouds sees nothing
    lately = look.last_good_look is not None and (on - look.last_good_look).days <= weights.confidence.look_expires_days
    return {
        "segment_id": look.id,
        "hazard": hazard,
        "score": score,
        "grade": weights.grade(score) if score >= weights.grades["intermediate"] or lately else "unknown",
        "confidence": _confidence(look, found, weights, on),
        "contributions": [_kept(part) for part in found],
        "weights_version": weights.version,
    }


def _kept(part: Contribution) -> dict[str, Any]:
    return {key: value for key, value in asdict(part).items() if value is not None or key == "date"}


def _confidence(look: Any, found: Sequence[Contribution], weights: Weights, on: date) -> float:
    w = weights.confidence
    seen = look.last_good_look is not None and (on - look.last_good_look).days <= w.good_look_days
    confidence = w.base + (w.good_look if seen else w.any_look if look.last_look else 0)
    confidence += w.reviewed * any(part.reviewed for part in found) + w.surveyed_line * (
        look.basis != "straight infill"
    )
    return float(round(min(1.0, confidence), 2))


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
            {"rows": json.dumps(rows)},
        )
    conn.execute(text("ANALYZE rated"))
    conn.execute(
        text("""UPDATE risk_rating AS old SET superseded_at = now()
                FROM segment AS s
                WHERE s.id = old.segment_id AND s.alignment_id = current_alignment() AND old.superseded_at IS NULL
                  AND NOT EXISTS (SELECT FROM rated AS n
                      WHERE n.segment_id = old.segment_id AND n.hazard = old.hazard
                        AND (n.score, n.grade, n.confidence, n.contributions, n.weights_version)
                          = (old.score, old.grade, old.confidence, old.contributions, old.weights_version))""")
    )
    changed = conn.execute(
        text("""INSERT INTO risk_rating (segment_id, hazard, score, grade, confidence, contributions, weights_version)
                SELECT n.* FROM rated AS n
                WHERE NOT EXISTS (SELECT FROM risk_rating AS r
                    WHERE r.segment_id = n.segment_id AND r.hazard = n.hazard AND r.superseded_at IS NULL)""")
    )
    conn.execute(text("DROP TABLE rated"))
    return changed.rowcount


_SEGMENTS = """
SELECT s.id, s.km_from, s.km_to, s.basis, max(v.observed_on) AS last_look,
       max(v.observed_on) FILTER (WHERE v.share >= :good) AS last_good_look
FROM segment AS s LEFT JOIN visibility AS v ON v.segment_id = s.id AND v.covered_share > 0 AND v.observed_on <= :on
WHERE s.alignment_id = current_alignment() GROUP BY s.id ORDER BY s.km_from
"""
