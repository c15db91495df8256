"""The queue of jobs in the catalogue's own database: put in, listed, tried again, taken out, and brought back from the dead.

Procrastinate keeps and hands out the jobs; what is here writes through the caller's connection, so that a job is
there exactly when what it follows from is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from procrastinate import PsycopgConnector
from sqlalchemy import Connection, text

from hazard_db.connect import CONNECT_TIMEOUT_S
from hazard_db.errors import ConflictError, NotFoundError

HEARTBEAT_S = 5.0
"""A worker tells so often that it lives."""
DEAD_AFTER_S = 20.0
"""A worker that has been silent for so long is taken for dead, and its jobs are given to others."""
MOST_ATTEMPTS = 25
"""A job that fell so often, or took its worker with it, waits for a person."""
URGENT, ORDINARY, LATER = 10, 0, -10
NEAR_M = 20_000.0
"""New imagery so near to an open alert goes first."""
KEPT_DAYS, KEPT_TICKS_H = 30, 1
"""Finished jobs, and those that only come round again and again, stay listed for so long."""
TICKS = "ticks"
"""Queue of the jobs that come round."""


@dataclass(frozen=True)
class JobView:
    """A job as people see it."""

    id: int
    task: str
    status: str
    """`todo`, `doing`, `succeeded`, `failed`, `cancelled`, `aborted`."""
    subject: str
    """What it is about."""
    lock: str | None
    priority: int
    attempts: int
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    share: float | None
    """How much of it is done, 0-1."""
    note: str | None
    """What it is doing, or why it fell."""
    stalled: bool
    """It is under way, and its worker has been silent for DEAD_AFTER_S: soon it is given to another one."""


@dataclass(frozen=True)
class Backlog:
    """The queue at a glance."""

    waiting: int
    under_way: int
    failed: int
    oldest_due_s: float
    """How long the longest waiting of those that could start has waited, seconds."""
    workers: int
    """That live."""


def connector(url: str, connections: int) -> PsycopgConnector:
    """Return procrastinate's way to the database at `url`; nothing is connected yet."""
    # of one size: a pool that grows leaves half-made connections behind where it is closed meanwhile
    return PsycopgConnector(
        conninfo=url, min_size=connections, max_size=connections, timeout=CONNECT_TIMEOUT_S,
        kwargs={"application_name": "kkh worker", "connect_timeout": CONNECT_TIMEOUT_S},
    )  # fmt: skip


def defer(
    conn: Connection,
    task: str,
    args: Mapping[str, Any],
    *,
    key: str,
    lock: str | None = None,
    priority: int = ORDINARY,
    queue: str = "default",
) -> int | None:
    """Return the number of a new job; None where one of this key waits or is under way already.

    Parameters
    ----------
    lock
        Jobs of one lock are done one after the other, on all machines together.
    """
    row = conn.execute(
        text("""INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
                SELECT :queue, :task, :priority, :lock, :key, CAST(:args AS jsonb)
                WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = :key AND status IN ('todo', 'doing'))
                ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING RETURNING id"""),
        {"queue": queue, "task": task, "priority": priority, "lock": lock, "key": key, "args": json.dumps(dict(args))},
    ).one_or_none()
    return None if row is None else int(row.id)


def gather(
    conn: Connection, task: str, args: Mapping[str, Any], *, into: str, lock: str, priority: int = ORDINARY
) -> int | None:
    """Return the number of the job that does this, together with what waits of the same lock if anything does.

    Parameters
    ----------
    into
        Name of the argument, a list, that is added to; what `args` has of it is added.
    """
    joined = conn.scalar(
        text("""UPDATE procrastinate_jobs SET priority = greatest(priority, :priority),
                    args = jsonb_set(args, ARRAY[:into], (SELECT jsonb_agg(DISTINCT one) FROM jsonb_array_elements(
                        (args -> :into) || CAST(:more AS jsonb)) AS one))
                WHERE id = (SELECT id FROM procrastinate_jobs
                    WHERE lock = :lock AND task_name = :task AND status = 'todo' AND args ? :into
                    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING id"""),
        {"into": into, "more": json.dumps(args[into]), "lock": lock, "task": task, "priority": priority},
    )
    if joined is not None:
        return int(joined)
    return defer(conn, task, args, key=f"{task} {lock} {args[into][0]}", lock=lock, priority=priority)


