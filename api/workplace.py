"""A folder for one piece of work: what a killed process left there, the next one goes on with."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORK = "work"
"""Folder below HAZARD_HOME."""
LEFT_DAYS = 7.0
"""What nobody went on with for so long is removed."""
PARTS = ".parts"
"""What the names of folders with finished parts end in; all else of a killed process is begun anew."""


@contextmanager
def workplace(home: Path, key: str) -> Iterator[Path]:
    """Yield a folder that is the same for the same key, removed once the block ends well.

    Where another process works in it, one of its own is yielded: both do the work, and the catalogue keeps it once.
    """
    root = home / WORK
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{key}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with tempfile.TemporaryDirectory(prefix=f"{key}-", dir=root) as folder:
                yield Path(folder)
            return
        own = root / key
        own.mkdir(exist_ok=True)
        for left in own.iterdir():
            if not left.name.endswith(PARTS):
                _remove(left)
        yield own
        _remove(own)
        (root / f"{key}.lock").unlink(missing_ok=True)


def sweep(home: Path, older_than_days: float = LEFT_DAYS) -> list[str]:
    """Return the names removed of work that nobody went on with."""
    until = time.time() - older_than_days * 86_400
    removed = []
    for left in sorted((home / WORK).glob("*")):
        if left.suffix != ".lock" and left.lstat().st_mtime < until and _idle(home, left.name):
            _remove(left)
            (home / WORK / f"{left.name}.lock").unlink(missing_ok=True)
            removed.append(left.name)
    return removed


def _idle(home: Path, key: str) -> bool:
    with (home / WORK / f"{key}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
