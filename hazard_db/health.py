"""Whether the system is well: what came in last, what waits, what fell, and who has fallen silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hazard_db import checkup, connect, queue, schema
from hazard_db.errors import HazardError
from hazard_db.queue import Backlog
from hazard_db.triggers import sources
from hazard_db.triggers.sources import SourceState

CLOCK_S = 60.0
"""Clocks of this machine and the database further apart than this: news is taken for old, or for the future."""
NO_WORKER = "no worker is alive; start `kkh worker`"
LATE_S = 3600.0
"""Work that could start and has waited for so long is late."""
PATIENCE_S = 3
"""So long is waited for a database that should be told well or not."""


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
    backlog: Backlog | None
    """None = the catalogue could not be asked, and neither about what follows."""
    items_waiting: int | None
    """Of archives, met and not yet taken."""
    items_failed: int | None
    lag_h: float | None
    """Median hours from the picture to its scene in the catalogue, of pictures of the last 30 days; None = there are none."""
    silent: tuple[SourceState, ...]
    free_mb: float
    least_free_mb: float
    troubles: tuple[str, ...]
    """What makes it unwell; empty = well."""


def ask(url: str, *, free_mb: float, least_free_mb: float) -> Health:
    """Return how the system stands, after a few seconds at most also where the database does not answer."""
    source = connect.engine(url, pool_size=1, patience_s=PATIENCE_S)
    try:
        with connect.transaction(source) as conn:
            stands = schema.stand(conn)
            if not stands.current:
                problem = (
                    f"the catalogue has schema version {stands.present}, not {stands.needed}; run `kkh db migrate`"
                )
                return unreachable(problem, free_mb=free_mb, least_free_mb=least_free_mb)
            return look(conn, free_mb=free_mb, least_free_mb=least_free_mb)
    except HazardError as error:
        return unreachable(str(error), free_mb=free_mb, least_free_mb=least_free_mb)
    except DBAPIError as error:
        line = str(error.orig).partition("\n")[0]
        return unreachable(
            f"the database answers too late or not: {line}", free_mb=free_mb, least_free_mb=least_free_mb
        )
    finally:
        source.dispose()


def unreachable(problem: str, *, free_mb: float, least_free_mb: float) -> Health:
    """Return what can be told without the catalogue."""
    troubles = (problem, *_no_room(free_mb, least_free_mb))
    return Health((), None, None, None, None, (), round(free_mb), least_free_mb, troubles)


def _no_room(free_mb: float, least_free_mb: float) -> list[str]:
    return [f"only {free_mb:.0f} MB are free, {least_free_mb:.0f} are needed"] if free_mb < least_free_mb else []


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
        *([NO_WORKER] if backlog.workers == 0 else []),
        *([f"{backlog.failed} jobs failed; see `kkh jobs list --status failed`"] if backlog.failed else []),
        *([f"work has waited for {backlog.oldest_due_s / 3600:.1f} h"] if backlog.oldest_due_s > LATE_S else []),
        *_no_room(free_mb, least_free_mb),
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
FROM scene WHERE acquired_at > now() - interval '30 days'
"""
