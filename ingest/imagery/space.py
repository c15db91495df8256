"""Room on the disk: asked for before work begins, and told from other trouble when it runs out."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from hazard_db.errors import SpaceError
from hazard_db.settings import Settings

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_BYTES = 16 << 20
"""Less than this is left: what could not be written failed for want of room."""


class SpaceSettings(Settings):
    """How much room is left alone; prefix HAZARD_."""

    min_free_mb: float = 500.0
    """New imagery waits while less than this is free: the database on the same disk must go on."""


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of a folder, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def require(folder: Path, settings: SpaceSettings | None = None) -> None:
    """Return quietly where there is room for another scene.

    Raises
    ------
    SpaceError
        There is not.
    """
    if free_bytes(folder) < (settings or SpaceSettings()).min_free_mb * 1e6:
        raise SpaceError(line(folder))


def is_full(folder: Path, error: BaseException) -> bool:
    """Return whether what failed did so because the disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL:
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, Exception) and min(map(free_bytes, (folder, Path(tempfile.gettempdir())))) < FULL_BYTES


def line(folder: Path) -> str:
    """Return what to tell people."""
    least = SpaceSettings().min_free_mb
    return (
        f"only {free_bytes(folder) / 1e6:.0f} MB are free under {folder} (HAZARD_MIN_FREE_MB: {least:.0f}); "
        "make room, the work goes on by itself"
    )
