"""Maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, Response

from api.backdrop import FOLDER, BackdropSettings, boundaries, relief
from api.charts import Asked, Source, draw, telling
from api.pages import language, render
from api.routes.files import FOREVER
from api.security import Identity, Reader
from api.state import state_of
from api.storage import reading, reading_as
from api.stretch import read_stretch
from hazard_db.errors import NotFoundError
from maps.chart import Below, Bounds

router = APIRouter(prefix="/maps", tags=["maps"])

Id = Annotated[int, Path(ge=1, lt=2**63)]
Stretch = Annotated[str, Query(max_length=40, description="Stretch of road, A-B in kilometres.")]
Beyond = Annotated[bool, Query(description="Also what lies further from the road than the corridor reaches.")]


@router.get("/corridor")
def corridor(request: Request, identity: Reader, beyond: Beyond = False) -> Response:
    """Return the map of the whole corridor."""
    return _page(request, identity, Asked("corridor", beyond=beyond))


@router.get("/segment")
def segment(request: Request, identity: Reader, km: Stretch) -> Response:
    """Return the map of a stretch of road."""
    km_from, km_to = read_stretch(km)
    return _page(request, identity, Asked("segment", km_from, km_to))


@router.get("/change/{change_id}")
def change(request: Request, identity: Reader, change_id: Id) -> Response:
    """Return the map around a change, with its pictures before and after."""
    return _page(request, identity, Asked("change", change_id=change_id))


@router.get("/relief/{name}.png", include_in_schema=False)
def relief_picture(
    request: Request, identity: Reader, name: Annotated[str, Path(pattern="^[0-9a-f]{20}$")]
) -> Response:
    """Return a picture of the terrain that a map was drawn on."""
    del identity
    file = state_of(request).settings.home / FOLDER / f"{name}.png"
    if not file.is_file():
        raise NotFoundError("there is no such picture")
    return FileResponse(file, media_type="image/png", headers=FOREVER)


def _page(request: Request, identity: Identity, asked: Asked) -> Response:
    source = Source(
        app=lambda: reading(request),
        visitor=lambda: reading_as(request, identity),
        inside=identity.sees_unreviewed,
        below=lambda bounds: _below(request, bounds),
    )
    return render(request, "map.html", page=draw(asked, source, telling(language(request))))


def _below(request: Request, bounds: Bounds) -> Below:
    settings = BackdropSettings()
    lines, shades = boundaries(settings), relief(settings, state_of(request).settings.home, bounds)
    return Below(f"/maps/relief/{shades.path.name}", shades.bounds, lines) if shades else Below(boundaries=lines)
