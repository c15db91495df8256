"""What pages say of problems: every kind in words, the fields it is about, and ways on that exist."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request
from starlette.routing import Match

from alerts.links import LinkError
from api.explaining import KINDS, LISTS, MAPS, explain, fields_of, kind_of
from api.patience import TooManyAttemptsError
from api.problems import STATUS
from api.routes import ROUTERS
from api.security import FormTokenError
from api.texts import texts
from hazard_db.errors import ConflictError, HazardError, NotFoundError
from tests.page_catalogue import PAGES

VALUES = {"id": "f00", "seconds": "10", "mb": "25", "minutes": 7}


def asked(path: str, query: str = "", *, method: str = "GET", came: str = "") -> Request:
    headers = [(b"host", b"watch.example"), *([(b"referer", came.encode())] if came else [])]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers,
        "scheme": "https", "server": ("watch.example", 443),
    }  # fmt: skip
    return Request(scope)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_told_in_every_language(kind: str) -> None:
    for lang in ("en", "zh", "ur"):
        told = explain(asked("/changes/9"), lang, kind, values=VALUES)
        assert told.title and told.what and told.next
        assert "{" not in told.what + told.next
        assert told.ways[-1][0] == "/"
    assert len({texts()[f"problem.next.{kind}"][lang] for lang in ("en", "zh", "ur")}) == 3


@pytest.mark.parametrize(
    ("status", "error", "path", "kind"),
    [
        (404, NotFoundError("there is no change 9"), "/changes/9", "record"),
        (404, NotFoundError("the road has no kilometre 9999"), "/segments/9999", "road"),
        (404, None, "/nowhere", "nowhere"),
        (403, FormTokenError(), "/login", "form"),
        (403, LinkError(), "/alerts/1/take", "link"),
        (429, TooManyAttemptsError(60), "/login", "patience"),
        (409, ConflictError(), "/changes/9", "conflict"),
        (405, None, "/logout", "method"),
        (413, None, "/observations", "large"),
        (415, None, "/observations", "value"),
        (503, None, "/", "away"),
        (500, HazardError(), "/", "fault"),
        (502, None, "/", "fault"),
    ],
)
def test_kinds_follow_error_status_and_address(status: int, error: HazardError | None, path: str, kind: str) -> None:
    assert kind_of(status, error, path) == kind


def test_every_status_of_ours_has_a_kind_with_words() -> None:
    assert {kind_of(status, None, "/") for status in STATUS.values()} <= KINDS
    assert {f"problem.{part}.{kind}" for part in ("title", "what", "next") for kind in KINDS} <= set(texts())


@pytest.mark.parametrize(
    ("query", "detail", "fields"),
    [
        ("km=north", "'north' is no stretch; write it as A-B in kilometres, for example 640-660", ["km"]),
        ("bbox=1,2", "bbox is west,south,east,north in degrees", []),
        ("bbox=1", "bbox=1: write west,south,east,north in degrees", ["bbox"]),
        ("limit=5", "the filter is no condition", []),
        ("", "km: give the stretch as A-B in kilometres, for example km=640-660", ["km"]),
        ("", "there is no such thing: look again", []),
    ],
)
def test_fields_are_found_in_the_line_of_an_error(query: str, detail: str, fields: list[str]) -> None:
    assert fields_of(asked("/changes", query), detail) == fields


def test_fields_are_told_by_label_and_name_and_can_be_left_out() -> None:
    told = explain(asked("/changes", "km=north&kind=rockfall"), "ur", "value", fields=["km"], values=VALUES)
    assert texts()["filter.km"]["ur"] in told.what and "`km`" in told.what
    assert told.ways[0][0] == "/changes?kind=rockfall"


def test_the_form_is_linked_where_it_is_ours() -> None:
    own = asked("/changes/9/verdict", method="POST", came="https://watch.example/changes/9?lang=ur")
    assert explain(own, "en", "form", values=VALUES).ways[0][0] == "/changes/9?lang=ur"
    foreign = asked("/changes/9/verdict", method="POST", came="https://elsewhere.example/trap")
    assert all("trap" not in way for way, _ in explain(foreign, "en", "form", values=VALUES).ways)


def test_lists_that_are_linked_are_there() -> None:
    for first in LISTS:
        path = MAPS.get(first, f"/{first}")
        scope = {"type": "http", "method": "GET", "path": path}
        assert any(one.matches(scope)[0] is Match.FULL for router in ROUTERS for one in router.routes), path


def test_the_audit_of_pages_has_every_status_that_people_meet() -> None:
    audited = {one.status for one in PAGES.values()} - {200}
    assert audited >= {400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503}
