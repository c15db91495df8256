"""What is not told for a while, and why: silences and maintenance windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.bodies import answered, read_body
from api.pages import data, render, wants_page
from api.plain import plain
from api.routes.deliveries import HAZARDS, read_hazards
from api.security import Reviewer
from api.storage import reading, writing
from api.stretch import read_stretch
from api.verdicts import AlertAction
from hazard_db import alerts
from hazard_db.alerts import Silence
from hazard_db.connect import Connection
from hazard_db.errors import HazardError, InputError

router = APIRouter(tags=["alerts"])

Id = Annotated[int, Path(ge=1, lt=2**63)]


class WantedSilence(BaseModel):
    """What is to be kept back, from when to when, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reason: str = Field(min_length=1, max_length=1000)
    purpose: Literal["silence", "maintenance"] = "silence"
    km: str | None = Field(default=None, max_length=40, description="Stretch A-B; left out = the whole road.")
    hazards: str = Field(default="", max_length=400, description="Kinds, separated by commas; empty = all.")
    rule: str | None = Field(default=None, max_length=100, description="Only alerts of this rule.")
    starts_at: datetime | None = Field(default=None, description="Without a time zone UTC; left out = now.")
    ends_at: datetime | None = Field(default=None, description="Instead of hours.")
    hours: float | None = Field(default=None, gt=0, le=366 * 24)
    passes_from: Literal["Minor", "Moderate", "Severe", "Extreme", "nothing"] = Field(
        default="Extreme", description="From this severity on alerts are told all the same."
    )

    def silence(self) -> Silence:
        """Return it as the catalogue keeps it.

        Raises
        ------
        InputError
            The stretch cannot be read, there is no such hazard, or no end is given.
        """
        begin = _aware(self.starts_at) or datetime.now(UTC)
        end = _aware(self.ends_at) or (begin + timedelta(hours=self.hours) if self.hours else None)
        if end is None:
            raise InputError("a silence has an end: give hours or ends_at")
        low, high = read_stretch(self.km) if self.km else (None, None)
        return Silence(
            self.reason, begin, end, self.purpose, read_hazards(self.hazards), self.rule, low, high,
            None if self.passes_from == "nothing" else self.passes_from,
        )  # fmt: skip


@router.get("/alerts/silences")
def list_silences(
    request: Request, identity: Reviewer, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> Response:  # fmt: skip
    """Return the silences, those that end last first."""
    del identity
    with reading(request) as conn:
        if wants_page(request, default_page=False):
            return _page(request, conn)
        return data([plain(one) for one in alerts.silences(conn, limit=limit)])


@router.post(
    "/alerts/silences",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": WantedSilence.model_json_schema()}}}},
)
async def add(request: Request, identity: Reviewer) -> Response:
    """Keep alerts back for a while; who asks and why is kept and shown."""
    wanted = await read_body(request, WantedSilence)

    def act() -> Silence:
        with writing(request, identity) as conn:
            return alerts.add_silence(conn, wanted.silence())

    try:
        return await answered(request, "/alerts/silences", act, plain, 201)
    except HazardError as error:
        if not wants_page(request, default_page=False):
            raise
        return await run_in_threadpool(_again, request, str(error), wanted)


@router.post("/alerts/silences/{number}/end", openapi_extra=AlertAction.described())
async def end(request: Request, identity: Reviewer, number: Id) -> Response:
    """End a silence before its time; what it kept back and is still open is told."""
    await read_body(request, AlertAction)

    def act() -> Silence:
        with writing(request, identity) as conn:
            return alerts.end_silence(conn, number, identity.name)

    return await answered(request, "/alerts/silences", act, plain)


def _again(request: Request, problem: str, wanted: WantedSilence) -> Response:
    with reading(request) as conn:
        return _page(request, conn, status=422, problem=problem, wanted=wanted)


def _page(request: Request, conn: Connection, *, status: int = 200, **more: Any) -> Response:
    values = {"problem": None, "wanted": None, **more}
    rules = [row.name for row in alerts.enabled_rules(conn)]
    return render(
        request, "silences.html", status=status, items=alerts.silences(conn), now=datetime.now(UTC), hazards=HAZARDS, rules=rules,
        **values,
    )  # fmt: skip


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
