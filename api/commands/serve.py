"""`kkh serve` and `kkh worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.console import tell


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    worker: Annotated[bool, typer.Option("--worker", help="Also do a worker's jobs, in this process.")] = False,
) -> None:
    """Serve the pages and the API until Ctrl-C."""
    from api import logs
    from api.opening import ensure_road, ensure_running, ensure_schema
    from api.server import bind, run
    from api.settings import ApiSettings

    settings = ApiSettings()
    listener = bind(host, port)
    ensure_running(settings.database)
    ensure_schema(settings.database)
    ensure_road(settings.database)
    if settings.anonymous_role == "public":
        tell("visitors who are not logged in see reviewed records only; HAZARD_ANONYMOUS_ROLE=viewer opens the rest")
    tell(f"serving at http://{_shown(host)}:{listener.getsockname()[1]} (Ctrl-C ends it)")
    logs.begin()
    run(settings, listener, worker=worker)


def worker(
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=64, help="Jobs at the same time.")] = 4,
) -> None:
    """Do the jobs of the queue, deliver alerts and keep the ratings current, until Ctrl-C; on as many machines as you like."""
    from api import logs
    from api.opening import ensure_running, ensure_schema
    from api.settings import ApiSettings
    from api.worker import work

    settings = ApiSettings()
    ensure_running(settings.database)
    ensure_schema(settings.database)
    tell("working (Ctrl-C ends it)")
    logs.begin()
    work(settings, concurrency=concurrency)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
