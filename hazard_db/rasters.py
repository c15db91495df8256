"""Rasters that computations leave: evidence of runs, susceptibility; beside the scenes they are what STAC offers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import shapely
from shapely.geometry import MultiPolygon
from sqlalchemy import Connection, text

FOLDER = "results"
"""Below HAZARD_HOME, one folder a kind."""


@dataclass(frozen=True)
class RasterRecord:
    """A result as the catalogue holds it."""

    id: str
    kind: str
    """evidence, susceptibility, ...: small letters; its STAC collection is `results-` and this."""
    title: str
    first_at: datetime
    last_at: datetime
    """First and last moment of what it was computed from."""
    epsg: int
    assets: Mapping[str, Mapping[str, Any]]
    """As of scenes: name -> {href, bands, scale, offset, nodata, data_type, sha256, type, shape, transform}."""
    footprint: MultiPolygon
    """EPSG:4326."""
    run_id: int | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    scope: Literal["Public", "Restricted"] = "Restricted"
    """Restricted: for those who are logged in alone, as everything that nobody has reviewed."""


def store(conn: Connection, raster: RasterRecord) -> None:
    """Put a raster into the catalogue; one of the same id is replaced."""
    conn.execute(
        text(
            "INSERT INTO raster (id, kind, title, run_id, first_at, last_at, epsg, assets, properties, scope, geom) VALUES "
            "(:id, :kind, :title, :run_id, :first_at, :last_at, :epsg, CAST(:assets AS jsonb), CAST(:properties AS jsonb), "
            ":scope, ST_Multi(ST_GeomFromWKB(:wkb, 4326))) ON CONFLICT (id) DO UPDATE SET (kind, title, run_id, first_at, "
            "last_at, epsg, assets, properties, scope, geom, created_at) = (EXCLUDED.kind, EXCLUDED.title, EXCLUDED.run_id, "
            "EXCLUDED.first_at, EXCLUDED.last_at, EXCLUDED.epsg, EXCLUDED.assets, EXCLUDED.properties, EXCLUDED.scope, "
            "EXCLUDED.geom, now())"
        ),
        {
            "id": raster.id, "kind": raster.kind, "title": raster.title, "run_id": raster.run_id, "first_at": raster.first_at,
            "last_at": raster.last_at, "epsg": raster.epsg, "scope": raster.scope, "wkb": shapely.to_wkb(raster.footprint),
            "assets": json.dumps({name: dict(asset) for name, asset in raster.assets.items()}),
            "properties": json.dumps(dict(raster.properties)),
        },
    )  # fmt: skip
