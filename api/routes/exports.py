"""Observations, sites and events as files to take away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.exports import FORMATS
from api.listing import Asked
from api.security import Reader
from api.storage import reading_as
from hazard_db import fieldbook, register

router = APIRouter(tags=["exports"])

MOST = 50_000
LISTS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "observations": fieldbook.list_observations, "sites": register.list_sites, "events": register.list_events,
}  # fmt: skip


@router.get("/exports/{what}.{kind_of_file}")
def export(
    request: Request, identity: Reader, window: Asked,
    what: Literal["observations", "sites", "events"], kind_of_file: Literal["geojson", "csv", "xlsx", "gpkg", "kml"],
) -> Response:  # fmt: skip
    """Return a list as a file, up to 50,000 records, filtered as the list itself is; what is not public only to those logged in."""
    with reading_as(request, identity) as conn:
        items = LISTS[what](conn, replace(window, limit=MOST), published=not identity.sees_unreviewed)
    made = FORMATS[kind_of_file]
    named = {"Content-Disposition": f'attachment; filename="kkh-{what}.{kind_of_file}"'}
    return Response(made.write(items, what), media_type=made.media_type, headers=named)
