"""The page for people who come in by the front door, and the description of the API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.pages import data, render, wants_page
from api.security import Admin, Reader
from api.storage import reading
from hazard_db import alerts, audit, changes
from hazard_db import overview as catalogue

router = APIRouter(tags=["overview"])

NEWEST = 6


@router.get("/")
def home(request: Request, identity: Reader) -> Response:
    """Return what is new, what needs a person, and whether the system is well."""
    inside = identity.sees_unreviewed
    with reading(request) as conn:
        overview = catalogue.look(conn)
        newest = changes.list_changes(conn, include_unreviewed=inside, limit=NEWEST)
        scope = None if inside else "Public"
        live = alerts.list_alerts(conn, state="live", scope=scope, limit=NEWEST)
    return render(request, "home.html", overview=overview, changes=newest, alerts=live, inside=inside)


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
