"""STAC API: scenes and result rasters, searched and downloaded; what is restricted is there for those who are logged in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from api.bodies import storable
from api.ogc import asked as parameters
from api.ogc.documents import GEOJSON, JSON, SCHEMA
from api.routes.files import inside
from api.security import Identity, Reader, Searcher
from api.stac import asked, documents, items
from api.state import state_of
from api.storage import reading_as
from hazard_db import stac
from hazard_db.errors import InputError, NotFoundError
from hazard_db.published import Condition

router = APIRouter(prefix="/stac", tags=["stac"])

Name = Annotated[str, Path(max_length=200)]
MOST_BYTES = 1_000_000
"""Of a search."""


def base(request: Request) -> str:
    """Return the address of the STAC API as the client sees it."""
    told = state_of(request).settings.base_url
    return (told.rstrip("/") if told else str(request.base_url).rstrip("/")) + "/stac"


@router.get("")
@router.get("/", include_in_schema=False)
def landing(request: Request, identity: Reader) -> Response:
    """Return the landing page: a STAC catalogue."""
    parameters.only(request.query_params, ())
    return JSONResponse(documents.landing(base(request), _known(request, identity)))


@router.get("/conformance")
def conformance(request: Request, identity: Reader) -> Response:
    """Return what the API conforms to."""
    del identity
    parameters.only(request.query_params, ())
    return JSONResponse({"conformsTo": list(documents.CONFORMANCE)})


@router.get("/api", include_in_schema=False)
def definition(request: Request, identity: Reader) -> Response:
    """Return the definition of the API, OpenAPI 3.1."""
    del identity
    whole = request.app.openapi()
    paths = {path: ways for path, ways in whole["paths"].items() if path.startswith("/stac")}
    return Response(json.dumps({**whole, "paths": paths}), media_type=documents.OPENAPI)


@router.get("/queryables")
def queryables(request: Request, identity: Reader) -> Response:
    """Return what filters may name."""
    del identity
    parameters.only(request.query_params, ())
    return JSONResponse(documents.queryables(f"{base(request)}/queryables"), media_type=SCHEMA)


@router.get("/collections")
def collections(request: Request, identity: Reader) -> Response:
    """Return the collections."""
    parameters.only(request.query_params, ())
    address, licence = base(request), state_of(request).settings.data_license
    told = [documents.collection(address, one, licence) for one in _known(request, identity)]
    links = [{"rel": rel, "type": JSON, "href": href} for rel, href in
             (("self", f"{address}/collections"), ("root", address), ("parent", address))]  # fmt: skip
    return JSONResponse({"collections": told, "links": links})


@router.get("/collections/{collection}")
def collection(request: Request, identity: Reader, collection: Name) -> Response:
    """Return one collection."""
    parameters.only(request.query_params, ())
    one = _one(request, identity, collection)
    return JSONResponse(documents.collection(base(request), one, state_of(request).settings.data_license))


@router.get("/collections/{collection}/queryables")
def queryables_of(request: Request, identity: Reader, collection: Name) -> Response:
    """Return what filters on a collection may name."""
    parameters.only(request.query_params, ())
    one = _one(request, identity, collection)
    return JSONResponse(documents.queryables(f"{base(request)}/collections/{one.id}/queryables"), media_type=SCHEMA)


@router.get("/collections/{collection}/items")
def collection_items(request: Request, identity: Reader, collection: Name) -> Response:
    """Return a page of a collection's items, the newest first."""
    given = asked.from_address(parameters.only(request.query_params, asked.OF_ITEMS))
    _one(request, identity, collection)
    wanted = asked.search(given)
    here = Condition("t.collection = %(here)s", {"here": collection})
    narrowed = stac.Search((*wanted.where, here), wanted.limit, wanted.token)
    parent = f"{base(request)}/collections/{collection}"
    document = _page(request, identity, narrowed, f"{parent}/items", given=None)
    document["links"] += [{"rel": rel, "type": JSON, "href": parent} for rel in ("parent", "collection")]
    return JSONResponse(document, media_type=GEOJSON)


