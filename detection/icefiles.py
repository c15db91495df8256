"""What looking at glaciers and at lakes has in common: a series of dates, one collection of features, one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import BaseModel
from shapely.geometry.base import BaseGeometry

from detection.grids import Grid
from detection.output import Collection, write_json
from detection.rasterfiles import sha256
from detection.sources import Scene
from detection.windows import Plan, check_dem
from hazard_db.errors import DetectionError


@dataclass(frozen=True)
class IceResult(Collection):
    """What looking at glaciers or lakes in files brought: one feature per glacier or lake, and date."""

    seconds: float


def written(look: Callable[[], dict[str, Any]], out: Path) -> IceResult:
    """Return what a look brought, after writing it to `out`."""
    started = time.monotonic()
    collection = look()
    write_json(collection, out)
    return IceResult(collection, round(time.monotonic() - started, 2))


def collected(
    features: list[dict[str, Any]],
    plan: Plan,
    rules: BaseModel,
    *,
    method: str,
    notes: list[str],
    stats: dict[str, Any],
) -> dict[str, Any]:
    """Return features as a collection that tells how it came about."""
    return {
        "type": "FeatureCollection",
        "features": features,
        "method": method,
        "version": version("kkh-hazard-watch"),
        "parameters": rules.model_dump(),
        "inputs": inputs_of(plan),
        "notes": [*dict.fromkeys(note for scene in plan.scenes for note in scene.notes), *notes],
        "stats": stats,
    }


def ice_plan(scenes: tuple[Scene, ...], dem: Path | None) -> Plan:
    """Return the plan of a series: all dates on the grid of the finest, snow and ice being the subject.

    Raises
    ------
    DetectionError
        There are no dates, or they lie apart.
    """
    if not scenes:
        raise DetectionError("give at least one raster with --scenes")
    finest = min(scenes, key=lambda scene: round(scene.grid.pixel_m()[0], 2))
    for scene in scenes:
        if not finest.grid.overlaps(scene.grid):
            raise DetectionError(f"{scene.label} does not overlap {finest.label}; give scenes of the same area")
    if dem is not None:
        check_dem(dem, finest.grid)
    return Plan(finest.grid, scenes, (), dem, snow_is_ground=True)


def footprint(grid: Grid) -> BaseGeometry:
    """Return the outline of a grid, EPSG:4326."""
    west, south, east, north = grid.bounds
    box = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 16)
    moved: BaseGeometry = shapely.transform(box, lambda xy: np.column_stack(grid.to_lonlat.transform(*xy.T)))
    return moved


def inputs_of(plan: Plan) -> list[dict[str, Any]]:
    """Return what went in, file by file."""
    listed = [
        {
            "file": Path(href).name,
            "sha256": sha256(href),
            "acquired": scene.acquired.at.isoformat(),
            "bands": list(scene.bands),
        }
        for scene in plan.scenes
        for href in scene.files
    ]
    if plan.dem is not None:
        listed.append({"file": plan.dem.name, "sha256": sha256(str(plan.dem)), "role": "dem"})
    return listed
