"""The formats of inventories; a new one is a sibling file and a line here."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hazard_db.errors import UnknownFormatError
from ingest.inventories import gis, nasa, shapefiles
from ingest.inventories.source import Format, Inventory, Options
from ingest.survey import registry as surveys

SHAPEFILES = "Shapefile"


def _gis(name: str, path: Path, options: Options) -> Inventory:
    source = shapefiles.read(path) if name == SHAPEFILES else surveys.FORMATS[name].read(path)
    return gis.read(path, options, source, name)


def _is(name: str, path: Path) -> bool:
    return surveys.recognise(path) == name


FORMATS = {
    nasa.NAME: Format(nasa.recognises, nasa.read),
    SHAPEFILES: Format(shapefiles.recognises, partial(_gis, SHAPEFILES)),
    **{
        name: Format(partial(_is, name), partial(_gis, name))
        for name in ("GeoPackage", "GeoJSON", "KML", "CSV", "XLSX")
    },
}
"""In the order in which they are tried: the particular before the general; the general ones are read as surveys are."""


def recognise(path: Path, forced: str | None) -> str:
    """Return the name of the file's format.

    Raises
    ------
    UnknownFormatError
        There is no such format, or none knows the file.
    """
    known = {name.casefold(): name for name in FORMATS}
    if forced is not None and forced.casefold() not in known:
        raise UnknownFormatError(f"--format {forced[:60]}: there is none of that name; known are {', '.join(FORMATS)}")
    found = (
        known[forced.casefold()] if forced else next((name for name in FORMATS if FORMATS[name].recognises(path)), None)
    )
    if found is None:
        raise UnknownFormatError(
            f"{path.name}: is a file of tracks, not an inventory; export its places as GeoJSON or CSV"
        )
    return found
