"""What the STAC API says of itself: landing page, collections, queryables, the links of a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from api.ogc.documents import GEOJSON, HTML, JSON, SCHEMA, SCHEMAS, link
from api.stac.items import VERSION, moment
from hazard_db.stac import QUERYABLE, StacCollection

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
_STAC, _FEATURES = "https://api.stacspec.org/v1.0.0/", "http://www.opengis.net/spec/ogcapi-features-"
CONFORMANCE = (
    *(f"{_STAC}{name}" for name in ("core", "collections", "ogcapi-features", "item-search")),
    *(f"{_STAC}{name}#filter" for name in ("ogcapi-features", "item-search")),
    f"{_FEATURES}1/1.0/conf/core", f"{_FEATURES}1/1.0/conf/geojson",
    *(f"{_FEATURES}3/1.0/conf/{name}" for name in ("filter", "features-filter")),
    *(f"http://www.opengis.net/spec/cql2/1.0/conf/{name}" for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions")),
)  # fmt: skip
TITLE = "KKH Hazard Watch: scenes and results"
DESCRIPTION = (
    "Satellite scenes of the Karakoram Highway as they were searched for changes, and rasters computed from them."
)
RESULTS = {
    "results-evidence": "What the detection of changes weighed, pixel by pixel; nobody has reviewed it.",
    "results-susceptibility": "How prone the ground is to slide, from relief and known landslides.",
    "results-terrain": "Elevation, slope, aspect, horizon and the way of water at 30 m, prepared a degree at a time.",
}
SPDX = re.compile(r"[\w.+-]+")
"""What STAC takes for a licence; of any other the metadata of the collection `stac_items` tells."""
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"


def landing(base: str, known: Sequence[StacCollection]) -> dict[str, Any]:
    """Return the landing page; `base` is the address of the API."""
    root = base.removesuffix("/stac")
    return {
        "type": "Catalog", "stac_version": VERSION, "id": "kkh-hazard-watch", "title": TITLE, "description": DESCRIPTION,
        "conformsTo": list(CONFORMANCE),
        "links": [
            link(base, "self", JSON), link(base, "root", JSON), link(f"{base}/conformance", "conformance", JSON),
            link(f"{base}/collections", "data", JSON), link(f"{base}/api", "service-desc", OPENAPI),
            link(f"{root}/docs", "service-doc", HTML), link(f"{base}/queryables", QUERYABLES_REL, SCHEMA),
            {**link(f"{base}/search", "search", GEOJSON), "method": "GET"},
            {**link(f"{base}/search", "search", GEOJSON), "method": "POST"},
            *(link(_at(base, one.id), "child", JSON, one.id) for one in known),
        ],
    }  # fmt: skip


def collection(base: str, one: StacCollection, licence: str) -> dict[str, Any]:
    """Return the description of a collection."""
    own = _at(base, one.id)
    told = f"Scenes of {', '.join(one.platforms)}, as surface reflectance and quality." if one.platforms else one.id
    return {
        "type": "Collection", "stac_version": VERSION, "id": one.id, "title": one.id,
        "license": licence if SPDX.fullmatch(licence) else "other",
        "description": RESULTS.get(one.id, told),
        "keywords": ["Karakoram Highway", *one.platforms],
        "extent": {
            "spatial": {"bbox": [list(one.bbox)]}, "temporal": {"interval": [[moment(one.first), moment(one.last)]]},
        },
        **({"summaries": {"platform": list(one.platforms)}} if one.platforms else {}),
        "links": [
            link(own, "self", JSON, one.id), link(base, "root", JSON, TITLE), link(base, "parent", JSON, TITLE),
            link(f"{own}/items", "items", GEOJSON, "Items"), link(f"{own}/queryables", QUERYABLES_REL, SCHEMA, "Queryables"),
        ],
    }  # fmt: skip


def queryables(address: str) -> dict[str, Any]:
    """Return what filters may name, as a JSON schema."""
    named = {column.name: {"title": column.name, **SCHEMAS.get(column.kind, {"type": "string"})}
             for column in QUERYABLE.columns}  # fmt: skip
    geometry = {"title": "geometry", "format": "geometry-any", "x-ogc-role": "primary-geometry"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": address, "type": "object", "title": TITLE,
        "properties": {**named, "geometry": geometry}, "additionalProperties": False,
    }  # fmt: skip


def _at(base: str, name: str) -> str:
    return f"{base}/collections/{quote(name, safe='')}"
