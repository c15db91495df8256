"""OGC API Features and Tiles on what is published: every view of schema `published` is a collection."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api import leaving
from api.ogc import asked, documents, openapi
from api.ogc.crs import Crs, named
from api.ogc.kept import Tiles
from api.pages import VARY, render, wants_page
from api.security import needs
from api.state import state_of
from hazard_db import connect, published, published_tiles
from hazard_db.connect import Connection
from hazard_db.errors import InputError, NotFoundError
from hazard_db.published import Collection, Page

router = APIRouter(prefix="/ogc", include_in_schema=False, dependencies=[Depends(needs("public"))])

KNOWN_FOR_S = 30.0
SMALL = 1000
"""Bytes of a tile that are not worth compressing."""
Name = Annotated[str, Path(max_length=100)]


@contextmanager
def reading(request: Request) -> Iterator[Connection]:
    """Yield a connection that sees what is published; its statement ends when the client leaves."""
    tell = partial(setattr, request.state, leaving.CANCEL)
    with connect.transaction(state_of(request).public_engine) as conn, connect.cancellable(conn, tell):
        yield conn


class _Known:
    """What is asked again and again and changes seldom: the list of views, and the extent of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Any, tuple[float, Any]] = {}

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        now = time.monotonic()
        with self._lock:
            until, value = self._kept.get(key, (0.0, None))
        if now >= until:
            value = make()
            with self._lock:
                self._kept[key] = (now + KNOWN_FOR_S, value)
        return value


def _memory(request: Request) -> _Known:
    if not hasattr(request.app.state, "ogc_known"):
        request.app.state.ogc_known = _Known()
    memory: _Known = request.app.state.ogc_known
    return memory


def base(request: Request) -> str:
    """Return the address of the interface as the client sees it."""
    told = state_of(request).settings.base_url
    return (told.rstrip("/") if told else str(request.base_url).rstrip("/")) + "/ogc"


def _all(request: Request, conn: Connection) -> tuple[Collection, ...]:
    found: tuple[Collection, ...] = _memory(request).get("collections", lambda: published.collections(conn))
    return found


SINGLES = {"collections": "collection", "items": "item", "tiles": "tile_set", "tileMatrixSets": "scheme"}


def known(request: Request, conn: Connection, name: str) -> Collection:
    """Return the collection of that name.

    Raises
    ------
    NotFoundError
        There is none.
    """
    for found in _all(request, conn):
        if found.name == name:
            return found
    raise NotFoundError(f"there is no collection {name}")


def extent(request: Request, conn: Connection, one: Collection) -> Any:
    """Return west, south, east, north of a collection, at most half a minute old; None where it is empty."""
    return _memory(request).get(("extent", one.name), lambda: published.extent(conn, one))


def answer(request: Request, document: dict[str, Any], title: str, kind: str = documents.JSON) -> Response:
    """Return a document as the client wants it: data or page."""
    if wants_page(request, default_page=False):
        return render(
            request, "ogc.html", title=title, what=what(request.url.path), document=document, features=[], columns=[]
        )
    return Response(json.dumps(document, ensure_ascii=False), media_type=kind, headers={"Vary": VARY})


def what(path: str) -> str:
    """Return what a page of an address tells of: the texts `ogc.title.` and `ogc.about.` have words for it."""
    parts = [part for part in path.split("/") if part][1:]
    if not parts:
        return "landing"
    name, single = parts[::2][-1], len(parts) % 2 == 0
    return SINGLES.get(name, name) if single else {"tileMatrixSets": "schemes"}.get(name, name)


@router.get("")
@router.get("/")
def landing(request: Request) -> Response:
    """Return the landing page."""
    asked.only(request.query_params, ())
    return answer(request, documents.landing(base(request)), "OGC API")


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """Return what the interface conforms to."""
    asked.only(request.query_params, ())
    return answer(request, {"conformsTo": list(documents.CONFORMANCE)}, "Conformance")


@router.get("/api")
def definition(request: Request) -> Response:
    """Return the definition of the interface, OpenAPI 3.0."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        document = openapi.definition(base(request), _all(request, conn), version("kkh-hazard-watch"))
    return answer(request, document, "OGC API: definition", documents.OPENAPI)


@router.get("/collections")
def collections(request: Request) -> Response:
    """Return the collections."""
    asked.only(request.query_params, ())
    address = base(request)
    with reading(request) as conn:
        told = [documents.collection(address, one, extent(request, conn, one)) for one in _all(request, conn)]
    document = {"links": documents.both(address, "/collections"), "collections": told}
    return answer(request, document, "Collections")


@router.get("/collections/{name}")
def collection(request: Request, name: Name) -> Response:
    """Return the description of a collection."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        one = known(request, conn, name)
        document = documents.collection(base(request), one, extent(request, conn, one))
    return answer(request, document, one.title)


