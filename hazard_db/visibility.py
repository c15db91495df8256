"""When imagery showed each stretch of the road clearly for the last time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from hazard_db.risk import GOOD_SHARE


@dataclass(frozen=True)
class GoodLook:
    """How long ago a segment of the present road was seen."""

    km_from: float
    km_to: float
    first_look: date
    """When anything was taken of it for the first time, clouds or not."""
    last_good_look: date | None
    """None where nothing has shown it clearly yet."""


def last_good_looks(conn: Connection) -> list[GoodLook]:
    """Return each segment that imagery was ever taken of, along the road; what no run has covered is not among them."""
    rows = conn.execute(
        text("""SELECT s.km_from, s.km_to, min(v.observed_on) AS first_look,
                       max(v.observed_on) FILTER (WHERE v.share >= :good) AS last_good_look
                FROM segment AS s JOIN visibility AS v ON v.segment_id = s.id AND v.covered_share > 0
                WHERE s.alignment_id = current_alignment() GROUP BY s.id, s.km_from, s.km_to ORDER BY s.km_from"""),
        {"good": GOOD_SHARE},
    )
    return [GoodLook(**row._mapping) for row in rows]
