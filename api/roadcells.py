"""Cells and tables of what is known of a stretch: what a value is for programs, and how people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Value:
    """A cell: what it is for programs, how people read it, where its evidence lies."""

    value: Any
    words: str
    href: str | None = None
    kind: str = ""
    """n = number, d = date, a text of the catalogue = auto, g = grade."""


@dataclass(frozen=True)
class Table:
    """A table of a stretch."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Value]]
    shares: Sequence[float]
    """Of the width, by column."""
    none: str
    """Said where there are no rows."""


def linked(table: Table, link: Callable[[str], str | None]) -> Table:
    """Return a table whose links are made absolute, or taken away where there is no address."""
    rows = [[replace(one, href=link(one.href)) if one.href else one for one in row] for row in table.rows]
    return replace(table, rows=rows)


def km(value: float | None) -> Value:
    """Return a kilometre that leads to its page."""
    return Value(
        value, "–" if value is None else f"{value:.1f}", None if value is None else f"/segments/{value:.3f}", "n"
    )


def number(value: Any, digits: int = 0, unit: str = "", *, plain: bool = False) -> Value:
    """Return a number with its unit; a dash where there is none."""
    number = None if value is None else float(value)
    words = "–" if number is None else f"{number:.0f}" if plain else f"{number:,.{digits}f}".replace("-", "−")
    return Value(
        None if number is None else round(number, max(digits, 1)),
        words + (unit if number is not None else ""),
        kind="n",
    )


def money(cost: Any, currency: str | None) -> Value:
    """Return a sum with its currency."""
    return Value(
        None if cost is None else float(cost), "–" if cost is None else f"{float(cost):,.0f} {currency}", kind="n"
    )


def text(words: str, href: str | None = None) -> Value:
    """Return a text of the catalogue."""
    return Value(words, words, href, "auto")


def short(text: str, most: int) -> str:
    """Return a text of bearable length."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def day(day: Any, precision: str) -> str:
    """Return a moment as exactly as it is known."""
    return f"{day:%Y-%m-%d %H:%M}"[: {"year": 4, "month": 7, "day": 10}.get(precision, 16)]
