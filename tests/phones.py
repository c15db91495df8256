"""A server on a port of its own, and a phone that speaks to it as ODK Collect does."""

from __future__ import annotations

import io
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import APIRouter
from PIL import Image
from pydantic import SecretStr

from api.app import create_app
from api.openrosa import forms
from api.settings import ApiSettings
from hazard_db.settings import DatabaseSettings

PLACE = "36.3372 74.8690 2400 4.5"


def settings_of(database: Any, home: Path, **more: Any) -> ApiSettings:
    return ApiSettings(
        database=DatabaseSettings(
            home=home,
            database_url=SecretStr(database.url),
            database_app_url=SecretStr(database.app_url),
            database_public_url=SecretStr(database.public_url),
        ),
        **more,
    )


@contextmanager
def serving(settings: ApiSettings, port: int = 0, *, more: APIRouter | None = None) -> Iterator[str]:
    """Yield the address of a running server, which answers `more` than the application's own addresses."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    app = create_app(settings)
    if more is not None:
        app.include_router(more)
    config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def new_id() -> str:
    return f"uuid:{uuid.uuid4()}"


def filled(instance_id: str, *, form: str = "quick", deprecated: str | None = None, **answers: str) -> bytes:
    """Return a filled form; an answer of "" leaves that question out."""
    given = {
        "start": "2026-05-01T14:29:00.000+05:00", "username": "geologist", "position": PLACE,
        "observed_at": "2026-05-01T14:30:00.000+05:00", "kind": "rockfall", "road_state": "one_lane", "note": "fresh blocks",
    } | answers  # fmt: skip
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in given.items() if value)
    older = f"<orx:deprecatedID>{deprecated}</orx:deprecatedID>" if deprecated else ""
    version = forms.form(form).version
    return (
        f'<?xml version="1.0"?><data xmlns:orx="http://openrosa.org/xforms" id="kkh_{form}" version="{version}">{inside}'
        f"<orx:meta><orx:instanceID>{instance_id}</orx:instanceID>{older}</orx:meta></data>"
    ).encode()


def photo(colour: str = "gray", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", **options)
    return out.getvalue()


def parts(xml: bytes, photos: dict[str, bytes] | None = None, *, incomplete: bool = False) -> list[tuple[str, Any]]:
    """Return the parts of a POST as Collect makes them."""
    made: list[tuple[str, Any]] = [("xml_submission_file", ("submission.xml", xml, "text/xml"))]
    made += [(name, (name, content, "image/jpeg")) for name, content in (photos or {}).items()]
    return [*made, ("*isIncomplete*", (None, "yes"))] if incomplete else made


def body_of(xml: bytes, photos: dict[str, bytes], *, incomplete: bool = False) -> tuple[bytes, dict[str, str]]:
    """Return the bytes and headers of a POST."""
    request = httpx.Request("POST", "http://phone/", files=parts(xml, photos, incomplete=incomplete))
    return request.read(), {"Content-Type": request.headers["content-type"]}


def send_cut(phone: httpx.Client, kind: str, body: bytes, length: int, *, chunked: bool) -> None:
    """Send the beginning of a request and hang up."""
    where = urlsplit(str(phone.base_url))
    told = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    path = f"{where.path.rstrip('/')}/submission"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{told}\r\n\r\n".encode()
    beginning = f"{length:x}\r\n".encode() + body[:length] + b"\r\n" if chunked else body[:length]
    with socket.create_connection((where.hostname or "", where.port or 0)) as raw:
        raw.sendall(head + beginning)
