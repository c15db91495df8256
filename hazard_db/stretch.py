"""All that the catalogue knows of a stretch of road: what an engineer asks of it, on a screen and on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import alerts, changes, corridor, deformation, fieldbook, ledger, register
from hazard_db.alerts import AlertRecord
from hazard_db.corridor import SegmentRow
from hazard_db.errors import OutsideCorridorError
from hazard_db.search import Window

LONG_KM = 60.0
"""Of longer stretches only the points that stand for those around them are looked at."""
LISTED = 200
NEAR_DEG = 0.004
"""About 400 m: points of ground motion so near to the road are told of it."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """Which stretch, as whom, and how it is narrowed."""

    km_from: float
    km_to: float
    inside: bool
    """Also what is not published."""
    on: date | None = None
    """What was known at the end of that day (UTC); None = now."""
    since: date | None = None
    """Records that are dated from this day on."""
    hazard: str | None = None

    @property
    def moment(self) -> datetime | None:
        """Return the end of the day."""
        return None if self.on is None else datetime.combine(self.on + timedelta(days=1), time(), UTC)

    @property
    def window(self) -> Window:
        """Return the filters of lists."""
        since = datetime.combine(self.since, time(), UTC) if self.since else None
        return Window(self.km_from, self.km_to, kind=self.hazard, since=since, until=self.moment, limit=LISTED)


@dataclass(frozen=True)
class Stretch:
    """What is known of a stretch."""

    asked: Asked
    segments: Sequence[SegmentRow]
    ratings: Mapping[tuple[int, str], Row]
    """(segment, hazard) -> score, grade, confidence, contributions, rated_at, weights_version."""
    looks: Sequence[Row]
    """Per segment and kind of detection: last_look with the share that it saw and what hid the rest, and last_good_look."""
    views: Sequence[Row]
    """Per segment and displacement set: shares that the radar sees, and that lie in layover and shadow."""
    points: Mapping[int, Row]
    """Segment -> how many points of ground motion were measured, and the fastest of them."""
    areas: Sequence[Row]
    counts: Mapping[int, int]
    """Segment -> observations."""
    observations: Sequence[Row]
    sites: Sequence[Row]
    events: Sequence[Row]
    changes: Sequence[Row]
    alerts: Sequence[AlertRecord]
    closures: Sequence[Row]
    works: Sequence[Row]
    structures: Sequence[Row]
    places: Sequence[tuple[float, str]] = field(default=())

    @property
    def hazards(self) -> list[str]:
        """Return the hazards that are rated here, the worst first."""
        worst: dict[str, float] = {}
        for (_, hazard), rating in self.ratings.items():
            worst[hazard] = max(worst.get(hazard, 0.0), rating["score"])
        return sorted(
            (name for name in worst if name != "all" and worst[name] > 0), key=lambda name: (-worst[name], name)
        )

    def rating(self, segment: SegmentRow) -> Row | None:
        """Return the rating of a segment for the hazard that is asked for, or for all together."""
        return self.ratings.get((segment.id, self.asked.hazard or "all"))

    @property
    def blank(self) -> bool:
        """Whether nothing is recorded of it and nobody has looked."""
        seen = any(look["last_look"] for look in self.looks) or self.points or self.views
        recorded = (
            self.areas,
            self.counts,
            self.sites,
            self.events,
            self.changes,
            self.alerts,
            self.closures,
            self.works,
        )
        return not seen and not any(recorded) and all(not rating["score"] for rating in self.ratings.values())


def read(conn: Connection, visitor: Connection, asked: Asked) -> Stretch:
    """Return what is known of a stretch.

    Parameters
    ----------
    visitor
        A connection that can see what the visitor may.

    Raises
    ------
    OutsideCorridorError
        The road has no kilometre there.
    """
    segments = corridor.segments(conn, asked.km_from, asked.km_to)
    if not segments:
        raise OutsideCorridorError(f"the road has no kilometre between {asked.km_from:g} and {asked.km_to:g}")
    window, published, stretch = asked.window, not asked.inside, (asked.km_from, asked.km_to)
    ends = {"km_from": asked.km_from, "km_to": asked.km_to}
    booked = replace(window, kind=None)
    return Stretch(
        asked, segments, ratings(conn, asked),
        looks=changes.last_looks(conn, *stretch, on=asked.on),
        views=deformation.segment_views(conn, *stretch),
        points=_points(conn, asked),
        areas=_areas(conn, asked),
        counts=_counts(visitor, asked, segments),
        observations=fieldbook.list_observations(visitor, window, published=published),
        sites=register.list_sites(visitor, replace(window, since=None, until=None), published=published),
        events=register.list_events(visitor, window, published=published),
        changes=_changes(conn, asked),
        alerts=alerts.list_alerts(conn, state="live", scope=None if asked.inside else "Public", km=stretch, limit=LISTED),
        closures=ledger.entries(visitor, ledger.CLOSURES, booked, published=published),
        works=ledger.entries(visitor, ledger.WORKS, booked, published=published),
        structures=ledger.structures(conn, *stretch),
        places=[(row[0], row[1]) for row in conn.execute(text(_PLACES), ends)],
    )  # fmt: skip


def _counts(visitor: Connection, asked: Asked, segments: Sequence[SegmentRow]) -> dict[int, int]:
    """Return how many observations each segment has; of those without any nothing is told."""
    table = "observation" if asked.inside else "published.observations"
    values = {
        "numbers": [one.id for one in segments], "firsts": [one.km_from for one in segments], "lasts": [one.km_to for one in segments],
        "since": asked.window.since, "moment": asked.moment, "kind": asked.hazard,
    }  # fmt: skip
    return {row.id: row.n for row in visitor.execute(text(_COUNTS.format(table=table)), values)}


def ratings(conn: Connection, asked: Asked) -> dict[tuple[int, str], Row]:
    """Return the ratings of a stretch as they stand, or stood at the end of a day."""
    rows = conn.execute(text(_RATINGS), {"km_from": asked.km_from, "km_to": asked.km_to, "moment": asked.moment})
    return {(row.segment_id, row.hazard): dict(row._mapping) for row in rows}


def _areas(conn: Connection, asked: Asked) -> list[Row]:
    found = deformation.list_areas(conn, include_unreviewed=asked.inside, km=(asked.km_from, asked.km_to), limit=LISTED)
    return [one for one in found if asked.on is None or one["first_date"] <= asked.on]


def _changes(conn: Connection, asked: Asked) -> list[Row]:
    found = changes.list_changes(
        conn, include_unreviewed=asked.inside, km_from=asked.km_from, km_to=asked.km_to, limit=LISTED
    )
    return [
        one for one in found
        if one["status"] != "false_alarm"
        and (asked.on is None or one["first_date"] <= asked.on)
        and (asked.since is None or one["last_date"] >= asked.since)
        and (asked.hazard is None or one["kind"] == asked.hazard)
    ]  # fmt: skip


def _points(conn: Connection, asked: Asked) -> dict[int, Row]:
    """Return how many points each segment has, and the fastest of them; of long stretches from the points that stand for others."""
    thinned = asked.km_to - asked.km_from > LONG_KM
    rows = conn.execute(
        text(_POINTS.format(thinned="AND p.min_zoom <= 11" if thinned else "")),
        {"km_from": asked.km_from, "km_to": asked.km_to, "near": NEAR_DEG},
    )
    return {row.id: {**row._mapping, "thinned": thinned} for row in rows}


_RATINGS = """
SELECT r.segment_id, r.hazard, r.score, r.grade, r.confidence, r.contributions, r.rated_at, r.weights_version
FROM risk_rating AS r JOIN segment AS s ON s.id = r.segment_id
WHERE s.alignment_id = current_alignment() AND s.km_to > :km_from AND s.km_from < :km_to
  AND (CASE WHEN CAST(:moment AS timestamptz) IS NULL THEN r.superseded_at IS NULL
            ELSE r.rated_at < :moment AND (r.superseded_at IS NULL OR r.superseded_at >= :moment) END)
