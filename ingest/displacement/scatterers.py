"""Tables of persistent scatterers: place, and one column a date such as D20150103."""

from __future__ import annotations

from pathlib import Path

from hazard_db.errors import UnknownFormatError
from hazard_db.series import Displacement
from ingest.displacement.source import Options
from ingest.displacement.table import head_of, read_table


def recognise(path: Path) -> bool:
    """Return whether a file is a text table with dated columns."""
    return path.is_file() and head_of(path) is not None


def read(path: Path, options: Options) -> Displacement:
    """Return the series of a table.

    Raises
    ------
    UnknownFormatError
        No columns are named by dates.
    InputError
        A column is missing, or a row cannot be read.
    """
    head = head_of(path)
    if head is None:
        raise UnknownFormatError(f"{path.name}: has no head with columns named by dates such as D20150103")
    return read_table(path, head, options, "scatterers", None)
