"""Printed pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.openrosa.documents import site_of
from api.pages import VARY, keep_language, language
from api.security import Reader
from api.sheets import Visitor, site_sheet
from api.state import state_of
from api.storage import reading

router = APIRouter(prefix="/reports", tags=["reports"])


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
