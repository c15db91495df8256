"""What every survey format hands on: records as they stand in the file, one by one."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pyproj import CRS
from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True)
class Raw:
    """A record as it stands in the file."""

    label: str
    """Where it stands: line 12, waypoint 3, layer points feature 7."""
    values: Mapping[str, Any]
    """Column -> value."""
    geometry: BaseGeometry | None = None
    """In the source's CRS, two-dimensional; None where columns tell the position, or nothing does."""
    problem: str | None = None
    """Why it cannot be used."""


@dataclass(frozen=True)
class Source:
    """A survey file opened."""

    records: Iterator[Raw]
    crs: CRS | None = None
    """None = the file does not tell it."""
    columns: tuple[str, ...] = ()
    """Empty where each record has its own."""
    notes: tuple[str, ...] = ()
    """What was found out about the file and decided for its user."""
    total: int = 0
    """About how many records there are; 0 where nothing tells before they are read."""
    drawn: bool = True
    """Whether records have geometries; False where columns tell the position."""
    folder: TemporaryDirectory[str] | None = None
    """Where it was unpacked to."""

    def close(self) -> None:
        """Let go of files."""
        if isinstance(self.records, Generator):
            self.records.close()
        if self.folder is not None:
            self.folder.cleanup()


@dataclass(frozen=True)
class Sample:
    """What a format is found out from."""

    path: Path
    head: bytes
    members: Mapping[str, int] = field(default_factory=dict)
    """Of a zip archive: name -> size unpacked."""
    root: str | None = None
    """Of XML: local name of the root element."""

    @property
    def suffix(self) -> str:
        """Extension of the name, in lower case."""
        return self.path.suffix.lower()
