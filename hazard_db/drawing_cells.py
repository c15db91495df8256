"""Records of the map by the cells of a grid, as vector tiles: a kind with a hundred thousand records stays a few kilobytes.

A record alone in its cell is told by its key; many are told by their number and middle, so that nothing is left out from afar.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.drawing import ALONG, CHANGED, HAPPENED, OBSERVED, View

UNITS = 4096
"""Of a tile's side in the file."""
CELLS = 8
"""To a side of a tile. Cells of the tiles around reach in by one: what lies at an edge is drawn whole on both sides."""
NAMED = 12
"""Records of a cell that are told one by one, from the zoom on where they are close together on the ground."""
NAMED_FROM_ZOOM = 13

_KINDS = {
    "sites": ("code", "false", "created_at", ALONG), "events": ("id", "false", "occurred_on", HAPPENED),
    "observations": ("id", "review_status <> 'accepted'", "observed_at", OBSERVED),
    "changes": ("id", "status <> 'confirmed'", "last_date", f"(:all OR status = 'confirmed') AND {CHANGED}"),
}  # fmt: skip
"""Kind -> key, whether it is unreviewed, its day, which of them maps show."""
KINDS = tuple(_KINDS)


def tile(
    conn: Connection, kind: str, place: tuple[int, int, int], view: View, *, inside: bool, since: date | None = None,
    until: date | None = None,
) -> bytes:  # fmt: skip
    """Return a Mapbox vector tile of the WebMercatorQuad scheme, one point to each cell that holds something.

    Parameters
    ----------
    place
        Zoom, column and row.
    inside
        Also what is not published.
    since, until
        First and last day of what counts, None: open. What has no day counts where both are open.
    """
    key, hollow, day, where = _KINDS[kind]
    table = "change" if kind == "changes" else kind[:-1] if inside else f"published.{kind}"
    z, x, y = place
    values: dict[str, Any] = view.parameters | {"all": inside, "z": z, "x": x, "y": y, "since": since, "until": until}
    statement = _TILE.format(table=table, key=key, hollow=hollow, day=day, where=where)
    return bytes(conn.execute(text(statement), values).scalar_one())


_TILE = f"""
WITH shown AS (
    SELECT CAST({{key}} AS text) AS key, {{hollow}} AS hollow,
           CASE GeometryType(geom) WHEN 'POINT' THEN geom ELSE ST_PointOnSurface(geom) END AS middle
    FROM {{table}}
    WHERE geom && ST_Transform(ST_TileEnvelope(:z, :x, :y, margin => {1 / CELLS}), 4326) AND {{where}}
      AND (CAST(:since AS date) IS NULL OR {{day}} >= CAST(:since AS date))
      AND (CAST(:until AS date) IS NULL OR {{day}} < CAST(:until AS date) + 1)),
placed AS (
    SELECT key, hollow, (ST_X(middle) + 180) / 360 * 2 ^ :z - :x AS u,
           (0.5 - ln(tan(radians(45 + ST_Y(middle) / 2))) / (2 * pi())) * 2 ^ :z - :y AS v FROM shown),
cells AS (
    SELECT ST_MakePoint(round(avg(u) * {UNITS}), round(avg(v) * {UNITS})) AS geom, CAST(count(*) AS int) AS n, bool_and(hollow) AS hollow,
           CASE WHEN count(*) = 1 OR (:z >= {NAMED_FROM_ZOOM} AND count(*) <= {NAMED}) THEN string_agg(key, ',' ORDER BY key) END AS keys
    FROM placed WHERE u >= {-1 / CELLS} AND u < {1 + 1 / CELLS} AND v >= {-1 / CELLS} AND v < {1 + 1 / CELLS}
    GROUP BY floor(u * {CELLS}), floor(v * {CELLS}))
SELECT ST_AsMVT(cells, 'cells', {UNITS}, 'geom') FROM cells
"""
