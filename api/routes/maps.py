"""Maps."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from api.backdrop import FOLDER, BackdropSettings, boundaries, relief
from api.charts import Asked, Source, draw, record, telling
from api.pages import language, render
from api.routes.files import FOREVER
from api.security import Identity, Reader
from api.state import state_of
from api.storage import reading, reading_as
from api.stretch import read_stretch
from hazard_db import drawing, drawing_cells
from hazard_db.errors import NotFoundError
from maps.chart import Below, Bounds

router = APIRouter(prefix="/maps", tags=["maps"])

MVT = "application/vnd.mapbox-vector-tile"
Kind = Literal["sites", "events", "observations", "changes"]
Zoom = Annotated[int, Path(ge=0, le=22)]
Tile = Annotated[int, Path(ge=0, lt=2**22)]
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


@router.get("/cells/{kind}/{z}/{y}/{x}", include_in_schema=False)
def cells(
    request: Request, identity: Reader, *, kind: Kind, z: Zoom, y: Tile, x: Tile, km_from: float | None = None,
    km_to: float | None = None, beyond: bool = False, since: date | None = None, until: date | None = None,
) -> Response:  # fmt: skip
    """Return how many records lie where, as a vector tile."""
    view = drawing.View(km_from, km_to if km_to is not None else km_from, beyond=beyond)
    source = _source(request, identity)
    with (source.app if kind == "changes" else source.visitor)() as conn:
        body = drawing_cells.tile(conn, kind, (z, x, y), view, inside=source.inside, since=since, until=until)
    return Response(body, media_type=MVT, headers={"Cache-Control": "private, max-age=60"})


@router.get("/records/{kind}/{key}", include_in_schema=False)
def one(request: Request, identity: Reader, kind: Kind, key: Annotated[str, Path(max_length=100)]) -> JSONResponse:
    """Return a record as the popup of a map tells it."""
    return JSONResponse(record(_source(request, identity), kind, key, telling(language(request))))


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
    return render(request, "map.html", page=draw(asked, _source(request, identity), telling(language(request))))


def _source(request: Request, identity: Identity) -> Source:
    return Source(
        app=lambda: reading(request),
        visitor=lambda: reading_as(request, identity),
        inside=identity.sees_unreviewed,
        below=lambda bounds: _below(request, bounds),
    )


def _below(request: Request, bounds: Bounds) -> Below:
    settings = BackdropSettings()
    lines, shades = boundaries(settings), relief(settings, state_of(request).settings.home, bounds)
    return Below(f"/maps/relief/{shades.path.name}", shades.bounds, lines) if shades else Below(boundaries=lines)
