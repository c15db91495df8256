"""Tiles that were just made: whoever asks for the same one in the next seconds gets it without the database."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import brotli

FRESH_S = 3.0
"""A new row is in the tiles within 5 s."""
MOST_BYTES = 64 * 2**20
PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, quality=4),
    "gzip": partial(gzip.compress, compresslevel=5, mtime=0),
}
"""Ways to compress, the best first."""


def accepted_ways(accepted: str) -> set[str]:
    """Return the ways to compress that an `Accept-Encoding` allows."""
    return {one.partition(";")[0].strip() for one in accepted.split(",") if not one.replace(" ", "").endswith(";q=0")}


@dataclass
class Kept:
    """A tile, and the moment at which it is too old."""

    body: bytes
    until_s: float
    tag: str
    packed: dict[str, bytes] = field(default_factory=dict)

    def as_accepted(self, accepted: str) -> tuple[bytes, str | None]:
        """Return it as a client accepts it, and how it is compressed; each work is done once."""
        asked = accepted_ways(accepted)
        way = next((one for one in PACKERS if one in asked), None)
        if way is None:
            return self.body, None
        if way not in self.packed:
            self.packed[way] = PACKERS[way](self.body)
        return self.packed[way], way


@dataclass
class Tiles:
    """The tiles of the last seconds, the oldest given up where they would need too much memory."""

    fresh_s: float = FRESH_S
    most_bytes: int = MOST_BYTES
    clock: Callable[[], float] = time.monotonic
    crowds: dict[tuple[str, int], int] = field(default_factory=dict)
    """Bytes of the last tile by collection and zoom."""
    _kept: OrderedDict[str, Kept] = field(default_factory=OrderedDict)
    _making: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bytes: int = 0

    def get(self, key: str) -> Kept | None:
        """Return a tile that is fresh, None where there is none."""
        with self._lock:
            found = self._kept.get(key)
            return found if found is not None and self.clock() < found.until_s else None

    def make(self, key: str, draw: Callable[[], bytes]) -> Kept:
        """Return a tile, drawn by one of those who ask for it at the same time and given to all of them."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            try:
                if (found := self.get(key)) is not None:
                    return found
                begun = self.clock()  # what is written while the tile is drawn may not be in it
                body = draw()
                made = Kept(body, begun + self.fresh_s, f'W/"{hashlib.sha256(body).hexdigest()[:24]}"')
                self._keep(key, made)
                return made
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def _keep(self, key: str, made: Kept) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._bytes += len(made.body) - (len(old.body) if old else 0)
            self._kept[key] = made
            while self._bytes > self.most_bytes or (
                self._kept and next(iter(self._kept.values())).until_s < self.clock()
            ):
                self._bytes -= len(self._kept.popitem(last=False)[1].body)
