"""Who should speak now and then, and who has fallen silent: feeds, watched folders, workers, gauges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

Kind = Literal["worker", "folder", "feed", "sensor"]


@dataclass(frozen=True)
class SourceState:
    """How somebody who should speak stands."""

    name: str
    kind: Kind
    silent_after_s: float
    heard_at: datetime | None
    """When it last answered; None = never."""
    silent_s: float
    """Since then, or since it was first expected."""
    error: str | None

    @property
    def silent(self) -> bool:
        """Whether it should have spoken again by now."""
        return self.silent_s > self.silent_after_s


@dataclass(frozen=True)
class Marks:
    """What a feed said of its newest version, to ask only for a newer one."""

    etag: str | None = None
    last_modified: str | None = None


def heard(
    conn: Connection, name: str, kind: Kind, *, silent_after_s: float, news: bool = False, marks: Marks | None = None
) -> None:
    """Note that a source answered just now, with news or without."""
    conn.execute(
        text("""INSERT INTO source AS s (name, kind, silent_after_s, answered_at, news_at, etag, last_modified)
                VALUES (:name, :kind, :silent, clock_timestamp(), CASE WHEN :news THEN clock_timestamp() END, :etag, :modified)
                ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, silent_after_s = excluded.silent_after_s,
                    checked_at = clock_timestamp(), answered_at = clock_timestamp(), error = NULL,
                    news_at = coalesce(excluded.news_at, s.news_at),
                    etag = CASE WHEN :marked THEN excluded.etag ELSE s.etag END,
                    last_modified = CASE WHEN :marked THEN excluded.last_modified ELSE s.last_modified END"""),
        {
            "name": name, "kind": kind, "silent": silent_after_s, "news": news, "marked": marks is not None,
            "etag": marks.etag if marks else None, "modified": marks.last_modified if marks else None,
        },
    )  # fmt: skip


def not_heard(conn: Connection, name: str, kind: Kind, error: str, *, silent_after_s: float) -> None:
    """Note that a source was asked and did not answer as it should."""
    conn.execute(
        text("""INSERT INTO source (name, kind, silent_after_s, error) VALUES (:name, :kind, :silent, left(:error, 500))
                ON CONFLICT (name) DO UPDATE SET checked_at = clock_timestamp(), error = excluded.error,
                    silent_after_s = excluded.silent_after_s"""),
        {"name": name, "kind": kind, "silent": silent_after_s, "error": error},
    )


def marks(conn: Connection, name: str) -> Marks:
    """Return what a feed said of its newest version that was taken in."""
    row = conn.execute(text("SELECT etag, last_modified FROM source WHERE name = :name"), {"name": name}).one_or_none()
    return Marks() if row is None else Marks(row.etag, row.last_modified)


def states(conn: Connection) -> list[SourceState]:
    """Return how every source stands, the longest silent first."""
    rows = conn.execute(
        text("""SELECT name, kind, silent_after_s, heard_at, error, CAST(extract(epoch FROM silent) AS float8) AS silent_s
                FROM (SELECT name, kind, silent_after_s, answered_at AS heard_at, error,
                             clock_timestamp() - coalesce(answered_at, expected_since) AS silent FROM source
                      UNION ALL SELECT code, 'sensor', silent_after_s, last_at, NULL, clock_timestamp() - coalesce(last_at, created_at)
                      FROM sensor WHERE enabled) AS s
                ORDER BY extract(epoch FROM silent) / silent_after_s DESC, name""")
    ).mappings()
    return [SourceState(**row) for row in rows]
