"""The definition of the interface in OpenAPI 3.0, every schema in its place: readers need to follow no reference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.ogc import bulk
from api.ogc.asked import COMMON, ITEMS, MOST, USUAL
from api.ogc.documents import GEOJSON, HTML, JSON, JSON_LD, LARGEST_ZOOM, MERCATOR, MVT, SCHEMA, SCHEMAS
from hazard_db.published import Collection
from hazard_db.published_updates import FEEDS

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
NUMBERS: dict[str, Any] = {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}
LINK: dict[str, Any] = {
    "type": "object", "required": ["href"], "properties": {"href": TEXT, "rel": TEXT, "type": TEXT, "title": TEXT},
}  # fmt: skip
LINKS: dict[str, Any] = {"type": "array", "items": LINK}
LANDING = {"type": "object", "required": ["links"], "properties": {"title": TEXT, "description": TEXT, "links": LINKS}}
CONFORMS = {"type": "object", "required": ["conformsTo"], "properties": {"conformsTo": TEXTS}}
COLLECTION: dict[str, Any] = {
    "type": "object", "required": ["id", "links"],
    "properties": {
        "id": TEXT, "title": TEXT, "links": LINKS, "itemType": TEXT, "crs": TEXTS, "storageCrs": TEXT,
        "extent": {"type": "object", "properties": {"spatial": {"type": "object", "properties": {
            "bbox": {"type": "array", "items": NUMBERS}, "crs": TEXT}}}},
    },
}  # fmt: skip
COLLECTIONS = {
    "type": "object", "required": ["links", "collections"],
    "properties": {"links": LINKS, "collections": {"type": "array", "items": COLLECTION}},
}  # fmt: skip
FEATURE: dict[str, Any] = {
    "type": "object", "required": ["type", "geometry", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]}, "id": {"oneOf": [TEXT, {"type": "integer"}]},
        "geometry": {"type": "object", "nullable": True}, "properties": {"type": "object", "nullable": True}, "links": LINKS,
    },
}  # fmt: skip
FEATURES: dict[str, Any] = {
    "type": "object", "required": ["type", "features"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]}, "features": {"type": "array", "items": FEATURE},
        "links": LINKS, "timeStamp": {"type": "string", "format": "date-time"},
        "numberMatched": {"type": "integer", "minimum": 0}, "numberReturned": {"type": "integer", "minimum": 0},
    },
}  # fmt: skip
PROBLEM: dict[str, Any] = {
    "type": "object", "properties": {"title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "request_id": TEXT},
}  # fmt: skip
ANY = {"type": "object"}
UPDATES: dict[str, Any] = {
    "type": "object", "required": ["updates", "until"],
    "properties": {
        "collection": TEXT, "since": TEXT, "until": TEXT, "links": LINKS,
        "updates": {"type": "array", "items": {"type": "object", "required": ["id", "action", "at"], "properties": {
            "id": TEXT, "action": {"type": "string", "enum": ["upsert", "removed"]}, "at": TEXT, "href": TEXT}}},
    },
}  # fmt: skip


def _query(name: str, schema: dict[str, Any], what: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": what, "schema": schema, **more}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_LIST = {"style": "form", "explode": False}
ITEM_PARAMETERS = [
    _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}, "Features a page.", **_LIST),
    _query("offset", {"type": "integer", "minimum": 0, "default": 0}, "Features to leave out."),
    _query("bbox", NUMBERS, "west,south,east,north.", **_LIST),
    _query("datetime", TEXT, "An instant or an interval.", **_LIST),
    _query("bbox-crs", TEXT, "Reference system of bbox."),
    _query("crs", TEXT, "Reference system of the answer."),
    _query("filter", TEXT, "Condition in CQL2."),
    _query(
        "filter-lang", {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"}, "Its language."
    ),
    _query("filter-crs", TEXT, "Reference system of geometries in the filter."),
    _query("sortby", TEXTS, "Properties; a minus before one reverses it.", **_LIST),
    _query("properties", TEXTS, "Properties to tell; by default all.", **_LIST),
]
FORMAT = _query("f", {"type": "string", "enum": ["json", "html"]}, "Data or a page.")
LANGUAGE = _query("lang", {"type": "string", "enum": ["en", "zh", "ur"]}, "Language of a page.")


def definition(base: str, collections: Iterable[Collection], version: str) -> dict[str, Any]:
    """Return the definition; `base` = address of the interface."""
    paths: dict[str, Any] = {
        "/": _get("landing", "Landing page", LANDING, JSON),
        "/conformance": _get("conformance", "What it conforms to", CONFORMS, JSON),
        "/api": _get("definition", "This definition", ANY, JSON),
        "/collections": _get("collections", "Collections", COLLECTIONS, JSON),
        "/tileMatrixSets": _get("tilingSchemes", "Tiling schemes", ANY, JSON),
        f"/tileMatrixSets/{MERCATOR}": _get("tilingScheme", "The tiling scheme", ANY, JSON),
    }
    for one in collections:
        paths |= _paths(one)
    return {
        "openapi": "3.0.3",
        "info": {"title": "KKH Hazard Watch: OGC API", "version": version, "license": {"name": "see each collection"}},
        "servers": [{"url": base}],
        "paths": paths,
    }


def _paths(one: Collection) -> dict[str, Any]:
    path = f"/collections/{one.name}"
    own = [
        _query(column.name, SCHEMAS.get(column.kind, TEXT) or TEXT, "Only features of this value.")
        for column in one.columns
        if column.name not in ITEMS | COMMON
    ]
    crs = _query("crs", TEXT, "Reference system of the answer.")
    made = {
        path: _get(f"collection_{one.name}", one.title, COLLECTION, JSON),
        f"{path}/queryables": _get(f"queryables_{one.name}", "Queryables", ANY, SCHEMA),
        f"{path}/schema": _get(f"schema_{one.name}", "Schema of the features", ANY, SCHEMA),
        f"{path}/items": _get(f"items_{one.name}", one.title, FEATURES, GEOJSON, [*ITEM_PARAMETERS, *own]),
        f"{path}/items/{{featureId}}": _get(
            f"item_{one.name}", "One feature", FEATURE, GEOJSON, [_path("featureId", TEXT), crs]
        ),
    }
    made |= _copies(one, path, own)
    if one.geometry:
        zoom = {"type": "integer", "minimum": 0, "maximum": LARGEST_ZOOM}
        place = {"type": "integer", "minimum": 0}
        parts = [_path("tileMatrix", zoom), _path("tileRow", place), _path("tileCol", place)]
        made |= {
            f"{path}/tiles": _get(f"tilesets_{one.name}", "Tile sets", ANY, JSON),
            f"{path}/tiles/{MERCATOR}": _get(f"tileset_{one.name}", "Vector tiles", ANY, JSON),
            f"{path}/tiles/{MERCATOR}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
                f"tile_{one.name}", "A vector tile", {"type": "string", "format": "binary"}, MVT, parts
            ),
        }
    return made


def _copies(one: Collection, path: str, own: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the paths by which copies of a collection are made and kept in step."""
    choosing = [given for given in ITEM_PARAMETERS if given["name"] not in {"limit", "offset", "sortby", "crs"}]
    kinds = _query("f", {"type": "string", "enum": list(bulk.offered(one))}, "Kind of file.")
    download = _get(f"download_{one.name}", "All features as a file", FEATURES, GEOJSON, [*choosing, *own])
    told = download["get"]
    told["parameters"] = [*(given for given in told["parameters"] if given["name"] != "f"), kinds]
    told["responses"]["200"]["content"] = {
        form.media_type.split(";")[0]: {
            "schema": FEATURES if name == "geojson" else {"type": "string", "format": "binary"}
        }
        for name, form in bulk.offered(one).items()
    }
    told["responses"]["503"] = {**told["responses"]["500"], "description": "Too many downloads are under way"}
    made = {
        f"{path}/metadata": _get(f"metadata_{one.name}", "Metadata (DCAT)", ANY, JSON_LD),
        f"{path}/download": download,
    }
    if one.name in FEEDS:
        moment = _query("since", {"type": "string", "format": "date-time"}, "Only what happened after it.")
        limit = _query(
            "limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 1000}, "How many at most."
        )
        made[f"{path}/updates"] = _get(
            f"updates_{one.name}", "What changed since a moment", UPDATES, JSON, [moment, limit]
        )
    return made


def _get(
    identifier: str, title: str, schema: dict[str, Any], kind: str, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    pages = {} if kind == MVT else {HTML: {"schema": TEXT}}
    answers = {"200": {"description": title, "content": {kind: {"schema": schema}, **pages}}}
    for status, what in (
        ("400", "A parameter cannot be used"),
        ("404", "There is no such thing"),
        ("422", "A part of the address is too long"),
        ("500", "Our fault"),
    ):
        told = {"application/problem+json": {"schema": PROBLEM}, HTML: {"schema": TEXT}}
        answers[status] = {"description": what, "content": told}
    given = [*(parameters or []), *([] if kind == MVT else [FORMAT, LANGUAGE])]
    return {"get": {"operationId": identifier, "summary": title, "parameters": given, "responses": answers}}
