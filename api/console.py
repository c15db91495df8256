"""What the command line shows: results on stdout, everything else on stderr."""

from __future__ import annotations

import getpass
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hazard_db.progress import Progress, silent


def tell(line: str) -> None:
    """Write a line for the person at the terminal; never part of the result."""
    sys.stderr.write(one_line(line) + "\n")
    sys.stderr.flush()


def put(line: str = "") -> None:
    """Write a line of the result."""
    sys.stdout.write(line + "\n")


def put_json(value: Any) -> None:
    """Write the result as JSON; a value that JSON has no word for (NaN) is null."""
    from api.plain import plain  # noqa: PLC0415 - slow to import

    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def conclude(told: Any, notes: Iterable[str], line: str, *, json: bool) -> None:
    """Write what came of work: all of it as JSON, or notes for the person and one line of the result."""
    if json:
        put_json(told)
        return
    for note in notes:
        tell(note)
    put(line)


def put_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows in columns as wide as their widest cell; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(_is_number(row[column]) for row in cells) for column in range(len(headings))]
    widths = [max(_width(row[column]) for row in [list(headings), *cells]) for column in range(len(headings))]
    for row in [list(headings), *cells]:
        padded = (_pad(cell, width, right) for cell, width, right in zip(row, widths, numeric, strict=True))
        put("  ".join(padded).rstrip())


def one_line(text: str) -> str:
    """Return the text without line breaks or control characters: names from files are not to drive a terminal."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() or char == " " else "?" for char in joined)


def actor() -> str:
    """Return who is at the command line, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container may run as a number without a name
        return "cli"


@contextmanager
def progress() -> Iterator[Progress]:
    """Yield a function (text, share 0-1) that draws a bar on stderr where that is a terminal, and is silent elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def show(text: str, share: float) -> None:
            bar.update(task, description=one_line(text)[:60], completed=min(1.0, max(0.0, share)))

        yield show


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return one_line(str(value))


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space
