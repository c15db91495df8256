"""What other alert services say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Bulletin:
    """A bulletin of another service."""

    source: str
    source_id: str
    kind: str
    level: str
    title: str
    told_at: datetime
    lon: float
    lat: float
    link: str | None = None
    country: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True)
class BulletinRecord:
    """A bulletin in the catalogue."""

    id: int
    kind: str
    level: str
    title: str
    link: str | None
    told_at: datetime
    ends_at: datetime | None
    chainage_km: float | None
    """None where it is more than 50 km from the road."""
    offset_m: float | None


def store(conn: Connection, bulletins: Sequence[Bulletin]) -> list[int]:
    """Return the numbers of the bulletins that told anything new; an earlier word never replaces a later one."""
    numbers = []
    for one in bulletins:
        values = {name: getattr(one, name) for name in Bulletin.__dataclass_fields__}
        number = conn.scalar(text(_UPSERT), values)
        if number is not None:
            numbers.append(int(number))
    return numbers


def list_bulletins(
    conn: Connection, *, ids: Sequence[int] | None = None, near_only: bool = True, limit: int = 200
) -> list[BulletinRecord]:
    """Return bulletins, newest first; by default those within 50 km of the road."""
    rows = conn.execute(
        text("""SELECT id, kind, level, title, link, told_at, ends_at, chainage_km, offset_m FROM bulletin
                WHERE (NOT :near OR chainage_km IS NOT NULL) AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(:ids))
                ORDER BY told_at DESC, id DESC LIMIT :limit"""),
        {"ids": None if ids is None else list(ids), "near": near_only, "limit": limit},
    ).mappings()
    return [BulletinRecord(**row) for row in rows]


_UPSERT = """
INSERT INTO bulletin AS b (source, source_id, kind, level, title, link, country, starts_at, ends_at, told_at, geom)
VALUES (:source, :source_id, :kind, :level, :title, :link, :country, :starts_at, :ends_at, :told_at,
        ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
ON CONFLICT (source, source_id) DO UPDATE SET kind = excluded.kind, level = excluded.level, title = excluded.title, link = excluded.link,
    country = excluded.country, starts_at = excluded.starts_at, ends_at = excluded.ends_at, told_at = excluded.told_at, geom = excluded.geom
WHERE excluded.told_at > b.told_at
RETURNING b.id
"""
