"""Learning where slopes fail from the catalogue's own inventory, and from places on the same ground where none is on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from detection.grids import Grid
from detection.susceptibility import LEAST_OF_EACH, Inventory, in_grid
from hazard_db import corridor, failures
from hazard_db.connect import Connection
from hazard_db.errors import InputError
from hazard_db.failures import Failure

UTM = 32643
SEED = 0
TRIES = 200


def catalogue_inventory(
    conn: Connection, grid: Grid, kinds: Sequence[str], *, within_m: float, accuracy_m: float, apart_m: float
) -> Inventory:
    """Return slopes on record that failed, and as many places drawn at random where nothing is on record.

    Both lie on the grid and within `within_m` of the road, where the inventory looks: places further away would teach how far
    people went, not where slopes fail. Of a random place it is not known that it is stable, which the card says.

    Parameters
    ----------
    accuracy_m
        Records placed less well than this teach nothing.
    apart_m
        Random places keep this far from every record, also from those that teach nothing.

    Raises
    ------
    InputError
        Too few records of these kinds are placed well enough on the grid.
    """
    road = corridor.buffer(conn, within_m)
    known = failures.failures(conn, kinds)
    taught = [one for one in known if one.accuracy_m is not None and one.accuracy_m <= accuracy_m]
    lonlat = np.array([(one.lon, one.lat) for one in taught]).reshape(-1, 2)
    inside = _on(lonlat, grid, road)
    if inside.sum() < LEAST_OF_EACH:
        raise InputError(
            f"the catalogue holds {len(known)} records of {', '.join(kinds)}, {len(taught)} of them placed to {accuracy_m:g} m, "
            f"{int(inside.sum())} of these on the layers and within {within_m:g} m of the road; {LEAST_OF_EACH} are needed: "
            "take in more of the inventory, allow a larger --accuracy, or give a file"
        )
    stable = _random(grid, road, known, int(inside.sum()), apart_m)
    failed = np.r_[np.ones(int(inside.sum()), dtype=np.int64), np.zeros(len(stable), dtype=np.int64)]
    sources = Counter(one.source for one, here in zip(taught, inside, strict=True) if here)
    about = {
        "kinds": list(kinds), "records": dict(sources), "accuracy_m": accuracy_m, "within_m": within_m, "apart_m": apart_m,
        "stable_places": "drawn at random where nothing is on record; that they are stable is assumed",
    }  # fmt: skip
    return Inventory(np.vstack([in_grid(lonlat[inside], grid), in_grid(stable, grid)]), failed, "catalogue", about)


def _random(
    grid: Grid, road: shapely.geometry.base.BaseGeometry, known: Sequence[Failure], number: int, apart_m: float
) -> npt.NDArray[np.float64]:
    """Return as many places on the grid and near the road that keep away from all records, (n, 2) longitude, latitude."""
    to_metric = Transformer.from_crs(4326, UTM, always_xy=True)
    places = shapely.points(*to_metric.transform([one.lon for one in known], [one.lat for one in known]))
    tree = shapely.STRtree(shapely.buffer(places, apart_m))
    rng = np.random.default_rng(SEED)
    found: list[npt.NDArray[np.float64]] = []
    for _ in range(TRIES):
        cell: Any = rng.uniform((0, 0), (grid.shape[1], grid.shape[0]), (4 * number, 2))
        lonlat = np.column_stack(grid.to_lonlat.transform(*(grid.transform @ (cell[:, 0], cell[:, 1]))))
        lonlat = lonlat[shapely.contains_xy(road, lonlat)]
        near = tree.query(shapely.points(*to_metric.transform(*lonlat.T)), predicate="intersects")[0]
        found.append(np.delete(lonlat, np.unique(near), axis=0))
        if sum(map(len, found)) >= number:
            return np.vstack(found)[:number]
    raise InputError(
        f"the layers hold too little ground near the road that is {apart_m:g} m from every record; take layers of more ground"
    )


def _on(lonlat: npt.NDArray[np.float64], grid: Grid, road: shapely.geometry.base.BaseGeometry) -> npt.NDArray[np.bool_]:
    """Return which places lie on the grid and near the road."""
    if not len(lonlat):
        return np.zeros(0, dtype=np.bool_)
    x, y = in_grid(lonlat, grid).T
    west, south, east, north = grid.bounds
    on_grid = (x >= west) & (x < east) & (y > south) & (y <= north)
    return np.asarray(on_grid & shapely.contains_xy(road, lonlat))
