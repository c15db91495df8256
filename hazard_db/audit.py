"""The audit log as it is read; it is written by the database alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text


def of_record(conn: Connection, table: str, identifier: object, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return who did what to a record, newest first, with the row before and after."""
    rows = conn.execute(
        text("""SELECT id, at, actor, role, action, table_name, row_id, before, after FROM audit_log
                WHERE table_name = :table AND row_id = :id ORDER BY id DESC LIMIT :limit"""),
        {"table": table, "id": str(identifier), "limit": limit},
    )
    return [dict(row._mapping) for row in rows]


def latest(conn: Connection, *, limit: int = 100, before_id: int | None = None) -> list[dict[str, Any]]:
    """Return the newest entries, or those older than entry `before_id`: who, what, when; not the rows themselves."""
    rows = conn.execute(
        text("""SELECT id, at, actor, role, action, table_name, row_id FROM audit_log
                WHERE CAST(:before AS bigint) IS NULL OR id < :before ORDER BY id DESC LIMIT :limit"""),
        {"before": before_id, "limit": limit},
    )
    return [dict(row._mapping) for row in rows]
