"""What maps draw: compact rows per layer, newest first and never more than a map can hold, with how many there are in all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import NotFoundError

MOST = 2000
"""Features of a layer; a page with more of them opens slowly on a phone."""
CROWD = 500
"""Of a kind that is drawn as tiles where there are more: a phone holds its breath over a thousand marks."""
FEW_GLACIERS = 300
"""Their outlines have many corners."""


@dataclass(frozen=True)
class View:
    """Which records a map shows."""

    km_from: float | None = None
    km_to: float | None = None
    beyond: bool = False
    """Also those that lie further from the road than the corridor reaches."""
    most: int = MOST

    @property
    def parameters(self) -> dict[str, Any]:
        """Values by the names that the statements use."""
        return {"km_from": self.km_from, "km_to": self.km_to, "beyond": self.beyond, "most": self.most}


@dataclass(frozen=True)
class Found:
    """The newest records of a layer."""

    rows: tuple[Mapping[str, Any], ...]
    total: int
    """How many there are, shown or not."""


def segments(conn: Connection, view: View) -> Found:
    """Return the segments of the current alignment in order: rating, last look, geometry simplified to ~5 m."""
    return _found(conn, _SEGMENTS, view)


def places(conn: Connection, view: View) -> Found:
    """Return the places that calibrate the current alignment, in order."""
    return _found(conn, _PLACES, view)


def sites(conn: Connection, view: View, *, published: bool) -> Found:
    """Return sites of the inventory; `published` reads schema `published` only."""
    return _found(conn, _SITES.format(table="published.sites" if published else "site"), view)


def events(conn: Connection, view: View, *, published: bool) -> Found:
    """Return dated events; `published` reads schema `published` only."""
    return _found(conn, _EVENTS.format(table="published.events" if published else "event"), view)


def observations(conn: Connection, view: View, *, published: bool) -> Found:
    """Return observations without names of people; `published` reads schema `published` only."""
    return _found(conn, _OBSERVATIONS.format(table="published.observations" if published else "observation"), view)


def changes(conn: Connection, view: View, *, include_unreviewed: bool, also: int | None = None) -> Found:
    """Return changes without names of people; only confirmed ones unless unreviewed ones are asked for.

    Parameters
    ----------
    also
        A change that is shown wherever it lies.
    """
    return _found(conn, _CHANGES, view, all=include_unreviewed, also=also)


def deformation(conn: Connection, view: View, *, include_unreviewed: bool) -> Found:
    """Return areas that move as the newest run of each set saw them; only confirmed ones unless others are asked for."""
    return _found(conn, _DEFORMATION, view, all=include_unreviewed)


def points(conn: Connection, view: View, most: int = 8) -> Found:
    """Return the sets whose points lie in the stretch, the newest first: a map draws their points as tiles."""
    found = _found(conn, _POINT_SETS, view)
    return Found(found.rows[:most], found.total)


def alerts(conn: Connection, view: View, *, scope: str | None) -> Found:
    """Return live alerts; with `scope="Public"` only those that everybody may see."""
    return _found(conn, _ALERTS, view, scope=scope)


def lakes(conn: Connection, view: View) -> Found:
    """Return the published lakes as last seen, those that changed last first, with their way to the road."""
    return _found(conn, _LAKES, view)


def glaciers(conn: Connection, view: View) -> Found:
    """Return the glaciers with their latest outlines and trends: surging ones first, then those whose water meets the road."""
    return _found(conn, _GLACIERS, view, few=min(view.most, FEW_GLACIERS))


def outlines(conn: Connection, view: View) -> Found:
    """Return dated outlines of glaciers, each with the year in which the next one of its glacier takes its place."""
    return _found(conn, _OUTLINES, view, few=min(view.most, 2 * FEW_GLACIERS))


def termini(conn: Connection, view: View) -> Found:
    """Return the last measured terminus of each glacier and year."""
    return _found(conn, _TERMINI, view, few=min(view.most, 2 * FEW_GLACIERS))


def ways(conn: Connection, view: View) -> Found:
    """Return the ways from lakes, and from glaciers that surge, down to the road."""
    return _found(conn, _WAYS, view)


def one(conn: Connection, kind: str, key: str, *, inside: bool) -> Mapping[str, Any]:
    """Return the record of a kind that maps draw as cells, wherever it lies; only what is published unless `inside`.

    Raises
    ------
    NotFoundError
        There is none, or it may not be shown.
    """
    statement = _BY_KEY[kind].format(table=kind[:-1] if inside else f"published.{kind}")
    row = conn.execute(text(statement), {"key": key, "all": inside, "most": 1}).mappings().first()
    if row is None:
        raise NotFoundError(f"there is no such record: {key}")
    return dict(row)


def _found(conn: Connection, statement: str, view: View, **more: Any) -> Found:
    result = conn.execute(text(statement), view.parameters | more)
    names = tuple(result.keys())  # once, not for each of thousands of rows
    rows = [dict(zip(names, row, strict=True)) for row in result]
    total = rows[0]["total"] if rows else 0
    for row in rows:
        del row["total"]
    return Found(tuple(rows), total)


ALONG = """((CAST(:km_from AS float8) IS NULL AND (:beyond OR chainage_km IS NOT NULL))
             OR (chainage_to_km >= :km_from AND chainage_from_km <= :km_to))"""
AT = """((CAST(:km_from AS float8) IS NULL AND (:beyond OR chainage_km IS NOT NULL))
          OR chainage_km BETWEEN :km_from AND :km_to)"""
_LAST = "LIMIT :most"


def _shape(digits: int, tolerance: float, most: int = 300) -> str:
    """Return the geometry as GeoJSON, simplified where it has more corners than a map can show."""
    fine = f"CASE WHEN ST_NPoints(geom) > {most} THEN ST_SimplifyPreserveTopology(geom, {tolerance}) ELSE geom END"
    return f"CAST(ST_AsGeoJSON({fine}, {digits}) AS jsonb) AS geometry"


_SEGMENTS = """
SELECT s.km_from, s.km_to, s.place, s.basis, s.consequence, r.grade, r.score, r.confidence, v.last_look, v.last_good_look,
       CAST(ST_AsGeoJSON(ST_Simplify(s.geom, 0.00005), 5) AS jsonb) AS geometry, count(*) OVER () AS total
