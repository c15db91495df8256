"""What those who look after an observation say to each other: questions, answers, reasons; none is ever changed."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import NotFoundError


def of_observation(conn: Connection, identifier: uuid.UUID) -> list[dict[str, Any]]:
    """Return the remarks on an observation, oldest first."""
    rows = conn.execute(
        text("SELECT id, verdict, body, created_at, created_by FROM remark WHERE observation_id = :id ORDER BY id"),
        {"id": identifier},
    )
    return [dict(row._mapping) for row in rows]


def say(conn: Connection, identifier: uuid.UUID, body: str, verdict: str | None = None) -> None:
    """Add a remark to an observation; the answer to a question brings it back to those who asked.

    Raises
    ------
    NotFoundError
        There is no such observation.
    """
    status = conn.scalar(text("SELECT review_status FROM observation WHERE id = :id FOR UPDATE"), {"id": identifier})
    if status is None:
        raise NotFoundError(f"there is no observation {identifier}")
    conn.execute(
        text("INSERT INTO remark (observation_id, verdict, body) VALUES (:id, :verdict, :body)"),
        {"id": identifier, "verdict": verdict, "body": body},
    )
    if status == "asked" and verdict is None and _asked_by_another(conn, identifier):
        conn.execute(text("UPDATE observation SET review_status = 'submitted' WHERE id = :id"), {"id": identifier})


def _asked_by_another(conn: Connection, identifier: uuid.UUID) -> bool:
    return bool(
        conn.scalar(
            text("""SELECT created_by <> actor_name() FROM remark WHERE observation_id = :id AND verdict = 'asked'
                    ORDER BY id DESC LIMIT 1"""),
            {"id": identifier},
        )
    )