def urgency(conn: Connection, geojson: Mapping[str, Any]) -> int:
    """Return the priority of imagery of an area (EPSG:4326): alerts that are open near by put it first."""
    near = conn.scalar(
        text("""SELECT EXISTS (SELECT FROM alert WHERE state IN ('open', 'acknowledged', 'escalated')
                AND ST_DWithin(geom::geography, ST_SetSRID(ST_GeomFromGeoJSON(:area), 4326)::geography, :near_m))"""),
        {"area": json.dumps(geojson), "near_m": NEAR_M},
    )
    return URGENT if near else ORDINARY


def jobs(conn: Connection, *, status: str | None = None, limit: int = 100, ticks: bool = False) -> list[JobView]:
    """Return jobs: under way, failed and waiting ones first, then what was finished last."""
    rows = conn.execute(
        text(_LIST), {"status": status, "limit": limit, "ticks": ticks, "tick_queue": TICKS, "dead_s": DEAD_AFTER_S}
    )
    return [JobView(**row) for row in rows.mappings()]


def backlog(conn: Connection) -> Backlog:
    """Return how the queue stands, without the jobs that only come round."""
    row = conn.execute(text(_BACKLOG), {"ticks": TICKS, "dead_s": DEAD_AFTER_S}).mappings().one()
    return Backlog(**row)


def startable(conn: Connection) -> bool:
    """Return whether a job waits that is due, perhaps for another one of its lock to end; those that come round aside."""
    return bool(
        conn.scalar(
            text("""SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queue_name <> :ticks
                    AND coalesce(scheduled_at <= now(), true))"""),
            {"ticks": TICKS},
        )
    )


def retry(conn: Connection, job_id: int) -> None:
    """Let a job that fell be tried again at once, with as many attempts as a new one.

    Raises
    ------
    NotFoundError
        There is no such job.
    ConflictError
        It did not fall, or the same work waits already.
    """
    status = _status(conn, job_id)
    changed = conn.execute(
        text("""UPDATE procrastinate_jobs AS j SET status = 'todo', attempts = 0, scheduled_at = NULL, abort_requested = false
                WHERE id = :id AND status IN ('failed', 'cancelled', 'aborted') AND NOT EXISTS (
                    SELECT FROM procrastinate_jobs AS o WHERE o.queueing_lock = j.queueing_lock AND o.status IN ('todo', 'doing'))"""),
        {"id": job_id},
    )
    if not changed.rowcount:
        raise ConflictError(
            f"job {job_id} is {status}, or the same work waits already; only jobs that fell are tried again"
        )


def cancel(conn: Connection, job_id: int) -> str:
    """Return what became of a job that is not wanted: `cancelled`, or `stopping` where it is under way.

    Raises
    ------
    NotFoundError
        There is no such job.
    ConflictError
        It has ended.
    """
    status = _status(conn, job_id)
    if status not in {"todo", "doing"}:
        raise ConflictError(f"job {job_id} has ended already ({status})")
    conn.execute(text("SELECT procrastinate_cancel_job_v1(:id, true, false)"), {"id": job_id})
    return "cancelled" if status == "todo" else "stopping"


def note(conn: Connection, job_id: int, line: str, share: float | None) -> bool:
    """Return whether somebody wants the job to end, after keeping what it is doing."""
    return bool(
        conn.scalar(
            text("""INSERT INTO job_note (job_id, line, share) SELECT :id, :line, :share
                    WHERE EXISTS (SELECT FROM procrastinate_jobs WHERE id = :id)
                    ON CONFLICT (job_id) DO UPDATE SET line = excluded.line, share = excluded.share, noted_at = now()
                    RETURNING (SELECT abort_requested FROM procrastinate_jobs WHERE id = :id)"""),
            {"id": job_id, "line": line[:500], "share": share},
        )
    )


