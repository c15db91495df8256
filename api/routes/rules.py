"""Rules of alerts: read, tried on the last year, changed with a reason, and taken back."""

from __future__ import annotations

import difflib
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from alerts import rulebook
from alerts.rulebook import Comparison
from alerts.rules import AlertRule, parse_rule
from alerts.run import rules_in_force
from api.bodies import answered, read_body
from api.pages import data, render, wants_page
from api.plain import plain
from api.security import Engineer, Identity, Reviewer
from api.state import state_of
from api.storage import reading, writing
from hazard_db import alerts
from hazard_db.alerts import RuleRow, RuleVersion
from hazard_db.connect import Connection
from hazard_db.errors import HazardError

router = APIRouter(tags=["alerts"])

Id = Annotated[int, Path(ge=1, lt=2**63)]


class Written(BaseModel):
    """A rule as YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rule: str = Field(min_length=1, max_length=20_000, description="As in a file of rules, YAML.")
    why: str = Field(default="", max_length=2000)
    enabled: bool = False
    expected: int | None = Field(default=None, ge=0, description="The version you saw; 0 = there is none yet.")
    tried: str = Field(default="", max_length=64, description="Of forms: what was tried.")
    save: str = Field(default="", max_length=10)

    @property
    def digest(self) -> str:
        """Of the text, without differences of line ends."""
        return sha256("\n".join(self.rule.splitlines()).encode()).hexdigest()


class Back(BaseModel):
    """To which version, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1)
    why: str = Field(min_length=1, max_length=2000)


@router.get("/alerts/rules")
def list_rules(request: Request, identity: Reviewer) -> Response:
    """Return the rules, those that are switched off too."""
    with writing(request, identity) as conn:
        rules_in_force(conn, state_of(request).alerts)
        rows = alerts.all_rules(conn)
        rates = {one.name: one for one in alerts.reliability(conn) if one.by == "rule"}
    if wants_page(request, default_page=False):
        return render(request, "rules.html", items=rows, rates=rates)
    return data([plain(row) for row in rows])


@router.get("/alerts/rules.yml")
def export(request: Request, identity: Reviewer) -> Response:
    """Return the rules in force as a file of rules."""
    with writing(request, identity) as conn:
        rules_in_force(conn, state_of(request).alerts)
        text = rulebook.exported(alerts.all_rules(conn))
    return Response(text, media_type="application/yaml")


@router.get("/alerts/rules/new")
def new(request: Request, identity: Engineer) -> Response:
    """Return the form for a new rule."""
    del identity
    return _page(request, None, [], written="name: \nkinds: []\nmin_confidence: 0.5\nmax_distance_m: 300\nseverity:\n"
                 "- {from_value: 0, by_consequence: [Minor, Minor, Moderate, Moderate]}\n")  # fmt: skip


@router.post(
    "/alerts/rules/try",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": Written.model_json_schema()}}}},
)
async def try_rule(request: Request, identity: Reviewer) -> Response:  # fmt: skip
    """Return what a rule would have raised from what the catalogue holds of the last year; nothing is stored."""
    del identity
    asked = await read_body(request, Written)

    def act() -> Comparison:
        with reading(request) as conn:
            return _compared(conn, rulebook.read_rule(asked.rule))

    return data(await run_in_threadpool(act))


@router.post(
    "/alerts/rules",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": Written.model_json_schema()}}}},
)
async def save(request: Request, identity: Engineer) -> Response:  # fmt: skip
    """Put a rule in force as a new version; a form has tried this very text before."""
    asked = await read_body(request, Written)
    is_form = wants_page(request, default_page=False)
    if is_form and (not asked.save or asked.tried != asked.digest):
        return await run_in_threadpool(_tried, request, asked)

    def act() -> RuleRow:
        with writing(request, identity) as conn:
            rule = rulebook.read_rule(asked.rule)
            return rulebook.save(conn, rule, asked.why, enabled=asked.enabled, expected=asked.expected)

    try:
        return await answered(request, "/alerts/rules", act, plain)
    except HazardError as error:
        if not is_form:
            raise
        return await run_in_threadpool(_tried, request, asked, str(error))


@router.get("/alerts/rules/{rule_id}")
def show(request: Request, identity: Reviewer, rule_id: Id) -> Response:
    """Return a rule with its versions."""
    del identity
    with reading(request) as conn:
        row, versions = alerts.get_rule(conn, rule_id), alerts.rule_versions(conn, rule_id)
    if wants_page(request, default_page=False):
        return _page(request, row, versions, written=rulebook.written(parse_rule(row.definition)))
    return data({**plain(row), "versions": [plain(one) for one in versions]})


@router.post(
    "/alerts/rules/{rule_id}/back",
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": Back.model_json_schema()}}}},
)
async def back(request: Request, identity: Engineer, rule_id: Id) -> Response:  # fmt: skip
    """Put an earlier version of a rule in force again, as a new version."""
    asked = await read_body(request, Back)

    def act() -> RuleRow:
        with writing(request, identity) as conn:
            return alerts.roll_back(conn, rule_id, asked.version, asked.why)

    return await answered(request, f"/alerts/rules/{rule_id}", act, plain)


def _tried(request: Request, asked: Written, problem: str | None = None) -> Response:
    """Return the form with what was typed, and what it would have raised."""
    with reading(request) as conn:
        row: RuleRow | None = None
        versions: list[RuleVersion] = []
        comparison: Comparison | None = None
        try:
            rule = rulebook.read_rule(asked.rule)
            row = next((one for one in alerts.all_rules(conn) if one.name == rule.name), None)
            versions = alerts.rule_versions(conn, row.id) if row else []
            comparison = _compared(conn, rule)
        except HazardError as error:
            problem = problem or str(error)
    more = {"problem": problem, "comparison": comparison, "asked": asked}
    return _page(request, row, versions, written=asked.rule, status=422 if problem else 200, **more)


def _compared(conn: Connection, rule: AlertRule) -> Comparison:
    row = next((one for one in alerts.enabled_rules(conn) if one.name == rule.name), None)
    return rulebook.compare(conn, rule, None if row is None else parse_rule(row.definition))


def _page(
    request: Request, row: RuleRow | None, versions: list[RuleVersion], *, written: str, status: int = 200, **more: Any
) -> Response:
    identity: Identity = request.state.identity
    values = {"problem": None, "comparison": None, "asked": None, **more}
    return render(
        request, "rule.html", status=status, row=row, written=written, versions=_with_differences(versions),
        may_change=identity.may("engineer") and identity.how == "session", **values,
    )  # fmt: skip


def _with_differences(versions: list[RuleVersion]) -> list[tuple[RuleVersion, list[str]]]:
    """Return each version with its lines that differ from the version before it."""
    texts = [rulebook.written(parse_rule(one.definition)).splitlines() for one in versions]
    told = []
    for place, one in enumerate(versions):
        before = texts[place + 1] if place + 1 < len(texts) else texts[place]
        lines = difflib.unified_diff(before, texts[place], lineterm="", n=0)
        told.append((one, [line for line in lines if not line.startswith(("---", "+++", "@@"))]))
    return told
