"""Raster tiles of scenes and results: pictures, values and tiles of what the catalogue knows, by titiler."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from rasterio.errors import RasterioError
from starlette.responses import Response
from titiler.core.factory import TilerFactory

from api.geotiff import GDAL, GeoTIFF
from api.routes.files import inside
from api.security import Reader, needs
from api.state import state_of
from api.storage import reading
from hazard_db import imagery
from hazard_db.errors import InputError, NotFoundError

MOST_PX, SIZES = 2048, ("width", "height", "max_size", "tilesize", "buffer", "padding")
"""Longest edge of a picture, and what asks for it."""


def known(
    request: Request,
    identity: Reader,
    url: Annotated[str, Query(max_length=2000, description="href of an asset of a scene or result")],
) -> str:
    """Return the raster behind an href that the catalogue knows.

    Raises
    ------
    NotFoundError
        The catalogue does not know it, or the file is gone.
    """
    with reading(request) as conn:
        if "\0" in url or not imagery.knows(conn, url, restricted=identity.sees_unreviewed):
            raise NotFoundError("the catalogue knows no such raster; hrefs are in the items of /stac")
    if "://" in url:
        return url
    return str(inside(state_of(request).settings.home, url))


def modest(request: Request) -> None:
    """Return quietly where the picture asked for is of a size that a page can use.

    Raises
    ------
    InputError
        It is larger.
    """
    for name in SIZES:
        told = request.path_params.get(name, request.query_params.get(name, ""))
        if told.isdigit() and int(told) > MOST_PX:
            raise InputError(f"{name}={told[:20]} is more than the {MOST_PX} pixels that are offered")


class Drawn(APIRoute):
    """A route whose parameters may ask of a raster what it has not: bands, expressions, ranges."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler; what the raster library cannot do with the parameters becomes one clear refusal."""
        draw = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await draw(request)
            except (IndexError, ValueError, SyntaxError, RasterioError) as error:
                reason = " ".join(str(error).split())[:200]
                raise InputError(f"the raster cannot be drawn with these parameters: {reason}") from error

        return handler


router = APIRouter(prefix="/imagery", dependencies=[Depends(needs("public")), Depends(modest)], tags=["imagery"])
_tiler = TilerFactory(
    reader=GeoTIFF,
    router=APIRouter(route_class=Drawn),
    path_dependency=known,
    environment_dependency=lambda: dict(GDAL),
    router_prefix="/imagery",
    add_viewer=False,
    add_part=False,  # parts at full resolution need memory without limit, and so do statistics of areas
).router
_tiler.routes[:] = [route for route in _tiler.routes if "statistics" not in getattr(route, "path", "")]
router.include_router(_tiler)
