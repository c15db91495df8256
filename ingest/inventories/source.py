"""What every inventory format hands over: records, and lines for those that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hazard_db.inventory import EventRecord
from hazard_db.inventory_sites import SiteRecord

CHUNK = 1 << 20
FIRST_YEAR = 1900
"""A date before is a typing error, not an old event: nobody mapped landslides here earlier."""


@dataclass(frozen=True)
class Options:
    """What the caller says of a file that does not tell it itself."""

    dataset: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our field -> column of the file."""
    crs: str | None = None
    kind: str | None = None
    year: int | None = None
    """Year that the inventory shows."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Only records with this value in this column."""
    as_events: bool = False
    """Points with a date are dated events instead of places of the inventory."""


@dataclass(frozen=True)
class Bad:
    """A record that cannot be used."""

    record: str
    """Line 12, or layer 2009 feature 7."""
    problem: str
    """Which field, what is wrong and what to do."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """As they stand in the file."""

    def __str__(self) -> str:
        return f"{self.record}: {self.problem}"


@dataclass(frozen=True)
class Inventory:
    """A file that was recognised and can be read once; each item with the share (0-1) of the file that was read."""

    format: str
    dataset: str
    crs: str
    """What its coordinates are in."""
    events: Iterator[tuple[EventRecord | Bad, float]] | None = None
    """Dated events, or"""
    sites: Iterator[tuple[SiteRecord | Bad, float]] | None = None
    """places."""
    notes: tuple[str, ...] = ()
    """What was found out about the file."""


@dataclass(frozen=True)
class Format:
    """One way in."""

    recognises: Callable[[Path], bool]
    read: Callable[[Path, Options], Inventory]


def line_count(path: Path) -> int:
    """Return the number of lines of a text file, at least 1."""
    count = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            count += chunk.count(b"\n")
    return max(1, count)
