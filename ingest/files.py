"""A file from outside before anybody reads it: there, whole, of a bearable size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hazard_db.errors import InputError

CHUNK = 1 << 20
MEMORY_LIMIT = 2 << 30
"""Bytes that reading one file may take."""
HEAD = 64 << 10
"""Bytes from the start by which a format is found out."""


@dataclass(frozen=True)
class FileFacts:
    """What identifies a file."""

    name: str
    size_bytes: int
    sha256: str


def facts(path: Path) -> FileFacts:
    """Return name, size and checksum of a file that is there and not empty.

    Raises
    ------
    InputError
        It is missing, empty, a folder, a device or a pipe, or may not be read.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path.name or path}: is a folder; name the file itself")
        if not path.exists():
            raise InputError(f"{path}: no such file")
        if not path.is_file():
            raise InputError(f"{path}: is not a regular file; save it to disk first")
        size, digest = _hashed(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path.name or path}: cannot be read ({reason})") from error
    if size == 0:
        raise InputError(f"{path.name}: is empty; export or copy it again")
    return FileFacts(path.name, size, digest)


def head(path: Path) -> bytes:
    """Return the first HEAD bytes."""
    with path.open("rb") as stream:
        return stream.read(HEAD)


def require_memory(name: str, needed_bytes: float) -> None:
    """Return quietly where reading would take no more than MEMORY_LIMIT.

    Raises
    ------
    InputError
        It would take more.
    """
    if needed_bytes > MEMORY_LIMIT:
        raise InputError(
            f"{name}: would need about {needed_bytes / (1 << 30):.1f} GB of memory, more than "
            f"{MEMORY_LIMIT >> 30} GB; split the file, or save it as CSV or GeoJSON, which are read piece by piece"
        )


def _hashed(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
