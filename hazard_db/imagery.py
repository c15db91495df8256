"""Which rasters the catalogue knows: nothing else is ever opened for a reader."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text


def knows(conn: Connection, href: str) -> bool:
    """Return whether `href` is, to the letter, an asset of a scene."""
    path = f"$.*.href ? (@ == {json.dumps(href)})"
    return bool(
        conn.scalar(text("SELECT EXISTS (SELECT FROM scene WHERE assets @? CAST(:path AS jsonpath))"), {"path": path})
    )
