"""Maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.charts import Asked, Source, draw, telling
from api.pages import language, render
from api.security import Identity, Reader
from api.storage import reading, reading_as
from api.stretch import read_stretch
from maps import assets

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


def _page(request: Request, identity: Identity, asked: Asked) -> Response:
    source = Source(lambda: reading(request), lambda: reading_as(request, identity), inside=identity.sees_unreviewed)
    return render(request, "map.html", page=draw(asked, source, telling(language(request))), address=assets.address)
