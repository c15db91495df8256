"""Changes that detections found, and people's verdict on them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from alerts.run import review_change
from api.bodies import answered, read_body
from api.listing import AskedByStretch
from api.pages import collection, data, feature, render, wants_page
from api.pictured import served
from api.security import Identity, Reader, Reviewer
from api.state import state_of
from api.storage import reading, writing
from api.verdicts import ChangeVerdict
from hazard_db import audit, changes

router = APIRouter(tags=["changes"])

Id = Annotated[int, Path(ge=1, lt=2**63)]
Status = Literal["candidate", "confirmed", "false_alarm"]
NAMES = ("reviewed_by", "review_note", "parameters", "inputs")
"""For those who are logged in: names of people, and how the detection was run."""


@router.get("/changes")
def list_changes(
    request: Request, identity: Reader, window: AskedByStretch, status: Annotated[Status | None, Query()] = None
) -> Response:
    """Return changes, newest first; only confirmed ones to those who are not logged in."""
    with reading(request) as conn:
        items = changes.list_changes(
            conn, include_unreviewed=identity.sees_unreviewed, km_from=window.km_from, km_to=window.km_to,
            since=window.since.date() if window.since else None, kind=window.kind, status=status, limit=window.limit,
            offset=window.offset,
        )  # fmt: skip
    if wants_page(request, default_page=False):
        return render(request, "changes.html", items=items, limit=window.limit, offset=window.offset)
    return data(collection([_shown(item, identity) for item in items]), media_type="application/geo+json")


@router.get("/changes/{change_id}")
def get_change(request: Request, identity: Reader, change_id: Id) -> Response:
    """Return one change with how it was found."""
    with reading(request) as conn:
        change = changes.get_change(conn, change_id, include_unreviewed=identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        paths = {change_id: change["picture"]} if change["picture"] else {}
        shown = served(state_of(request).settings.home, paths)
        return render(request, "change.html", change=change, pictures=shown)
    return data(feature(_shown(change, identity)), media_type="application/geo+json")


@router.get("/changes/{change_id}/history")
def change_history(request: Request, identity: Reviewer, change_id: Id) -> Response:
    """Return who did what to a change, from the audit log."""
    del identity
    with reading(request) as conn:
        changes.get_change(conn, change_id)
        return data(audit.of_record(conn, "change", change_id))


@router.post("/changes/{change_id}/review", openapi_extra=ChangeVerdict.described())
async def review(request: Request, identity: Reviewer, change_id: Id) -> Response:
    """Give a verdict on a change (confirmed, false_alarm, candidate to take it back); its alerts follow at once."""
    verdict = await read_body(request, ChangeVerdict)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            return review_change(
                conn,
                change_id,
                verdict.verdict,
                identity.name,
                verdict.note or None,
                expected=verdict.expected,
                settings=state_of(request).alerts,
            )

    return await answered(request, f"/changes/{change_id}", act, lambda change: feature(_shown(change, identity)))


def _shown(change: dict[str, Any], identity: Identity) -> dict[str, Any]:
    if identity.sees_unreviewed:
        return change
    return {name: value for name, value in change.items() if name not in NAMES}