@router.get("/collections/{name}/queryables")
def queryables(request: Request, name: Name) -> Response:
    """Return the properties that filters may name."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        one = known(request, conn, name)
    return answer(request, documents.queryables(base(request), one), one.title, documents.SCHEMA)


@router.get("/collections/{name}/schema")
def schema(request: Request, name: Name) -> Response:
    """Return the properties of the features."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        one = known(request, conn, name)
    return answer(request, documents.schema(base(request), one), one.title, documents.SCHEMA)


@router.get("/collections/{name}/items")
def items(request: Request, name: Name) -> Response:
    """Return a page of features."""
    with reading(request) as conn:
        one = known(request, conn, name)
        wanted = asked.items(request.query_params, one)
        features, returned, matched = published.items(conn, one, wanted.page)
    path = f"{base(request)}/collections/{one.name}/items"
    links = _page_links(request, path, wanted.page, returned, matched)
    links.append(documents.link(path.removesuffix("/items"), "collection", documents.JSON, one.title))
    links.append(
        documents.link(
            f"{path.removesuffix('/items')}/queryables", documents.QUERYABLES, documents.SCHEMA, "Queryables"
        )
    )
    facts: dict[str, Any] = {
        "links": links, "timeStamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": returned,
    }  # fmt: skip
    if matched is not None:
        facts["numberMatched"] = matched
    if wants_page(request, default_page=False):
        return _table(request, one, facts, json.loads(b"[" + features + b"]"))
    told = json.dumps(facts, ensure_ascii=False)[1:].encode()
    body = b'{"type":"FeatureCollection","features":[' + features + b"]," + told
    return _features(body, wanted.crs, links)


@router.get("/collections/{name}/items/{identifier:path}")
def item(request: Request, name: Name, identifier: Annotated[str, Path(max_length=200)]) -> Response:
    """Return one feature."""
    given = asked.only(request.query_params, ("crs",))
    crs = named(given.get("crs"), "crs")
    with reading(request) as conn:
        one = known(request, conn, name)
        feature = published.item(conn, one, identifier, Page(srid=crs.srid, flipped=crs.flipped))
    path = f"{base(request)}/collections/{one.name}"
    links = [
        documents.link(f"{path}/items/{identifier}", "self", documents.GEOJSON),
        documents.link(f"{path}/items/{identifier}?f=html", "alternate", documents.HTML),
        documents.link(path, "collection", documents.JSON, one.title),
    ]
    if wants_page(request, default_page=False):
        return _table(request, one, {"links": links}, [json.loads(feature)])
    return _features(feature[:-1] + f',"links":{json.dumps(links)}}}'.encode(), crs, links)


@router.get("/collections/{name}/tiles")
def tile_sets(request: Request, name: Name) -> Response:
    """Return the tile sets of a collection."""
    asked.only(request.query_params, ())
    address = base(request)
    with reading(request) as conn:
        one = _spatial(request, conn, name)
    path = f"/collections/{one.name}/tiles"
    document = {"links": documents.both(address, path), "tilesets": [documents.tile_set(address, one)]}
    return answer(request, document, one.title)


