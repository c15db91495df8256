"""Sites of the inventory and dated events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.listing import Asked
from api.pages import collection, data, feature, render, wants_page
from api.security import Reader
from api.storage import reading, reading_as
from hazard_db import evidence, register

router = APIRouter(tags=["register"])


@router.get("/sites")
def list_sites(request: Request, identity: Reader, window: Asked) -> Response:
    """Return the sites of the inventory by kilometre."""
    with reading_as(request, identity) as conn:
        items = register.list_sites(conn, window, published=not identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        return render(request, "register.html", what="sites", items=items, limit=window.limit, offset=window.offset)
    return data(collection(items), media_type="application/geo+json")


@router.get("/sites/{code}")
def get_site(request: Request, identity: Reader, code: Annotated[str, Path(max_length=100)]) -> Response:
    """Return one site with its events and with what each source says of it."""
    del identity
    with reading(request) as conn:
        site = register.get_site(conn, code)
        site["observations"] = evidence.observations_of(conn, site["id"])
    if wants_page(request, default_page=False):
        return render(request, "entry.html", entry=site)
    return data(feature(site), media_type="application/geo+json")


@router.get("/events")
def list_events(request: Request, identity: Reader, window: Asked) -> Response:
    """Return dated events, newest first."""
    with reading_as(request, identity) as conn:
        items = register.list_events(conn, window, published=not identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        return render(request, "register.html", what="events", items=items, limit=window.limit, offset=window.offset)
    return data(collection(items), media_type="application/geo+json")


@router.get("/events/{event_id}")
def get_event(request: Request, identity: Reader, event_id: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """Return one event with its closures and with what each source says of it."""
    del identity
    with reading(request) as conn:
        event = register.get_event(conn, event_id)
    if wants_page(request, default_page=False):
        return render(request, "entry.html", entry=event)
    return data(feature(event), media_type="application/geo+json")
