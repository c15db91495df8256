"""Every page of `/ogc` says what it is for, in words of three languages."""

from __future__ import annotations

import pytest

from api.routes.ogc import what
from api.texts import texts
from tests.page_catalogue import PAGES


@pytest.mark.parametrize("path", [one.path for name, one in PAGES.items() if name.startswith("ogc")])
def test_every_page_has_a_title_and_says_what_it_is_for(path: str) -> None:
    for part in ("title", "about"):
        assert len(set(texts()[f"ogc.{part}.{what(path)}"].values())) == 3


def test_addresses_are_told_apart() -> None:
    told = {
        what(path) for path in ("/ogc", "/ogc/collections", "/ogc/collections/sites", "/ogc/collections/sites/items/1")
    }
    assert told == {"landing", "collections", "collection", "item"}
    assert {what("/ogc/tileMatrixSets"), what("/ogc/tileMatrixSets/WebMercatorQuad")} == {"schemes", "scheme"}
