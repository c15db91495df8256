"""Lists of an empty catalogue say what is not there and what to do next, in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import api
from api.app import create_app
from api.texts import texts
from hazard_db import accounts, connect
from tests.api_client import TestClient
from tests.page_catalogue import PAGES
from tests.phones import settings_of

pytestmark = pytest.mark.integration

LISTS = (
    "alerts", "alerts-map", "changes", "checks", "closures", "deliveries", "displacement", "displacement-areas", "events", "glaciers",
    "jobs", "lakes", "observations", "reliability", "review", "silences", "sites", "structures", "subscriptions", "works",
)  # fmt: skip
TEMPLATES = sorted((Path(api.__file__).parent / "templates").glob("*.html"))


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    with connect.transaction(database.engine) as conn:
        key = accounts.create_key(conn, "pages", "admin")
    with TestClient(create_app(settings_of(database, tmp_path))) as client:
        yield client, {"X-API-Key": key}


def test_every_list_that_is_empty_has_a_next_step(client: tuple[TestClient, dict[str, str]]) -> None:
    asked, admin = client
    for name in LISTS:
        said = set()
        for lang in texts()["none"]:
            page = asked.get(PAGES[name].path, headers={"Accept": "text/html", "Cookie": f"kkh_lang={lang}", **admin})
            assert page.status_code == 200, name
            found = re.search(r'<div class="empty"><p>(.*?)</p>(.*?)</div>', page.text, re.DOTALL)
            assert found, f"{name} says nothing"
            later = page.text[found.end() :]
            assert '<a class="act"' in found[2] or "<code" in found[1] or 'method="post"' in later, (
                f"{name}: no next step"
            )
            assert "`" not in found[1]
            said.add(found[1])
        assert len(said) == 3, name


def test_whoever_is_not_logged_in_is_led_to_the_log_in(client: tuple[TestClient, dict[str, str]]) -> None:
    page = client[0].get("/changes", headers={"Accept": "text/html"})
    assert '<a class="act" href="/login?next=/changes">' in page.text


def test_a_search_that_finds_nothing_offers_the_whole_list(client: tuple[TestClient, dict[str, str]]) -> None:
    page = client[0].get("/sites?q=nowhere&lang=ur", headers={"Accept": "text/html"})
    assert texts()["empty.asked"]["ur"] in page.text
    assert '<a class="act" href="/sites">' in page.text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_that_list_records_tell_what_to_do_without_any(path: Path) -> None:
    text = path.read_text(encoding="utf8")
    assert "{% if items %}" not in text or "empty(request" in text
