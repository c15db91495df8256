"""The formats of inventories; a new one is a sibling file and a line here."""

from __future__ import annotations

from pathlib import Path

from hazard_db.errors import UnknownFormatError
from ingest.inventories import nasa
from ingest.inventories.source import Format

FORMATS = {nasa.NAME: Format(nasa.recognises, nasa.read)}
"""In the order in which they are tried: the particular before the general."""


def recognise(path: Path, forced: str | None) -> str:
    """Return the name of the file's format.

    Raises
    ------
    UnknownFormatError
        There is no such format, or none knows the file.
    """
    if forced is not None and forced not in FORMATS:
        raise UnknownFormatError(f"--format {forced}: there is none of that name; known are {', '.join(FORMATS)}")
    found = forced or next((name for name, known in FORMATS.items() if known.recognises(path)), None)
    if found is None:
        raise UnknownFormatError(
            f"{path.name}: is no inventory that is understood; give a CSV, GeoPackage, GeoJSON or zipped Shapefile, or --format"
        )
    return found
