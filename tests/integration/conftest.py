"""The application over a catalogue with the road and its register, and keys to it; files with other needs have their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from hazard_db import accounts, connect, seed
from tests.api_client import TestClient
from tests.phones import settings_of


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    with TestClient(create_app(settings_of(database, tmp_path)), follow_redirects=False) as made:
        yield made


@pytest.fixture
def key(database: Any) -> Callable[..., dict[str, str]]:
    def make(role: str, name: str = "") -> dict[str, str]:
        with connect.transaction(database.engine) as conn:
            return {"X-API-Key": accounts.create_key(conn, name or f"test {role}", role)}

    return make
