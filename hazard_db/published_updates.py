"""What changed among the published features since a moment: ids, so that a copy elsewhere can follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

FEEDS = (
    "observations", "sites", "events", "scenes", "changes", "alerts", "glaciers", "glacier_outlines", "termini", "lakes",
    "lake_outlines", "cascades", "displacement_sets", "deformation_areas", "closures", "works",
    "structures",
)  # fmt: skip
"""Collections that have a feed: those whose every write is in the log."""


@dataclass(frozen=True)
class Update:
    """The newest thing that happened to a feature."""

    feature_id: str
    action: str
    """upsert: it is there, new or different; removed: it is no longer published."""
    changed_at: datetime


def since(conn: Connection, collection: str, moment: datetime, most: int) -> list[Update]:
    """Return the updates after `moment`, earliest first; a few more than `most` where they happened at the very same moment.

    The `changed_at` of the last one is the `moment` of the next call: nothing is left out, whatever is being written meanwhile.
    """
    statement = text("SELECT feature_id, action, changed_at FROM published_updates(:collection, :moment, :most)")
    rows = conn.execute(statement, {"collection": collection, "moment": moment, "most": most})
    return [Update(row.feature_id, row.action, row.changed_at) for row in rows]
