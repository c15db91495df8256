"""Scenes of the catalogue: insert, find, supersede."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import shapely
from shapely.geometry import MultiPolygon
from sqlalchemy import Connection, RowMapping, text

from hazard_db.errors import ConflictError, NotFoundError

COLUMNS = (
    "id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, "
    "assets, properties, checksum, ST_AsBinary(geom) AS wkb"
)
PUBLISH_LOCK = "scene: publish"


@dataclass(frozen=True)
class SceneRecord:
    """An acquisition as the catalogue holds it."""

    id: str
    collection: str
    sensor: str
    acquired_at: datetime
    epsg: int
    sun_elevation_deg: float
    sun_azimuth_deg: float
    assets: Mapping[str, Mapping[str, Any]]
    """name -> {href, bands, scale, offset, nodata, data_type, sha256, type, shape, transform}."""
    checksum: str
    footprint: MultiPolygon
    """Where there is data, EPSG:4326."""
    grid_tile: str | None = None
    cloud_cover: float | None = None
    """Per cent of the whole product."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Among them `acquisition`, `content_key` and, where a newer processing replaced it, `superseded_by`."""

    @property
    def superseded_by(self) -> str | None:
        """Scene that replaced this one; None where it is the current one."""
        value = self.properties.get("superseded_by")
        return None if value is None else str(value)


def insert_scene(conn: Connection, scene: SceneRecord) -> None:
    """Insert a scene.

    Raises
    ------
    ConflictError
        The catalogue has a scene with that id.
    """
    inserted = conn.execute(
        text(
            "INSERT INTO scene (id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, "
            "sun_azimuth_deg, assets, properties, checksum, geom) VALUES (:id, :collection, :sensor, :acquired_at, "
            ":grid_tile, :epsg, :cloud_cover, :sun_elevation_deg, :sun_azimuth_deg, CAST(:assets AS jsonb), "
            "CAST(:properties AS jsonb), :checksum, ST_Multi(ST_GeomFromWKB(:wkb, 4326))) ON CONFLICT (id) DO NOTHING"
        ),
        {
            "id": scene.id,
            "collection": scene.collection,
            "sensor": scene.sensor,
            "acquired_at": scene.acquired_at,
            "grid_tile": scene.grid_tile,
            "epsg": scene.epsg,
            "cloud_cover": scene.cloud_cover,
            "sun_elevation_deg": scene.sun_elevation_deg,
            "sun_azimuth_deg": scene.sun_azimuth_deg,
            "assets": json.dumps({name: dict(asset) for name, asset in scene.assets.items()}),
            "properties": json.dumps(dict(scene.properties)),
            "checksum": scene.checksum,
            "wkb": shapely.to_wkb(scene.footprint),
        },
    )
    if inserted.rowcount == 0:
        raise ConflictError(f"scene {scene.id} is in the catalogue already")


def find(
    conn: Connection,
    *,
    since: datetime | None = None,
    collection: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    ids: Sequence[str] | None = None,
    superseded: bool = False,
) -> list[SceneRecord]:
    """Return scenes by time of acquisition; those whose rasters were removed are found by name only.

    Parameters
    ----------
    since
        Acquired at this time or later.
    bbox
        West, south, east, north in degrees; scenes whose footprint touches it.
    ids
        Only these (given by name, a superseded scene is found as well).
    superseded
        Also those that a newer processing of the same acquisition replaced.
    """
    rows = conn.execute(
        text(
            f"SELECT {COLUMNS} FROM scene"
            " WHERE (CAST(:since AS timestamptz) IS NULL OR acquired_at >= :since)"
            " AND (CAST(:collection AS text) IS NULL OR collection = :collection)"
            " AND (CAST(:west AS float8) IS NULL"
            "      OR ST_Intersects(geom, ST_MakeEnvelope(:west, :south, :east, :north, 4326)))"
            " AND (CAST(:ids AS text[]) IS NULL OR id = ANY(:ids))"
            " AND (:superseded OR NOT properties ? 'superseded_by')"
            " AND (CAST(:ids AS text[]) IS NOT NULL OR assets <> '{}') ORDER BY acquired_at, id"
        ),
        {
            "since": since,
            "collection": collection,
            **dict(zip(("west", "south", "east", "north"), bbox or (None,) * 4, strict=True)),
            "ids": None if ids is None else list(ids),
            "superseded": superseded or ids is not None,
        },
    )
    return [_record(row) for row in rows.mappings()]


def get(conn: Connection, scene_id: str) -> SceneRecord:
    """Return one scene.

    Raises
    ------
    NotFoundError
        The catalogue has none with that id.
    """
    found = find(conn, ids=[scene_id])
    if not found:
        raise NotFoundError(f"the catalogue has no scene {scene_id}; `kkh ingest scene` brings one in")
    return found[0]


def with_property(conn: Connection, name: str, value: str) -> list[SceneRecord]:
    """Return the scenes that have a property of this value, superseded ones too."""
    rows = conn.execute(
        text(f"SELECT {COLUMNS} FROM scene WHERE properties ->> :name = :value ORDER BY created_at, id"),
        {"name": name, "value": value},
    )
    return [_record(row) for row in rows.mappings()]


def existing(conn: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Return those of the ids that the catalogue has."""
    rows = conn.execute(text("SELECT id FROM scene WHERE id = ANY(:ids)"), {"ids": list(ids)})
    return frozenset(rows.scalars())


def with_asset_folder(conn: Connection, prefix: str) -> bool:
    """Return whether an asset of any scene lies under a path."""
    return bool(
        conn.execute(
            text(
                "SELECT EXISTS (SELECT FROM scene, jsonb_each(assets) AS asset"
                " WHERE starts_with(asset.value ->> 'href', :prefix))"
            ),
            {"prefix": prefix},
        ).scalar()
    )


def supersede(conn: Connection, *, older: str, newer: str) -> None:
    """Mark a scene as replaced by another processing of the same acquisition; both stay."""
    conn.execute(
        text(
            "UPDATE scene SET properties = properties || jsonb_build_object('superseded_by', CAST(:newer AS text)) "
            "WHERE id = :older"
        ),
        {"older": older, "newer": newer},
    )


def replace_assets(conn: Connection, scene_id: str, assets: Mapping[str, Mapping[str, Any]]) -> None:
    """Point a scene at rasters that were made again from the same source."""
    conn.execute(
        text("UPDATE scene SET assets = CAST(:assets AS jsonb), properties = properties - 'removed' WHERE id = :id"),
        {"id": scene_id, "assets": json.dumps({name: dict(asset) for name, asset in assets.items()})},
    )


def lock(conn: Connection, key: str) -> None:
    """Wait until no other transaction holds `key`, and hold it until the end of this one."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def try_lock(conn: Connection, key: str) -> bool:
    """Return whether `key` could be taken at once, until the end of the transaction."""
    return bool(
        conn.execute(text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key}).scalar()
    )


def identity(conn: Connection) -> str:
    """Return what tells this catalogue from any other: files of another one are not ours to remove."""
    row = conn.execute(
        text(
            "SELECT (SELECT system_identifier FROM pg_control_system()) AS server, oid FROM pg_database "
            "WHERE datname = current_database()"
        )
    ).one()
    return f"{row.server}-{row.oid}"


def _record(row: RowMapping) -> SceneRecord:
    footprint = shapely.from_wkb(bytes(row["wkb"]))
    if not isinstance(footprint, MultiPolygon):  # the column's type says so
        raise TypeError(f"scene {row['id']}: footprint is a {footprint.geom_type}")
    values = {name: row[name] for name in row if name != "wkb"}
    return SceneRecord(**values, footprint=footprint)
