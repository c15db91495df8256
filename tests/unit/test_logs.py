"""Lines of the log: one an event, with what it belongs to, readable by machines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from api import logs
from hazard_db.errors import SettingsError


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("api").setLevel(logging.NOTSET)


def test_a_text_is_one_line_with_the_names_of_what_it_belongs_to() -> None:
    stream = io.StringIO()
    logs.begin(stream)
    with logs.naming(request_id="a1"), logs.naming(job="7"):
        logging.getLogger("api").info("first\nINFO api: forged")
    logging.getLogger("api").info("second")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("INFO api: first INFO api: forged request_id=a1 job=7")
    assert second.endswith("INFO api: second")


def test_json_is_one_object_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_LOG_FORMAT", "json")
    stream = io.StringIO()
    logs.begin(stream)
    with logs.naming(request_id="a1"):
        try:
            raise ValueError("odd\nvalue")
        except ValueError:
            logging.getLogger("api").exception("failed", extra={"status": 500})
    told = json.loads(stream.getvalue())
    assert (told["level"], told["message"], told["status"], told["request_id"]) == ("ERROR", "failed", 500, "a1")
    assert "odd\nvalue" in told["exc_info"]


def test_libraries_are_quiet_and_the_level_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_LOG_LEVEL", "warning")
    stream = io.StringIO()
    logs.begin(stream)
    logging.getLogger("api").info("answered")
    logging.getLogger("httpx").info("asked")
    logging.getLogger("api").warning("careful")
    assert [line.rpartition(": ")[2] for line in stream.getvalue().splitlines()] == ["careful"]


def test_an_unknown_format_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError, match="HAZARD_LOG_FORMAT"):
        logs.begin()
