"""A worker: takes jobs off the queue until it is told to end, and outlives a database that goes away."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import procrastinate
from procrastinate import JobContext, exceptions
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker

from alerts.settings import AlertSettings
from api.jobs import JOBS, TASKS, Job, Tools
from api.settings import ApiSettings
from hazard_db import connect, database, queue
from hazard_db.errors import HazardError, InputError, SpaceError
from ingest.imagery import space

log = logging.getLogger("api.worker")

POLL_S = 1.0
LONGEST_PAUSE_S = 300
SPACE_PAUSE_S = 60
FIRST_PAUSE_S = 2


class Retry(BaseRetryStrategy):
    """When a job that fell is tried again: never where its input is bad, longer each time where the world is."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        """Return when, or None where a person has to look."""
        if isinstance(exception, SpaceError):
            return RetryDecision(retry_in={"seconds": SPACE_PAUSE_S})
        if isinstance(exception, InputError) or job.attempts >= queue.MOST_ATTEMPTS:
            return None
        return RetryDecision(retry_in={"seconds": min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(job.attempts, 10))})


def work(settings: ApiSettings, *, concurrency: int = 4) -> None:
    """Do jobs until SIGINT or SIGTERM; the ones under way are finished first."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        run(settings, ended, concurrency=concurrency)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def working(settings: ApiSettings, *, concurrency: int = 4) -> Iterator[None]:
    """Do jobs in a thread for as long as the context lasts."""
    ended = threading.Event()
    thread = threading.Thread(target=partial(run, settings, ended, concurrency=concurrency), name="worker")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run(settings: ApiSettings, ended: threading.Event, *, concurrency: int, wait: bool = True) -> None:
    """Do jobs until `ended` is set or, without `wait`, until none is left that could start."""
    url = database.url(settings.database, "app")
    engine = connect.engine(url, pool_size=concurrency + 2)
    tools = Tools(engine, AlertSettings(), settings.home)
    try:
        asyncio.run(_keep_on(url, tools, ended, concurrency, wait=wait))
    finally:
        engine.dispose()


async def _keep_on(url: str, tools: Tools, ended: threading.Event, concurrency: int, *, wait: bool) -> None:
    """Work, and begin again after a pause whenever the database went away."""
    pause = 1.0
    while not ended.is_set():
        try:
            with ThreadPoolExecutor(concurrency, "job") as pool:
                asyncio.get_running_loop().set_default_executor(pool)
                await _work(url, tools, ended, concurrency, wait=wait)
            if wait or not _left(tools):
                return
        except (exceptions.ConnectorException, HazardError, OSError) as error:
            log.warning("the queue cannot be used (%s); tried again", error.__cause__ or error)
        except Exception:
            log.exception("the worker fell; it begins again")
        else:
            continue
        ended.wait(pause)  # nothing else runs in this loop now
        pause = min(pause * 2, 10.0)


async def _work(url: str, tools: Tools, ended: threading.Event, concurrency: int, *, wait: bool) -> None:
    await asyncio.to_thread(connect.check, tools.engine)  # says so at once; the pool would try for half a minute
    app = queue_app(url, tools, concurrency, ticks=wait)
    async with app.open_async():
        worker = Worker(
            app, concurrency=concurrency, wait=wait, listen_notify=wait, install_signal_handlers=False, fetch_job_polling_interval=POLL_S,
            update_heartbeat_interval=queue.HEARTBEAT_S, stalled_worker_timeout=queue.DEAD_AFTER_S,
        )  # fmt: skip
        watch = asyncio.create_task(_watch(worker, ended))
        rescue = asyncio.create_task(_rescue(tools))
        try:
            await worker.run()
        finally:
            for task in (watch, rescue):
                task.cancel()


async def _watch(worker: Worker, ended: threading.Event) -> None:
    while not ended.is_set():
        await asyncio.sleep(0.2)
    worker.stop()


async def _rescue(tools: Tools) -> None:
    """Bring jobs of dead workers back, beside the jobs: long ones must not hold it up."""
    pool = ThreadPoolExecutor(1, "rescue")
    while True:
        try:
            back = await asyncio.get_running_loop().run_in_executor(pool, _recovered, tools)
            if back:
                log.warning("jobs of a worker that died are tried again: %s", ", ".join(map(str, back)))
        except HazardError as error:
            log.warning("%s", error)
        await asyncio.sleep(queue.HEARTBEAT_S)


def _left(tools: Tools) -> bool:
    with connect.transaction(tools.engine) as conn:
        return queue.startable(conn)


def _recovered(tools: Tools) -> list[int]:
    with connect.transaction(tools.engine) as conn:
        return queue.recover(conn)


def queue_app(url: str, tools: Tools, concurrency: int, *, ticks: bool) -> procrastinate.App:
    """Return the queue with its tasks; where `ticks`, also with those that come round."""
    app = procrastinate.App(connector=queue.connector(url, concurrency + 2))
    for name, act in TASKS.items():
        app.task(name=name, retry=Retry(), pass_context=True)(partial(_do, tools, act))
    for name, job in JOBS.items() if ticks else ():
        come_round(app, name, job, tools)
    return app


def come_round(app: procrastinate.App, name: str, job: Job, tools: Tools) -> None:
    """Have a job done every so often, by one worker at a time."""
    task = app.task(name=name, queue=queue.TICKS, lock=name, queueing_lock=name)(partial(_tick, name, job, tools))
    app.periodic(cron=cron(job.every_s))(task)


def cron(every_s: float) -> str:
    """Return a period as procrastinate writes it, seconds last."""
    seconds = int(every_s)
    if seconds < 60:
        return f"* * * * * */{seconds}"
    minutes = seconds // 60
    return f"*/{minutes} * * * *" if minutes < 60 else f"0 */{minutes // 60} * * *"


def _tick(name: str, job: Job, tools: Tools, timestamp: int) -> None:
    """Do a job that comes round; what fell is done at the next turn."""
    del timestamp
    try:
        job.act(tools)
    except HazardError as error:
        log.warning("%s: %s; tried again later", name, error)


def _do(tools: Tools, act: Callable[..., Any], context: JobContext, *, subject: str = "", **args: Any) -> None:
    """Do a job of the queue, and keep what it tells or why it fell."""
    number = int(context.job.id or 0)

    def tell(line: str, share: float | None) -> None:
        with connect.transaction(tools.engine) as conn:
            wanted_to_end = queue.note(conn, number, line, share)
        if wanted_to_end:
            raise exceptions.JobAborted

    try:
        act(replace(tools, tell=tell), **args)
    except exceptions.JobAborted:
        raise
    except Exception as fell:
        full = not isinstance(fell, SpaceError) and space.is_full(tools.home, fell)
        error = SpaceError(f"{fell}: {space.line(tools.home)}") if full else fell
        log.log(
            logging.WARNING if isinstance(error, HazardError) else logging.ERROR,
            "job %s (%s): %s",
            number,
            subject,
            error,
        )
        with connect.transaction(tools.engine) as conn:
            queue.note(conn, number, str(error) or type(error).__name__, None)
        raise error from fell if full else None
    with connect.transaction(tools.engine) as conn:
        queue.note(conn, number, "done", 1.0)
