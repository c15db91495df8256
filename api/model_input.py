"""Which elevation model a run rested on: known by what it holds, not by where it lies or how large it is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from detection.rasterfiles import sha256


def model_input(dem: Path | None) -> list[dict[str, Any]]:
    """Return the elevation model as an input of a run; nothing where there is none.

    Raises
    ------
    FileNotFoundError
        It is not there.
    """
    if dem is None:
        return []
    state = dem.stat()
    return [{"dem": dem.name, "role": "dem", "sha256": _checksum(str(dem.resolve()), state.st_mtime_ns, state.st_size)}]


@lru_cache(maxsize=32)
def _checksum(path: str, mtime_ns: int, size: int) -> str | None:
    """Return the checksum of a file as it is now; files that were not written to since are not read again."""
    del mtime_ns, size
    return sha256(path)
