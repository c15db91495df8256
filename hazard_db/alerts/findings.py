"""What a trigger says of the road: the one form in which rain, earthquakes, instruments and silence reach the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text

from hazard_db.errors import InputError

TriggerKind = Literal["rain", "earthquake", "sensor", "bulletin", "blind", "silent"]
KINDS: tuple[TriggerKind, ...] = ("rain", "earthquake", "sensor", "bulletin", "blind", "silent")
MEASURES: Mapping[str, tuple[str, ...]] = {
    "rain": ("rain_mm", "window_h", "percentile", "intensity_ratio", "observed_share"),
    "earthquake": ("mmi", "magnitude", "depth_km", "pga_pct_g"),
    "sensor": ("level", "value", "rise_per_h"),
    "bulletin": ("level",),
    "blind": ("days",),
    "silent": ("hours",),
}
"""What rules may ask of each; `level` is 1 (watch or green), 2 (warning or orange) or 3 (danger or red)."""


@dataclass(frozen=True)
class Finding:
    """What a source says of a stretch of road at a time; the same key later is the same thing looked at again."""

    key: str
    """Of this thing for ever, such as `rain/434` (a segment), `earthquake/us7000abcd`, `sensor/PASSU-1`, `silent/imerg`."""
    kind: TriggerKind
    source: str
    """Who says so, such as `GPM IMERG early`: two sources of one thing make it likely."""
    acquired_at: datetime
    """Of the measurement, not of its arrival; timezone-aware."""
    km_from: float | None
    km_to: float | None
    """Where it concerns the current road; both None = the whole road."""
    confidence: float = 1.0
    measures: Mapping[str, float] = field(default_factory=dict)
    """Numbers that rules ask for and texts tell, named as in MEASURES, their units in their names."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Words that texts tell: `name` of an instrument, place or source, `unit` of a value, `title` of a bulletin."""
    shows: bool = True
    """False: the source looked and it is over, or was never there: counts towards the end of an alert."""
    geometry: Mapping[str, Any] | None = None
    """GeoJSON, EPSG:4326, where the place is not the road itself; None = the road from `km_from` to `km_to`."""

    def __post_init__(self) -> None:
        """Check what a caller could get wrong.

        Raises
        ------
        InputError
            A field cannot be used.
        """
        if self.acquired_at.tzinfo is None:
            raise InputError(f"finding {self.key}: acquired_at has no time zone")
        if not 0 <= self.confidence <= 1:
            raise InputError(f"finding {self.key}: confidence {self.confidence} is not between 0 and 1")
        if (self.km_from is None) != (self.km_to is None):
            raise InputError(f"finding {self.key}: give both kilometres or none")
        if self.km_from is not None and self.km_to is not None and self.km_from > self.km_to:
            raise InputError(f"finding {self.key}: km {self.km_from:g} to {self.km_to:g} runs backwards")


def store_findings(conn: Connection, findings: Sequence[Finding]) -> list[int]:
    """Return the numbers of what was found, each once, ascending; every look is kept, the newest one is what is told.

    A look that says that nothing is there begins nothing: it counts only where something was found before.

    Raises
    ------
    InputError
        A stretch lies beyond the current road.
    """
    if not findings:
        return []
    given = json.dumps([_plain(finding) for finding in findings])
    begun = [one for one in findings if one.shows]
    placed = conn.execute(text(_BEGIN), {"given": json.dumps([_plain(one) for one in begun])}).all()
    for row in placed:
        if row.id is None:
            raise InputError(f"finding {row.key}: km {row.km_from} to {row.km_to} is not on the current road")
    conn.execute(text(_LOOKS), {"given": given})
    return list(conn.scalars(text(_NEWEST), {"given": given}))


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        **{
            name: getattr(finding, name)
            for name in ("key", "kind", "source", "km_from", "km_to", "confidence", "shows")
        },
        "measures": dict(finding.measures),
        "labels": dict(finding.labels),
        "geometry": None if finding.geometry is None else dict(finding.geometry),
        "acquired_at": finding.acquired_at.isoformat(),
    }


_GIVEN = """jsonb_to_recordset(CAST(:given AS jsonb)) AS g(key text, kind text, source text, km_from float8, km_to float8,
    confidence float8, shows boolean, measures jsonb, labels jsonb, geometry jsonb, acquired_at timestamptz)"""

# The stretch is cut out of the segments, so that a rainy kilometre is a kilometre and not its neighbours too.
_BEGIN = f"""
WITH given AS (SELECT DISTINCT ON (key) g.*, min(acquired_at) OVER (PARTITION BY key) AS first_at FROM {_GIVEN}
               ORDER BY key, acquired_at DESC),
placed AS (
    SELECT given.*, coalesce(ST_SetSRID(ST_GeomFromGeoJSON(geometry), 4326), (
        SELECT ST_LineMerge(ST_Union(ST_LineSubstring(s.geom,
                   least(1, greatest(0, (coalesce(given.km_from, s.km_from) - s.km_from) / (s.km_to - s.km_from))),
                   least(1, greatest(0, (coalesce(given.km_to, s.km_to) - s.km_from) / (s.km_to - s.km_from))))))
        FROM segment AS s WHERE s.alignment_id = current_alignment()
          AND (given.km_from IS NULL OR (s.km_to >= given.km_from AND s.km_from <= given.km_to)))) AS geom
    FROM given
), stored AS (
    INSERT INTO finding (key, kind, source, confidence, measures, labels, first_at, last_at, geom)
    SELECT key, kind, source, confidence, measures, labels, first_at, acquired_at, geom FROM placed
    WHERE geom IS NOT NULL
    ON CONFLICT (key) DO UPDATE SET first_at = least(finding.first_at, excluded.first_at),
        geom = CASE WHEN excluded.last_at >= finding.last_at THEN excluded.geom ELSE finding.geom END
    RETURNING id, key
)
SELECT placed.key, placed.km_from, placed.km_to, stored.id FROM placed LEFT JOIN stored USING (key)
"""

_LOOKS = f"""
INSERT INTO finding_look (finding_id, acquired_at, shows, measures)
SELECT DISTINCT ON (f.id, g.acquired_at) f.id, g.acquired_at, g.shows, g.measures
FROM {_GIVEN} JOIN finding AS f ON f.key = g.key ORDER BY f.id, g.acquired_at, g.shows DESC
ON CONFLICT (finding_id, acquired_at) DO UPDATE SET shows = excluded.shows, measures = excluded.measures, told_at = clock_timestamp()
WHERE (finding_look.shows, finding_look.measures) IS DISTINCT FROM (excluded.shows, excluded.measures)
"""

# What arrives late does not replace what was measured later.
_NEWEST = f"""
WITH newest AS (
    SELECT DISTINCT ON (f.id) f.id, g.confidence, g.measures, g.labels, g.source, g.acquired_at, g.shows
    FROM {_GIVEN} JOIN finding AS f ON f.key = g.key ORDER BY f.id, g.acquired_at DESC, g.shows DESC
), told AS (
    UPDATE finding AS f SET last_at = newest.acquired_at,
        confidence = CASE WHEN newest.shows THEN newest.confidence ELSE f.confidence END,
        measures = CASE WHEN newest.shows THEN newest.measures ELSE f.measures END,
        labels = f.labels || newest.labels, source = newest.source
    FROM newest WHERE newest.id = f.id AND newest.acquired_at >= f.last_at
)
SELECT id FROM newest ORDER BY id
"""
