"""The worker: what has to be done again and again, each job safe to repeat and to do in several processes at once."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from alerts.deliver import deliver_due
from alerts.settings import AlertSettings, load_alert_settings
from api.settings import ApiSettings
from hazard_db import alerts, connect, database, risk, scenes
from hazard_db.connect import Engine
from hazard_db.errors import HazardError

log = logging.getLogger("api.jobs")

ACTOR = "worker"
TICK_S = 0.5
LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True)
class Tools:
    """What a job works with."""

    engine: Engine
    alerts: AlertSettings


@dataclass(frozen=True)
class Job:
    """Something to do every so often."""

    act: Callable[[Tools], None]
    every_s: float


def deliver(tools: Tools) -> None:
    """Send the messages that are due."""
    for line in deliver_due(tools.engine, tools.alerts).errors:
        log.warning("%s", line)


def expire(tools: Tools) -> None:
    """Close the alerts that have come to their end."""
    with connect.transaction(tools.engine) as conn:
        connect.actor(conn, ACTOR)
        alerts.expire_due(conn)


def rate(tools: Tools) -> None:
    """Bring the ratings up to date: they age, and records have come in."""
    with connect.transaction(tools.engine) as conn:
        if scenes.try_lock(conn, "job: rate"):
            connect.actor(conn, ACTOR)
            risk.update(conn)


JOBS: Mapping[str, Job] = {"deliver": Job(deliver, 5.0), "expire": Job(expire, 60.0), "rate": Job(rate, 900.0)}


def work(settings: ApiSettings, *, concurrency: int = 4) -> None:
    """Do the jobs until SIGINT or SIGTERM; the ones under way are finished first."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _loop(settings, ended, concurrency)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def working(settings: ApiSettings) -> Iterator[None]:
    """Do the jobs in a thread for as long as the context lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=_loop, args=(settings, ended, len(JOBS)), name="worker")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _loop(settings: ApiSettings, ended: threading.Event, concurrency: int) -> None:
    engine = connect.engine(database.url(settings.database, "app"))
    tools = Tools(engine, load_alert_settings())
    try:
        with ThreadPoolExecutor(concurrency, "job") as pool:
            turns = {name: _Turn(name, job) for name, job in JOBS.items()}
            while not ended.is_set():
                for turn in turns.values():
                    if turn.is_due():
                        turn.running = True
                        pool.submit(turn.take, tools)
                ended.wait(TICK_S)
    finally:
        engine.dispose()


class _Turn:
    """When a job is next; after a failure it waits longer each time."""

    def __init__(self, name: str, job: Job) -> None:
        self.name, self.job = name, job
        self.next_at, self.failures, self.running = 0.0, 0, False

    def is_due(self) -> bool:
        return not self.running and time.monotonic() >= self.next_at

    def take(self, tools: Tools) -> None:
        pause = self.job.every_s
        try:
            self.job.act(tools)
            self.failures = 0
        except HazardError as error:
            log.warning("%s: %s; tried again later", self.name, error)
            pause = self._longer()
        except Exception:
            # a worker outlives a fault in one job
            log.exception("%s failed; tried again later", self.name)
            pause = self._longer()
        finally:
            self.next_at, self.running = time.monotonic() + pause, False

    def _longer(self) -> float:
        self.failures += 1
        return float(min(LONGEST_PAUSE_S, self.job.every_s * 2 ** min(self.failures, 10)))
