"""The application over a catalogue with the road and its register, keys to it, phones; files with other needs have their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import ApiSettings
from hazard_db import accounts, connect, seed
from tests.api_client import TestClient
from tests.people import PASSWORD
from tests.phones import serving, settings_of


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


@pytest.fixture
def settings(database: Any, tmp_path: Path) -> ApiSettings:
    return settings_of(database, tmp_path)


@pytest.fixture
def people(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "sana", "field", PASSWORD)
        accounts.add(conn, "vera", "viewer", PASSWORD)


@pytest.fixture
def address(settings: ApiSettings) -> Iterator[str]:
    with serving(settings) as made:
        yield made


@pytest.fixture
def phone_key(database: Any) -> Callable[..., str]:
    def make(name: str = "phone", **more: Any) -> str:
        with connect.transaction(database.engine) as conn:
            return accounts.create_phone_key(conn, name, **more)

    return make


@pytest.fixture
def phone(address: str, phone_key: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{address}/openrosa/t/{phone_key()}", timeout=30) as client:
        yield client
