"""A reader of a plan for every thread."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from detection.windows import Plan, Reader


class Readers:
    """Readers of a plan, one per thread as GDAL's datasets are not shared between threads; closed together by `with`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._own = threading.local()
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def mine(self) -> Reader:
        """Return the reader of the thread that asks."""
        if not hasattr(self._own, "reader"):
            reader = Reader(self.plan)
            with self._lock:
                self._stack.enter_context(reader)
            self._own.reader = reader
        mine: Reader = self._own.reader
        return mine
