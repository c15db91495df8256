"""Whole published collections as files, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from api.ogc import asked, bulk
from api.problems import problem
from api.routes import ogc
from api.security import needs
from hazard_db.published import Collection, Page

router = APIRouter(prefix="/ogc", include_in_schema=False, dependencies=[Depends(needs("public"))])

BUSY = "As many downloads as the server takes are under way; try again in a minute."


@router.get("/collections/{name}/download")
def download(request: Request, name: ogc.Name) -> Response:
    """Return all features that match as a file; the parameters are those of items, without paging and order."""
    with ogc.reading(request) as conn:
        one = ogc.known(request, conn, name)
    page, format_name = asked.download(request.query_params, one)
    form = bulk.form(format_name, one)
    if not bulk.AT_ONCE.acquire(blocking=False):
        return problem(request, 503, BUSY, headers={"Retry-After": "60"}, kind="busy")
    pieces = _pieces(request, one, page, form)
    first = next(pieces, b"")  # a filter that does not suit the data is told before the file begins
    headers = {"Content-Disposition": f'attachment; filename="{one.name}.{form.ending}"'}
    return StreamingResponse(chain([first], pieces), media_type=form.media_type, headers=headers)


def _pieces(request: Request, one: Collection, page: Page, form: bulk.Format) -> Iterator[bytes]:
    try:
        with ogc.reading(request) as conn:
            yield from bulk.blocks(form.write(conn, one, page))
    finally:
        bulk.AT_ONCE.release()
