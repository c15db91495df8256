"""Photos that belong to the records of a survey: named in a cell, in a folder named after the record, or taken at its time."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from hazard_db.media_files import told_time

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".pdf", ".mp4", ".mov", ".3gp", ".m4a")
LARGEST_BYTES = 200 << 20
MOST_FILES = 200_000


@dataclass
class Shelf:
    """Where the photos of a survey are."""

    home: Path
    """Folder that relative names start from."""
    roots: Sequence[Path]
    """Folders that are searched by name."""
    _by_name: dict[str, list[Path]] | None = None

    def find(self, reference: str, record: str | None) -> tuple[Path | None, str | None]:
        """Return the file that a cell names, or why it cannot be told.

        Parameters
        ----------
        record
            The record's own id: KoBo's folders are named after it.
        """
        plain = reference.strip().replace("\\", "/")
        direct = self._inside(plain)
        if direct is not None:
            return direct, None
        found = self._known().get(_key(PurePosixPath(plain).name), [])
        if len(found) > 1 and record:
            own = record.removeprefix("uuid:").casefold()
            found = [path for path in found if own in (part.casefold() for part in path.parts)] or found
        if len(found) > 1 and len({_digest(path) for path in found}) > 1:
            return None, f"{len(found)} different files have this name"
        return (found[0], None) if found else (None, "not there")

    def all_files(self) -> list[Path]:
        """Return every photo of the shelf."""
        return [path for paths in self._known().values() for path in paths]

    def _inside(self, name: str) -> Path | None:
        """Return a file by its name relative to the survey; None where it leads elsewhere."""
        if not name or name.startswith("/") or ":" in name.split("/", maxsplit=1)[0]:
            return None
        home = self.home.resolve()
        try:
            path = (home / name).resolve()
            return path if path.is_relative_to(home) and path.is_file() else None
        except (OSError, ValueError):
            return None

    def _known(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            for path in _files(self.roots):
                self._by_name.setdefault(_key(path.name), []).append(path)
        return self._by_name


@dataclass
class Finder:
    """Finds the photos of records, and remembers which were not found."""

    shelf: Shelf
    named: set[Path] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    def of(self, label: str, values: Mapping[str, Any], record: str | None) -> list[Path]:
        """Return the files that the cells of a record name."""
        found = []
        for reference in references(values):
            path, problem = self.shelf.find(reference, record)
            if path is None:
                self.missing.append(f"{label}: {reference[:100]}: {problem}")
            elif path not in found:
                found.append(path)
        self.named.update(found)
        return found


def references(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of photos and files in the cells of a record, each once; addresses elsewhere are none."""
    seen = set()
    for value in values.values():
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, str) or len(part) > 1000 or "://" in part:
                continue
            name = part.strip()
            if name.lower().endswith(SUFFIXES) and PurePosixPath(name.replace("\\", "/")).name not in seen:
                seen.add(PurePosixPath(name.replace("\\", "/")).name)
                yield name


def by_time(
    times: Sequence[tuple[datetime, UUID]], photos: Iterable[Path], zone: tzinfo, within_s: float
) -> tuple[dict[UUID, list[Path]], list[Path]]:
    """Return the photos taken nearest in time to each record, and those that were taken too far from all of them.

    Parameters
    ----------
    zone
        Of the camera's clock where a photo tells none.
    within_s
        Largest difference, seconds. Halfway between two records the earlier one has it: one stops, marks, and then photographs.
    """
    ordered = sorted(times)
    moments = [at for at, _ in ordered]
    found: dict[UUID, list[Path]] = {}
    left = []
    for photo in sorted(photos):
        at = told_time(photo, zone)
        nearest = None if at is None or not moments else _nearest(moments, at)
        if at is None or nearest is None or abs(moments[nearest] - at) > timedelta(seconds=within_s):
            left.append(photo)
        else:
            found.setdefault(ordered[nearest][1], []).append(photo)
    return found, left


def _nearest(moments: Sequence[datetime], at: datetime) -> int:
    after = bisect_left(moments, at)
    around = [index for index in (after - 1, after) if 0 <= index < len(moments)]
    return min(around, key=lambda index: (abs(moments[index] - at), index))


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    seen: set[Path] = set()
    for root in roots:
        for path in sorted(root.rglob("*")):
            real = path.resolve()
            if (
                path.suffix.lower() in SUFFIXES
                and real not in seen
                and real.is_relative_to(root.resolve())
                and real.is_file()
            ):
                seen.add(real)
                yield real
                if len(seen) >= MOST_FILES:
                    return


def _key(name: str) -> str:
    """Return a name as names are compared: KoBo's archives write _ for spaces and leave odd characters out."""
    return unicodedata.normalize("NFKC", name).casefold().replace(" ", "_")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        digest = sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
