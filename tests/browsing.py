"""Waiting in a page whose policy forbids what the browser driver's own waiting does (it evaluates text within the page)."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

expect.set_options(timeout=20_000)  # ample on a busy machine; what is right is seen at once


def wait_until(page: Page, condition: str, *, timeout_ms: int = 20_000) -> None:
    """Return once an expression is true in the page; each look at it comes from outside."""
    until = time.monotonic() + timeout_ms / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < until, f"still not so after {timeout_ms} ms: {condition}"
        page.wait_for_timeout(50)
