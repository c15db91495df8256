"""Roads of a file, or the segments of the catalogue, beside rasters of run-out and susceptibility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from detection import output
from detection.exposure import Exposure, expose, metric_crs
from detection.grids import grid_of, opened
from hazard_db import corridor, hazard_layers
from hazard_db.connect import Connection
from hazard_db.errors import InputError
from hazard_db.vector_file import read_vectors


def expose_file(roads: Path, raster: Path, *, buffer_m: float, length_m: float | None) -> list[Exposure]:
    """Return what lies beside the lines of a file.

    Raises
    ------
    InputError
        The file holds something else than lines, or does not say its CRS.
    RasterError
        The raster cannot be read or placed.
    """
    meta, _, shapes, _ = read_vectors(roads)
    if shapes is None or not meta["crs"]:
        raise InputError(f"{roads.name}: holds no geometry with a declared CRS; declare it, for example EPSG:4326")
    lines = []
    for number, shape in enumerate(shapely.from_wkb(shapes)):
        if shape is None or shape.is_empty:
            continue
        if shape.geom_type not in {"LineString", "MultiLineString"}:
            raise InputError(f"{roads.name}, feature {number + 1}: a {shape.geom_type}; roads are lines")
        lines.append((number + 1, shape))
    return list(expose(raster, lines, meta["crs"], buffer_m=buffer_m, length_m=length_m))


def expose_segments(conn: Connection, raster: Path, *, buffer_m: float) -> list[hazard_layers.SegmentValue]:
    """Return what lies beside the segments of the current alignment; segments of which the raster knows nothing are left out."""
    lines = [(row.id, shapely.LineString(row.lonlat)) for row in corridor.segments(conn)]
    return [
        hazard_layers.SegmentValue(
            part.key, part.maximum, part.mean or 0.0, part.reached_share, min(1.0, part.covered_share)
        )
        for part in expose(raster, lines, "EPSG:4326", buffer_m=buffer_m)
        if part.maximum is not None
    ]


def add_layer(
    conn: Connection, raster: Path, *, name: str, layer: str, hazard: str, buffer_m: float,
    made_on: date, card: Mapping[str, Any],
) -> int:  # fmt: skip
    """Return how many segments a raster speaks of, after putting it into the catalogue as a layer that ratings rest on.

    Raises
    ------
    InputError
        It holds nothing beside the road.
    """
    with opened(raster, raster.name) as dataset:
        grid = grid_of(dataset, raster.name)
    lonlat = Transformer.from_crs(grid.crs.to_wkt(), 4326, always_xy=True)
    values = expose_segments(conn, raster, buffer_m=buffer_m)
    if not values:
        raise InputError(f"{raster.name}: knows nothing within {buffer_m:g} m of the road; check its place and CRS")
    record = hazard_layers.LayerRecord(
        name, layer, hazard, str(raster.resolve()), sha256(raster.read_bytes()).hexdigest(), made_on, buffer_m,
        lonlat.transform_bounds(*grid.bounds), card,
    )  # fmt: skip
    hazard_layers.store(conn, record, values)
    return len(values)


def renew_layers(conn: Connection) -> tuple[int, list[str]]:
    """Return how many layers were compared with the current alignment, and the names of those whose file is not there."""
    done, missing = 0, []
    for one in hazard_layers.list_layers(conn):
        raster = Path(one["href"])
        if not raster.is_file():
            missing.append(one["name"])
            continue
        hazard_layers.set_values(conn, one["id"], expose_segments(conn, raster, buffer_m=one["buffer_m"]))
        done += 1
    return done, missing


def summary(parts: Sequence[Exposure]) -> dict[str, Any]:
    """Return the figures of all parts together."""
    reached = [part for part in parts if part.reached_share > 0]
    maxima = [part.maximum for part in reached if part.maximum is not None]
    return {
        "roads": len({part.key for part in parts}),
        "parts": len(parts),
        "length_km": sum(part.line.length for part in parts) / 1000,
        "reached_parts": len(reached),
        "reached_km": sum(part.line.length for part in reached) / 1000,
        "unknown_parts": sum(part.covered_share == 0 for part in parts),
        "median_maximum": round(median(maxima), 4) if maxima else None,
        "highest_maximum": round(max(maxima), 4) if maxima else None,
    }


def write(parts: Sequence[Exposure], raster: Path, path: Path) -> None:
    """Write the parts as GeoJSON, EPSG:4326."""
    output.check_outputs([path], [raster])
    with opened(raster, raster.name) as dataset:
        metric = metric_crs(grid_of(dataset, raster.name))
    mover = Transformer.from_crs(metric, 4326, always_xy=True)
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "LineString",
                "coordinates": np.round(np.column_stack(mover.transform(*shapely.get_coordinates(part.line).T)), 7).tolist(),
            },
            "properties": {
                "road": part.key, "part": part.part, "length_m": round(part.line.length, 2), "maximum": part.maximum,
                "mean": part.mean, "minimum": part.minimum, "std": part.std, "reached_share": part.reached_share,
                "covered_share": part.covered_share,
            },
        }
        for part in parts
    ]  # fmt: skip
    output.write_json({"type": "FeatureCollection", "features": features}, path)