@router.get("/collections/{collection}/items/{item}")
def one_item(request: Request, identity: Reader, collection: Name, item: Name) -> Response:
    """Return one item."""
    parameters.only(request.query_params, ())
    found = _item(request, identity, collection, item)
    return JSONResponse(items.item(found, base(request)), media_type=GEOJSON)


@router.get("/search")
def search(request: Request, identity: Reader) -> Response:
    """Return a page of items that match: bbox, datetime, intersects, ids, collections, filter."""
    given = asked.from_address(parameters.only(request.query_params, asked.PARAMETERS))
    document = _page(request, identity, asked.search(given), f"{base(request)}/search", given=None)
    return JSONResponse(document, media_type=GEOJSON)


@router.post("/search", openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": {
    "type": "object", "properties": {
        "limit": {"type": "integer", "minimum": 1}, "token": {"type": "string"}, "datetime": {"type": "string"},
        "bbox": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
        "ids": {"type": "array", "items": {"type": "string"}}, "collections": {"type": "array", "items": {"type": "string"}},
        "intersects": {"type": "object"}, "filter": {"type": ["object", "string"]},
        "filter-lang": {"enum": ["cql2-json", "cql2-text"]}, "filter-crs": {"type": "string"},
    }}}}}})  # fmt: skip
async def search_by_body(request: Request, identity: Searcher) -> Response:
    """Return a page of items that match what the body asks for."""
    raw = await request.body()
    try:
        given = json.loads(raw) if len(raw) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        given = None
    if not storable(given):
        raise InputError("a search holds a character (NUL, or half of one) that no search needs")
    wanted = asked.search(given)
    document = await run_in_threadpool(_page, request, identity, wanted, f"{base(request)}/search", given=given)
    return JSONResponse(document, media_type=GEOJSON)


@router.api_route("/assets/{collection}/{item}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
def asset(request: Request, identity: Reader, collection: Name, item: Name, name: Name) -> Response:
    """Return a file of an item; ranges of it where they are asked for."""
    found = _item(request, identity, collection, item).assets.get(name)
    if found is None:
        raise NotFoundError(f"there is no asset {name[:100]} of {item[:100]}")
    href = str(found["href"])
    if "://" in href:
        return RedirectResponse(href, 307)
    path = inside(state_of(request).settings.home, href)
    return FileResponse(path, media_type=str(found.get("type", items.MEDIA_TYPE)), filename=path.name)


def _known(request: Request, identity: Identity) -> list[stac.StacCollection]:
    with reading_as(request, identity) as conn:
        return stac.collections(conn, everything=identity.sees_unreviewed)


def _one(request: Request, identity: Identity, name: str) -> stac.StacCollection:
    for found in _known(request, identity):
        if found.id == name:
            return found
    raise NotFoundError(f"there is no collection {name[:100]}")


def _item(request: Request, identity: Identity, collection: str, item: str) -> stac.StacItem:
    with reading_as(request, identity) as conn:
        return stac.item(conn, collection, item, everything=identity.sees_unreviewed)


def _page(
    request: Request, identity: Identity, wanted: stac.Search, path: str, *, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a page of items with its links; `given` is the body where the search came in one."""
    address = base(request)
    with reading_as(request, identity) as conn:
        found = stac.search(conn, wanted, everything=identity.sees_unreviewed)
    asked_for = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    links: list[dict[str, Any]] = [
        {"rel": "root", "type": JSON, "href": address},
        {"rel": "self", "type": GEOJSON, "href": path + (f"?{request.url.query}" if request.url.query else "")},
    ]
    if found.following and given is None:
        following = f"{path}?{urlencode([*asked_for, ('token', found.following)])}"
        links.append({"rel": "next", "type": GEOJSON, "method": "GET", "href": following})
    elif found.following and given is not None:
        body = {**given, "token": found.following}
        links.append({"rel": "next", "type": GEOJSON, "method": "POST", "href": path, "body": body})
    return {
        "type": "FeatureCollection", "features": [items.item(one, address) for one in found.items], "links": links,
        "numberMatched": found.matched, "numberReturned": len(found.items),
    }  # fmt: skip
