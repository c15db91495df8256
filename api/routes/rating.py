"""What the ratings of the road were, and what changed and why between two days."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.pages import data
from api.rated import told_change
from api.security import Reader
from api.storage import reading
from api.stretch import read_stretch
from hazard_db import risk_history

router = APIRouter(tags=["road"])


@router.get("/risk/diff")
def diff(
    request: Request, identity: Reader, *,
    km: Annotated[str, Query(description="Stretch A-B in kilometres.")],
    before: Annotated[date, Query(alias="from", description="First day, YYYY-MM-DD: what was known when it ended (UTC).")],
    after: Annotated[date, Query(alias="to", description="Second day, YYYY-MM-DD.")],
    hazard: Annotated[str | None, Query(max_length=40, description="Only this hazard; `all` is the whole.")] = None,
) -> Response:  # fmt: skip
    """Return which ratings differ between the ends of two days, and the reasons with their points on both."""
    stretch = read_stretch(km)
    with reading(request) as conn:
        changes = risk_history.compare(conn, *stretch, before, after, hazard=hazard)
    return data({"from": before, "to": after, "changes": [told_change(one, identity) for one in changes]})
