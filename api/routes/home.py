"""The page for people who come in by the front door, and the description of the API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api import duties
from api.pages import SCHEME_COOKIE, YEAR_S, data, inside_path, render, wants_page
from api.security import Admin, Reader
from api.storage import reading
from hazard_db import alerts, audit, changes, ledger, queue
from hazard_db import overview as catalogue
from hazard_db.search import Window
from hazard_db.triggers import sources

router = APIRouter(tags=["overview"])

NEWEST = 6
LATELY_DAYS = 30


@router.get("/")
def home(request: Request, identity: Reader) -> Response:
    """Return what is new, what needs a person, and whether the system is well."""
    inside = identity.sees_unreviewed
    with reading(request) as conn:
        overview = catalogue.look(conn)
        newest = changes.list_changes(conn, include_unreviewed=inside, limit=NEWEST)
        live = alerts.list_alerts(conn, state="live", scope=None if inside else "Public", limit=NEWEST)
        unended = ledger.entries(conn, ledger.CLOSURES, Window(limit=NEWEST), published=not inside, going_on=True)
        backlog, silent = queue.backlog(conn), sum(one.silent for one in sources.states(conn))
    # what was closed years ago and has no end on record is a gap of the record, not a closed road
    closed = [one for one in unended if one["closed_at"] > datetime.now(UTC) - timedelta(days=LATELY_DAYS)]
    counts = {**asdict(overview), "sources_silent": silent, "jobs_failed": backlog.failed}
    mine, others = duties.waiting(identity, counts) if inside else ([], [])
    return render(
        request, "home.html", overview=overview, changes=newest, alerts=live, closed=closed, lately=LATELY_DAYS, inside=inside,
        backlog=backlog, silent=silent, mine=mine, others=others, work=duties.work(identity),
    )  # fmt: skip


@router.get("/scheme/{scheme}", include_in_schema=False)
def choose_scheme(request: Request, scheme: Literal["auto", "light", "dark"], then: str = "/") -> Response:
    """Keep whether pages are light or dark, and go back to the page."""
    answer = RedirectResponse(inside_path(then), 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(SCHEME_COOKIE, scheme, max_age=YEAR_S, httponly=True, samesite="lax", secure=secure)
    return answer


@router.get("/docs", include_in_schema=False)
def docs(request: Request, identity: Reader) -> Response:
    """Return the description of the API as a page; nothing is loaded from other hosts."""
    del identity
    return render(request, "docs.html", paths=request.app.openapi()["paths"])


@router.get("/audit")
def audit_log(request: Request, identity: Admin, before: int | None = None, limit: int = 100) -> Response:
    """Return who did what, newest first; for administrators."""
    del identity
    limit = max(1, min(limit, 1000))
    with reading(request) as conn:
        entries = audit.latest(conn, limit=limit, before_id=before)
    if wants_page(request, default_page=False):
        return render(request, "audit.html", items=entries, limit=limit)
    return data(entries)
