"""A static STAC catalogue over HTTP with range requests, and everything that goes wrong with archives.

Run as a program it serves a folder on a free port, which it prints; faults are drawn from a seed, so that each request
meets the same ones in every run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping

_RANGE = re.compile(r"bytes=(\d+)-(\d*)$")


@dataclass
class Faults:
    """Shares of requests that go wrong, each in its own way."""

    error: float = 0.0
    """500 or 503."""
    slow: float = 0.0
    """Answers after a while."""
    slow_s: float = 0.05
    cut: float = 0.0
    """Breaks off in the middle."""
    wrong: float = 0.0
    """Bytes of whole files are other than they should be."""
    seed: int = 1
    random: random.Random = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin the draw."""
        self.random = random.Random(self.seed)

    def draw(self) -> float:
        """Return a number between 0 and 1."""
        with self.lock:
            return self.random.random()


def server(folder: Path, faults: Faults | None = None, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder; `serve_forever` starts it."""
    return ThreadingHTTPServer(("127.0.0.1", port), handler(folder, faults or Faults()))


def handler(folder: Path, faults: Faults) -> type[BaseHTTPRequestHandler]:
    """Return what answers requests for the files of a folder."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = folder / self.path.partition("?")[0].lstrip("/")
            if not path.is_file():
                return self.answer(404, b"")
            if faults.draw() < faults.error:
                return self.answer(503 if faults.draw() < 0.5 else 500, b"")
            if faults.draw() < faults.slow:
                time.sleep(faults.slow_s)
            content = path.read_bytes()
            whole = len(content)
            match = _RANGE.match(self.headers.get("Range", ""))
            if match is None:
                if path.suffix == ".tif" and faults.draw() < faults.wrong:
                    middle = whole // 2
                    content = content[:middle] + bytes(64) + content[middle + 64 :]
                return self.answer(200, content)
            start, stop = int(match[1]), int(match[2] or whole - 1) + 1
            if start >= whole:
                return self.answer(416, b"")
            self.answer(206, content[start:stop], f"bytes {start}-{min(stop, whole) - 1}/{whole}")

        def answer(self, status: int, content: bytes, span: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", span)
            self.end_headers()
            if len(content) > 1 and faults.draw() < faults.cut:
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(content)

    return Handler


def write_catalogue(folder: Path, collection: str, items: list[dict[str, Any]]) -> str:
    """Return the name of a static catalogue's root after writing it, with items in the order given."""
    names = []
    (folder / collection).mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(items):
        name = f"{collection}/{item['id']}-{number}.json"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(item))
        names.append(name.rpartition("/")[2])
    links = [{"rel": "item", "href": f"./{name}", "type": "application/geo+json"} for name in names]
    child = {"type": "Collection", "id": collection, "stac_version": "1.0.0", "links": links, "description": "-",
             "license": "other", "extent": {}}  # fmt: skip
    (folder / collection / "collection.json").write_text(json.dumps(child))
    root = {"type": "Catalog", "id": "root", "stac_version": "1.0.0", "description": "-",
            "links": [{"rel": "child", "href": f"./{collection}/collection.json"}]}  # fmt: skip
    (folder / "catalog.json").write_text(json.dumps(root))
    return "catalog.json"


def item(
    name: str, collection: str, moment: str, bounds: Any, assets: dict[str, dict[str, Any]], **properties: Any
) -> dict[str, Any]:
    """Return a STAC item; `bounds` in longitude and latitude."""
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection, "links": [],
        "geometry": mapping(shapely.box(*bounds)), "bbox": list(bounds),
        "properties": {"datetime": moment, **properties}, "assets": assets,
    }  # fmt: skip


def main() -> None:
    """Serve a folder until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("error", "slow", "slow-s", "cut", "wrong"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    given = vars(parser.parse_args())
    folder, port = given.pop("folder"), given.pop("port")
    made = server(folder, Faults(**given), port)
    print(made.server_address[1], flush=True)  # noqa: T201 - the port is what this program says
    made.serve_forever()


if __name__ == "__main__":
    main()
