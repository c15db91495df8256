"""Which rasters the catalogue knows: nothing else is ever opened for a reader."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text


def knows(conn: Connection, href: str, *, restricted: bool) -> bool:
    """Return whether `href` is, to the letter, an asset of a scene or of a raster that a run left.

    Parameters
    ----------
    restricted
        Those that not everybody may see count as well.
    """
    found = " OR ".join(
        f"EXISTS (SELECT FROM {table} WHERE assets @? CAST(:path AS jsonpath) AND (:restricted OR scope = 'Public'))"
        for table in ("scene", "raster")
    )
    path = f"$.*.href ? (@ == {json.dumps(href)})"
    return bool(conn.scalar(text(f"SELECT {found}"), {"path": path, "restricted": restricted}))
