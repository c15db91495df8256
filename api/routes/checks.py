"""Checks in the field: who is asked to look at what an alert speaks of, and what they found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from alerts.checking import settle
from api.bodies import answered, read_body
from api.pages import data, render, wants_page
from api.pictured import served
from api.plain import plain
from api.security import Engineer, FieldWorker, Reviewer
from api.state import state_of
from api.storage import reading, writing
from api.verdicts import Verdict
from hazard_db import alerts, pictures
from hazard_db.alerts import FieldCheck, Team
from hazard_db.connect import Connection
from hazard_db.errors import ConflictError, HazardError

router = APIRouter(tags=["alerts"])

Id = Annotated[int, Path(ge=1, lt=2**63)]


class CheckFound(Verdict):
    """What a team found."""

    verdict: Literal["confirmed", "false_alarm", "unclear", "withdrawn"]


class WantedCheck(Verdict):
    """What the team is asked; the note is the question."""


class WantedTeam(BaseModel):
    """People at the road who can go and look."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, max_length=200)
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    subscription: str | None = Field(default=None, max_length=200, description="By which they are told.")
    enabled: bool = True


@router.get("/alerts/checks")
def list_checks(
    request: Request, identity: FieldWorker, open_only: Annotated[bool, Query(description="Still to be made.")] = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:  # fmt: skip
    """Return the checks that were asked for, newest first."""
    del identity
    with reading(request) as conn:
        if wants_page(request, default_page=False):
            return _list_page(request, conn)
        return data([plain(one) for one in alerts.checks(conn, open_only=open_only, limit=limit)])


@router.get("/alerts/teams")
def list_teams(request: Request, identity: FieldWorker) -> Response:
    """Return the teams along the road."""
    del identity
    with reading(request) as conn:
        return data([plain(one) for one in alerts.teams(conn)])


@router.post(
    "/alerts/teams",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": WantedTeam.model_json_schema()}}}},
)
async def add_team(request: Request, identity: Engineer) -> Response:  # fmt: skip
    """Add a team; the same name again replaces what was known of it."""
    wanted = await read_body(request, WantedTeam)

    def act() -> Team:
        with writing(request, identity) as conn:
            return alerts.add_team(conn, Team(**wanted.model_dump()))

    try:
        return await answered(request, "/alerts/checks", act, plain, 201)
    except HazardError as error:
        if not wants_page(request, default_page=False):
            raise
        return await run_in_threadpool(_again, request, str(error))


@router.get("/alerts/checks/{number}")
def show(request: Request, identity: FieldWorker, number: Id) -> Response:
    """Return a check, and the alert that it is about."""
    with reading(request) as conn:
        check = alerts.get_check(conn, number)
        alert = alerts.get_alert(conn, check.alert_id)
        paths = pictures.of_changes(conn, alert.change_ids, include_unreviewed=identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        shown = served(state_of(request).settings.home, paths)
        return render(request, "check.html", check=check, alert=alert, pictures=shown)
    return data(plain(check))


@router.post("/alerts/checks/{number}/verdict", openapi_extra=CheckFound.described())
async def judge(request: Request, identity: FieldWorker, number: Id) -> Response:
    """Say what was found; the alert follows, as far as a team may decide it."""
    asked = await read_body(request, CheckFound)

    def act() -> FieldCheck:
        with writing(request, identity) as conn:
            return settle(
                conn, number, asked.verdict, identity.name, asked.note or None, settings=state_of(request).alerts
            )

    return await answered(request, f"/alerts/checks/{number}", act, plain)


@router.post("/alerts/{alert_id}/check", openapi_extra=WantedCheck.described())
async def ask(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Ask the nearest team to look at what an alert speaks of."""
    asked = await read_body(request, WantedCheck)

    def act() -> list[FieldCheck]:
        with writing(request, identity) as conn:
            alerts.get_alert(conn, alert_id)
            if not alerts.ask(conn, [alert_id], asked.note or None) and not alerts.checks(conn, alert_id=alert_id):
                raise ConflictError("no team is known at the road there, or the alert is closed; add a team first")
            return alerts.checks(conn, alert_id=alert_id)

    return await answered(request, f"/alerts/{alert_id}", act, lambda found: [plain(one) for one in found])


def _again(request: Request, problem: str) -> Response:
    with reading(request) as conn:
        return _list_page(request, conn, status=422, problem=problem)


def _list_page(request: Request, conn: Connection, *, status: int = 200, **more: Any) -> Response:
    return render(
        request, "checks.html", status=status, items=alerts.checks(conn), teams=alerts.teams(conn),
        receivers=[one.name for one in alerts.subscriptions(conn)], **{"problem": None, **more},
    )  # fmt: skip
