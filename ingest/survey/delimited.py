"""CSV and other delimited text."""

from __future__ import annotations

from pathlib import Path

from ingest.files import head
from ingest.survey.source import Raw, Sample, Source
from ingest.tables import read_csv

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", "")


def claims(sample: Sample) -> bool:
    """Return whether the file is text that is not named as something else."""
    return sample.suffix in SUFFIXES and sample.root is None and not sample.members and _is_text(sample.head)


def read(path: Path) -> Source:
    """Return its lines."""
    table = read_csv(path)
    records = (Raw(f"line {row.number}", row.values, None, row.problem) for row in table.rows)
    return Source(records, None, table.columns, table.notes, _about(path), drawn=False)


def _about(path: Path) -> int:
    """Return about how many lines there are, from the length of the first ones."""
    start = head(path)
    return start.count(b"\n") * path.stat().st_size // max(1, len(start))


def _is_text(head: bytes) -> bool:
    """Return whether bytes have hardly any control characters; NUL as often as UTF-16 has it."""
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    controls = sum(byte < 32 and byte not in b"\t\n\r\x0c" for byte in head.replace(b"\x00", b"") if byte < 32)
    nul = head.count(0)
    few = len(head) // 100 + 1
    return controls <= few and (wide or nul <= few or nul > 0.3 * len(head))
