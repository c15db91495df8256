"""What a long-running process says of itself: one line an event, for people or for machines, with the request or job it belongs to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Literal, TextIO

from pydantic_settings import SettingsConfigDict
from pythonjsonlogger.json import JsonFormatter

from hazard_db.settings import PREFIX, Settings

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
NAMES: ContextVar[Mapping[str, str]] = ContextVar("names", default=MappingProxyType({}))
"""What the work at hand is called, such as its request_id: stands in every line it causes."""


class LogSettings(Settings):
    """How events are told, from the environment (HAZARD_LOG_...)."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}LOG_")

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


def begin(stream: TextIO | None = None) -> None:
    """Tell events from now on: of our own packages from the level that is set, of libraries from warnings.

    Raises
    ------
    SettingsError
        A variable is unusable; the line names it.
    """
    settings = LogSettings()
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_name)
    handler.setFormatter(_Json() if settings.format == "json" else _Text(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("hazard_db", "ingest", "detection", "alerts", "maps", "api"):
        logging.getLogger(package).setLevel(settings.level.upper())


@contextmanager
def naming(**names: str) -> Iterator[None]:
    """Name what is done inside the block, beside what is named already."""
    before = NAMES.set({**NAMES.get(), **names})
    try:
        yield
    finally:
        NAMES.reset(before)


def _name(record: logging.LogRecord) -> bool:
    record.names = dict(NAMES.get())
    return True


class _Text(logging.Formatter):
    """One line a record, however many its message has; a trace follows in lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        names = "".join(f" {name}={value}" for name, value in getattr(record, "names", {}).items())
        return " ".join(super().formatMessage(record).splitlines()) + names


class _Json(JsonFormatter):
    """One JSON object a record: time in UTC, level, logger, message, trace, names and whatever `extra` gave."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s", timestamp="at", rename_fields={"levelname": "level", "name": "logger"}
        )

    def add_fields(
        self, log_data: dict[str, object], record: logging.LogRecord, message_dict: dict[str, object]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        names = log_data.pop("names", None)
        log_data.update(names if isinstance(names, dict) else {})
