"""Whether a JPEG 2000 file is complete.

A codestream that breaks off is decoded as far as it goes and the rest comes out as plausible
nonsense, at times without an error. The structure itself tells: every tile-part states its length
(marker SOT, field Psot) and the stream ends with EOC (ISO/IEC 15444-1, Annex A).
"""

from __future__ import annotations

import struct
from typing import IO

SOC, SIZ, SOT, EOC = 0xFF4F, 0xFF51, 0xFF90, 0xFFD9
HEAD = 8


def defect(file: IO[bytes]) -> str | None:
    """Return what is wrong with a JPEG 2000 file's structure, None where it is complete."""
    try:
        start = _codestream(file)
        if start is None:
            return "it holds no JPEG 2000 codestream"
        return _walk(file, start)
    except struct.error:
        return "it breaks off"


def _codestream(file: IO[bytes]) -> int | None:
    """Return where the codestream starts: at 0 for a raw one, inside box `jp2c` else."""
    (marker,) = struct.unpack(">H", file.read(2))
    if marker == SOC:
        return 0
    at = 0
    while True:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(HEAD))
        header = HEAD
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            header = 16
        if kind == b"jp2c":
            return at + header
        if length < header:  # 0 means up to the end of the file, and nothing can follow
            return None
        at += length


def _walk(file: IO[bytes], start: int) -> str | None:
    """Follow the tile-parts from length to length up to the end marker."""
    file.seek(start)
    (marker,) = struct.unpack(">H", file.read(2))
    if marker != SOC:
        return "its codestream has no start"
    at, tiles = start + 2, 0
    seen: set[int] = set()
    while True:
        file.seek(at)
        (marker,) = struct.unpack(">H", file.read(2))
        if marker == EOC:
            return None if len(seen) == tiles else f"only {len(seen)} of its {tiles} tiles are there"
        (length,) = struct.unpack(">H", file.read(2))
        if marker == SIZ:
            tiles = _tile_count(file.read(length - 2))
        if marker != SOT:
            if not seen:
                at += 2 + length
                continue
            return "its tiles do not follow one another"
        tile, size = struct.unpack(">HI", file.read(6))
        seen.add(tile)
        if size == 0:  # the last tile-part runs to the end marker
            file.seek(-2, 2)
            return None if struct.unpack(">H", file.read(2)) == (EOC,) else "it breaks off"
        at += size


def _tile_count(segment: bytes) -> int:
    sizes: tuple[int, ...] = struct.unpack(">H8I", segment[:34])
    _, x1, y1, _, _, tile_x, tile_y, x0, y0 = sizes
    if not (tile_x and tile_y):
        return 0
    return -(-(x1 - x0) // tile_x) * -(-(y1 - y0) // tile_y)
