"""The HTTP server: a socket of our own choosing, and an end that loses nothing."""

from __future__ import annotations

import ctypes
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import uvicorn

from api.app import create_app
from api.settings import ApiSettings
from api.worker import working
from hazard_db.errors import SettingsError

GRACE_S = 10
BACKLOG = 512
KEEP_ALIVE_S = 75
"""Longer than proxies keep a connection: one that we closed first would be an error to somebody."""

M_ARENA_MAX, ARENAS = -8, 2
"""For glibc's mallopt: by default each of forty threads keeps what it once needed to itself."""


def bind(host: str, port: int, *, or_free: bool = False) -> socket.socket:
    """Return a listening socket.

    Parameters
    ----------
    or_free
        Take a free port where this one is taken.

    Raises
    ------
    SettingsError
        The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if or_free and port:
            return bind(host, 0)
        reason = (error.strerror or str(error)).lower()
        raise SettingsError(f"{host}:{port} cannot be listened on ({reason}); give another --port or --host") from error
    return listener


def run(
    settings: ApiSettings, listener: socket.socket, *, worker: bool, ready: Callable[[], None] | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; answers under way are finished first.

    Parameters
    ----------
    worker
        Also do a worker's jobs, in a thread.
    ready
        Called once requests are answered.
    """
    with suppress(OSError, AttributeError):  # other C libraries have no such thing
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    config = uvicorn.Config(
        create_app(settings), log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=GRACE_S, backlog=BACKLOG, ws="none", timeout_keep_alive=KEEP_ALIVE_S,
    )  # fmt: skip
    server = _Server(config, ready)
    if worker:
        with working(settings):
            server.run(sockets=[listener])
    else:
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends by itself after a signal, so that the process can end with 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer requests."""
        await super().startup(sockets)
        if self.ready is not None and self.started:
            self.ready()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take SIGINT and SIGTERM as the wish to end; they are not raised again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
