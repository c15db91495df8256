"""What a worker does: jobs that come round, and jobs that somebody put into the queue; each safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.deliver import deliver_due
from alerts.settings import AlertSettings
from api import archives, imagery, triggering
from api.keeping import KeepSettings, apply
from api.workplace import sweep
from hazard_db import alerts, connect, queue, risk
from hazard_db.connect import Engine
from hazard_db.progress import Progress, silent
from hazard_db.scenes import try_lock
from ingest.imagery import space
from ingest.imagery.remote import ArchiveSettings

log = logging.getLogger("api.jobs")

ACTOR = "worker"


@dataclass(frozen=True)
class Tools:
    """What a job works with."""

    engine: Engine
    alerts: AlertSettings
    home: Path
    tell: Progress = silent
    """Keeps what the job is doing; raises where somebody wants it to end."""


@dataclass(frozen=True)
class Job:
    """Something to do every so often."""

    act: Callable[[Tools], None]
    every_s: float


def deliver(tools: Tools) -> None:
    """Send the messages that are due: what silences kept back until now, reminders, the next in the chain where nobody answers."""
    with connect.transaction(tools.engine) as conn:
        connect.actor(conn, ACTOR)
        alerts.release(conn)
        alerts.remind(conn, tools.alerts.remind_after_h)
        alerts.pass_on(conn)
    for line in deliver_due(tools.engine, tools.alerts).errors:
        log.warning("%s", line)


def listen(tools: Tools) -> None:
    """Tell the rules of alerts who has fallen silent and who speaks again."""
    with connect.transaction(tools.engine) as conn:
        connect.actor(conn, ACTOR)
        triggering.listen(conn, ACTOR)


def look_out(tools: Tools) -> None:
    """Tell the rules of alerts which kilometres nobody has seen clearly for long."""
    with connect.transaction(tools.engine) as conn:
        connect.actor(conn, ACTOR)
        triggering.look_out(conn, ACTOR)


def expire(tools: Tools) -> None:
    """Close the alerts that have come to their end."""
    with connect.transaction(tools.engine) as conn:
        connect.actor(conn, ACTOR)
        alerts.expire_due(conn)


def rate(tools: Tools) -> None:
    """Bring the ratings up to date: they age, and records have come in."""
    with connect.transaction(tools.engine) as conn:
        if try_lock(conn, "job: rate"):
            connect.actor(conn, ACTOR)
            risk.update(conn)


def tidy(tools: Tools) -> None:
    """Take finished jobs off the list, and work off the disk that nobody went on with."""
    for name in sweep(tools.home):
        log.info("removed %s, work that nobody went on with", name)
    with connect.transaction(tools.engine) as conn:
        queue.tidy(conn)


def retain(tools: Tools) -> None:
    """Remove the rasters that have served their time, where a time is set."""
    policy = KeepSettings().policy()
    if not policy.asks_nothing:
        report = apply(tools.engine, tools.home, policy, actor_name=ACTOR)
        log.info("%d rasters removed, %.0f MB", len(report.removed), report.freed_bytes / 1e6)


def ask_archives(tools: Tools) -> None:
    """Put the archives whose turn it is into the queue."""
    archives.ask_all(tools.engine, ArchiveSettings())


def ask(tools: Tools, *, archive: int) -> None:
    """Ask an archive what is new."""
    archives.ask(tools.engine, archive, ArchiveSettings(), tools.tell)


def take(tools: Tools, *, archive: int, key: str, version: str) -> None:
    """Take one scene of an archive in."""
    archives.take(
        tools.engine, tools.home, archive, key, version, settings=ArchiveSettings(), actor_name=ACTOR, tell=tools.tell
    )


def look(tools: Tools, *, kind: str, scenes: Sequence[str] = (), scene: str = "") -> None:
    """Look for what scenes of one place show, where there is room for what is found; jobs of the release before name one."""
    space.require(tools.home)
    imagery.look(tools.engine, tools.home, kind, scenes or [scene], actor_name=ACTOR, progress=tools.tell)


JOBS: Mapping[str, Job] = {
    "deliver": Job(deliver, 5.0),
    "expire": Job(expire, 60.0),
    "listen": Job(listen, 600.0),
    "look_out": Job(look_out, 21_600.0),
    "rate": Job(rate, 900.0),
    "tidy": Job(tidy, 3600.0),
    "retain": Job(retain, 3600.0),
    "archives": Job(ask_archives, 60.0),
}
"""Those that come round: 1-59 s, or whole minutes or hours."""
TASKS: Mapping[str, Callable[..., Any]] = {"ask": ask, "take": take, "look": look}
"""Those that are put into the queue, with their arguments as JSON."""
