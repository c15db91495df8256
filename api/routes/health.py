"""For machines that keep watch: is it alive, can it work, how does it do."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.state import state_of
from api.storage import reading
from hazard_db import migrate
from hazard_db import overview as catalogue
from hazard_db.errors import HazardError

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
            present = migrate.current(conn)
    except HazardError as error:
        log.warning("not ready: %s", error)
        return JSONResponse({"status": "unavailable", "database": "does not answer"}, 503, {"Retry-After": "10"})
    if present != migrate.head():
        return JSONResponse({"status": "unavailable", "database": "needs `kkh db migrate`"}, 503, {"Retry-After": "60"})
    return JSONResponse({"status": "ok", "database": "ok"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return measurements for Prometheus."""
    measures = state_of(request).measures
    try:
        with reading(request) as conn:
            measures.note_overview(catalogue.look(conn))
    except HazardError as error:
        log.warning("metrics without the catalogue: %s", error)
        measures.note_overview(None)
    return Response(measures.text(), media_type=CONTENT_TYPE_LATEST)
