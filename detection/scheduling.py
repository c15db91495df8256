"""Who does the blocks of a run: the cores of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from hazard_db.errors import DetectionError

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_S = 20
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 8 * 2**20
_M_ARENA_MAX = -8


@dataclass(frozen=True)
class Crew:
    """An executor, and how many blocks it does at once."""

    executor: Executor
    workers: int


def return_large_arrays() -> None:
    """Make glibc give arrays of whole blocks back to the system when they are freed; elsewhere do nothing.

    Left alone it learns to keep them in a heap per thread, where the gaps between them add up to half as much again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_ARENA_MAX, 1)


def return_gaps() -> None:
    """Make glibc give the pages between living arrays back to the system too; elsewhere do nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


@contextmanager
def crew(scheduler: str | None = None) -> Iterator[Crew]:
    """Yield the threads of this machine, or the workers behind a Dask scheduler's address.

    Every worker reads the rasters itself: their paths must mean the same files there.

    Raises
    ------
    DetectionError
        Dask is not installed, or nobody answers at the address.
    """
    if scheduler is None:
        workers = max(1, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            yield Crew(pool, workers)
        return
    try:
        import distributed  # noqa: PLC0415 - an optional extra, slow to import
    except ImportError as error:
        raise DetectionError(
            "--scheduler needs Dask, which is not installed; install it with `pip install kkh-hazard-watch[cluster]`"
        ) from error
    connect: Any = distributed.Client
    try:
        client = connect(scheduler, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:
        raise DetectionError(f"--scheduler {scheduler}: no Dask scheduler answers there; check the address") from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise DetectionError(f"--scheduler {scheduler}: the scheduler has no workers; start some")
        with client.get_executor() as pool:
            yield Crew(pool, workers)


def in_turn(pool: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int) -> Generator[R, None, None]:
    """Yield results in order with at most `ahead` of them under way or waiting: memory stays bounded."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
