"""People who log in on a page."""

from __future__ import annotations

import re
from typing import Any

from hazard_db import accounts, connect
from tests.api_client import TestClient

PASSWORD = "correct horse"


PAGE = {"Accept": "text/html"}


def log_in(client: TestClient, database: Any, role: str, name: str = "rana") -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, name, role, PASSWORD)
    answer = client.post(
        "/login", data={"name": name, "password": PASSWORD, "next": "/", "csrf": form_token(client, "/login")}
    )
    assert answer.status_code == 303


def form_token(client: TestClient, page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(page, headers=PAGE).text)
    assert found is not None
    return found[1]
