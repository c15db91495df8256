"""Pictures that the catalogue knows, so that no other file is ever handed out."""

from __future__ import annotations

from sqlalchemy import Connection, text


def change_of(conn: Connection, picture: str, *, include_unreviewed: bool) -> int | None:
    """Return the change that a picture (path relative to HAZARD_HOME) shows, None where there is none to be shown."""
    number: int | None = conn.scalar(
        text("SELECT id FROM change WHERE picture = :picture AND (:all OR status = 'confirmed') ORDER BY id LIMIT 1"),
        {"picture": picture, "all": include_unreviewed},
    )
    return number
