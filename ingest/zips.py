"""Zip archives from outside: names looked at first, unpacked with a limit, never beyond the folder they are meant for."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from hazard_db.errors import InputError

MOST_MEMBERS = 10_000
MOST_BYTES = 1 << 30
"""Of one archive, unpacked."""
MOST_RATIO = 200
"""Unpacked against packed; honest files stay below 50."""
SMALL = 10 << 20
"""Up to here no ratio is suspicious."""
CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)


def is_zip(head: bytes) -> bool:
    """Return whether a file that starts like this is a zip archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def members(path: Path) -> dict[str, int]:
    """Return name -> size unpacked of every file in the archive, once it is seen to be harmless.

    Raises
    ------
    InputError
        It is damaged or encrypted, names lead out of it, or it would unpack to far too much.
    """
    with _opened(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > MOST_MEMBERS:
            raise InputError(
                f"{path.name}: holds {len(infos):,} files, more than {MOST_MEMBERS:,}; zip only the survey"
            )
        for info in infos:
            _check_member(path, info)
        total = sum(info.file_size for info in infos)
    packed = max(1, path.stat().st_size)
    if total > MOST_BYTES or (total > SMALL and total / packed > MOST_RATIO):
        raise InputError(
            f"{path.name}: would unpack to {total / 1e6:,.0f} MB from {packed / 1e6:,.1f} MB; send its files unpacked, or split them"
        )
    return {info.filename: info.file_size for info in infos}


@contextmanager
def opened_member(path: Path, name: str, *, most: int = MOST_BYTES) -> Iterator[IO[bytes]]:
    """Yield one file of the archive as a stream of at most `most` bytes, whatever its header claims.

    Raises
    ------
    InputError
        It is damaged, or longer than that.
    """
    with _opened(path) as archive, archive.open(name) as stream:
        yield _Limited(stream, most, f"{path.name}: {name}")  # type: ignore[misc]


def extract(path: Path, names: Callable[[str], str | None], folder: Path) -> list[Path]:
    """Return the files written to `folder` under the plain names that `names` gives them; None leaves a file out.

    Raises
    ------
    InputError
        The archive is damaged or holds too much.
    """
    written, left = [], MOST_BYTES
    for name in members(path):
        plain = names(name)
        if plain is None:
            continue
        target = folder / PurePosixPath(plain).name
        with opened_member(path, name, most=left) as source, target.open("wb") as sink:
            while chunk := source.read(CHUNK):
                sink.write(chunk)
        left -= target.stat().st_size
        written.append(target)
    return written


class _Limited:
    """A readable stream that refuses to go on for ever."""

    def __init__(self, stream: IO[bytes], most: int, label: str) -> None:
        self._stream, self._left, self._label = stream, most, label

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        try:
            chunk = self._stream.read(size if size >= 0 else self._left + 1)
        except BROKEN as error:
            raise InputError(f"{self._label} is damaged or cut off; copy or zip it again") from error
        self._left -= len(chunk)
        if self._left < 0:
            raise InputError(
                f"{self._label} unpacks to more than its header says and than is read here; split the file"
            )
        return chunk


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"{path.name}: the zip archive is damaged or cut off; copy or zip it again") from error


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if info.flag_bits & 0x1:
        raise InputError(f"{path.name}: {name[:100]} is encrypted; send it without a password")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/") or "\x00" in info.orig_filename:
        raise InputError(f"{path.name}: the name {name[:100]!r} leads out of the archive; zip the files again")
