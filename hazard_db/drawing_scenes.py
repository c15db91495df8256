"""Scenes that can be looked at beside each other: by place, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import NotFoundError

MOST = 80


def around(conn: Connection, bbox: tuple[float, float, float, float], *, restricted: bool) -> list[Mapping[str, Any]]:
    """Return the scenes that show some of a box (west, south, east, north in degrees), the newest of each day first.

    Parameters
    ----------
    restricted
        Also those that not everybody may see.
    """
    values = dict(zip(("west", "south", "east", "north"), bbox, strict=True)) | {"restricted": restricted, "most": MOST}
    return [dict(row) for row in conn.execute(text(_AROUND), values).mappings()]


def one(conn: Connection, scene_id: str, *, restricted: bool) -> Mapping[str, Any]:
    """Return one of them.

    Raises
    ------
    NotFoundError
        There is none, or it may not be shown.
    """
    row = conn.execute(text(_ONE), {"id": scene_id, "restricted": restricted}).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no scene {scene_id[:100]}")
    return dict(row)


_COLUMNS = """id, sensor, acquired_at, cloud_cover, assets, checksum,
              ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] AS bounds"""
_SHOWN = "(:restricted OR scope = 'Public')"
_AROUND = f"""
SELECT {_COLUMNS} FROM scene
WHERE ST_Intersects(geom, ST_MakeEnvelope(:west, :south, :east, :north, 4326)) AND NOT properties ? 'superseded_by' AND {_SHOWN}
ORDER BY acquired_at DESC, id LIMIT :most
"""
_ONE = f"SELECT {_COLUMNS} FROM scene WHERE id = :id AND {_SHOWN}"
