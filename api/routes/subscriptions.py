"""For other programs: metadata of a collection, what changed in it since a moment, a project for QGIS."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc import asked, documents, metadata
from api.routes import ogc
from api.security import needs
from api.state import state_of
from hazard_db import cql2, published, published_updates
from hazard_db.errors import NotFoundError

router = APIRouter(prefix="/ogc", include_in_schema=False, dependencies=[Depends(needs("public"))])

USUAL, MOST = 1_000, 10_000
PROJECT, SERVER = Path(documents.__file__).with_name("project.qgs"), "@SERVER@"
"""Written by scripts/qgis_project.py; the mark in it stands for the address of the interface."""
BEGINNING = "1970-01-01T00:00:00+00:00"


@router.get("/project.qgs")
def project(request: Request) -> Response:
    """Return a project for QGIS: every layer of this server, in the colours of the maps."""
    asked.only(request.query_params, ())
    made = PROJECT.read_text(encoding="utf8").replace(SERVER, escape(ogc.base(request), {"'": "&apos;", '"': "&quot;"}))
    headers = {"Content-Disposition": 'attachment; filename="kkh-hazard-watch.qgs"'}
    return Response(made, media_type="application/x-qgis-project", headers=headers)


@router.get("/collections/{name}/metadata")
def described(request: Request, name: ogc.Name) -> Response:
    """Return the metadata of a collection as DCAT."""
    asked.only(request.query_params, ())
    with ogc.reading(request) as conn:
        one = ogc.known(request, conn, name)
        box, span = ogc.extent(request, conn, one), published.span(conn, one)
    document = metadata.dcat(ogc.base(request), one, box, span, state_of(request).settings.data_license)
    return ogc.answer(request, document, one.title, documents.JSON_LD)


@router.get("/collections/{name}/updates")
def updates(request: Request, name: ogc.Name) -> Response:
    """Return the features that came, changed or went since a moment, earliest first."""
    given = asked.only(request.query_params, ("since", "limit"))
    moment: datetime = cql2.moment(given.get("since", BEGINNING))
    most = min(MOST, asked.whole(given, "limit", USUAL, 1))
    with ogc.reading(request) as conn:
        one = ogc.known(request, conn, name)
        if one.name not in published_updates.FEEDS:
            raise NotFoundError(f"{one.name} has no list of updates; {', '.join(published_updates.FEEDS)} have")
        found = published_updates.since(conn, one.name, moment, most)
    return ogc.answer(request, _document(ogc.base(request), one.name, moment, found, most), one.title)


def _document(
    base: str, name: str, moment: datetime, found: list[published_updates.Update], most: int
) -> dict[str, Any]:
    address, last = f"{base}/collections/{name}", found[-1].changed_at if found else moment
    following = f"{address}/updates?{urlencode({'since': last.isoformat(), 'limit': most})}"
    return {
        "collection": name,
        "since": moment.isoformat(),
        "until": last.isoformat(),
        "updates": [
            {
                "id": one.feature_id, "action": one.action, "at": one.changed_at.isoformat(),
                **({"href": f"{address}/items/{one.feature_id}"} if one.action == "upsert" else {}),
            }
            for one in found
        ],
        "links": [documents.link(following, "next", documents.JSON, "What comes after these, now or later")],
    }  # fmt: skip
