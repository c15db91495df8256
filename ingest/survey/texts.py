"""Texts that the catalogue can hold and a reader can see."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

LONGEST_NAME = 1_000
LONGEST_NOTE = 10_000
MOST_ATTRIBUTES_BYTES = 64 << 10
NAME_LIKE = frozenset({"name", "title", "label", "名称", "نام"})
BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def text(value: Any, field: str, *, longest: int = LONGEST_NAME) -> str | None:
    """Return a cell as text without spaces around it; None where nothing is left.

    Raises
    ------
    ValueError
        It is too long, or holds a character that cannot be stored; the message says so.
    """
    if value is None:
        return None
    written = value.isoformat() if isinstance(value, date) else str(value)
    stripped = written.strip()
    if len(stripped) > longest:
        raise ValueError(f"{field} has {len(stripped):,} characters, more than {longest:,}; shorten it")
    check(stripped, field)
    return stripped or None


def shown(value: Any) -> str:
    """Return a value as messages quote it: its first characters."""
    return repr(str(value)[:60])


def check(value: str, field: str) -> None:
    """Return quietly where a text has no control characters but tabs and line ends.

    Raises
    ------
    ValueError
        It has; the message says which.
    """
    if (bad := BAD.search(value)) is not None:
        raise ValueError(
            f"{field[:60]} holds the control character U+{ord(bad[0]):04X}, which cannot be stored; remove it"
        )


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON can hold them; empty ones are left out.

    Raises
    ------
    ValueError
        They are too many, too long, or hold what cannot be stored; the message says so.
    """
    kept = {}
    for name, value in values.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        label = text(name, "the name of a column")
        if label is None:
            continue
        kept[label] = _plain(value, label)
        if label.casefold() in NAME_LIKE:
            text(value, label)
    size = len(json.dumps(kept, ensure_ascii=False).encode())
    if size > MOST_ATTRIBUTES_BYTES:
        raise ValueError(
            f"its attributes take {size >> 10} kB, more than {MOST_ATTRIBUTES_BYTES >> 10}; leave columns out"
        )
    return kept


def _plain(value: Any, field: str) -> Any:
    if isinstance(value, str):
        check(value, field)
        return value.strip()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{field} is {value}, which is no number; leave the cell empty")
    if isinstance(value, dict):
        return {str(text(name, field) or ""): _plain(one, field) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, field) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
