"""Records that could not be stored, in a CSV that can be mended and read again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hazard_db.errors import InputError

ENDING = ".rejects"
MOST = 10_000
"""More than so many bad records are not worth mending one by one: the file was read the wrong way."""
MOST_CHARACTERS = 200_000_000


def dataset_of(path: Path) -> str:
    """Return the name to file records under: that of the file, also for the rejects of it."""
    name = path.stem
    while ENDING in name and name.partition(ENDING)[0]:
        name = name.partition(ENDING)[0]
    return name


@dataclass
class Rejects:
    """Collects rejected records."""

    source: Path
    target: Path | None = None
    """File to write; by default beside the source, never over another."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    held: int = 0
    """Characters of their values."""

    def add(self, record: str, reason: str, values: Mapping[str, Any]) -> None:
        """Remember a record.

        Raises
        ------
        InputError
            There are too many.
        """
        if len(self.rows) >= MOST:
            raise InputError(f"{self.source.name}: more than {MOST:,} records are bad, the last: {record}: {reason}")
        self.held += sum(len(str(value)) for value in values.values())
        if self.held > MOST_CHARACTERS:
            raise InputError(
                f"{self.source.name}: the bad records are too large to write down, the last: {record}: {reason}"
            )
        self.rows.append({"record": record, "reason": reason} | {f"={name}": value for name, value in values.items()})

    @property
    def first(self) -> str | None:
        """What to say where no record is good; None where none is bad."""
        if not self.rows:
            return None
        return f"none of its records can be stored, the first: {self.rows[0]['record']}: {self.rows[0]['reason']}"

    def write(self) -> Path | None:
        """Return the file that holds them, once it is complete; None where there are none.

        Raises
        ------
        InputError
            It cannot be written.
        """
        if not self.rows:
            return None
        target = self.target or self._free()
        if target.exists() and target.samefile(self.source):
            raise InputError(f"--rejects {target}: is the survey itself; name another file")
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="utf-8-sig", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow([name.removeprefix("=") for name in names])
                writer.writerows([row.get(name) for name in names] for row in self.rows)
            part.replace(target)
        except OSError as error:
            raise InputError(
                f"{target}: rejected records cannot be written there ({error.strerror}); give --rejects FILE"
            ) from error
        return target

    def _free(self) -> Path:
        stem = dataset_of(self.source) + ENDING
        names = [f"{stem}.csv", *(f"{stem}-{number}.csv" for number in range(2, 1000))]
        return next(
            (path for path in map(self.source.with_name, names) if not path.exists()), self.source.with_name(names[-1])
        )
