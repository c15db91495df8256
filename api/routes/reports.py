"""Printed pages."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api import roadreport
from api.openrosa.documents import site_of
from api.pages import VARY, keep_language, language
from api.security import Reader
from api.sheets import Visitor, site_sheet
from api.state import state_of
from api.storage import reading, reading_as
from api.viewing import AskedView
from hazard_db.errors import InputError

router = APIRouter(prefix="/reports", tags=["reports"])


KINDS = {
    "pdf": "application/pdf", "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "gpkg": "application/geopackage+sqlite3",
}  # fmt: skip


@router.get("/segment.{kind}")
def segment(
    request: Request, identity: Reader, kind: Literal["pdf", "html", "xlsx", "gpkg"], view: AskedView
) -> Response:
    """Return the report of a stretch (km=A-B) to print or to read, or its tables and layers for other programs."""
    if view is None:
        raise InputError("km: give the stretch as A-B in kilometres, for example km=640-660")
    lang = language(request)
    reader = roadreport.Reader(
        lang, identity.sees_unreviewed, state_of(request).settings.home, site_of(request), identity
    )
    with reading(request) as conn, reading_as(request, identity) as visitor:
        content = roadreport.gather(conn, visitor, view, reader)
    name = f"kkh-km-{view.km_from:g}-{view.km_to:g}-{lang}.{kind}"
    how = "attachment" if kind in {"xlsx", "gpkg"} else "inline"
    headers = {"Content-Disposition": f'{how}; filename="{name}"', "Content-Language": lang, "Vary": VARY}
    if kind == "html":
        headers["Content-Security-Policy"] = f"{roadreport.POLICY}; base-uri 'none'; frame-ancestors 'self'"
    response = Response(roadreport.write(content, reader, kind), media_type=KINDS[kind], headers=headers)
    keep_language(request, response)
    return response


@router.get("/site/{code}.pdf")
def site(request: Request, identity: Reader, code: Annotated[str, Path(max_length=100)]) -> Response:
    """Return a site of the inventory as one page to print, in the language that is asked for."""
    lang = language(request)
    visitor = Visitor(
        lang, identity.sees_unreviewed, f"{site_of(request)}/sites/{code}", state_of(request).settings.home
    )
    with reading(request) as conn:
        content = site_sheet(conn, code, visitor)
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in code)
    headers = {"Content-Disposition": f'inline; filename="{name}-{lang}.pdf"', "Content-Language": lang, "Vary": VARY}
    response = Response(content, media_type="application/pdf", headers=headers)
    keep_language(request, response)
    return response