FROM segment AS s LEFT JOIN risk_rating AS r ON r.segment_id = s.id AND r.hazard = 'all' AND r.superseded_at IS NULL
LEFT JOIN (SELECT segment_id, max(observed_on) AS last_look, max(observed_on) FILTER (WHERE share >= 0.7) AS last_good_look
           FROM visibility WHERE covered_share > 0 GROUP BY segment_id) AS v ON v.segment_id = s.id
WHERE s.alignment_id = current_alignment()
  AND (CAST(:km_from AS float8) IS NULL OR (s.km_to > :km_from AND s.km_from < :km_to))
ORDER BY s.km_from
"""
_PLACES = """
SELECT place AS name, chainage_km, ST_X(geom) AS lon, ST_Y(geom) AS lat, count(*) OVER () AS total FROM calibration_point
WHERE alignment_id = current_alignment() AND (CAST(:km_from AS float8) IS NULL OR chainage_km BETWEEN :km_from AND :km_to)
ORDER BY chainage_km
"""
OBSERVED = f"{AT} AND review_status <> 'rejected'"
HAPPENED = f"geom IS NOT NULL AND {AT}"
CHANGED = f"""{ALONG} AND status <> 'false_alarm'
  -- what a displacement set's newest run saw is drawn as ground motion
  AND NOT EXISTS (SELECT FROM deformation_area AS a JOIN displacement_set AS d ON d.latest_run_id = a.run_id
                  WHERE a.change_id = change.id)"""
_SITES = f"""
SELECT code, kind, name, activity, accuracy_m, note, source, chainage_km, offset_m, {_shape(6, 0.0001)}, count(*) OVER () AS total
FROM {{table}} WHERE {ALONG} ORDER BY created_at DESC, id DESC {_LAST}
"""
_EVENTS = f"""
SELECT id, kind, name, occurred_on, occurred_to, precision, accuracy_m, trigger, fatalities, note, source, chainage_km, offset_m,
       {_shape(5, 0.001)}, count(*) OVER () AS total
FROM {{table}} WHERE {HAPPENED} ORDER BY occurred_on DESC, id DESC {_LAST}
"""
_OBSERVATIONS = f"""
SELECT id, kind, observed_at, accuracy_m, left(note, 500) AS note, review_status, dataset, chainage_km, offset_m,
       {_shape(6, 0.0001)}, count(*) OVER () AS total
FROM {{table}} WHERE {OBSERVED} ORDER BY observed_at DESC NULLS LAST, id {_LAST}
"""
_CHANGES = f"""
SELECT id, kind, status, confidence, area_m2, area_uncertainty_m2, mean_slope_deg, first_date, last_date, picture, chainage_km,
       chainage_from_km, chainage_to_km, offset_m, {_shape(6, 0.00002)}, count(*) OVER () AS total
FROM change
WHERE (:all OR status = 'confirmed') AND (id = :also OR ({CHANGED}))
ORDER BY id IS NOT DISTINCT FROM :also DESC, last_date DESC, id DESC {_LAST}
"""
_DEFORMATION = f"""
SELECT a.id, a.motion, a.velocity_mm_yr, a.velocity_std_mm_yr, a.peak_velocity_mm_yr, a.onset_date, a.slope_velocity_mm_yr,
       a.trend_change_mm_yr, a.trend_alert, a.quality, a.n_points, c.status, a.first_date, a.last_date, s.name AS set_name,
       s.reference, a.chainage_km, a.chainage_from_km, a.chainage_to_km, a.offset_m, a.geometry, count(*) OVER () AS total
FROM (SELECT *, {_shape(6, 0.00002)} FROM deformation_area
      WHERE {ALONG}) AS a
