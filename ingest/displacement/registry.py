"""Formats of displacement products; a new one is a sibling file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine
from pyproj import Transformer

from hazard_db.errors import InputError, UnknownFormatError
from hazard_db.series import Displacement, Raster
from ingest.displacement import egms, geotiffs, licsbas, mintpy, opera, scatterers
from ingest.displacement.hdf import is_hdf5
from ingest.displacement.probing import probe
from ingest.displacement.source import MM, Options


@dataclass(frozen=True)
class Format:
    """One way that displacement is written."""

    recognise: Callable[[Path], bool]
    read: Callable[[Path, Options], Displacement]


FORMATS: dict[str, Format] = {
    "mintpy": Format(mintpy.recognise, mintpy.read),
    "licsbas": Format(licsbas.recognise, licsbas.read),
    "opera": Format(opera.recognise, opera.read),
    "geotiffs": Format(geotiffs.recognise, geotiffs.read),
    "egms": Format(egms.recognise, egms.read),
    "scatterers": Format(scatterers.recognise, scatterers.read),
}
"""In the order in which they are tried: a table of EGMS is a table of scatterers too."""


def open_displacement(
    path: Path,
    format_name: str | None = None,
    unit: str | None = None,
    crs: str | None = None,
    bad: Callable[[str, str, Mapping[str, Any]], None] | None = None,
) -> Displacement:
    """Return the series of a file or folder; its format is found out from the content.

    Parameters
    ----------
    unit
        mm, cm or m, where the file does not tell or tells wrongly.
    crs
        Such as EPSG:3003, likewise.
    bad
        Takes record, reason and values of a table's rows that cannot be used; without it such a row ends it.

    Raises
    ------
    InputError
        It is not there, is damaged, or (UnknownFormatError) is nothing that is known.
    """
    if unit is not None and unit not in MM:
        raise InputError(f"there is no unit '{unit}'; use one of {', '.join(MM)}")
    if format_name is not None and format_name not in FORMATS:
        raise InputError(f"there is no format '{format_name}'; use one of {', '.join(FORMATS)}")
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{path.name}: is empty; fetch it again")
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if is_hdf5(file):
                probe(file)
        for name in [format_name] if format_name else FORMATS:
            if format_name or FORMATS[name].recognise(path):
                return _on_the_earth(FORMATS[name].read(path, Options(unit, crs, bad)))
    except (OSError, UnicodeError, MemoryError) as error:
        raise InputError(f"{path.name}: cannot be read ({error}); check the file and your rights") from error
    raise UnknownFormatError(_unknown(path))


def _on_the_earth(source: Displacement) -> Displacement:
    """Return a product; raises InputError where the middle of its raster is no place in its CRS."""
    if isinstance(place := source.place, Raster):
        x, y = Affine(*place.transform) * (place.shape[1] / 2, place.shape[0] / 2)
        lon, lat = Transformer.from_crs(place.wkt, 4326, always_xy=True).transform(x, y)
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            raise InputError(f"{source.name}: is not on the Earth in its CRS ({source.crs}); give --crs EPSG:n")
    return source


def _unknown(path: Path) -> str:
    if path.is_file() and is_hdf5(path):
        return f"{path.name}: is HDF5 without the parts of MintPy, LiCSBAS or OPERA, or it is cut off; fetch it again"
    known = (
        "MintPy timeseries.h5, LiCSBAS cum.h5, OPERA DISP-S1 (file or folder), a folder of rasters named by dates, or a table "
        "with columns named by dates"
    )
    return f"{path.name}: is not a displacement product that is known; give {known}"
