"""Maps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from api import scenetiles
from api.backdrop import FOLDER, TILES, BackdropSettings, below, drawable
from api.charts import Asked, Source, draw, record, telling
from api.middleware import policy
from api.packing import MAIL_BYTES, Pack, written
from api.pages import VARY, language, render
from api.pictured import served_one, served_sides
from api.routes.files import FOREVER
from api.security import Identity, Reader
from api.state import state_of
from api.storage import reading, reading_as
from api.stretch import read_stretch
from hazard_db import drawing, drawing_cells, drawing_scenes
from hazard_db.errors import InputError, NotFoundError
from maps import terrain
from maps.chart import Below, Bounds
from maps.layers import Telling

router = APIRouter(prefix="/maps", tags=["maps"])

MVT = "application/vnd.mapbox-vector-tile"
Kind = Literal["sites", "events", "observations", "changes"]
Zoom = Annotated[int, Path(ge=0, le=22)]
Tile = Annotated[int, Path(ge=0, lt=2**22)]
Id = Annotated[int, Path(ge=1, lt=2**63)]
Stretch = Annotated[str, Query(max_length=40, description="Stretch of road, A-B in kilometres.")]
AsFile = Annotated[bool, Query(description="As one file that needs no network.")]
Beyond = Annotated[bool, Query(description="Also what lies further from the road than the corridor reaches.")]


@router.get("/corridor")
def corridor(request: Request, identity: Reader, *, beyond: Beyond = False, file: AsFile = False) -> Response:
    """Return the map of the whole corridor."""
    return _page(request, identity, Asked("corridor", beyond=beyond), file=file)


@router.get("/segment")
def segment(request: Request, identity: Reader, *, km: Stretch, file: AsFile = False) -> Response:
    """Return the map of a stretch of road."""
    km_from, km_to = read_stretch(km)
    return _page(request, identity, Asked("segment", km_from, km_to), file=file)


@router.get("/change/{change_id}")
def change(request: Request, identity: Reader, *, change_id: Id, file: AsFile = False) -> Response:
    """Return the map around a change, with its pictures before and after."""
    return _page(request, identity, Asked("change", change_id=change_id), file=file)


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
    return JSONResponse(record(_source(request, identity), kind, key, _telling(request)))


@router.get("/scenes", include_in_schema=False)
def scenes(
    request: Request, identity: Reader, bbox: Annotated[str, Query(max_length=120, description="West, south, east, north in degrees.")]
) -> JSONResponse:  # fmt: skip
    """Return the scenes that show a place, to be laid beside each other."""
    with reading(request) as conn:
        found = drawing_scenes.around(conn, _box(bbox), restricted=identity.sees_unreviewed)
    return JSONResponse([told for scene in found if (told := scenetiles.told(scene))])


@router.get("/scenes/{scene_id}/{z}/{y}/{x}.webp", include_in_schema=False)
def scene_tile(
    request: Request, identity: Reader, *, scene_id: Annotated[str, Path(max_length=200)], z: Zoom, y: Tile, x: Tile
) -> Response:
    """Return a tile of a scene's picture."""
    with reading(request) as conn:
        scene = drawing_scenes.one(conn, scene_id, restricted=identity.sees_unreviewed)
    bands = scenetiles.bands(scene["assets"])
    if bands is None or max(x, y) >= 2**z:
        raise NotFoundError("there is no such tile")
    body = scenetiles.tile(bands, state_of(request).settings.home, scene["checksum"], (z, y, x))
    return Response(body, media_type="image/webp", headers={"Cache-Control": "private, max-age=86400"})


def _box(bbox: str) -> Bounds:
    """Return a box.

    Raises
    ------
    InputError
        It is none.
    """
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError as error:
        raise InputError(f"bbox={bbox[:60]}: write west,south,east,north in degrees") from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InputError(f"bbox={bbox[:60]}: west and south come first, in degrees")
    return west, south, east, north


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


@router.get("/terrain/{key}/{z}/{y}/{x}.webp", include_in_schema=False)
def ground(
    request: Request,
    identity: Reader,
    *,
    key: Annotated[str, Path(pattern="^[0-9a-f]{20}$")],
    z: Zoom,
    y: Tile,
    x: Tile,
) -> Response:
    """Return a tile of the terrain."""
    del identity
    found = drawable(BackdropSettings())
    if found is None or found.key != key or not terrain.LOWEST_ZOOM <= z <= found.closest or max(x, y) >= 2**z:
        raise NotFoundError("there is no such tile")
    body = terrain.tile(found, (z, y, x), state_of(request).settings.home / TILES)
    return Response(body, media_type="image/webp", headers=FOREVER)


def _page(request: Request, identity: Identity, asked: Asked, *, file: bool) -> Response:
    settings = BackdropSettings()
    source = _source(request, identity, settings)
    if file:
        return _file(request, asked, source, settings)
    save = request.url.include_query_params(file="true", lang=language(request))
    tell = replace(_telling(request), save=f"{save.path}?{save.query}")
    page = draw(asked, source, tell)
    hosts = [origin for provider in settings.providers for origin in provider.origins]
    headers = {"Content-Security-Policy": policy(request.state.nonce, images=hosts)} if hosts else {}
    return render(request, "map.html", headers=headers, page=page)


def _telling(request: Request) -> Telling:
    home = state_of(request).settings.home
    return replace(telling(language(request)), swipe=partial(served_one, home), sides=partial(served_sides, home))


def _file(request: Request, asked: Asked, source: Source, settings: BackdropSettings) -> Response:
    """Return a map as one file: what its reader may see, to be kept or sent."""
    known = state_of(request).settings
    tell = replace(telling(language(request)), tiles=False)
    html = written(asked, source, tell, known.home, base=known.base_url, pack=Pack(MAIL_BYTES), settings=settings)
    parts = [asked.kind, asked.km_from, asked.km_to, asked.change_id]
    name = "-".join(part if isinstance(part, str) else f"{part:g}" for part in parts if part is not None)
    headers = {
        "Content-Disposition": f'attachment; filename="kkh-{name}.html"',
        "Cache-Control": "private, no-store",
        "Vary": VARY,
    }
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


def _source(request: Request, identity: Identity, settings: BackdropSettings | None = None) -> Source:
    return Source(
        app=lambda: reading(request),
        visitor=lambda: reading_as(request, identity),
        inside=identity.sees_unreviewed,
        below=lambda bounds: below(settings, bounds) if settings else Below(),
    )
