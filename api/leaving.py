"""Clients that leave before they got their answer: what runs for them in the database is ended."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CANCEL = "cancel"
"""Where a route leaves the way to end its statement, in the state of the request."""
AGAIN_S = 0.2
"""Between two attempts to end it."""


class Leaving:
    """Watches for the client of a GET to leave, and calls what the route left in `request.state.cancel`."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app, self.prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self.prefix):
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        gone, begun = asyncio.Event(), False

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            while True:  # until the answer is given up: the statement may not have begun yet, or be followed by another
                if (cancel := state.get(CANCEL)) is not None:
                    await asyncio.to_thread(cancel)
                await asyncio.sleep(AGAIN_S)

        async def told() -> Message:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        watching = asyncio.create_task(watch())
        try:
            await self.app(scope, told, send)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
