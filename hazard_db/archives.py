"""Archives that are watched, and what became of each of their items: nothing is taken twice, and nothing forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import NotFoundError


@dataclass(frozen=True)
class Archive:
    """An archive that is asked for what is new."""

    id: int
    url: str
    collection: str
    kind: str
    since: datetime | None
    """Nothing taken before is wanted."""
    listed_at: datetime | None
    """When it was last asked to the end."""
    newest_at: datetime | None
    """When the newest item known was taken."""
    whole_at: datetime | None
    """When it was last asked for all of it."""

    @property
    def name(self) -> str:
        """What it is called among all who should speak now and then."""
        return f"{self.url} {self.collection}".strip()

    def ask_whole(self, whole_every_days: float, now: datetime) -> bool:
        """Return whether it is time to ask for all of it: archives process whole years anew."""
        return (
            self.newest_at is None or self.whole_at is None or now - self.whole_at >= timedelta(days=whole_every_days)
        )

    def ask_since(self, overlap_days: int, *, whole: bool) -> datetime | None:
        """Return from when on to ask: not each time for all years, but for what archives add and process late."""
        if whole or self.newest_at is None:
            return self.since
        late = self.newest_at - timedelta(days=overlap_days)
        return late if self.since is None else max(self.since, late)


def watch(
    conn: Connection, url: str, collection: str, kind: str, since: datetime | None, *, enabled: bool = True
) -> Archive:
    """Return an archive, asked by workers from now on where `enabled`; an earlier `since` reaches back further."""
    row = conn.execute(
        text("""INSERT INTO archive AS a (url, collection, kind, since, enabled)
                VALUES (:url, :collection, :kind, :since, :enabled)
                ON CONFLICT (url, collection) DO UPDATE SET enabled = a.enabled OR excluded.enabled,
                    kind = excluded.kind, since = excluded.since,
                    newest_at = CASE WHEN excluded.since IS NULL AND a.since IS NOT NULL OR excluded.since < a.since
                                     THEN NULL ELSE a.newest_at END
                RETURNING id, url, collection, kind, since, listed_at, newest_at, whole_at"""),
        {"url": url, "collection": collection, "kind": kind, "since": since, "enabled": enabled},
    ).one()
    return Archive(**row._mapping)


def watched(conn: Connection, archive_id: int | None = None) -> list[Archive]:
    """Return the archives that are asked, or one of them."""
    rows = conn.execute(
        text("""SELECT id, url, collection, kind, since, listed_at, newest_at, whole_at FROM archive
                WHERE enabled AND (CAST(:id AS integer) IS NULL OR id = :id) ORDER BY id"""),
        {"id": archive_id},
    )
    return [Archive(**row._mapping) for row in rows]


def waiting(conn: Connection, archive_id: int) -> list[tuple[str, str]]:
    """Return key and version of the items that wait or failed, the oldest picture first."""
    rows = conn.execute(
        text("""SELECT key, version FROM archive_item WHERE archive_id = :id AND state IN ('waiting', 'failed')
                ORDER BY acquired_at, key, version"""),
        {"id": archive_id},
    )
    return [(row.key, row.version) for row in rows]


def unwatch(conn: Connection, url: str, collection: str) -> None:
    """Ask an archive no more; what is known of it stays.

    Raises
    ------
    NotFoundError
        It was not watched.
    """
    done = conn.execute(
        text("UPDATE archive SET enabled = false WHERE url = :url AND collection = :collection AND enabled"),
        {"url": url, "collection": collection},
    )
    if not done.rowcount:
        raise NotFoundError(f"{url} {collection} is not watched")


def meet(conn: Connection, archive_id: int, key: str, version: str, acquired_at: datetime) -> bool:
    """Return whether an item is new, or new in this version; it is remembered as waiting."""
    return (
        conn.execute(
            text("""INSERT INTO archive_item (archive_id, key, version, acquired_at)
                    VALUES (:archive, :key, :version, :acquired) ON CONFLICT DO NOTHING RETURNING key"""),
            {"archive": archive_id, "key": key, "version": version, "acquired": acquired_at},
        ).one_or_none()
        is not None
    )


def settle(
    conn: Connection, archive_id: int, key: str, version: str, state: str, *, scene: str | None = None, note: str = ""
) -> None:
    """Keep what became of an item: `done`, `unwanted` or `failed`."""
    conn.execute(
        text("""UPDATE archive_item SET state = :state, scene_id = :scene, note = left(:note, 500), settled_at = now()
                WHERE archive_id = :archive AND key = :key AND version = :version"""),
        {"state": state, "scene": scene, "note": note, "archive": archive_id, "key": key, "version": version},
    )


def listed(conn: Connection, archive_id: int, *, whole: bool) -> None:
    """Keep that an archive was asked to the end, perhaps for all of it, and how far it has come."""
    conn.execute(
        text("""UPDATE archive SET listed_at = now(), whole_at = CASE WHEN :whole THEN now() ELSE whole_at END,
                newest_at = (SELECT max(acquired_at) FROM archive_item WHERE archive_id = :id) WHERE id = :id"""),
        {"id": archive_id, "whole": whole},
    )


def tally(conn: Connection, archive_id: int) -> Mapping[str, int]:
    """Return how many items are in which state."""
    rows = conn.execute(
        text("SELECT state, count(*) AS n FROM archive_item WHERE archive_id = :id GROUP BY state ORDER BY state"),
        {"id": archive_id},
    )
    return {row.state: row.n for row in rows}


def keep_item(conn: Connection, archive_id: int, key: str, version: str, item: Mapping[str, Any]) -> None:
    """Keep the item itself for as long as it waits, so that jobs carry its name only."""
    conn.execute(
        text("""UPDATE archive_item SET item = CAST(:item AS jsonb)
                WHERE archive_id = :archive AND key = :key AND version = :version"""),
        {"item": json.dumps(item), "archive": archive_id, "key": key, "version": version},
    )


def item_of(conn: Connection, archive_id: int, key: str, version: str) -> Mapping[str, Any] | None:
    """Return an item that waits or failed; None where it is settled for good or not known."""
    row = conn.execute(
        text("""SELECT item FROM archive_item WHERE archive_id = :archive AND key = :key AND version = :version
                AND state NOT IN ('done', 'unwanted')"""),
        {"archive": archive_id, "key": key, "version": version},
    ).one_or_none()
    return None if row is None else row.item
