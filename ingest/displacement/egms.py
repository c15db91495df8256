"""Tables of the European Ground Motion Service and those made like them [@Crosetto2020]."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hazard_db.series import Displacement
from ingest.displacement.source import Options
from ingest.displacement.table import head_of, read_table

CRS = "EPSG:3035"
_COMPONENTS = {"U": "up", "E": "east"}


def recognise(path: Path) -> bool:
    """Return whether a table has EGMS's columns easting and northing, and its point numbers or statistics."""
    head = head_of(path) if path.is_file() else None
    if head is None or not {"easting", "northing"} <= set(head.columns):
        return False
    return bool({"pid", "mp_type", "mean_velocity", "rmse"} & set(head.columns))


def read(path: Path, options: Options) -> Displacement:
    """Return the series of a table; eastings and northings are in EPSG:3035 unless the user says otherwise.

    Raises
    ------
    InputError
        A column is missing, or a row cannot be read.
    """
    head = head_of(path)
    assert head is not None
    found = read_table(path, head, options, "egms", CRS)
    vertical = re.search(r"_([UE])(?:_\d+)*\.\w+$", path.name) if "los_up" not in head.columns else None
    component = _COMPONENTS[vertical.group(1)] if vertical else found.component
    return replace(found, component=component, reference="EGMS reference network (GNSS for calibrated products)")
