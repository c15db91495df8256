"""For machines that keep watch: is it alive, can it work, how does it do."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.state import state_of
from api.storage import reading
from hazard_db import overview as catalogue
from hazard_db import queue, schema
from hazard_db.errors import HazardError
from hazard_db.triggers import sources

log = logging.getLogger("api")
router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> Response:
    """Return 200 where the process answers at all."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def ready(request: Request) -> Response:
    """Return 200 where the catalogue answers and has the schema of this program, else 503."""
    try:
        with reading(request) as conn:
            found = schema.stand(conn)
    except HazardError as error:
        log.warning("not ready: %s", error)
        return JSONResponse({"status": "unavailable", "database": "does not answer"}, 503, {"Retry-After": "10"})
    if not found.current:
        return JSONResponse({"status": "unavailable", "database": "needs `kkh db migrate`"}, 503, {"Retry-After": "60"})
    return JSONResponse({"status": "ok", "database": "ok", **_watchers(request)})


def _watchers(request: Request) -> dict[str, Any]:
    """Return who works and who has fallen silent; pages can be served without them, so that they make nothing unready."""
    with reading(request) as conn:
        workers = queue.backlog(conn).workers
        silent = [one.name for one in sources.states(conn) if one.silent]
    return {"workers": workers, "silent_sources": silent} if silent else {"workers": workers}


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return measurements for Prometheus."""
    measures = state_of(request).measures
    try:
        with reading(request) as conn:
            measures.note_overview(catalogue.look(conn))
            measures.note_sources(sources.states(conn))
            measures.note_backlog(queue.backlog(conn))
    except HazardError as error:
        log.warning("metrics without the catalogue: %s", error)
        measures.note_overview(None)
    return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)
