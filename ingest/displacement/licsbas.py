"""LiCSBAS's cum.h5 and cum_filt.h5 [@Morishita2020]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hazard_db.errors import InputError
from hazard_db.series import Displacement, Raster
from ingest.displacement import hdf
from ingest.displacement.source import MM, Options, ascending, chosen_unit, crs_wkt, day


def recognise(path: Path) -> bool:
    """Return whether a file has the data sets `cum` and `imdates`."""
    return path.is_file() and hdf.is_hdf5(path) and {"cum", "imdates"} <= hdf.names(path)


def read(path: Path, options: Options) -> Displacement:
    """Return the cumulative displacement.

    Raises
    ------
    InputError
        It is damaged, or its parts do not fit together.
    """
    with hdf.opened(path) as file:
        shape = file["cum"].shape
        days = [day(int(value), path.name) for value in file["imdates"][:]]
        corner_lat, corner_lon, post_lat, post_lon = (
            float(file[name][()]) for name in ("corner_lat", "corner_lon", "post_lat", "post_lon")
        )
        reference = hdf.text(file["refarea"][()]) if "refarea" in file else ""
        facts = {
            name: _plain(file[name][()]) for name in ("filtwidth_km", "filtwidth_yr", "deramp_flag") if name in file
        }
    if len(shape) != 3 or shape[0] != len(days):
        raise InputError(f"{path.name}: {len(days)} dates do not fit a series of shape {shape}; make the file again")
    if not post_lon > 0 or post_lat == 0:
        raise InputError(f"{path.name}: post_lat {post_lat} and post_lon {post_lon} do not make a map; correct them")
    order = ascending(days, path.name)
    upside_down = post_lat > 0
    # corner_lat and corner_lon are the middle of the first pixel
    north = (corner_lat + post_lat * (shape[1] - 1) if upside_down else corner_lat) + abs(post_lat) / 2
    unit = chosen_unit(options.unit, "mm", path.name)
    transform = (post_lon, 0.0, corner_lon - post_lon / 2, 0.0, -abs(post_lat), north)
    return Displacement(
        name=path.name,
        format="licsbas",
        dates=tuple(days[k] for k in order),
        place=Raster(crs_wkt(options.crs or "EPSG:4326", path.name), transform, (shape[1], shape[2])),
        read=hdf.blocks(path, "cum", order, MM[unit], upside_down=upside_down, rows=shape[1]),
        unit=unit,
        reference=f"mean of columns x and rows y {reference}" if reference else "not told by the file",
        facts=facts,
        notes=("the series was filtered by LiCSBAS before",) if "filtwidth_km" in facts else (),
    )


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if array.size == 1 and array.dtype.kind in "iufb" else hdf.text(value)
