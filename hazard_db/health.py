"""Whether the system is well: what came in last, what waits, what fell, and who has fallen silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from hazard_db import checkup, queue
from hazard_db.queue import Backlog
from hazard_db.triggers import sources
from hazard_db.triggers.sources import SourceState

CLOCK_S = 60.0
"""Clocks of this machine and the database further apart than this: news is taken for old, or for the future."""
LATE_S = 3600.0
"""Work that could start and has waited for so long is late."""


@dataclass(frozen=True)
class LastScene:
    """The newest picture of a tile by a sensor."""

    tile: str
    sensor: str
    acquired_at: datetime
    scenes: int


@dataclass(frozen=True)
class Health:
    """The system at a glance."""

    last_scenes: tuple[LastScene, ...]
    """By tile and sensor, the longest unseen first."""
    backlog: Backlog
    items_waiting: int
    """Of archives, met and not yet taken."""
    items_failed: int
    lag_h: float | None
    """Median hours from the picture to its scene in the catalogue, of the last 30 days; None = no scene came in."""
    silent: tuple[SourceState, ...]
    free_mb: float
    least_free_mb: float
    troubles: tuple[str, ...]
    """What makes it unwell; empty = well."""


def look(conn: Connection, *, free_mb: float, least_free_mb: float) -> Health:
    """Return how the system stands."""
    last = tuple(LastScene(**row._mapping) for row in conn.execute(text(_LAST)))
    items = conn.execute(text(_ITEMS)).one()
    backlog = queue.backlog(conn)
    silent = tuple(state for state in sources.states(conn) if state.silent)
    ahead_s = checkup.clock_ahead_s(conn)
    troubles = [
        *(
            [f"this clock is {ahead_s:+.0f} s from the database's; let both follow NTP"]
            if abs(ahead_s) > CLOCK_S
            else []
        ),
        *(["no worker is alive; start `kkh worker`"] if backlog.workers == 0 else []),
        *([f"{backlog.failed} jobs failed; see `kkh jobs list --status failed`"] if backlog.failed else []),
        *([f"work has waited for {backlog.oldest_due_s / 3600:.1f} h"] if backlog.oldest_due_s > LATE_S else []),
        *([f"only {free_mb:.0f} MB are free, {least_free_mb:.0f} are needed"] if free_mb < least_free_mb else []),
        *(f"{one.name} has been silent for {one.silent_s / 3600:.1f} h" for one in silent),
    ]
    return Health(
        last, backlog, items.waiting, items.failed, conn.scalar(text(_LAG)), silent, round(free_mb), least_free_mb,
        tuple(troubles),
    )  # fmt: skip


_LAST = """
SELECT coalesce(grid_tile, '-') AS tile, sensor, max(acquired_at) AS acquired_at, count(*)::int AS scenes
FROM scene WHERE NOT properties ? 'superseded_by' GROUP BY 1, 2 ORDER BY 3, 1, 2
"""
_ITEMS = """
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'failed') AS failed
FROM archive_item
"""
_LAG = """
SELECT (percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM created_at - acquired_at)) / 3600)::float8
FROM scene WHERE created_at > now() - interval '30 days'
"""
