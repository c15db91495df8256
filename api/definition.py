"""The OpenAPI definition of what is our own: what each address answers with, problems among it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from api.exports import FORMATS
from api.problems import MEDIA_TYPE

PROBLEM: dict[str, Any] = {
    "title": "Problem", "description": "RFC 9457", "type": "object", "required": ["title", "status"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "request_id": {"type": "string"},
    },
}  # fmt: skip
FAULTS = (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503)
NEGOTIATED = ("application/json", "application/geo+json", "text/html")
"""What lists and records are given as, by what the reader asks for."""
OTHERS: dict[str, tuple[str, ...]] = {
    "/": ("text/html",), "/docs": ("text/html",), "/metrics": ("text/plain",), "/alerts/feed.atom": ("application/atom+xml",),
    "/alerts/rules.yml": ("application/yaml",), "/alerts/{alert_id}/cap": ("application/cap+xml",),
    "/reports": ("application/pdf", "text/html", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                 "application/geopackage+sqlite3"), "/maps": ("text/html",), "/imagery": ("application/json", "image/*"),
    "/stac": ("application/json", "application/geo+json", "application/schema+json"),
    "/exports": tuple(form.media_type.split(";")[0] for form in FORMATS.values()),
    "/observations/{identifier}/media/{media_id}": ("image/*", "application/octet-stream"),
}  # fmt: skip
"""By address or by the first part of it."""


def told(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return what gives the definition of an application, with the kinds of its answers added."""
    make = app.openapi

    def definition() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
            for path, ways in document["paths"].items():
                for way in ways.values():
                    _complete(path, way["responses"])
            app.openapi_schema = document
        return app.openapi_schema

    return definition


def _complete(path: str, responses: dict[str, Any]) -> None:
    first = "/" + path.split("/")[1]
    kinds = OTHERS.get(path) or OTHERS.get(first if first != "/" else "") or NEGOTIATED
    for status, answer in responses.items():
        if status.startswith("2"):
            schema: dict[str, Any] = next((one.get("schema", {}) for one in answer.get("content", {}).values()), {})
            answer["content"] = {kind: {"schema": schema if kind == "application/json" else {}} for kind in kinds}
    problem = {
        MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
        "text/html": {"schema": {"type": "string"}},
    }
    responses |= {str(code): {"description": HTTPStatus(code).phrase, "content": problem} for code in FAULTS}
