"""Dated events as people enter them, and what they did to the road."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import ledger
from hazard_db.errors import InputError, NotFoundError


@dataclass(frozen=True)
class NewEvent:
    """A dated occurrence."""

    kind: str
    name: str
    occurred_on: date
    precision: str
    longitude: float | None
    latitude: float | None
    accuracy_m: float | None
    trigger: str | None
    fatalities: int | None
    injuries: int | None
    note: str | None
    source: str
    site: str | None
    """Code of the site where it happened."""

    @property
    def content_sha256(self) -> str:
        """Checksum of all that is said; also tells the event from others of its source."""
        return sha256(json.dumps(vars(self), sort_keys=True, default=str).encode()).hexdigest()


def create(conn: Connection, new: NewEvent) -> int:
    """Return the number of the event; of the one that is there where the very same was entered before.

    Raises
    ------
    InputError
        Its day has not come, or half of its place is missing.
    NotFoundError
        There is no such site.
    """
    if new.occurred_on > date.today() or new.occurred_on.year < 1:
        raise InputError(f"occurred_on: {new.occurred_on} has not come yet")
    if (new.longitude is None) != (new.latitude is None):
        raise InputError("give longitude and latitude both, or neither")
    site = conn.execute(text("SELECT id FROM site WHERE code = :code"), {"code": new.site}).one_or_none()
    if new.site is not None and site is None:
        raise NotFoundError(f"there is no site {new.site}")
    sha = new.content_sha256
    values = vars(new) | {"site_id": site.id if site else None, "sha": sha, "source_id": f"entered {sha[:16]}"}
    made = conn.scalar(text(_INSERT), values)
    if made is None:
        found = text("SELECT id FROM event WHERE source = :source AND source_id = :source_id")
        return int(conn.execute(found, values).scalar_one())
    if site is not None:
        conn.execute(
            text("INSERT INTO evidence (site_id, event_id) VALUES (:site, :event)"), {"site": site.id, "event": made}
        )
    return int(made)


def close_road(conn: Connection, event_id: int, told: Mapping[str, Any]) -> None:
    """Enter in the ledger that an event closed the road.

    Raises
    ------
    InputError
        The kilometres or times are in the wrong order.
    NotFoundError
        There is no such event.
    """
    ledger.enter(conn, ledger.CLOSURES, {**told, "event_id": event_id})


def open_road(conn: Connection, event_id: int, closure_id: int, opened_at: datetime) -> None:
    """Enter when a closed road was opened again.

    Raises
    ------
    NotFoundError
        The event has no such closure.
    ConflictError
        It was opened before it was closed, or is open already.
    """
    if conn.scalar(text("SELECT event_id FROM closure WHERE id = :id"), {"id": closure_id}) != event_id:
        raise NotFoundError(f"event {event_id} has no closure {closure_id}")
    ledger.open_road(conn, closure_id, opened_at)


_INSERT = """
INSERT INTO event (kind, name, occurred_on, precision, accuracy_m, trigger, fatalities, injuries, note, source, source_id, site_id,
                   content_sha256, geom)
VALUES (:kind, :name, :occurred_on, :precision, :accuracy_m, :trigger, :fatalities, :injuries, :note, :source, :source_id,
        :site_id, :sha, CASE WHEN CAST(:longitude AS float8) IS NULL
            THEN (SELECT geom FROM site WHERE id = CAST(:site_id AS bigint))
            ELSE ST_SetSRID(ST_MakePoint(:longitude, :latitude), 4326) END)
ON CONFLICT (source, source_id) DO NOTHING RETURNING id
"""
