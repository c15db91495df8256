"""XML from outside, element by element: no DTD, no entities, nothing fetched, bounded depth and memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from io import BytesIO
from typing import IO, Protocol
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from hazard_db.errors import InputError

MOST_DEPTH = 200
MOST_CHILDREN = 500_000
"""Elements inside one record; a track of 100,000 points has four a point."""
LONGEST = 64 << 20
"""Bytes of one record."""


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""


def elements(
    stream: Readable | IO[bytes], wanted: Collection[str], label: str, *, dtd: bool = False
) -> Iterator[tuple[str, Element]]:
    """Yield (local name, element) for each element of a name in `wanted` once it is complete; then it is emptied.

    An element inside a wanted one stays part of it and is not yielded by itself.

    Parameters
    ----------
    dtd
        Formats that say what they are by a DTD inside the file are read; entities and anything outside are refused all the same.

    Raises
    ------
    InputError
        Not well-formed, a DTD, entities, nested too deeply, or a record with too many parts.
    """
    counted = _Counted(stream, label)
    path: list[Element] = []
    inside: int | None = None
    children = 0
    try:
        for event, element in iterparse(counted, events=("start", "end"), forbid_dtd=not dtd):
            if event == "start":
                path.append(element)
                children += 1
                _check_size(len(path), children, label)
                if inside is None and local(element.tag) in wanted:
                    inside, children = len(path), 0
                continue
            if inside == len(path):
                yield local(element.tag), element
                inside = None
            path.pop()
            if inside is None:
                children = counted.count = 0
                element.clear()
                if path:
                    path[-1].remove(element)  # else the root would keep every emptied element
    except ParseError as error:
        raise InputError(f"{label}: not well-formed XML ({_reason(error)}); export it again") from error
    except DefusedXmlException as error:
        what = "entities" if dtd else "a DTD or entities"
        raise InputError(f"{label}: holds {what}, which are not read; remove the <!DOCTYPE ...>") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"{label}: its encoding cannot be read ({error}); save it as UTF-8") from error


def root_name(head: bytes, label: str, *, dtd: bool = False) -> str | None:
    """Return the local name of the root element of a document that starts like this; None where it is no XML.

    Raises
    ------
    InputError
        It holds entities or a DTD that is not allowed.
    """
    try:
        _, element = next(iter(iterparse(BytesIO(head), events=("start",), forbid_dtd=not dtd)))
        return local(element.tag)
    except DefusedXmlException as error:
        what = "entities" if dtd else "a DTD or entities"
        raise InputError(f"{label}: holds {what}, which are not read; remove the <!DOCTYPE ...>") from error
    except (ParseError, LookupError, ValueError):
        return None


def root_attributes(head: bytes, label: str) -> dict[str, str]:
    """Return the attributes of the root element of a document that starts like this; a DTD inside it is read.

    Raises
    ------
    InputError
        It holds entities, or its root is not in there.
    """
    try:
        _, element = next(iter(iterparse(BytesIO(head), events=("start",))))
        return dict(element.attrib)
    except DefusedXmlException as error:
        raise InputError(f"{label}: holds entities, which are not read; remove the <!DOCTYPE ...>") from error
    except (ParseError, LookupError, ValueError) as error:
        raise InputError(f"{label}: not well-formed XML; fetch it again") from error


def local(tag: object) -> str:
    """Return a tag without its namespace: people's files declare all kinds of them, or none."""
    return str(tag).rpartition("}")[2].rpartition(":")[2]


class _Counted:
    """A stream that refuses to go on where no record ends: one endless text would fill the memory."""

    def __init__(self, stream: Readable | IO[bytes], label: str) -> None:
        self._stream, self._label, self.count = stream, label, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        self.count += size
        if self.count > LONGEST:
            raise InputError(
                f"{self._label}: one record is longer than {LONGEST >> 20} MB; split it, or thin its vertices"
            )
        return self._stream.read(size)


def _check_size(depth: int, children: int, label: str) -> None:
    if depth > MOST_DEPTH:
        raise InputError(f"{label}: XML elements are nested more than {MOST_DEPTH} deep; export it again")
    if children > MOST_CHILDREN:
        raise InputError(
            f"{label}: one record has more than {MOST_CHILDREN:,} XML elements; split it, or thin its vertices"
        )


def _reason(error: ParseError) -> str:
    line, column = error.position
    return f"line {line}, column {column + 1}: {str(error).rpartition(':')[0]}"
