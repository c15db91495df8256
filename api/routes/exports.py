"""Observations, sites and events as files to take away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from api.exports import FORMATS
from api.listing import EMPTY, Asked
from api.packages import Photos, attached, put_photos
from api.security import Reader
from api.state import state_of
from api.storage import reading, reading_as
from hazard_db import fieldbook, ledger, register
from hazard_db.connect import Connection
from hazard_db.ledger import Book
from hazard_db.search import Window

router = APIRouter(tags=["exports"])

MOST = 50_000


def _booked(book: Book, conn: Connection, window: Window, *, published: bool) -> list[dict[str, Any]]:
    return ledger.entries(conn, book, window, published=published)


LISTS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "observations": fieldbook.list_observations, "sites": register.list_sites, "events": register.list_events,
    "closures": partial(_booked, ledger.CLOSURES), "works": partial(_booked, ledger.WORKS),
}  # fmt: skip


@router.get("/exports/{what}.{kind_of_file}")
def export(
    *, request: Request, identity: Reader, window: Asked,
    what: Literal["observations", "sites", "events", "closures", "works"], kind_of_file: Literal["geojson", "csv", "xlsx", "gpkg", "kml"],
    status: Annotated[Literal["submitted", "accepted", "rejected", "asked"] | None, EMPTY, Query()] = None,
    photos: Annotated[Photos, Query(description="In GeoPackages.")] = "copies",
) -> Response:  # fmt: skip
    """Return a list as a file, up to 50,000 records, filtered as the list itself is; what is not public only to those logged in."""
    public = not identity.sees_unreviewed
    more = {"status": status} if what == "observations" else {}
    with reading_as(request, identity) as conn:
        items = LISTS[what](conn, replace(window, limit=MOST), published=public, **more)
    made = FORMATS[kind_of_file]
    if kind_of_file == "gpkg" and what in {"observations", "sites"} and photos != "none":
        return _package(request, items, what, photos, public=public)
    return Response(made.write(items, what), media_type=made.media_type, headers=_named(what, kind_of_file))


def _package(request: Request, items: list[dict[str, Any]], what: str, photos: Photos, *, public: bool) -> Response:
    """Return a GeoPackage with photos, from the disk: it may be large."""
    home = state_of(request).settings.home
    folder = Path(mkdtemp(prefix="kkh-export-"))
    try:
        path = folder / f"{what}.gpkg"
        path.write_bytes(FORMATS["gpkg"].write(items, what))
        with reading(request) as conn:
            put_photos(path, what, attached(conn, items, what, home, photos=photos, public=public))
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise
    done = BackgroundTask(rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type=FORMATS["gpkg"].media_type, headers=_named(what, "gpkg"), background=done)


def _named(what: str, kind: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="kkh-{what}.{kind}"'}
