"""The queue as a page and as data: what is being done, what waits, what fell."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.pages import data, render, wants_page
from api.security import Reviewer
from api.state import state_of
from api.storage import reading
from hazard_db import health, queue
from ingest.imagery import space

router = APIRouter(tags=["jobs"])

REFRESH_S = 10
MOST = 200


@router.get("/jobs")
def jobs(request: Request, identity: Reviewer) -> Response:
    """Return the jobs of the queue, those under way first."""
    del identity
    with reading(request) as conn:
        items, backlog = queue.jobs(conn, limit=MOST), queue.backlog(conn)
        found = health.look(
            conn,
            free_mb=space.free_bytes(state_of(request).settings.home) / 1e6,
            least_free_mb=space.SpaceSettings().min_free_mb,
        )
    if wants_page(request, default_page=True):
        return render(
            request, "jobs.html", headers={"Refresh": str(REFRESH_S)}, items=items, backlog=backlog, health=found,
            no_worker=health.NO_WORKER,
        )  # fmt: skip
    return data({"jobs": items, "backlog": backlog, "health": found})
