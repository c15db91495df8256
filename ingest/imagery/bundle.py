"""The files of one product: a folder, a zip or tar archive, or loose files that belong together."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hazard_db.errors import RasterError

CHUNK = 1 << 20
METADATA_LIMIT = 64 << 20
"""Longest metadata file that is read into memory."""

BROKEN = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Bundle:
    """Files under one root, read the same way whether they are packed or not."""

    root: Path
    """The folder, or the archive."""
    members: tuple[str, ...]
    """Names relative to the root, with forward slashes, sorted."""
    archive: str = ""
    """Empty, `zip` or `tar`."""
    loose: bool = False
    """True where the members are only some files of the folder."""

    @property
    def label(self) -> str:
        """Name for messages."""
        return self.members[0].rpartition("/")[2] if self.loose else self.root.name

    def gdal(self, member: str) -> str:
        """Return the name under which GDAL opens a member without unpacking it."""
        if self.archive:
            return f"/vsi{self.archive}/{self.root.resolve()}/{member}"
        return str(self.root / member)

    def text(self, member: str) -> bytes:
        """Return a metadata file whole.

        Raises
        ------
        RasterError
            It is damaged, or too long to be one.
        """
        with self.open(member) as file:
            content = file.read(METADATA_LIMIT + 1)
        if len(content) > METADATA_LIMIT:
            raise RasterError(f"{self.label}: {member} is longer than a metadata file can be")
        return content

    def digests(self, member: str, *algorithms: str) -> tuple[str, ...]:
        """Return the hex digests of a member, read once."""
        sums = [hashlib.new(name) for name in algorithms]
        with self.open(member) as file:
            while chunk := file.read(CHUNK):
                for one in sums:
                    one.update(chunk)
        return tuple(one.hexdigest() for one in sums)

    @contextmanager
    def open(self, member: str) -> Iterator[IO[bytes]]:
        """Yield a member as a stream; damage of the archive shows as RasterError."""
        try:
            if self.archive == "zip":
                with zipfile.ZipFile(self.root) as pack, pack.open(member) as file:
                    yield file
            elif self.archive == "tar":
                with tarfile.open(self.root) as tar:
                    extracted = tar.extractfile(member)
                    if extracted is None:
                        raise RasterError(f"{self.label}: {member} is not a file")
                    with extracted as file:
                        yield file
            else:
                with (self.root / member).open("rb") as file:
                    yield file
        except BROKEN as error:
            raise RasterError(
                f"{self.label}: {member} cannot be read ({_reason(error)}); the file is damaged or incomplete, "
                "download it again"
            ) from error


def folder(path: Path) -> Bundle:
    """Return a folder with all files below it.

    Raises
    ------
    RasterError
        The folder cannot be listed.
    """
    try:
        names = sorted(item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file())
    except OSError as error:
        raise RasterError(f"{path}: the folder cannot be listed ({error.strerror})") from error
    return Bundle(path, tuple(names))


def loose(files: list[Path]) -> Bundle:
    """Return files of one folder that make one scene."""
    return Bundle(files[0].parent, tuple(sorted(file.name for file in files)), loose=True)


def packed(path: Path) -> Bundle:
    """Return the contents of a zip or tar archive.

    Raises
    ------
    RasterError
        It is neither, or its directory is damaged: most often a download that broke off.
    """
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as pack:
                names = [item.filename for item in pack.infolist() if not item.is_dir()]
            return Bundle(path, tuple(sorted(names)), "zip")
        with tarfile.open(path) as tar:
            names = [item.name for item in tar.getmembers() if item.isfile()]
        return Bundle(path, tuple(sorted(names)), "tar")
    except BROKEN as error:
        raise RasterError(
            f"{path.name}: not a readable archive ({_reason(error)}); the download is incomplete, fetch it again"
        ) from error


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
