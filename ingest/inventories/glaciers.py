"""Glacier outlines from files of any vector format into the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hazard_db.connect import Engine, transaction
from hazard_db.connect import actor as set_actor
from hazard_db.glacier_file import read_outlines
from hazard_db.glaciers import store_outlines

PIXEL_M = 30.0
"""Landsat's, which most outlines were drawn on."""


@dataclass(frozen=True)
class OutlineReport:
    """What became of a file of outlines."""

    dataset: str
    schema: str
    glaciers: int
    new: int
    unchanged: int
    notes: tuple[str, ...]


def ingest_glaciers(
    engine: Engine,
    path: Path,
    *,
    crs: str | None = None,
    dataset: str | None = None,
    pixel_m: float = PIXEL_M,
    actor: str = "ingest",
) -> OutlineReport:
    """Return what was stored: the file whole or not at all, and nothing twice.

    Parameters
    ----------
    crs
        Of a file that declares none.
    dataset
        Name to file the outlines under; by default the file's.
    pixel_m
        Of the pictures that the outlines were drawn on: their uncertainty grows with it.

    Raises
    ------
    InputError
        The file cannot be used.
    """
    records = read_outlines(path, crs)
    name = dataset or path.stem
    undated = sum(record.outlined_on is None for record in records)
    with transaction(engine) as conn:
        set_actor(conn, actor)
        stored = store_outlines(conn, records, dataset=name, pixel_m=pixel_m)
    notes = (f"{undated} outlines tell no date: they take no part in area changes",) if undated else ()
    return OutlineReport(name, records[0].schema, stored.glaciers, stored.new, stored.unchanged, notes)
