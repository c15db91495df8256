"""Glaciers and lakes as pages and lists read them, out of schema `published` alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import NotFoundError

_ROAD = "(CAST(:km_from AS float8) IS NULL OR coalesce(road_km, chainage_km) BETWEEN :km_from AND :km_to)"


def list_glaciers(
    conn: Connection, *, km_from: float | None = None, km_to: float | None = None, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """Return glaciers: surging ones first, then those whose water meets the road, the shortest way first."""
    return _rows(
        conn,
        f"""SELECT *, CAST(ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, 0.0002), 5) AS jsonb) AS geometry FROM published.glaciers
            WHERE {_ROAD} ORDER BY trend IS NOT DISTINCT FROM 'surge' DESC, flow_m NULLS LAST, area_m2 DESC, id
            LIMIT :limit OFFSET :offset""",
        km_from=km_from, km_to=km_to, limit=limit, offset=offset,
    )  # fmt: skip


def list_lakes(
    conn: Connection, *, km_from: float | None = None, km_to: float | None = None, limit: int = 100, offset: int = 0
) -> list[dict[str, Any]]:
    """Return lakes: those whose water meets the road first, the largest first."""
    return _rows(
        conn,
        f"""SELECT *, CAST(ST_AsGeoJSON(geom, 6) AS jsonb) AS geometry FROM published.lakes
            WHERE {_ROAD} ORDER BY road_km IS NULL, area_m2 DESC, id LIMIT :limit OFFSET :offset""",
        km_from=km_from, km_to=km_to, limit=limit, offset=offset,
    )  # fmt: skip


def get_glacier(conn: Connection, glacier_id: str) -> dict[str, Any]:
    """Return a glacier with its termini and its outlines through time.

    Raises
    ------
    NotFoundError
        The catalogue has none of that id.
    """
    rows = _rows(
        conn,
        "SELECT *, CAST(ST_AsGeoJSON(geom, 6) AS jsonb) AS geometry FROM published.glaciers WHERE glacier_id = :id",
        id=glacier_id,
    )
    if not rows:
        raise NotFoundError(f"the catalogue has no glacier {glacier_id}")
    outlines = _rows(
        conn,
        """SELECT outlined_on, date_precision, dataset, schema, area_m2, area_uncertainty_m2,
                  CASE WHEN outlined_on IS NOT NULL THEN area_m2 - lag(area_m2) OVER by_date END AS change_m2,
                  CASE WHEN outlined_on IS NOT NULL
                       THEN sqrt(area_uncertainty_m2 ^ 2 + lag(area_uncertainty_m2) OVER by_date ^ 2) END AS change_uncertainty_m2
           FROM published.glacier_outlines WHERE glacier_id = :id
           WINDOW by_date AS (PARTITION BY outlined_on IS NULL ORDER BY outlined_on, id)
           ORDER BY outlined_on NULLS FIRST, id""",
        id=glacier_id,
    )
    termini = _rows(
        conn,
        """SELECT observed_on, trend, length_m, length_uncertainty_m, change_m, change_uncertainty_m, rate_m_yr, rate_uncertainty_m_yr,
                  area_m2, area_uncertainty_m2, surge_on, surface, centreline, reason, confidence
           FROM published.termini WHERE glacier_id = :id ORDER BY observed_on""",
        id=glacier_id,
    )
    return rows[0] | {
        "outlines": outlines,
        "termini": termini,
        **_way(conn, "glacier_id", glacier_id, rows[0]["road_km"]),
    }


def get_lake(conn: Connection, lake_id: str) -> dict[str, Any]:
    """Return a lake with its outlines through time.

    Raises
    ------
    NotFoundError
        The catalogue has none of that id, or only one date shows it.
    """
    rows = _rows(
        conn,
        "SELECT *, CAST(ST_AsGeoJSON(geom, 6) AS jsonb) AS geometry FROM published.lakes WHERE lake_id = :id",
        id=lake_id,
    )
    if not rows:
        raise NotFoundError(f"the catalogue has no lake {lake_id}, or one date alone shows it")
    series = _rows(
        conn,
        """SELECT observed_on, state, area_m2, area_uncertainty_m2, growth_m2_yr, growth_uncertainty_m2_yr, confidence
           FROM published.lake_outlines WHERE lake_id = :id ORDER BY observed_on""",
        id=lake_id,
    )
    return rows[0] | {"series": series, **_way(conn, "lake_id", lake_id, rows[0]["road_km"])}


def _way(conn: Connection, column: str, source: str, km: float | None) -> dict[str, Any]:
    """Return the line of the way down and the known place nearest to where it meets the road; None where it does not."""
    if km is None:
        return {"way": None, "place": None}
    way = conn.scalar(
        text(f"SELECT CAST(ST_AsGeoJSON(geom, 5) AS jsonb) FROM published.cascades WHERE {column} = :source"),
        {"source": source},
    )
    place = conn.scalar(
        text(
            "SELECT place FROM published.segments WHERE place IS NOT NULL ORDER BY abs((km_from + km_to) / 2 - :km) LIMIT 1"
        ),
        {"km": km},
    )
    return {"way": way, "place": place}


def _rows(conn: Connection, statement: str, **values: Any) -> list[dict[str, Any]]:
    rows = conn.execute(text(statement), values).mappings()
    return [{name: value for name, value in row.items() if name != "geom"} for row in rows]
