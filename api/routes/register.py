"""Sites of the inventory and dated events."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.claims import compare, of_observations
from api.listing import Asked
from api.minimap import Mark, draw, middle, observation_mark, outline, stretch_of
from api.openrosa import forms
from api.pages import collection, data, feature, language, render, wants_page
from api.security import Identity, Reader
from api.storage import reading, reading_as
from hazard_db import evidence, register
from hazard_db.connect import Connection
from hazard_db.evidence import LETTERS
from hazard_db.tables.field import ACTIVITIES

router = APIRouter(tags=["register"])


@router.get("/sites")
def list_sites(request: Request, identity: Reader, window: Asked) -> Response:
    """Return the sites of the inventory by kilometre."""
    with reading_as(request, identity) as conn:
        items = register.list_sites(conn, window, published=not identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        return render(
            request, "register.html", kinds=LETTERS, what="sites", items=items, limit=window.limit, offset=window.offset
        )
    return data(collection(items), media_type="application/geo+json")


@router.get("/sites/{code}")
def get_site(request: Request, identity: Reader, code: Annotated[str, Path(max_length=100)]) -> Response:
    """Return one site with its events, its states through time, what it rests on, and with what each source says of it."""
    with reading(request) as conn:
        site = register.get_site(conn, code)
        site["observations"] = evidence.observations_of(conn, site["id"])
        site["changes"] = evidence.changes_of(conn, site["id"])
        near = evidence.near_site(conn, site["id"]) if identity.sees_unreviewed else []
        if wants_page(request, default_page=False):
            return _site_page(request, identity, conn, site, near)
    return data(feature(site if identity.sees_unreviewed else _open(site)), media_type="application/geo+json")


def _site_page(
    request: Request, identity: Identity, conn: Connection, site: dict[str, Any], near: list[dict[str, Any]]
) -> Response:
    marks = [
        Mark(
            "site",
            *middle(site["geometry"]),
            site["code"],
            accuracy_m=site["accuracy_m"],
            main=True,
            shape=outline(site["geometry"]),
        )
    ]
    marks += [
        Mark(observation_mark(one), *middle(one["geometry"]), f"{one['observed_at']:%Y-%m-%d}" if one["observed_at"] else "–",
             f"/observations/{one['id']}")
        for one in site["observations"]
    ]  # fmt: skip
    return render(
        request, "entry.html", entry=site if identity.sees_unreviewed else _open(site), near=near,
        sheet=compare([*site["claims"], *of_observations(site["observations"])]), activities=ACTIVITIES,
        told=partial(forms.told, lang=language(request)),
        minimap=draw(conn, marks, stretch_of([site]), language(request)), judge=identity.may("reviewer") and identity.how == "session",
    )  # fmt: skip


def _open(site: dict[str, Any]) -> dict[str, Any]:
    """Return a site without names of people, and with what has been accepted alone."""
    states = [
        {name: value for name, value in one.items() if name not in {"created_by", "withdrawn_by"}}
        for one in site["states"] if one["withdrawn_at"] is None
    ]  # fmt: skip
    accepted = [one for one in site["observations"] if one["review_status"] == "accepted"]
    confirmed = [one for one in site["changes"] if one["status"] == "confirmed"]
    return site | {"states": states, "observations": accepted, "changes": confirmed}


@router.get("/events")
def list_events(request: Request, identity: Reader, window: Asked) -> Response:
    """Return dated events, newest first."""
    with reading_as(request, identity) as conn:
        items = register.list_events(conn, window, published=not identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        return render(
            request,
            "register.html",
            kinds=LETTERS,
            what="events",
            items=items,
            limit=window.limit,
            offset=window.offset,
        )
    return data(collection(items), media_type="application/geo+json")


@router.get("/events/{event_id}")
def get_event(request: Request, identity: Reader, event_id: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """Return one event with its closures and with what each source says of it."""
    with reading(request) as conn:
        event = register.get_event(conn, event_id)
        if wants_page(request, default_page=False):
            marks = [Mark("event", *middle(event["geometry"]), event["name"], accuracy_m=event["accuracy_m"], main=True)] if (
                event["geometry"]) else []  # fmt: skip
            return render(
                request, "entry.html", entry=event, near=[], sheet=compare(event["claims"]), activities=ACTIVITIES,
                told=partial(forms.told, lang=language(request)), minimap=draw(conn, marks, stretch_of([event]), language(request)),
                judge=identity.may("reviewer") and identity.how == "session",
            )  # fmt: skip
    return data(feature(event), media_type="application/geo+json")
