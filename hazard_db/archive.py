"""The file of a backup: a tar with the catalogue's dump, the folders of files beside it and a manifest of checksums."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from hazard_db.errors import ClusterError, InputError

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "catalogue.dump"
BLOCK = 1 << 20
MANIFEST_LIMIT = 1 << 28
FOLDERS = ("media", "pictures", "rasters")
"""What may lie beside the dump."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds and what it takes to restore it."""

    made_at: str
    revision: str
    """Version of the schema."""
    postgres: int
    """Major version of the program that wrote the dump."""
    login: str
    """Database role that owned the tables."""
    format: int = FORMAT
    sha256: dict[str, str] = field(default_factory=dict)
    """Member name -> checksum."""


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Yield a path beside `file` that becomes `file` when all went well; readable by its owner only.

    Raises
    ------
    ClusterError
        The disk is full or the folder cannot be written to.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except OSError as error:
        raise ClusterError(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from error
    finally:
        part.unlink(missing_ok=True)


def write(part: Path, manifest: Manifest, dump: Path, folders: Mapping[str, Path]) -> int:
    """Write the archive to `part`; returns the number of files beside the dump.

    Parameters
    ----------
    folders
        Name in the archive, one of FOLDERS -> folder. What is hidden is left out: it is still being written.
    """
    count = 0
    with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
        manifest.sha256[DUMP] = _add(tar, dump, DUMP)
        for beside, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                inner = path.relative_to(folder)
                if path.is_file() and not path.is_symlink() and not any(one.startswith(".") for one in inner.parts):
                    name = f"{beside}/{inner.as_posix()}"
                    manifest.sha256[name] = _add(tar, path, name)
                    count += 1
        text = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return count


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    with path.open("rb") as file:
        info = tarfile.TarInfo(name)
        stat = os.fstat(file.fileno())
        info.size, info.mtime, info.mode = stat.st_size, int(stat.st_mtime), 0o600
        digest = Digest(file)
        tar.addfile(info, digest)
    return digest.hexdigest()


class Digest(io.RawIOBase):
    """A file whose checksum grows as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        block = self._file.read(size)
        self._sha256.update(block)
        return block

    def hexdigest(self) -> str:
        """Return the checksum of what was read so far."""
        return self._sha256.hexdigest()


def verify(file: Path) -> Manifest:
    """Return the manifest after every member was read and matched its checksum.

    Raises
    ------
    InputError
        The file is no backup, is cut off, was changed, or comes from a newer version.
    """
    seen: dict[str, str] = {}
    text = b""
    with _reading(file) as tar:
        for name, member in _members(file, tar):
            if name == MANIFEST:
                text = member.read(MANIFEST_LIMIT)
            elif name in seen or not _is_ours(name):
                raise InputError(f"{file}: unexpected member {name[:100]!r}; this is no backup made by `kkh db backup`")
            else:
                seen[name] = _checksum(member)
    manifest = _manifest(file, text)
    if seen != manifest.sha256:
        wrong = sorted({*seen.items()} ^ {*manifest.sha256.items()})[0][0]
        raise InputError(f"{file}: {wrong} does not match its checksum; the backup is damaged")
    return manifest


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    return name == DUMP or (path.parts[0] in FOLDERS and ".." not in path.parts and len(path.parts) > 1)


def _manifest(file: Path, text: bytes) -> Manifest:
    if not text:
        raise InputError(f"{file}: the manifest at its end is missing; this is no backup, or one that was cut off")
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise InputError(f"{file} was made by a newer version (format {told['format']}); update this installation")
        return Manifest(**told)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: the manifest cannot be read; the backup is damaged") from error


@contextmanager
def _reading(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except tarfile.TarError as error:
        raise InputError(f"{file} is no backup made by `kkh db backup`, or was cut off ({error})") from error
    except OSError as error:
        raise InputError(f"{error.filename or file}: {(error.strerror or str(error)).lower()}") from error


def _members(file: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for info in tar:
        content = tar.extractfile(info) if info.isreg() else None
        if content is None:
            raise InputError(f"{file}: member {info.name[:100]!r} is no file; this is no backup")
        with content:
            yield info.name, content


def _checksum(member: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := member.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def extract(file: Path, names: Iterable[str], dump: Path, home: Path) -> int:
    """Write the dump, and the files beside it into `home`; returns the number of files written.

    A file that is there already with the same content stays as it is.
    """
    wanted, count = set(names), 0
    with _reading(file) as tar:
        for name, member in _members(file, tar):
            target = dump if name == DUMP else home.joinpath(*PurePosixPath(name).parts)
            if name in wanted and not (target.is_file() and _same(target, member)):
                _write(target, member)
                count += name != DUMP
    return count


def _same(target: Path, member: IO[bytes]) -> bool:
    with target.open("rb") as there:
        same = _checksum(there) == _checksum(member)
    member.seek(0)
    return same


def _write(target: Path, member: IO[bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic(target) as part, part.open("wb") as out:
        while block := member.read(BLOCK):
            out.write(block)
