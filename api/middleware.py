"""Around every request: its id, headers that keep browsers safe, a limit to its size, entity tags, measurements."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import naming
from api.measures import Measures

log = logging.getLogger("api")

TOKEN = re.compile(r"^(/openrosa/t/)[^/]+")
"""Of phones whose address is their key: not for the log."""

QUIET = {"/healthz", "/readyz", "/metrics"}
"""Asked every few seconds by machines."""

LARGEST_TAGGED = 8 * 2**20
"""Answers beyond this are sent as they come, without being gathered for a tag."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(self)",
}


def policy(nonce: str, images: Sequence[str] = ()) -> str:
    """Return the content security policy of our pages: nothing from other hosts but `images`, scripts by nonce.

    Style attributes are allowed: Leaflet and its kin place things by them; they run nothing.
    """
    pictures = " ".join(["img-src 'self' data: blob:", *images])
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        f"style-src-attr 'unsafe-inline'; {pictures}; font-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )


class Surroundings:
    """Gives each request its id and nonce, each answer its headers; measures both."""

    def __init__(
        self, app: ASGIApp, measures: Measures, fail: Callable[[Scope], ASGIApp], refuse: Callable[[Scope], ASGIApp]
    ) -> None:
        self.app, self.measures, self.fail, self.refuse = app, measures, fail, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"], state["nonce"] = secrets.token_hex(8), secrets.token_urlsafe(16)
        started, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(scope=message), scope, state)
            await send(message)

        # no text of the catalogue can hold a NUL, and no address needs one
        odd = "\0" in scope["path"] or b"%00" in scope["query_string"]
        with naming(request_id=state["request_id"]):
            try:
                await (self.refuse(scope) if odd else self.app)(scope, receive, send_with_headers)
            except Exception:
                # The trace is for the log; whoever asked gets the id to name it by.
                log.exception("failed: %s %s", scope["method"], TOKEN.sub(r"\1...", scope["path"]))
                if status:
                    raise
                await self.fail(scope)(scope, receive, send_with_headers)
            finally:
                self._note(scope, status or 500, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count the request and tell of it, by its route: addresses themselves may hold keys, and are endless."""
        method, route = scope["method"], getattr(scope.get("route"), "path", "(none)")
        self.measures.note_request(method, route, status, seconds)
        level = logging.DEBUG if route in QUIET else logging.INFO
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        log.log(level, "%s %s %d in %.0f ms", method, route, status, seconds * 1000, extra=told)


def _add_headers(headers: MutableHeaders, scope: Scope, state: dict[str, Any]) -> None:
    headers["X-Request-ID"] = state["request_id"]
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy(state["nonce"]))
    headers.setdefault("Cache-Control", "private, no-cache")
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


class TooLargeError(Exception):
    """The request is larger than allowed."""


class SizeLimit:
    """Refuses requests beyond a size: at once where they tell it, else when they get there."""

    def __init__(self, app: ASGIApp, most_bytes: int, refuse: Callable[[Scope], ASGIApp]) -> None:
        self.app, self.most_bytes, self.refuse = app, most_bytes, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdigit() or int(told) > self.most_bytes:
            await self.refuse(scope)(scope, receive, send)
            return
        got, answering = 0, False

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self.most_bytes:
                raise TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except TooLargeError:
            if answering:
                raise
            await self.refuse(scope)(scope, receive, send)


class EntityTags:
    """Tags answers to GET by their content; whoever has that already gets 304."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Tagging(send, Headers(scope=scope).get("if-none-match", "")))


class _Tagging:
    """Gathers an answer, tags it, sends it."""

    def __init__(self, send: Send, known: str) -> None:
        self.send: Callable[[Message], Awaitable[None]] = send
        self.known = known
        self.start: Message | None = None
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            length = headers.get("content-length", "")
            # a page carries a nonce of its own each time: its tag would never be met again
            page = headers.get("content-type", "").startswith("text/html")
            fitting = length.isdigit() and int(length) <= LARGEST_TAGGED
            if message["status"] != 200 or "etag" in headers or page or not fitting:
                await self.send(message)
            else:
                self.start = message
            return
        if self.start is None:
            await self.send(message)
            return
        self.body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self.start)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(raw=start["headers"])
        tag = f'W/"{hashlib.sha256(self.body).hexdigest()[:24]}"'
        headers["ETag"] = tag
        if tag in [part.strip() for part in self.known.split(",")]:
            del headers["content-length"]
            await self.send({**start, "status": 304, "headers": headers.raw})
            await self.send({"type": "http.response.body", "body": b""})
            return
        await self.send({**start, "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": bytes(self.body)})


class AnyEncoding:
    """Takes `Accept-Encoding: *` for gzip: whoever says so can seldom read the newer ones."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and (b"accept-encoding", b"*") in scope["headers"]:
            kept = [one for one in scope["headers"] if one[0] != b"accept-encoding"]
            scope = {**scope, "headers": [*kept, (b"accept-encoding", b"gzip")]}
        await self.app(scope, receive, send)