def recover(conn: Connection) -> list[int]:
    """Return the jobs brought back of workers that died: put in again, or failed where that went on for too long."""
    dead = conn.execute(text(_DEAD), {"dead_s": DEAD_AFTER_S}).all()
    for row in dead:
        if row.attempts >= MOST_ATTEMPTS or row.abort_requested:
            conn.execute(text("SELECT procrastinate_finish_job_v1(:id, 'failed', false)"), {"id": row.id})
        elif row.doubled:  # the same work waits already: it is done there
            conn.execute(text("SELECT procrastinate_finish_job_v1(:id, 'aborted', false)"), {"id": row.id})
        else:
            conn.execute(text("SELECT procrastinate_retry_job_v2(:id, now(), NULL, NULL, NULL)"), {"id": row.id})
    return [row.id for row in dead]


def tidy(conn: Connection) -> int:
    """Return how many finished jobs were removed from the list; those that failed stay for a person to see."""
    done = conn.execute(text(_TIDY), {"ticks": TICKS, "hours": KEPT_TICKS_H, "days": KEPT_DAYS})
    return int(done.rowcount)


def _status(conn: Connection, job_id: int) -> str:
    status = conn.scalar(text("SELECT status::text FROM procrastinate_jobs WHERE id = :id FOR UPDATE"), {"id": job_id})
    if status is None:
        raise NotFoundError(f"there is no job {job_id}; `kkh jobs list` shows them")
    return str(status)


_LIST = """
SELECT j.id, j.task_name AS task, j.status::text AS status, coalesce(j.args ->> 'subject', '') AS subject, j.lock,
       j.priority, j.attempts, e.created_at, e.started_at,
       CASE WHEN j.status IN ('todo', 'doing') THEN NULL ELSE e.last_at END AS ended_at,
       CASE WHEN j.status = 'todo' THEN j.scheduled_at END AS due_at, n.share, n.line AS note,
       j.status = 'doing' AND coalesce(w.last_heartbeat < now() - make_interval(secs => :dead_s), true) AS stalled
FROM procrastinate_jobs AS j LEFT JOIN job_note AS n ON n.job_id = j.id
LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
CROSS JOIN LATERAL (
    SELECT min(at) AS created_at, max(at) FILTER (WHERE type = 'started') AS started_at, max(at) AS last_at
    FROM procrastinate_events WHERE job_id = j.id) AS e
WHERE (CAST(:status AS text) IS NULL OR j.status::text = :status) AND (:ticks OR j.queue_name <> :tick_queue)
ORDER BY CASE j.status WHEN 'doing' THEN 0 WHEN 'failed' THEN 1 WHEN 'todo' THEN 2 ELSE 3 END,
         CASE WHEN j.status = 'todo' THEN -j.priority ELSE 0 END,
         CASE WHEN j.status = 'todo' THEN j.id ELSE -j.id END
LIMIT :limit
"""
_BACKLOG = """
SELECT count(*) FILTER (WHERE status = 'todo') AS waiting, count(*) FILTER (WHERE status = 'doing') AS under_way,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       coalesce(extract(epoch FROM now() - min(greatest(j.scheduled_at, e.at))
           FILTER (WHERE status = 'todo' AND coalesce(j.scheduled_at <= now(), true))), 0)::float8 AS oldest_due_s,
       (SELECT count(*) FROM procrastinate_workers
           WHERE last_heartbeat > now() - make_interval(secs => :dead_s)) AS workers
FROM procrastinate_jobs AS j
LEFT JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events WHERE job_id = j.id AND j.status = 'todo') AS e ON true
WHERE queue_name <> :ticks AND status IN ('todo', 'doing', 'failed')
"""
_DEAD = """
SELECT j.id, j.attempts, j.abort_requested, EXISTS (
    SELECT FROM procrastinate_jobs AS o
    WHERE o.queueing_lock = j.queueing_lock AND o.status = 'todo' AND o.id <> j.id) AS doubled
FROM procrastinate_jobs AS j LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => :dead_s))
FOR UPDATE OF j SKIP LOCKED
"""
_TIDY = """
DELETE FROM procrastinate_jobs AS j
WHERE (queue_name = :ticks AND status NOT IN ('todo', 'doing') OR status IN ('succeeded', 'cancelled', 'aborted'))
  AND (SELECT max(at) FROM procrastinate_events WHERE job_id = j.id)
      < now() - CASE WHEN queue_name = :ticks THEN make_interval(hours => :hours) ELSE make_interval(days => :days) END
"""