ORDER BY r.id
"""
_COUNTS = """
SELECT s.id, seen.n FROM unnest(CAST(:numbers AS bigint[]), CAST(:firsts AS float8[]), CAST(:lasts AS float8[])) AS s(id, first, last)
CROSS JOIN LATERAL (  -- a join would compare every observation with every segment
    SELECT count(*) AS n FROM {table} AS o
    WHERE o.chainage_km >= s.first AND o.chainage_km < s.last AND o.review_status <> 'rejected'
      AND (CAST(:kind AS text) IS NULL OR o.kind = :kind)
      AND (CAST(:since AS timestamptz) IS NULL OR o.observed_at >= :since)
      AND (CAST(:moment AS timestamptz) IS NULL OR o.observed_at < :moment)
) AS seen
WHERE seen.n > 0
"""
_POINTS = """
SELECT s.id, near.n, near.fastest FROM segment AS s CROSS JOIN LATERAL (
    SELECT count(*) AS n, (array_agg(p.velocity_mm_yr ORDER BY abs(p.velocity_mm_yr) DESC NULLS LAST))[1] AS fastest
    FROM displacement_point AS p WHERE p.geom && ST_Expand(s.geom, :near) AND ST_DWithin(p.geom, s.geom, :near) {thinned}
) AS near
WHERE s.alignment_id = current_alignment() AND s.km_to > :km_from AND s.km_from < :km_to AND near.n > 0
"""
_PLACES = """
SELECT chainage_km, place FROM calibration_point WHERE alignment_id = current_alignment() AND chainage_km BETWEEN :km_from AND :km_to
ORDER BY chainage_km
"""
