"""Which encoding a text is in, where nothing says so."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from charset_normalizer import from_bytes

from hazard_db.errors import InputError

CHUNK = 1 << 20
SAMPLE = 256 << 10
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
OTHERS = ["cp1252", "cp1256"]
COMMON_SHARE = 0.8
"""Of the characters beyond ASCII, those that must be everyday Chinese for GBK to be believed."""


def encoding_of(path: Path) -> str:
    """Return the name of the encoding of a text file; bounded memory.

    Raises
    ------
    InputError
        It is in none that is understood, or it is no text.
    """
    with path.open("rb") as stream:
        start = stream.read(SAMPLE)
    for mark, name in BOMS:
        if start.startswith(mark):
            return name
    if (wide := _without_mark(start)) is not None:
        return wide
    if b"\x00" in start:
        raise InputError(f"{path.name}: holds NUL bytes, so it is no text file; export it again as UTF-8")
    bad = _first_not_utf8(path)
    if bad is None:
        return "utf-8"
    with path.open("rb") as stream:
        stream.seek(max(0, bad - SAMPLE // 2))
        found = guess(stream.read(SAMPLE))
    if found is None or not _decodes(path, found):
        raise InputError(f"{path.name}: byte {bad + 1} is not UTF-8, nor GBK, Windows-1252 or 1256; save it as UTF-8")
    return found


def guess(sample: bytes) -> str | None:
    """Return the likely encoding of bytes that are not all ASCII; None where nothing fits.

    GBK lets almost any bytes pass, so its characters must be everyday ones (those of GB 2312).
    """
    for name in ("utf-8", "gb18030"):
        text = _trimmed(sample, name)
        if text is not None and (name == "utf-8" or _everyday(text)):
            return name
    best = from_bytes(sample, cp_isolation=OTHERS).best()
    if best is not None and best.encoding == "cp1256" and _arabic(str(best)):
        return "cp1256"
    return "cp1252" if _trimmed(sample, "cp1252") is not None else None


def _without_mark(start: bytes) -> str | None:
    """Return UTF-16 of either order where every other byte is NUL, as in Western text without a mark."""
    if len(start) < 4 or (len(start) % 2 and len(start) < SAMPLE):
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    half = len(start) / 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else None


def _trimmed(sample: bytes, name: str) -> str | None:
    """Return the text, forgiving a character cut at either end of the sample."""
    for skip in range(4):
        try:
            return codecs.getincrementaldecoder(name)().decode(sample[skip:])
        except UnicodeDecodeError:
            continue
    return None


def _everyday(text: str) -> bool:
    beyond = [char for char in text if ord(char) > 127]
    common = len("".join(beyond).encode("gb2312", "ignore")) / 2
    return bool(beyond) and common >= COMMON_SHARE * len(beyond)


def _arabic(text: str) -> bool:
    """Return whether a text is Urdu or the like; Windows-1256 lets every byte pass."""
    beyond = [char for char in text if ord(char) > 127]
    return sum("\u0600" <= char <= "\u06ff" for char in beyond) >= COMMON_SHARE * len(beyond)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _first_not_utf8(path: Path) -> int | None:
    """Return the offset of the first byte that is not UTF-8."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    for chunk in chain(_chunks(path), [None]):
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk or b"", final=chunk is None)
        except UnicodeDecodeError as error:
            return done - held + error.start
        done += len(chunk or b"")
    return None


def _decodes(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
