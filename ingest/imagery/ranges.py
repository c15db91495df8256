"""A file in an archive, read where it lies: only the blocks that are needed come over the wire."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from hazard_db.errors import SourceError
from ingest.imagery.polite import Polite

BLOCK = 1 << 16
"""Bytes that are fetched at least; neighbouring ones are fetched together."""
T = TypeVar("T")
KEPT = 256
"""Blocks kept of one file: 16 MiB."""


class Blocks:
    """The blocks of one file, fetched once as long as they are kept."""

    def __init__(self, polite: Polite, mirrors: Sequence[Callable[[], str]]) -> None:
        self._polite, self._mirrors = polite, list(mirrors)
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self.problem: SourceError | None = None
        self._lock = threading.Lock()
        self.size = self._of_any(polite.size)

    def read(self, start: int, length: int) -> bytes:
        """Return bytes, fewer at the end of the file."""
        stop = min(start + length, self.size)
        if stop <= start:
            return b""
        with self._lock:
            first, last = start // BLOCK, (stop - 1) // BLOCK
            blocks = self._all(first, last)
            joined = b"".join(blocks)
        return joined[start - first * BLOCK : stop - first * BLOCK]

    def _all(self, first: int, last: int) -> list[bytes]:
        found: dict[int, bytes] = {n: self._kept[n] for n in range(first, last + 1) if n in self._kept}
        number = first
        while number <= last:
            if number in found:
                number += 1
                continue
            end = number
            while end + 1 <= last and end + 1 not in found:
                end += 1
            content = self._fetch(number * BLOCK, min((end + 1) * BLOCK, self.size) - number * BLOCK)
            for one in range(number, end + 1):
                found[one] = content[(one - number) * BLOCK : (one - number + 1) * BLOCK]
            number = end + 1
        for one in range(first, last + 1):
            self._kept[one] = found[one]
            self._kept.move_to_end(one)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return [found[one] for one in range(first, last + 1)]

    def _fetch(self, start: int, length: int) -> bytes:
        """Return exactly these bytes: what broke off is asked for again from where it stood."""
        content = b""
        while len(content) < length:
            at, rest = start + len(content), length - len(content)
            content += self._of_any(partial(self._polite.fetch, start=at, length=rest))
        return content

    def _of_any(self, act: Callable[[str], T]) -> T:
        """Return what the first mirror that answers says; that one is asked first from now on."""
        for address in list(self._mirrors):
            try:
                return act(address())
            except SourceError as error:
                self.problem = error  # on its way through GDAL it becomes a file that cannot be read
                self._mirrors.append(self._mirrors.pop(0))
        assert self.problem is not None
        raise self.problem


class RangeFile(io.RawIOBase):
    """A reader with a place of its own over shared blocks."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self._blocks, self._at = blocks, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Return the new place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blocks.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        content = self._blocks.read(self._at, self._blocks.size - self._at if size < 0 else size)
        self._at += len(content)
        return content


class Opener:
    """Opens one file of an archive for rasterio; whatever else it looks for beside it is not there."""

    def __init__(self, polite: Polite, href: str, mirrors: Sequence[Callable[[], str]]) -> None:
        self.href = href
        self._polite, self._mirrors = polite, mirrors
        self._blocks: Blocks | None = None

    @property
    def problem(self) -> SourceError | None:
        """What kept the archive from answering, if anything."""
        return None if self._blocks is None else self._blocks.problem

    def __call__(self, path: str, mode: str = "rb") -> Any:
        """Return the file, opened anew."""
        if path != self.href or "w" in mode:
            raise FileNotFoundError(path)
        if self._blocks is None:
            self._blocks = Blocks(self._polite, self._mirrors)
        return RangeFile(self._blocks)
