"""A STAC API over a folder of scenes, with pages and all that goes wrong with archives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from shapely.geometry import shape

from tests.archive_server import Faults, handler

CONFORMS = [
    f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections", "item-search", "ogcapi-features")
]


def api(folder: Path, items: Sequence[dict[str, Any]], faults: Faults, *, paging: str = "post") -> ThreadingHTTPServer:
    """Return a server of `items`, in their order, and of the files of `folder`; `serve_forever` starts it.

    Parameters
    ----------
    paging
        How the next page is linked: `post` with a token in the body (Planetary Computer, Earth Search), `get` with one in the
        address (Copernicus Data Space), which is asked for after a search that was posted all the same.
    """
    made = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, items, faults, paging))
    made.daemon_threads = True
    return made


def _handler(
    folder: Path, items: Sequence[dict[str, Any]], faults: Faults, paging: str
) -> type[BaseHTTPRequestHandler]:
    files: Any = handler(folder, faults)

    class Handler(files):  # type: ignore[misc]
        def do_GET(self) -> None:  # noqa: N802
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/":
                return self.document(self.landing())
            if parts.path == "/search":
                return self.document(self.search(json.loads(asked.pop("was", "{}")) | asked))
            super().do_GET()

        def do_POST(self) -> None:  # noqa: N802
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.document(self.search(json.loads(content)))

        def document(self, told: Any) -> None:
            if faults.draw() < faults.error:
                return self.answer(500, b"")
            self.answer(200, json.dumps(told).encode())

        @property
        def root(self) -> str:
            return f"http://127.0.0.1:{self.server.server_address[1]}"

        def landing(self) -> dict[str, Any]:
            links = [{"rel": "self", "href": self.root}, {"rel": "root", "href": self.root}]
            links += [
                {"rel": "search", "href": f"{self.root}/search", "method": method, "type": "application/geo+json"}
                for method in ("GET", "POST")
            ]
            return {
                "type": "Catalog", "id": "api", "stac_version": "1.0.0", "description": "-", "conformsTo": CONFORMS,
                "links": links,
            }  # fmt: skip

        def search(self, asked: dict[str, Any]) -> dict[str, Any]:
            found = [one for one in items if _matches(one, asked)]
            begin, limit = int(asked.get("token", 0)), int(asked.get("limit", 10))
            links = []
            if begin + limit < len(found):
                rest = {name: value for name, value in asked.items() if name != "token"}
                links = [_next(self.root, rest, begin + limit, paging)]
            page = [{**one, "assets": self.absolute(one["assets"])} for one in found[begin : begin + limit]]
            return {"type": "FeatureCollection", "features": page, "links": links}

        def absolute(self, assets: dict[str, Any]) -> dict[str, Any]:
            return {name: {**one, "href": one["href"].replace("../", f"{self.root}/")} for name, one in assets.items()}

    return Handler


def _matches(item: dict[str, Any], asked: dict[str, Any]) -> bool:
    begin = str(asked.get("datetime") or "").partition("/")[0]
    if begin not in {"", ".."} and item["properties"]["datetime"] < begin:
        return False
    if item["collection"] not in asked.get("collections", [item["collection"]]):
        return False
    return "intersects" not in asked or shape(item["geometry"]).intersects(shape(asked["intersects"]))


def _next(root: str, asked: dict[str, Any], token: int, paging: str) -> dict[str, Any]:
    link = {"rel": "next", "type": "application/geo+json"}
    if paging == "post":
        return link | {
            "href": f"{root}/search",
            "method": "POST",
            "body": {**asked, "token": str(token)},
            "merge": False,
        }
    return link | {"href": f"{root}/search?token={token}&was={quote(json.dumps(asked))}", "method": "GET"}
