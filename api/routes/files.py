"""Files that pages need: pictures of changes, styles, and what maps are drawn with."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from api import theme
from api.ogc.kept import accepted_ways
from api.pages import STATIC
from api.security import Reader
from api.state import state_of
from api.storage import reading
from hazard_db import pictures
from hazard_db.errors import NotFoundError
from hazard_db.panels import Layer, Panels, cut

router = APIRouter(include_in_schema=False)

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For files whose address changes with their content."""


@router.get("/pictures/{path:path}")
def picture(request: Request, identity: Reader, path: str, panel: Layer | None = None) -> Response:
    """Return the picture of a change, or one panel of it; only files that the catalogue knows, to whoever may see the change."""
    with reading(request) as conn:
        change_id = pictures.change_of(conn, f"pictures/{path}", include_unreviewed=identity.sees_unreviewed)
    if change_id is None:
        raise NotFoundError("there is no such picture")
    file = inside(state_of(request).settings.home / "pictures", path)
    if panel is None:
        return FileResponse(file, media_type="image/png")
    told = Panels.read(file)
    part = told.of(panel) if told else None
    if part is None:
        raise NotFoundError("the picture has no such panel")
    return Response(cut(file, part), media_type="image/png")


@router.get("/static/colours.css")
def colours() -> Response:
    """Return the colours of the pages as variables."""
    return Response(theme.stylesheet(), media_type="text/css", headers=FOREVER)


@router.get("/static/{path:path}")
def static(path: str) -> Response:
    """Return a style or icon of our own pages."""
    return FileResponse(inside(STATIC, path), headers=FOREVER)


@router.get("/assets/{path:path}")
def asset(request: Request, path: str) -> Response:
    """Return a file that maps are drawn with."""
    from maps import assets  # noqa: PLC0415

    file = inside(assets.folder(), path)
    packed = assets.packed(file)
    if not packed.is_file() or "br" not in accepted_ways(request.headers.get("accept-encoding", "")):
        return FileResponse(file, headers=FOREVER)
    headers = FOREVER | {"Content-Encoding": "br", "Vary": "Accept-Encoding"}
    return FileResponse(packed, headers=headers, media_type=mimetypes.guess_type(file.name)[0])


def inside(folder: Path, path: str) -> Path:
    """Return a file below a folder.

    Raises
    ------
    NotFoundError
        There is none, or the way to it leads out of the folder.
    """
    root = folder.resolve()
    try:
        found = (root / path).resolve()
        usable = found.is_relative_to(root) and found.is_file()
    except (OSError, ValueError) as error:  # a NUL, or a name too long
        raise NotFoundError("there is no such file") from error
    if not usable:
        raise NotFoundError("there is no such file")
    return found
