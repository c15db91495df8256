"""A person's phones: each with a code of its own, seen once, that leads to the forms until it is ended."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.openrosa import codes
from hazard_db import accounts, connect
from tests.api_client import TestClient
from tests.people import PAGE, PASSWORD, form_token
from tests.phones import settings_of

pytestmark = pytest.mark.integration


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "sana", "field", PASSWORD)
        accounts.add(conn, "vera", "viewer", PASSWORD)
    with TestClient(create_app(settings_of(database, tmp_path)), follow_redirects=False) as made:
        yield made


def log_in(client: TestClient, name: str) -> None:
    client.cookies.clear()
    form = {"name": name, "password": PASSWORD, "csrf": form_token(client, "/login")}
    assert client.post("/login", data=form).status_code == 303


def test_a_phone_gets_a_code_that_works_until_it_is_ended(client: TestClient) -> None:
    log_in(client, "sana")
    form = {"name": "blue <b>phone</b>", "days": "30", "csrf": form_token(client, "/phones")}
    page = client.post("/phones", data=form, headers=PAGE)
    assert page.status_code == 201
    assert page.headers["cache-control"] == "no-store"
    assert "<svg" in page.text
    assert "<b>phone" not in page.text
    found = re.search(r"/openrosa/t/(kkh[0-9a-f]{10})\.(\w+)", page.text)
    assert found is not None
    assert client.get(f"{found[0]}/formList").status_code == 200
    assert found[2] not in client.get("/phones", headers=PAGE).text
    done = client.post(f"/phones/{found[1]}/revoke", data={"csrf": form_token(client, "/phones")})
    assert done.status_code == 303
    assert client.get(f"{found[0]}/formList").status_code == 404


def test_phones_are_for_field_workers_and_each_sees_their_own(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        other = accounts.create_phone_key(conn, "not yours").partition(".")[0]
        assert accounts.list_keys(conn)[0].scope == "forms"
    assert client.post("/phones", data={"name": "x"}).status_code == 401
    log_in(client, "vera")
    assert client.get("/phones", headers=PAGE).status_code == 403
    log_in(client, "sana")
    assert "not yours" not in client.get("/phones", headers=PAGE).text
    assert client.post("/phones", data={"name": "x"}).status_code == 403  # without the form's token
    answer = client.post(f"/phones/{other}/revoke", data={"csrf": form_token(client, "/phones")})
    assert answer.status_code == 404


def test_the_code_carries_what_collect_reads() -> None:
    told = json.loads(zlib.decompress(base64.b64decode(codes.settings_of("https://kkh.example.org/openrosa/t/x"))))
    assert told["general"]["server_url"] == "https://kkh.example.org/openrosa/t/x"
    assert {"general", "admin", "project"} == set(told)
    assert "&lt;x&gt;" in codes.picture("content", "<x>")
