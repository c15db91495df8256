"""Who gets alerts and how, and what became of each message."""

from __future__ import annotations

import time as clock
from datetime import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from alerts.channels import CHANNELS
from alerts.channels.webhook import SIGNATURE, is_signed
from alerts.deliver import send_test, subscribe
from api.bodies import answered, read_body
from api.pages import data, render, wants_page
from api.plain import plain
from api.security import Admin, Identity, Reviewer
from api.state import state_of
from api.storage import reading, writing
from api.stretch import read_stretch
from hazard_db import alerts
from hazard_db.alerts import Subscription
from hazard_db.errors import AuthenticationError, HazardError, InputError

router = APIRouter(tags=["alerts"])

Status = Literal["waiting", "withheld", "delivered", "failed", "dead"]
HAZARDS = (
    "landslide", "rockfall", "debris_flow", "flood", "avalanche", "settlement", "glacier", "lake", "rain", "earthquake", "sensor",
    "bulletin", "blind", "silent", "other",
)  # fmt: skip


def read_hazards(written: str) -> tuple[str, ...]:
    """Return the kinds of alerts in a list with commas.

    Raises
    ------
    InputError
        One of them is no kind of alert.
    """
    kinds = tuple(part.strip() for part in written.split(",") if part.strip())
    if unknown := sorted(set(kinds) - set(HAZARDS)):
        raise InputError(f"hazards: {unknown[0]!r} is none of {', '.join(HAZARDS)}")
    return kinds


class Told(BaseModel):
    """What became of a message, by its receiver."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    idempotency_key: str = Field(max_length=100)
    receipt: alerts.Receipt
    note: str | None = Field(default=None, max_length=500)


class Wanted(BaseModel):
    """Who wants which alerts how."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, max_length=200)
    channel: str = Field(max_length=40)
    address: str = Field(min_length=1, max_length=2000)
    language: Literal["en", "zh", "ur"] = "en"
    min_severity: Literal["Minor", "Moderate", "Severe", "Extreme"] = "Minor"
    scope: Literal["Public", "Restricted"] = "Public"
    km: str | None = Field(default=None, max_length=40, description="Stretch A-B; left out = the whole road.")
    hazards: str = Field(default="", max_length=400, description="Kinds, separated by commas; empty = all.")
    quiet_from: time | None = None
    quiet_to: time | None = None
    timezone: str = Field(default="Asia/Karachi", max_length=60)
    escalate_to: str | None = Field(default=None, max_length=200)
    escalate_after_min: int | None = Field(default=None, ge=1, le=7 * 24 * 60)

    def subscription(self) -> Subscription:
        """Return it as the catalogue keeps it.

        Raises
        ------
        InputError
            The stretch cannot be read, or there is no such hazard.
        """
        low, high = read_stretch(self.km) if self.km else (None, None)
        kinds = read_hazards(self.hazards)
        return Subscription(
            self.name, self.channel, self.address, self.language, self.min_severity, self.scope, low, high, hazards=kinds,
            quiet_from=self.quiet_from, quiet_to=self.quiet_to, timezone=self.timezone, escalate_to=self.escalate_to,
            escalate_after_min=self.escalate_after_min,
        )  # fmt: skip


@router.get("/deliveries")
def list_deliveries(
    request: Request,
    identity: Reviewer,
    status: Annotated[Status | None, Query(description="`dead`: given up or bounced.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Return what became of messages, newest first."""
    del identity
    with reading(request) as conn:
        found = alerts.deliveries(conn, status=status, limit=limit)
    if wants_page(request, default_page=False):
        return render(
            request,
            "deliveries.html",
            items=found,
            shown=status,
            statuses=("", "waiting", "withheld", "delivered", "dead"),
        )
    return data([plain(one) for one in found])


@router.post(
    "/deliveries/receipts",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": Told.model_json_schema()}}}},
)
async def receipt(request: Request) -> Response:
    """Take in what became of a message, signed by its receiver as our webhooks are."""
    body = await request.body()
    if not is_signed(body, request.headers.get(SIGNATURE, ""), state_of(request).alerts, int(clock.time())):
        raise AuthenticationError(f"sign the body as our webhooks are signed: {SIGNATURE}: t=SECONDS,v1=HMAC-SHA256")
    told = await read_body(request, Told)

    def act() -> int:
        with writing(request, Identity("receiver", "none", "key")) as conn:
            return alerts.note_receipt(conn, told.idempotency_key, told.receipt, told.note)

    return await answered(request, "/deliveries", act, lambda number: {"delivery": number, "receipt": told.receipt})


@router.post("/deliveries/{delivery_id}/retry")
def retry(request: Request, identity: Reviewer, delivery_id: int) -> Response:
    """Try a message again at once that was given up or put off."""
    with writing(request, identity) as conn:
        due = alerts.try_again(conn, [delivery_id])
    if wants_page(request, default_page=False):
        return RedirectResponse("/deliveries?status=dead", 303)
    return data({"due": due})


@router.get("/subscriptions")
def list_subscriptions(request: Request, identity: Admin) -> Response:
    """Return who gets which alerts, and how; addresses may hold secrets."""
    del identity
    with reading(request) as conn:
        found = alerts.subscriptions(conn)
    if wants_page(request, default_page=False):
        return _page(request, found)
    return data([plain(one) for one in found])


@router.post(
    "/subscriptions",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": Wanted.model_json_schema()}}}},
)
async def add(request: Request, identity: Admin) -> Response:
    """Send alerts to somebody from now on; the same name again replaces what was agreed before."""
    wanted = await read_body(request, Wanted)

    def act() -> Subscription:
        with writing(request, identity) as conn:
            return subscribe(conn, wanted.subscription(), state_of(request).alerts)

    try:
        return await answered(request, "/subscriptions", act, plain, 201)
    except HazardError as error:
        if not wants_page(request, default_page=False):
            raise
        return await run_in_threadpool(_again, request, error, wanted)


@router.post("/subscriptions/remove")
def remove(request: Request, identity: Admin, name: Annotated[str, Form(max_length=200)]) -> Response:
    """Send somebody no more alerts, nor what still waits for them."""
    with writing(request, identity) as conn:
        alerts.remove_subscription(conn, name)
    return RedirectResponse("/subscriptions", 303)


@router.post("/subscriptions/test")
def test(request: Request, identity: Admin, name: Annotated[str, Form(max_length=200)]) -> Response:
    """Send a message that says that it is a test, at once."""
    with writing(request, identity) as conn:
        found = alerts.subscriptions(conn)
        try:
            send_test(conn, name, state_of(request).alerts)
        except HazardError as error:
            if wants_page(request, default_page=False):
                return _page(request, found, problem=str(error), status=502)
            raise
    if wants_page(request, default_page=False):
        return _page(request, found, tested=name)
    return data({"tested": name})


def _again(request: Request, error: HazardError, wanted: Wanted) -> Response:
    with reading(request) as conn:
        return _page(request, alerts.subscriptions(conn), problem=str(error), wanted=wanted, status=422)


def _page(
    request: Request, found: list[Subscription], *, status: int = 200, wanted: Wanted | None = None, **more: Any
) -> Response:
    values = {"problem": None, "tested": None, **more}
    return render(
        request,
        "subscriptions.html",
        status=status,
        items=found,
        channels=list(CHANNELS),
        hazards=HAZARDS,
        wanted=wanted,
        **values,
    )