JOIN displacement_set AS s ON s.latest_run_id = a.run_id JOIN change AS c ON c.id = a.change_id
WHERE (:all OR c.status = 'confirmed') AND c.status <> 'false_alarm'
ORDER BY a.trend_alert DESC, abs(a.velocity_mm_yr) DESC, a.id {_LAST}
"""
_POINT_SETS = f"""
SELECT s.id, s.name, s.reference, s.n_points, ARRAY[ST_XMin(s.geom), ST_YMin(s.geom), ST_XMax(s.geom), ST_YMax(s.geom)] AS bounds,
       count(*) OVER () AS total
FROM displacement_set AS s
WHERE CAST(:km_from AS float8) IS NULL OR EXISTS (
    SELECT FROM segment AS g WHERE g.alignment_id = current_alignment() AND g.km_to > :km_from AND g.km_from < :km_to
      AND ST_DWithin(g.geom, s.geom, 0.1))
ORDER BY s.dates[cardinality(s.dates)] DESC, s.id DESC {_LAST}
"""
_ALERTS = f"""
SELECT id, kind, state, scope, severity, certainty, urgency, headline, raised_at, expires_at, chainage_km, chainage_from_km,
       chainage_to_km, {_shape(5, 0.0001)}, count(*) OVER () AS total
FROM alert WHERE state IN ('open', 'acknowledged', 'escalated') AND (CAST(:scope AS text) IS NULL OR scope = :scope) AND {ALONG}
ORDER BY raised_at DESC, id DESC {_LAST}
"""
# What lies far from the road along its way, but above a stretch of it, is shown with that stretch.
_ABOVE = f"({AT} OR road_km BETWEEN :km_from AND :km_to)"
_LAKES = f"""
SELECT id, lake_id, name, observed_on, state, area_m2, area_uncertainty_m2, growth_m2_yr, confidence, ice_dammed, chainage_km, road_km,
       flow_m, drop_m, {_shape(6, 0.00002)}, count(*) OVER () AS total
FROM published.lakes WHERE {_ABOVE} ORDER BY observed_on DESC, area_m2 DESC, id {_LAST}
"""
_GLACIERS = f"""
SELECT id, glacier_id, name, outlined_on, area_m2, area_uncertainty_m2, trend, measured_on, length_m, rate_m_yr, rate_uncertainty_m_yr,
       surge_on, chainage_km, road_km, flow_m, drop_m, {_shape(5, 0.0003, 60)}, count(*) OVER () AS total
FROM published.glaciers WHERE {_ABOVE}
ORDER BY trend IS NOT DISTINCT FROM 'surge' DESC, flow_m NULLS LAST, area_m2 DESC, id LIMIT :few
"""
_OUTLINES = f"""
SELECT id, glacier_id, name, outlined_on, area_m2, area_uncertainty_m2, dataset, CAST(extract(year FROM outlined_on) AS int) AS year,
       CAST(extract(year FROM lead(outlined_on) OVER (PARTITION BY glacier_id ORDER BY outlined_on, id)) AS int) AS until,
       {_shape(5, 0.0003, 60)}, count(*) OVER () AS total
FROM published.glacier_outlines WHERE outlined_on IS NOT NULL AND {AT} ORDER BY area_m2 DESC, id LIMIT :few
"""
_TERMINI = f"""
SELECT *, count(*) OVER () AS total FROM (
    SELECT DISTINCT ON (t.glacier_id, extract(year FROM t.observed_on)) t.id, t.glacier_id, t.name, t.observed_on, t.trend, t.length_m,
           t.length_uncertainty_m, t.change_m, CAST(extract(year FROM t.observed_on) AS int) AS year, {_shape(6, 0.00005)},
           g.of
    FROM published.termini AS t JOIN (SELECT glacier_id AS of, chainage_km, road_km FROM published.glaciers) AS g ON g.of = t.glacier_id
    WHERE t.geom IS NOT NULL AND {_ABOVE} ORDER BY t.glacier_id, extract(year FROM t.observed_on), t.observed_on DESC
) AS last ORDER BY observed_on DESC, id LIMIT :few
"""
_WAYS = f"""
SELECT k.id, coalesce(k.lake_id, k.glacier_id) AS source, k.lake_id, k.name, k.chainage_km, k.flow_m, k.drop_m, {_shape(5, 0.0002, 80)},
       count(*) OVER () AS total
FROM published.cascades AS k
WHERE (k.lake_id IN (SELECT lake_id FROM published.lakes)
       OR k.glacier_id IN (SELECT glacier_id FROM published.glaciers WHERE trend = 'surge'))
  AND {AT} ORDER BY k.flow_m, k.id {_LAST}
"""

_BY_KEY = {
    "sites": _SITES.replace(ALONG, "code = :key"), "events": _EVENTS.replace(HAPPENED, "CAST(id AS text) = :key"),
    "observations": _OBSERVATIONS.replace(OBSERVED, "CAST(id AS text) = :key AND review_status <> 'rejected'"),
    "changes": _CHANGES.replace(f"(id = :also OR ({CHANGED}))", "CAST(id AS text) = :key AND status <> 'false_alarm'")
    .replace("id IS NOT DISTINCT FROM :also DESC, ", ""),
}  # fmt: skip
"""The same statements with the key in place of the stretch."""
