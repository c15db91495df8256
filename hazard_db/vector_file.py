"""Vector files as GDAL reads them, and what it says about those it cannot, in one line that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hazard_db.errors import HazardError, InputError
from hazard_db.ogr import BROKEN, pyogrio

KINDS = "GeoPackage, GeoJSON, Shapefile with all its files, KML"


def read_vectors(path: Path, refusal: type[HazardError] = InputError, **options: Any) -> tuple[Any, Any, Any, Any]:
    """Return what `pyogrio.raw.read` does: about the layer, its ids, its geometries as WKB, its columns.

    Raises
    ------
    InputError
        The file cannot be read; or `refusal`, where another error is asked for.
    """
    if not path.exists():
        raise refusal(f"{path.name}: no such file")
    try:
        meta, ids, shapes, columns = pyogrio.raw.read(path, **options)
    except BROKEN as error:
        raise refusal(f"{path.name}: {_reason(path, str(error))}") from error
    return meta, ids, shapes, columns


def read_shapes(path: Path, wkb: Any, refusal: type[HazardError] = InputError, *, first: int | None = 1) -> Any:
    """Return the geometries of features, None where a feature has none; `first` is the number of the first one, where known.

    Raises
    ------
    InputError
        A feature's geometry is none, such as a line of one vertex; or `refusal`, where another error is asked for.
    """
    blobs = np.asarray([one or None for one in wkb], dtype=object)
    shapes = shapely.from_wkb(blobs, on_invalid="ignore")
    for row in np.flatnonzero(shapely.is_missing(shapes) & (blobs != None)):  # noqa: E711 (element by element)
        which = "a feature" if first is None else f"feature {first + row}"
        raise refusal(f"{path.name}, {which}: its geometry is broken (a line of one vertex?); draw it again")
    return shapes


def layer_crs(path: Path) -> str:
    """Return the CRS that a file declares for its layer.

    Raises
    ------
    InputError
        The file cannot be read, or declares none.
    """
    if not path.exists():
        raise InputError(f"{path.name}: no such file")
    try:
        crs = pyogrio.read_info(path)["crs"]
    except BROKEN as error:
        raise InputError(f"{path.name}: {_reason(path, str(error))}") from error
    if not crs:
        raise InputError(f"{path.name}: does not declare its CRS; declare it, for example EPSG:4326")
    return str(crs)


def _reason(path: Path, told: str) -> str:
    """Return why a file cannot be read and what to do; GDAL's own advice is for those who configure GDAL."""
    suffix = path.suffix.lower()
    if suffix == ".shp" and ".shx" in told.lower():
        return f"{path.stem}.shx is missing beside it; give all files of the Shapefile"
    if suffix == ".zip":
        return f"the archive is damaged or holds no vector file; put one of {KINDS} into it"
    if path.is_dir():
        return f"the folder holds no vector file; name the file itself ({KINDS})"
    return f"is damaged or no vector file; give one of {KINDS}"
