"""The inventory as people keep it: states of a site through time, what it rests on, what sources say, events and closures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from api.bodies import Body, answered, read_body
from api.security import Identity, Reviewer
from api.storage import writing
from hazard_db import evidence, occurrences, register, site_states
from hazard_db.connect import Connection

router = APIRouter(tags=["register"])

Code = Annotated[str, Path(max_length=100)]
Number = Annotated[int, Path(ge=1, lt=2**63)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5000)]


Activity = Literal["active", "reactivated", "suspended", "dormant", "stabilised", "relict", "unknown"]


class Told(Body):
    """What comes from a form or a program."""

    model_config = ConfigDict(allow_inf_nan=False)


class NewState(Told):
    """State of a site from a day on."""

    activity: Activity
    since: date
    source: Short | None = Field(default=None, description="Who says so; by default the one who enters it.")
    note: Long | None = None


class NewClaim(Told):
    """What a source says of one attribute."""

    attribute: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z][a-z0-9_]{1,59}$")]
    value: Short
    unit: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] | None = None
    source: Short


class NewEvidence(Told):
    """A change or an event that a site rests on."""

    what: Literal["change", "event"]
    id: int = Field(ge=1, lt=2**63)


class NewEvent(Told):
    """A dated occurrence."""

    kind: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z][a-z0-9_]{1,59}$")]
    name: Short
    occurred_on: date
    precision: Literal["day", "month", "year"] = "day"
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    accuracy_m: float | None = Field(default=None, ge=0, le=1_000_000)
    trigger: Short | None = None
    fatalities: int | None = Field(default=None, ge=0, le=1_000_000)
    injuries: int | None = Field(default=None, ge=0, le=1_000_000)
    note: Long | None = None
    source: Short
    site: str | None = Field(default=None, max_length=100, description="Code of the site where it happened.")


class NewClosure(Told):
    """The road was closed from here to there."""

    km_from: float = Field(ge=0, le=10_000)
    km_to: float = Field(ge=0, le=10_000)
    closed_at: AwareDatetime
    opened_at: AwareDatetime | None = None
    cause: Short
    vehicle_class: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)] = "all"
    closed_precision: Literal["minute", "day", "month", "year"] = "minute"
    detour: Long | None = Field(default=None, description="Which way around there was, or that there was none.")
    note: Long | None = None
    structure_id: int | None = Field(
        default=None, ge=1, lt=2**63, description="Bridge or other structure that it was about."
    )
    source: Short


class Opening(Told):
    """When a closed road was opened again."""

    opened_at: AwareDatetime


@router.post("/sites/{code}/states", status_code=201, openapi_extra=NewState.described())
async def tell_state(request: Request, identity: Reviewer, code: Code) -> Response:
    """Enter the state of a site from a day on; the newest one is what the site is now."""
    asked = await read_body(request, NewState)

    def act(conn: Connection) -> None:
        source = asked.source or identity.name
        site_states.tell(conn, code, asked.activity, asked.since, source=source, note=asked.note)

    return await _on_site(request, identity, code, act)


@router.post("/sites/{code}/states/{state_id}/withdraw")
async def withdraw_state(request: Request, identity: Reviewer, code: Code, state_id: Number) -> Response:
    """Take back a state that was entered by mistake; it stays to be seen."""
    return await _on_site(request, identity, code, lambda conn: site_states.withdraw(conn, code, state_id), status=200)


@router.post("/sites/{code}/claims", status_code=201, openapi_extra=NewClaim.described())
async def claim_of_site(request: Request, identity: Reviewer, code: Code) -> Response:
    """Enter what a source says of a site, beside what others say."""
    asked = await read_body(request, NewClaim)
    return await _on_site(
        request, identity, code,
        lambda conn: register.add_claim(
            conn, "site", code, asked.attribute, asked.value, unit=asked.unit, source=asked.source
        ),
    )  # fmt: skip


@router.post("/sites/{code}/evidence", status_code=201, openapi_extra=NewEvidence.described())
async def add_evidence(request: Request, identity: Reviewer, code: Code) -> Response:
    """Make a confirmed change or an event evidence of a site."""
    asked = await read_body(request, NewEvidence)
    return await _on_site(
        request, identity, code, lambda conn: evidence.attach_record(conn, code, asked.what, asked.id)
    )


@router.post("/events", status_code=201, openapi_extra=NewEvent.described())
async def create_event(request: Request, identity: Reviewer) -> Response:
    """Enter a dated occurrence with what it did."""
    asked = await read_body(request, NewEvent)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            return register.get_event(conn, occurrences.create(conn, occurrences.NewEvent(**asked.model_dump())))

    return await answered(request, "/events", act, lambda event: event, 201)


@router.post("/events/{event_id}/claims", status_code=201, openapi_extra=NewClaim.described())
async def claim_of_event(request: Request, identity: Reviewer, event_id: Number) -> Response:
    """Enter what a source says of an event, beside what others say."""
    asked = await read_body(request, NewClaim)
    return await _on_event(
        request, identity, event_id,
        lambda conn: register.add_claim(
            conn, "event", event_id, asked.attribute, asked.value, unit=asked.unit, source=asked.source
        ),
    )  # fmt: skip


@router.post("/events/{event_id}/closures", status_code=201, openapi_extra=NewClosure.described())
async def close_road(request: Request, identity: Reviewer, event_id: Number) -> Response:
    """Enter that the road was closed by an event, from one kilometre to another."""
    asked = await read_body(request, NewClosure)
    return await _on_event(
        request, identity, event_id, lambda conn: occurrences.close_road(conn, event_id, asked.model_dump())
    )


@router.post("/events/{event_id}/closures/{closure_id}/open", openapi_extra=Opening.described())
async def open_road(request: Request, identity: Reviewer, event_id: Number, closure_id: Number) -> Response:
    """Enter when the road was opened again."""
    asked = await read_body(request, Opening)
    return await _on_event(
        request, identity, event_id,
        lambda conn: occurrences.open_road(conn, event_id, closure_id, asked.opened_at), status=200,
    )  # fmt: skip


async def _on_site(
    request: Request, identity: Identity, code: str, change: Callable[[Connection], None], status: int = 201
) -> Response:
    """Return the site after a change of it."""

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            change(conn)
            return register.get_site(conn, code)

    return await answered(request, f"/sites/{code}", act, lambda site: site, status)


async def _on_event(
    request: Request, identity: Identity, event_id: int, change: Callable[[Connection], None], status: int = 201
) -> Response:
    """Return the event after a change of it."""

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            change(conn)
            return register.get_event(conn, event_id)

    return await answered(request, f"/events/{event_id}", act, lambda event: event, status)
