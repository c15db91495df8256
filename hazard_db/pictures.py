"""Pictures that the catalogue knows, so that no other file is ever handed out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text


def change_of(conn: Connection, picture: str, *, include_unreviewed: bool) -> int | None:
    """Return the change that a picture (path relative to HAZARD_HOME) shows, None where there is none to be shown."""
    number: int | None = conn.scalar(
        text("SELECT id FROM change WHERE picture = :picture AND (:all OR status = 'confirmed') ORDER BY id LIMIT 1"),
        {"picture": picture, "all": include_unreviewed},
    )
    return number


def of_changes(conn: Connection, change_ids: Sequence[int], *, include_unreviewed: bool) -> dict[int, str]:
    """Return the pictures (paths relative to HAZARD_HOME) of those changes that have one and may be shown."""
    rows = conn.execute(
        text("""SELECT id, picture FROM change WHERE id = ANY(:ids) AND picture IS NOT NULL AND (:all OR status = 'confirmed')
                ORDER BY id"""),
        {"ids": list(change_ids), "all": include_unreviewed},
    )
    return {row.id: row.picture for row in rows}
