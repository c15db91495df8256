"""A browser."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

QUIET = (
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
"""A browser that asks nobody anything by itself, and finds no other host if a page wants one."""


@pytest.fixture(
    scope="module"
)  # its event loop runs in this thread as long as it is there: not beside tests that bring their own
def browser() -> Iterator[Browser]:
    script = Path(__file__).parents[2] / "scripts" / "chromium.sh"
    path = subprocess.run([script], capture_output=True, text=True, check=True).stdout.strip()
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=path, args=list(QUIET))
        yield opened
        opened.close()
