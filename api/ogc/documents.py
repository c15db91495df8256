"""What the interface says of itself: landing page, conformance, collections, queryables, tile sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from api.ogc import bulk, metadata
from api.ogc.crs import CRS84, KNOWN
from hazard_db.published import Collection
from hazard_db.published_updates import FEEDS

GEOJSON, HTML, JSON, SCHEMA, OPENAPI, JSON_LD = (
    "application/geo+json", "text/html", "application/json", "application/schema+json",
    "application/vnd.oai.openapi+json;version=3.0", "application/ld+json",
)  # fmt: skip
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
MVT = "application/vnd.mapbox-vector-tile"
MERCATOR, LARGEST_ZOOM = "WebMercatorQuad", 22
MERCATOR_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{MERCATOR}"
HALF_WORLD_M = 20037508.342789244
SCALE_0 = 559082264.0287178
"""Denominator of the scale at zoom 0 of WebMercatorQuad (OGC 17-083r4, annex D)."""

RESERVED = ":/?#[]@!$&'()*+;=%-._~"
"""Characters of an address that stand as they are in a header: those of RFC 3986 but for the comma, which would end the link."""

_FEATURES = "http://www.opengis.net/spec/ogcapi-features-"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
_COMMON = "http://www.opengis.net/spec/ogcapi-common-"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
CONFORMANCE = (
    f"{_COMMON}1/1.0/conf/core", f"{_COMMON}2/1.0/conf/collections",
    *(f"{_FEATURES}1/1.0/conf/{name}" for name in ("core", "oas30", "html", "geojson")),
    f"{_FEATURES}2/1.0/conf/crs",
    *(f"{_FEATURES}3/1.0/conf/{name}" for name in ("filter", "features-filter", "queryables", "queryables-query-parameters")),
    *(f"{_CQL2}{name}" for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
        "temporal-functions", "array-functions", "property-property", "arithmetic")),
    *(f"{_TILES}{name}" for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt")),
)  # fmt: skip


def link(href: str, rel: str, kind: str, title: str = "") -> dict[str, Any]:
    """Return a link."""
    return {"href": href, "rel": rel, "type": kind} | ({"title": title} if title else {})


def link_header(links: Iterable[Mapping[str, Any]]) -> str:
    """Return links as the header Link, for programs that do not read the body (RFC 8288)."""
    return ", ".join(
        f'<{quote(one["href"], safe=RESERVED)}>; rel="{one["rel"]}"; type="{one["type"]}"' for one in links
    )


def both(base: str, path: str, alternate: bool = False) -> list[dict[str, Any]]:
    """Return the links of a document to itself as data and as a page."""
    data, page = ("alternate", "self") if alternate else ("self", "alternate")
    return [link(f"{base}{path}?f=json", data, JSON), link(f"{base}{path}?f=html", page, HTML)]


def landing(base: str) -> dict[str, Any]:
    """Return the landing page."""
    links = [
        *both(base, ""),
        link(f"{base}/api", "service-desc", OPENAPI, "Definition of this interface"),
        link(f"{base}/api?f=html", "service-doc", HTML, "Description of this interface"),
        link(f"{base}/conformance", "conformance", JSON, "What it conforms to"),
        link(f"{base}/collections", "data", JSON, "Collections"),
        link(f"{base}/tileMatrixSets", "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes", JSON, "Tiling schemes"),
    ]
    return {
        "title": "KKH Hazard Watch",
        "description": "Published geohazard data of the Karakoram Highway. Unreviewed findings are not part of it.",
        "links": links,
    }


def collection(base: str, one: Collection, box: tuple[float, ...] | None) -> dict[str, Any]:
    """Return the description of a collection; `box` = its extent in degrees."""
    path = f"/collections/{one.name}"
    links = [
        *both(base, path),
        link(f"{base}{path}/items", "items", GEOJSON, one.title),
        link(f"{base}{path}/items?f=html", "items", HTML, one.title),
        link(f"{base}{path}/queryables", QUERYABLES, SCHEMA, "Queryables"),
        link(f"{base}{path}/schema", "describedby", SCHEMA, "Schema of the features"),
        link(f"{base}{path}/schema", "http://www.opengis.net/def/rel/ogc/1.0/schema", SCHEMA, "Schema of the features"),
        link(f"{base}{path}/metadata", "describedby", JSON_LD, "Metadata (DCAT)"),
        *(link(f"{base}{path}/download?f={name}", "enclosure", one_form.media_type, f"All features, {name}")
          for name, one_form in bulk.offered(one).items()),
    ]  # fmt: skip
    if one.name in FEEDS:
        links.append(link(f"{base}{path}/updates", "monitor", JSON, "What changed since a moment"))
    if one.geometry:
        tiles = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
        links.append(link(f"{base}{path}/tiles", tiles, JSON, "Vector tiles"))
    described: dict[str, Any] = {
        "id": one.name, "title": one.title, "itemType": "feature", "links": links,
        "crs": list(KNOWN), "storageCrs": CRS84,
    }  # fmt: skip
    about = metadata.of(one)
    described |= {
        name: value for name, value in (("description", about.description), ("keywords", list(about.keywords)),
                                        ("attribution", about.attribution)) if value
    }  # fmt: skip
    if box:
        described["extent"] = {"spatial": {"bbox": [list(box)], "crs": CRS84}}
    return described


SCHEMAS: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"}, "number": {"type": "number"}, "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"}, "timestamp": {"type": "string", "format": "date-time"},
    "array": {"type": "array", "items": {"type": "string"}}, "json": {}, "uuid": {"type": "string", "format": "uuid"},
}  # fmt: skip
ANY_JSON = {"type": ["object", "array", "string", "number", "boolean", "null"]}
"""Of a property of free form: Part 3 asks for a type, and OpenAPI 3.0 knows no lists of them."""


def queryables(base: str, one: Collection) -> dict[str, Any]:
    """Return the properties that filters may name, as a JSON schema."""
    return _schema(f"{base}/collections/{one.name}/queryables", one)


def schema(base: str, one: Collection) -> dict[str, Any]:
    """Return the properties of the features, as a JSON schema (OGC API Features, Part 5)."""
    return _schema(f"{base}/collections/{one.name}/schema", one)


def _schema(address: str, one: Collection) -> dict[str, Any]:
    properties: dict[str, Any] = {
        column.name: {"title": column.name, **(SCHEMAS.get(column.kind, {"type": "string"}) or ANY_JSON)}
        for column in one.columns
    }
    if one.geometry:
        properties["geom"] = {"title": "geom", "format": "geometry-any", "x-ogc-role": "primary-geometry"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "type": "object",
        "title": one.title,
        "properties": properties,
        "additionalProperties": False,
    }


def matrix_sets(base: str) -> dict[str, Any]:
    """Return the list of tiling schemes."""
    href = f"{base}/tileMatrixSets/{MERCATOR}"
    return {"tileMatrixSets": [{"id": MERCATOR, "uri": MERCATOR_URI, "links": [link(href, "self", JSON)]}]}


def matrix_set() -> dict[str, Any]:
    """Return the tiling scheme WebMercatorQuad."""
    matrices = [
        {
            "id": str(zoom), "scaleDenominator": SCALE_0 / 2**zoom, "cellSize": HALF_WORLD_M / 128 / 2**zoom,
            "pointOfOrigin": [-HALF_WORLD_M, HALF_WORLD_M], "tileWidth": 256, "tileHeight": 256,
            "matrixWidth": 2**zoom, "matrixHeight": 2**zoom,
        }
        for zoom in range(LARGEST_ZOOM + 1)
    ]  # fmt: skip
    return {
        "id": MERCATOR, "uri": MERCATOR_URI, "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "orderedAxes": ["E", "N"], "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": matrices,
    }  # fmt: skip


def tile_set(base: str, one: Collection) -> dict[str, Any]:
    """Return the description of a collection's vector tiles."""
    path = f"{base}/collections/{one.name}/tiles/{MERCATOR}"
    template = link(f"{path}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT)
    fields = {column.name: SCHEMAS.get(column.kind, {"type": "string"}) for column in one.columns}
    return {
        "title": one.title, "dataType": "vector", "crs": "http://www.opengis.net/def/crs/EPSG/0/3857",
        "tileMatrixSetURI": MERCATOR_URI,
        "links": [
            link(path, "self", JSON),
            template | {"templated": True},
            link(f"{base}/tileMatrixSets/{MERCATOR}", "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme", JSON),
        ],
        "layers": [{"id": one.name, "dataType": "vector", "propertiesSchema": {"type": "object", "properties": fields}}],
    }  # fmt: skip


def tilejson(base: str, one: Collection, box: tuple[float, ...] | None) -> dict[str, Any]:
    """Return the same as TileJSON 3.0, which map libraries read."""
    address = f"{base}/collections/{one.name}/tiles/{MERCATOR}/{{z}}/{{y}}/{{x}}"
    return {
        "tilejson": "3.0.0", "name": one.title, "tiles": [address], "minzoom": 0, "maxzoom": LARGEST_ZOOM,
        "bounds": list(box or (-180, -85, 180, 85)),
        "vector_layers": [{"id": one.name, "fields": {column.name: column.kind for column in one.columns}}],
    }  # fmt: skip
