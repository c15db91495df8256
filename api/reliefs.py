"""Prepared terrain put into the catalogue, where STAC finds it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from shapely.geometry import MultiPolygon, box

from detection.terrain import EPSG, RELIEF, RELIEF_BANDS, SKY, SKY_BANDS, Prepared
from hazard_db import rasters
from hazard_db.connect import Connection
from ingest.imagery import cog


def list_terrain(conn: Connection, home: Path, one: Prepared) -> None:
    """Put the rasters of a tile into the catalogue; a tile that is there already is replaced."""
    made = datetime.fromtimestamp((one.folder / RELIEF).stat().st_mtime, UTC)
    assets = {}
    for name, file, bands in (("relief", RELIEF, RELIEF_BANDS), ("horizon", SKY, SKY_BANDS)):
        told = {**cog.asset(one.folder / file, bands), "href": str((one.folder / file).relative_to(home))}
        assets[name] = told | ({"nodata": "nan"} if told["nodata"] != told["nodata"] else {})
    rasters.store(
        conn,
        rasters.RasterRecord(
            id=f"terrain-{one.tile.name}", kind="terrain", title=f"Terrain of {one.tile.name}", first_at=made, last_at=made,
            epsg=EPSG, assets=assets, footprint=MultiPolygon([box(*one.tile.area.bounds)]),
            properties={"inputs": list(one.inputs), "inputs_sha256": one.inputs_sha256},
        ),
    )  # fmt: skip
