"""XLSX workbooks: the first sheet that holds rows."""

from __future__ import annotations

from pathlib import Path

from ingest.survey.source import Raw, Sample, Source
from ingest.tables import read_xlsx


def claims(sample: Sample) -> bool:
    """Return whether the archive is a workbook."""
    return "xl/workbook.xml" in sample.members


def read(path: Path) -> Source:
    """Return its rows."""
    table = read_xlsx(path)
    records = (Raw(f"row {row.number}", row.values, None, row.problem) for row in table.rows)
    return Source(records, None, table.columns, table.notes, drawn=False)
