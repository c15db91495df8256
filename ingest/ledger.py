"""Closures and works out of CSV and XLSX files, whole or not at all; a corrected file corrects what it brought before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hazard_db import connect, ledger
from hazard_db.connect import Engine
from hazard_db.errors import HazardError, InputError, RecordError
from hazard_db.ledger import BOOKS, Book
from hazard_db.tables.ledger import STATUSES, WORKS
from ingest import files
from ingest.survey.moments import ROAD_ZONE, moment
from ingest.tables import Row, read_csv, read_xlsx

LONGEST = 5000
NEEDED = {
    "closures": ("km_from", "km_to", "closed_at", "cause", "source"),
    "works": ("km_from", "km_to", "kind", "description", "started_on", "source"),
}


@dataclass(frozen=True)
class LedgerReport:
    """What became of a file."""

    name: str
    status: str
    """`stored`, or `dry run` (nothing was stored)."""
    book: str
    new: int
    revised: int
    unchanged: int


class _DryRunError(Exception):
    """Ends a dry run."""


def ingest_ledger(engine: Engine, path: Path, book_name: str, *, dry_run: bool = False, actor: str) -> LedgerReport:
    """Return what became of a file of closures or works.

    Raises
    ------
    InputError
        A column is missing, or the file cannot be read.
    RecordError
        A row cannot be used; nothing of the file is stored.
    """
    book, facts = BOOKS[book_name], files.facts(path)
    table = read_xlsx(path) if path.suffix.lower() == ".xlsx" else read_csv(path)
    if missing := [name for name in NEEDED[book.name] if name not in table.columns]:
        raise InputError(f"{path.name}: needs the columns {', '.join(missing)}; has {', '.join(table.columns)[:300]}")
    known = {"km_from", "km_to", *book.told}
    if strange := [name for name in table.columns if name not in known]:
        raise InputError(
            f"{path.name}: the column {strange[0][:60]!r} means nothing here; known are {', '.join(sorted(known))}"
        )
    counts = {"new": 0, "revised": 0, "unchanged": 0}
    try:
        with connect.transaction(engine) as conn:
            connect.actor(conn, actor)
            number = ledger.register_file(
                conn, book, name=facts.name, checksum=facts.sha256, size_bytes=facts.size_bytes, form=path.suffix.lstrip(".").lower()
            )  # fmt: skip
            for row in table.rows:
                counts[_stored(conn, book, row, path.name, number)] += 1
            if dry_run:
                raise _DryRunError
    except _DryRunError:
        return LedgerReport(path.name, "dry run", book.name, **counts)
    return LedgerReport(path.name, "stored", book.name, **counts)


def _stored(conn: connect.Connection, book: Book, row: Row, name: str, file: int) -> str:
    try:
        if row.problem:
            raise InputError(row.problem)
        told = {column: _value(column, value) for column, value in row.values.items() if value is not None}
        if empty := [column for column in NEEDED[book.name] if column not in told]:
            raise InputError(f"{empty[0]} is empty")
        return ledger.enter(conn, book, _filled(book, told), file=file)[1]
    except HazardError as error:
        raise RecordError(f"{name}, line {row.number}: {error}; nothing of the file was stored") from error


def _filled(book: Book, told: dict[str, Any]) -> dict[str, Any]:
    """Return a record with what is understood where nothing is told."""
    if book is ledger.CLOSURES:
        precision = told.pop("closed_precision", None) or told.pop("closed_at_precision", None)
        closed, exact = told["closed_at"]
        opened = told.get("opened_at")
        return {"vehicle_class": "all", **told, "closed_at": closed, "closed_precision": precision or exact,
                "opened_at": opened[0] if opened else None}  # fmt: skip
    if told["kind"] not in WORKS:
        raise InputError(f"kind {told['kind'][:40]!r}: use {', '.join(WORKS)}")
    if told.setdefault("status", "done") not in STATUSES:
        raise InputError(f"status {told['status'][:40]!r}: use {', '.join(STATUSES)}")
    return told


def _value(column: str, value: Any) -> Any:
    read: Callable[[Any], Any] = _READ.get(column, _text)
    try:
        return read(value)
    except HazardError:
        raise
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise InputError(f"{column}: {str(value)[:60]!r} cannot be read") from error


def _text(value: Any) -> str:
    text = str(value).strip()
    if len(text) > LONGEST:
        raise InputError(f"a text of {len(text):,} characters; {LONGEST:,} are the most")
    return text


def _kilometre(value: Any) -> float:
    number = float(value)
    if not 0 <= number <= 10_000:
        raise InputError(f"{value} is no kilometre")
    return number


def _moment(value: Any) -> tuple[datetime, str]:
    read = moment(value, ZoneInfo(ROAD_ZONE))
    return read.at, read.precision or "minute"


def _day(value: Any) -> date:
    return moment(value, ZoneInfo(ROAD_ZONE)).at.astimezone(ZoneInfo(ROAD_ZONE)).date()


def _amount(value: Any) -> Decimal:
    amount = Decimal(str(value).replace(",", "").strip()).quantize(Decimal("0.01"))
    if not 0 <= amount < 10**14:
        raise InputError(f"cost {value} is no amount")
    return amount


def _currency(value: Any) -> str:
    code = str(value).strip().upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise InputError(f"currency {code[:20]!r}: write its three letters, for example PKR")
    return code


_READ: Mapping[str, Callable[[Any], Any]] = {
    "km_from": _kilometre, "km_to": _kilometre, "closed_at": _moment, "opened_at": _moment, "started_on": _day, "ended_on": _day,
    "cost": _amount, "currency": _currency, "event_id": int, "structure_id": int, "closure_id": int, "site_id": int,
}  # fmt: skip
