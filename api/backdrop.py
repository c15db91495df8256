"""What lies below the records of a map where an installation has it: relief of its elevation raster, boundaries of its choice."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import shapely
from pydantic_settings import BaseSettings, SettingsConfigDict
from shapely.geometry import mapping, shape

from hazard_db.errors import HazardError
from hazard_db.settings import PREFIX
from maps.chart import KARAKORAM, Bounds
from maps.relief import ReliefPicture, make_relief

log = logging.getLogger("api")

FOLDER = "relief"
MARGIN = 0.6
"""The relief reaches this share of a map's size beyond what is seen at first."""
NEAR_DEG = 2.0
CORNER_DEG = 0.002
LARGEST_BYTES = 200 * 2**20


class BackdropSettings(BaseSettings):
    """Files below the records; prefix HAZARD_."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    dem: Path | None = None
    """Elevation raster of the corridor."""
    boundaries: Path | None = None
    """GeoJSON of boundaries to draw; none by default, for they are disputed here."""


def relief(settings: BackdropSettings, home: Path, bounds: Bounds) -> ReliefPicture | None:
    """Return the relief around what a map shows; None without a raster, and where it cannot be drawn: a map goes without."""
    if settings.dem is None:
        return None
    west, south, east, north = bounds
    wide, high = MARGIN * (east - west), MARGIN * (north - south)
    try:
        return make_relief(settings.dem, (west - wide, south - high, east + wide, north + high), home / FOLDER)
    except HazardError as error:
        log.warning("no relief: %s", error)
        return None


def boundaries(settings: BackdropSettings) -> dict[str, Any] | None:
    """Return the boundaries near the corridor as lines; None where none are wanted, and where they cannot be read."""
    path = settings.boundaries
    if path is None:
        return None
    try:
        return _lines(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        log.warning("no boundaries: %s is no GeoJSON of them (%s)", path.name, error)
        return None


@lru_cache(maxsize=2)
def _lines(path: Path, changed_ns: int) -> dict[str, Any]:
    """Return the lines of a file, simplified to what a map can show; read anew when the file changes."""
    del changed_ns
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"more than {LARGEST_BYTES >> 20} MB")
    features = json.loads(path.read_text(encoding="utf8"))["features"]
    shapes = [shape(feature["geometry"]) for feature in features if feature["geometry"]]
    west, south, east, north = KARAKORAM
    near = (west - NEAR_DEG, south - NEAR_DEG, east + NEAR_DEG, north + NEAR_DEG)
    edges = [one.boundary if one.geom_type.endswith("Polygon") else one for one in shapes]
    lines = [shapely.clip_by_rect(edge, *near).simplify(CORNER_DEG) for edge in edges]
    drawn = [shapely.set_precision(line, 1e-5) for line in lines if line.length > 0]
    told = [{"type": "Feature", "properties": {}, "geometry": mapping(line)} for line in drawn if not line.is_empty]
    return {"type": "FeatureCollection", "features": told}
