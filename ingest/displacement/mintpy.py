"""MintPy's timeseries.h5 [@Yunjun2019]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS

from hazard_db.errors import InputError
from hazard_db.series import Displacement, Look, Raster
from ingest.displacement import hdf
from ingest.displacement.source import MM, Options, ascending, chosen_unit, crs_wkt, day, unit_of

_HEADING_LIMIT = 360.0


def recognise(path: Path) -> bool:
    """Return whether a file has a data set `timeseries` and dates beside it."""
    return path.is_file() and hdf.is_hdf5(path) and {"timeseries", "date"} <= hdf.names(path)


def read(path: Path, options: Options) -> Displacement:
    """Return the series of a geocoded file.

    Raises
    ------
    InputError
        It is damaged, in radar coordinates, or its parts do not fit together.
    """
    with hdf.opened(path) as file:
        data = file["timeseries"]
        shape = data.shape
        days = [day(value, path.name) for value in file["date"][:]]
        attributes = {name: hdf.text(value) for name, value in {**file.attrs, **data.attrs}.items()}
    if len(shape) != 3 or shape[0] != len(days):
        raise InputError(f"{path.name}: {len(days)} dates do not fit a series of shape {shape}; make the file again")
    order = ascending(days, path.name)
    place, upside_down = _place(attributes, (shape[1], shape[2]), options, path.name)
    told = attributes.get("UNIT")
    unit = chosen_unit(options.unit, unit_of(told) if told else "m", path.name)
    sorted_days = tuple(days[k] for k in order)
    wavelength = _number(attributes, "WAVELENGTH")
    return Displacement(
        name=path.name,
        format="mintpy",
        dates=sorted_days,
        place=place,
        read=hdf.blocks(path, "timeseries", order, MM[unit], upside_down=upside_down, rows=shape[1]),
        unit=unit,
        reference=_reference(attributes),
        # as MintPy counts years, so that velocities are the same
        years=tuple(one.year + (one.timetuple().tm_yday - 1) / 365.25 for one in sorted_days),
        look=_look(attributes),
        wavelength_mm=None if wavelength is None else wavelength * 1000,
        crs=CRS.from_wkt(place.wkt).to_string() if len(place.wkt) < 60 else CRS.from_wkt(place.wkt).name,
        facts={
            k.lower(): attributes[k]
            for k in ("ORBIT_DIRECTION", "HEADING", "REF_DATE", "PROJECT_NAME")
            if k in attributes
        },
    )


def _place(attributes: dict[str, str], shape: tuple[int, int], options: Options, label: str) -> tuple[Raster, bool]:
    """Return where the pixels lie; (X_FIRST, Y_FIRST) is the outer corner of the first one."""
    found = [_number(attributes, name) for name in ("X_STEP", "X_FIRST", "Y_STEP", "Y_FIRST")]
    if any(value is None for value in found):
        raise InputError(f"{label}: is in radar coordinates (no X_FIRST, Y_FIRST); geocode it with MintPy's geocode.py")
    dx, x0, dy, y0 = (float(value) for value in found if value is not None)
    if dx <= 0 or dy == 0:
        raise InputError(f"{label}: X_STEP {dx} and Y_STEP {dy} do not make a map; correct them")
    upside_down = dy > 0
    top = y0 + dy * shape[0] if upside_down else y0
    return Raster(_crs(attributes, options, label), (dx, 0.0, x0, 0.0, -abs(dy), top), shape), upside_down


def _crs(attributes: dict[str, str], options: Options, label: str) -> str:
    if options.crs:
        return crs_wkt(options.crs, label)
    epsg, zone = attributes.get("EPSG", ""), attributes.get("UTM_ZONE", "").strip().upper()
    if epsg.strip().isdigit():
        return crs_wkt(f"EPSG:{epsg.strip()}", label)
    if zone[:-1].isdigit() and zone[-1:] in ("N", "S"):
        return crs_wkt(f"EPSG:{(32600 if zone[-1] == 'N' else 32700) + int(zone[:-1])}", label)
    if attributes.get("X_UNIT", "degrees").lower().startswith("deg"):
        return crs_wkt("EPSG:4326", label)
    raise InputError(f"{label}: does not tell its CRS (EPSG or UTM_ZONE); give --crs EPSG:n")


def _reference(attributes: dict[str, str]) -> str:
    lat, lon = attributes.get("REF_LAT"), attributes.get("REF_LON")
    row, col = attributes.get("REF_Y"), attributes.get("REF_X")
    if lat and lon:
        return f"point at {lat}, {lon} (latitude, longitude)"
    return f"pixel in row {row}, column {col}" if row and col else "not told by the file"


def _look(attributes: dict[str, str]) -> Look | None:
    """Return the line of sight in the middle of the scene; heading and incidence of the file, right-looking by default."""
    heading = _number(attributes, "HEADING")
    incidence = _number(attributes, "CENTER_INCIDENCE_ANGLE") or _number(attributes, "INCIDENCE_ANGLE")
    if heading is None or incidence is None or abs(heading) > _HEADING_LIMIT:
        return None
    side = -1.0 if (_number(attributes, "ANTENNA_SIDE") or -1.0) < 0 else 1.0
    # MintPy: ANTENNA_SIDE -1 looks right; the satellite stands to the left of what it sees
    azimuth, level = np.radians(heading + side * 90.0), np.sin(np.radians(incidence))
    return Look(float(level * np.sin(azimuth)), float(level * np.cos(azimuth)), float(np.cos(np.radians(incidence))))


def _number(attributes: dict[str, Any], name: str) -> float | None:
    try:
        value = float(attributes[name])
    except (KeyError, ValueError):
        return None
    return value if np.isfinite(value) else None
