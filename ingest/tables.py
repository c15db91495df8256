"""Rows of CSV and XLSX files, whatever their encoding and delimiter; read one by one."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    WorksheetNotFound,
    XmlError,
    ZipError,
)

from hazard_db.errors import InputError
from ingest import zips
from ingest.encodings import encoding_of
from ingest.files import require_memory

DELIMITERS = ",;\t|"
MOST_COLUMNS = 2_000
LONGEST_LINE = 8 << 20
"""Characters of a line; a polygon of 100,000 vertices in one cell has 4 million."""
csv.field_size_limit(LONGEST_LINE)  # the module's own limit is of the process, too low for geometries in cells
REJECTS = ("record", "reason")
"""First columns of a file of rejected records, so that it can be mended and read again."""
XLSX_FACTOR = 5
"""Memory for a byte of unpacked XLSX; twice of what was measured on 150,000 rows of short cells."""
CELL_BYTES = 32
"""Of every cell, empty or not, between the first and the last one."""
CELL = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")


@dataclass(frozen=True)
class Row:
    """One row."""

    number: int
    """Line of a CSV file (its last, where a cell has line breaks), row of a sheet; from 1, the header included."""
    values: dict[str, Any]
    """Column -> value; None for an empty cell. Strings from CSV, also numbers and datetimes from XLSX."""
    problem: str | None = None
    """Why the row cannot be used as it is."""


@dataclass(frozen=True)
class Table:
    """A table, its rows still to be read."""

    columns: tuple[str, ...]
    rows: Iterator[Row]
    notes: tuple[str, ...] = ()
    """What was found out about the file."""


def read_csv(path: Path, *, encoding: str | None = None) -> Table:
    """Return the table in a delimited text file; memory stays bounded whatever its size.

    Raises
    ------
    InputError
        It is no text, has no header, or (while the rows are read) is damaged.
    """
    encoding = encoding or encoding_of(path)
    cells = _csv_cells(path, encoding)
    delimiter, header = next(cells)
    names = _names(path.name, header)
    notes = [] if encoding.startswith("utf-8") else [f"read as {encoding}"]
    if delimiter != ",":
        notes.append(f"columns are separated by {'tabs' if delimiter == chr(9) else delimiter}")
    return Table(tuple(filter(None, names)), _rows(names, cells), tuple(notes))


def read_xlsx(path: Path, sheet: str | None = None) -> Table:
    """Return the table on a sheet of a workbook: the named one, else the first that holds rows.

    Raises
    ------
    InputError
        It is damaged, too large, or has no such sheet.
    """
    sizes = zips.members(path)
    unpacked = sum(size for name, size in sizes.items() if name.startswith("xl/"))
    require_memory(path.name, XLSX_FACTOR * unpacked + CELL_BYTES * max(_extents(path, sizes), default=0))
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            chosen, content, notes = _sheet(path.name, book, sheet)
            cells = enumerate(content.iter_rows(), start=1)
    except (CalamineError, WorksheetNotFound, PasswordError, ZipError, XmlError, OSError, ValueError) as error:
        raise InputError(f"{path.name}: the workbook cannot be read ({error}); save it again as XLSX") from error
    header = next((row for _, row in cells if any(cell != "" for cell in row)), None)
    if header is None:
        raise InputError(f"{path.name}: sheet {chosen!r} is empty")
    names = _names(path.name, [str(_value(cell)) for cell in header])
    rows = ((number, [_value(cell) for cell in row]) for number, row in cells)
    return Table(tuple(filter(None, names)), _rows(names, rows), notes)


def _csv_cells(path: Path, encoding: str) -> Iterator[tuple[Any, list[str]]]:
    """Yield (delimiter, header), then (line, cells)."""
    number = 0
    try:
        with path.open(encoding=encoding, newline="") as stream:
            lines = _lines(stream)
            first = ""
            while not first.strip(" \r\n\t,;") or first.strip().lower().startswith("sep="):
                first, number = next(lines), number + 1
            skipped = number - 1
            delimiter = max(DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign))))
            reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
            yield delimiter, next(reader)
            for cells in reader:
                number = skipped + reader.line_num
                yield number, cells
    except StopIteration:
        raise InputError(f"{path.name}: holds no header; the first line names the columns") from None
    except csv.Error as error:
        raise InputError(
            f"{path.name}: after line {number}: {error}; is a quotation mark left open, or not doubled inside a text?"
        ) from error
    except UnicodeError as error:
        raise InputError(
            f"{path.name}: after line {number}: bytes that are not {encoding}; save it as UTF-8"
        ) from error


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line of more than {LONGEST_LINE:,} characters")
        yield line


def _sheet(label: str, book: CalamineWorkbook, wanted: str | None) -> tuple[str, CalamineSheet, tuple[str, ...]]:
    names = book.sheet_names
    if wanted is not None and wanted not in names:
        raise InputError(f"{label}: there is no sheet {wanted!r}; there are {', '.join(map(repr, names))}")
    sheets = {name: book.get_sheet_by_name(name) for name in ([wanted] if wanted is not None else names)}
    filled = [name for name, sheet in sheets.items() if sheet.total_height > 1]
    chosen = next(iter(filled or sheets), None)
    if chosen is None:
        raise InputError(f"{label}: the workbook has no sheet")
    others = [name for name in filled if name != chosen]
    return chosen, sheets[chosen], (f"sheet {chosen!r} was read, not {', '.join(others)}",) if others else ()


def _extents(path: Path, sizes: Mapping[str, int]) -> Iterator[int]:
    """Yield the number of cells that each sheet spans: a single one at its far corner would make it fill the memory."""
    for name in sizes:
        if not name.startswith("xl/worksheets/"):
            continue
        columns: set[bytes] = set()
        last, tail = 0, b""
        with zips.opened_member(path, name) as stream:
            while chunk := stream.read(zips.CHUNK):
                cells = CELL.findall(tail + chunk)
                columns.update(column for column, _ in cells)
                last = max(last, *(int(row) for _, row in cells), 0)
                tail = chunk[-64:]
        yield last * max(map(_column, columns), default=0)


def _column(letters: bytes) -> int:
    return functools.reduce(lambda number, letter: number * 26 + letter - 64, letters, 0)


def _names(label: str, cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; empty for those that are left out.

    Raises
    ------
    InputError
        Two are the same, one is too long, or there are too many.
    """
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if len(names) > MOST_COLUMNS:
        raise InputError(
            f"{label}: has {len(names):,} columns, more than {MOST_COLUMNS:,}; that is no table of records"
        )
    if tuple(names[:2]) == REJECTS:
        names[:2] = ["", ""]
    else:
        names = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{label}: two columns are named {twice[:100]!r}; rename one")
    return names


def _rows(columns: Sequence[str], cells: Iterator[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
    """Yield a row for each line that holds anything."""
    for number, values in cells:
        given = [None if value is None or value == "" else value for value in values]
        if not any(value is not None for value in given):
            continue
        problem = None
        if any(value is not None for value in given[len(columns) :]):
            problem = f"has {len(values)} cells where the header has {len(columns)}; put a text with the delimiter in quotation marks"
        given += [None] * (len(columns) - len(given))
        yield Row(number, {key: value for key, value in zip(columns, given, strict=False) if key}, problem)


def _value(cell: Any) -> Any:
    """Return a cell of a sheet: whole numbers as such (identifiers come as 7.0), durations and times as text."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    if isinstance(cell, (time, timedelta)):
        return str(cell)
    return cell