@router.get(f"/collections/{{name}}/tiles/{documents.MERCATOR}")
def tile_set(request: Request, name: Name) -> Response:
    """Return the description of a collection's vector tiles."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        one = _spatial(request, conn, name)
    return answer(request, documents.tile_set(base(request), one), one.title)


@router.get(f"/collections/{{name}}/tiles/{documents.MERCATOR}/tilejson.json")
def tilejson(request: Request, name: Name) -> Response:
    """Return where the tiles are, as TileJSON."""
    asked.only(request.query_params, ())
    with reading(request) as conn:
        one = _spatial(request, conn, name)
        document = documents.tilejson(base(request), one, extent(request, conn, one))
    return Response(json.dumps(document), media_type=documents.JSON)


@router.get(f"/collections/{{name}}/tiles/{documents.MERCATOR}/{{z}}/{{y}}/{{x}}")
async def tile(request: Request, name: Name, z: str, y: str, x: str) -> Response:
    """Return a vector tile."""
    tiles = _tiles(request)
    key = f"{request.url.path}?{request.url.query}"
    found = tiles.get(key)
    if found is None:
        found = await run_in_threadpool(tiles.make, key, lambda: _drawn(request, name, (z, x, y)))
    headers = {"ETag": found.tag, "Vary": "Accept-Encoding"}
    if found.tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    accepted = request.headers.get("accept-encoding", "") if len(found.body) >= SMALL else ""
    body, way = await run_in_threadpool(found.as_accepted, accepted) if accepted else (found.body, None)
    return Response(body, media_type=documents.MVT, headers=headers | ({"Content-Encoding": way} if way else {}))


def _drawn(request: Request, name: str, address: tuple[str, str, str]) -> bytes:
    given = asked.only(request.query_params, ("datetime", "filter", "filter-lang", "filter-crs", "properties"))
    place = _place(*address)
    with reading(request) as conn:
        one = _spatial(request, conn, name)
        page = Page(where=asked.where(given, one), properties=asked.properties(given.get("properties"), one))
        crowds, key = _tiles(request).crowds, (one.name, place[0])
        # a collection's tiles of one zoom are alike: the last one tells how the next is made soonest
        body = published_tiles.tile(conn, one, place, page, crowded=crowds.get(key, 0) > published_tiles.CROWDED_BYTES)
    crowds[key] = len(body)
    return body


def _tiles(request: Request) -> Tiles:
    if not hasattr(request.app.state, "ogc_tiles"):
        request.app.state.ogc_tiles = Tiles(state_of(request).settings.tiles_fresh_s)
    found: Tiles = request.app.state.ogc_tiles
    return found


@router.get("/tileMatrixSets")
def matrix_sets(request: Request) -> Response:
    """Return the tiling schemes."""
    asked.only(request.query_params, ())
    return answer(request, documents.matrix_sets(base(request)), "Tiling schemes")


@router.get(f"/tileMatrixSets/{documents.MERCATOR}")
def matrix_set(request: Request) -> Response:
    """Return the tiling scheme."""
    asked.only(request.query_params, ())
    return answer(request, documents.matrix_set(), documents.MERCATOR)


def _place(z: str, x: str, y: str) -> tuple[int, int, int]:
    """Return zoom, column and row of a tile that there is."""
    known = (
        all(one.isascii() and one.isdigit() and len(one) < 10 for one in (z, x, y)) and int(z) <= documents.LARGEST_ZOOM
    )
    if not known or max(int(x), int(y)) >= 2 ** int(z):
        raise NotFoundError(
            f"there is no tile {z[:20]}/{y[:20]}/{x[:20]}: zooms go from 0 to {documents.LARGEST_ZOOM}, rows and columns to 2^zoom - 1"
        )
    return int(z), int(x), int(y)


def _spatial(request: Request, conn: Connection, name: str) -> Collection:
    one = known(request, conn, name)
    if one.geometry is None:
        raise InputError(f"{name} has no geometry, so there are no tiles of it")
    return one


def _page_links(request: Request, path: str, page: Page, returned: int, matched: int | None) -> list[dict[str, Any]]:
    given = [(name, value) for name, value in request.query_params.multi_items() if name not in ("offset", "f")]
    start = f"{path}?{urlencode(given)}{'&' if given else ''}"

    def at(offset: int, kind: str = "json") -> str:
        return f"{start}offset={offset}&f={kind}"

    links = [
        documents.link(at(page.offset), "self", documents.GEOJSON),
        documents.link(at(page.offset, "html"), "alternate", documents.HTML),
    ]
    more = returned == page.limit if matched is None else page.offset + returned < matched
    if more and returned:
        links.append(documents.link(at(page.offset + returned), "next", documents.GEOJSON))
    if page.offset:
        links.append(documents.link(at(max(0, page.offset - page.limit)), "prev", documents.GEOJSON))
    return links


def _features(body: bytes, crs: Crs, links: list[dict[str, Any]]) -> Response:
    told = documents.link_header(links)
    return Response(
        body, media_type=documents.GEOJSON, headers={"Content-Crs": f"<{crs.uri}>", "Link": told, "Vary": VARY}
    )


def _table(request: Request, one: Collection, facts: dict[str, Any], features: list[dict[str, Any]]) -> Response:
    columns = [column.name for column in one.columns]
    return render(
        request, "ogc.html", title=one.title, what=what(request.url.path), document=facts, features=features, columns=columns,
        collection=one.name,
    )  # fmt: skip
