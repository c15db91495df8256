"""Deformation areas of the catalogue: as runs saw them, as people look at them, and as sites of the inventory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import scenes
from hazard_db.errors import ConflictError, NotFoundError
from hazard_db.evidence import LETTERS, RESERVED

POTENTIAL_LANDSLIDE_MM_YR = 20.0
"""Down the slope: from here on an area is taken for a potential landslide [@Su2022]."""
_TOLD = (
    "motion", "confidence", "quality", "n_points", "velocity_mm_yr", "velocity_std_mm_yr", "peak_velocity_mm_yr",
    "velocity_before_mm_yr", "step_mm", "acceleration_mm_yr2", "onset_date", "trend_change_mm_yr", "trend_alert", "slope_deg",
    "aspect_deg", "slope_velocity_mm_yr", "slope_sensitivity", "visibility", "east_mm_yr", "east_std_mm_yr", "up_mm_yr",
    "up_std_mm_yr", "other_set_id", "first_date", "last_date", "area_m2", "area_uncertainty_m2",
)  # fmt: skip


def store(
    conn: Connection, run_id: int, set_id: int, features: Sequence[Mapping[str, Any]], series: Sequence[tuple[Any, Any]]
) -> list[int]:
    """Return the numbers of the areas of a run; the run's changes were stored before, in the same order.

    Parameters
    ----------
    features
        GeoJSON, EPSG:4326, with the properties of `kkh detect settlement`.
    series
        Mean series and scatter of each, mm.
    """
    changes = conn.scalars(
        text("SELECT change_id FROM change_sighting WHERE run_id = :run ORDER BY id"), {"run": run_id}
    ).all()
    numbers = []
    for one, change_id, (mean, scatter) in zip(features, changes, series, strict=True):
        told = {"motion": one["properties"]["class"], **one["properties"]}
        values = {name: told.get(name) for name in _TOLD}
        number = conn.execute(
            text(_INSERT),
            values | {
                "run_id": run_id, "set_id": set_id, "change_id": change_id, "geometry": json.dumps(one["geometry"]),
                "series": [float(value) for value in mean], "scatter": [float(value) for value in scatter],
            },
        ).scalar_one()  # fmt: skip
        numbers.append(int(number))
    conn.execute(
        text("UPDATE displacement_set SET latest_run_id = :run WHERE id = :set"), {"run": run_id, "set": set_id}
    )
    return numbers


def store_views(conn: Connection, set_id: int, views: Iterable[Mapping[str, Any]]) -> None:
    """Keep how the satellite of a set sees the segments; what was said of them before is replaced."""
    rows = [{"set_id": set_id, **view} for view in views]
    if rows:
        conn.execute(text(_VIEW), rows)


def list_areas(
    conn: Connection,
    *,
    include_unreviewed: bool,
    set_id: int | None = None,
    km: tuple[float, float] | None = None,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Return the areas of the newest run of each set, those whose trend changed first, then the fastest."""
    rows = conn.execute(
        text(f"""{_SELECT} WHERE (:all OR c.status = 'confirmed') AND s.latest_run_id = a.run_id
                  AND (CAST(:set AS bigint) IS NULL OR a.set_id = :set)
                  AND (CAST(:first AS float8) IS NULL OR (a.chainage_to_km >= :first AND a.chainage_from_km <= :last))
                ORDER BY a.trend_alert DESC, abs(a.velocity_mm_yr) DESC, a.id LIMIT :limit"""),
        {
            "all": include_unreviewed, "set": set_id, "limit": limit,
            "first": None if km is None else km[0], "last": None if km is None else km[1],
        },
    )  # fmt: skip
    return [dict(row._mapping) for row in rows]


def get_area(conn: Connection, area_id: int, *, include_unreviewed: bool = True) -> dict[str, Any]:
    """Return one area with its series, the sites it is evidence of, and how earlier and later runs saw it.

    Raises
    ------
    NotFoundError
        There is none of that number, or it may not be shown.
    """
    row = conn.execute(
        text(f"{_SELECT} WHERE a.id = :id AND (:all OR c.status = 'confirmed')"),
        {"id": area_id, "all": include_unreviewed},
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no deformation area {area_id}")
    runs = conn.execute(text(_RUNS), {"change": row.change_id})
    sites = conn.execute(text(_SITES), {"change": row.change_id})
    return dict(row._mapping) | {
        "seen": [dict(one._mapping) for one in runs], "sites": [dict(one._mapping) for one in sites],
    }  # fmt: skip


def segment_views(conn: Connection, km_from: float, km_to: float) -> list[dict[str, Any]]:
    """Return how the satellites of the sets see the segments of a stretch."""
    rows = conn.execute(
        text("""SELECT g.km_from, g.km_to, s.id AS set_id, s.name AS set_name, v.seen_share, v.foreshortened_share,
                       v.layover_share, v.shadow_share, v.covered_share
                FROM displacement_visibility AS v JOIN segment AS g ON g.id = v.segment_id
                JOIN displacement_set AS s ON s.id = v.set_id
                WHERE g.alignment_id = current_alignment() AND g.km_to > :first AND g.km_from < :last
                ORDER BY g.km_from, s.name"""),
        {"first": km_from, "last": km_to},
    )
    return [dict(row._mapping) for row in rows]


def kind_of(area: Mapping[str, Any]) -> str:
    """Return what an area is in the inventory: a potential landslide where it is fast down its slope, else settlement.

    A negative rate would be motion up the slope, which no slide does: the ground sinks there.
    """
    down = area["slope_velocity_mm_yr"]
    return "landslide" if down is not None and down >= POTENTIAL_LANDSLIDE_MM_YR else "settlement"


def promote(conn: Connection, area_id: int, *, site_code: str | None = None, name: str | None = None) -> str:
    """Return the code of the site that an area became, or that it was added to as evidence; once.

    A new site has the area's outline; one that is there keeps its own, and what the area says of it stands as claims.

    Parameters
    ----------
    site_code
        A site that it belongs to; None = it becomes a new one, unless it did before.

    Raises
    ------
    NotFoundError
        There is no such area or site.
    ConflictError
        A person has called it a false alarm.
    """
    area = get_area(conn, area_id)
    if area["status"] == "false_alarm":
        raise ConflictError(f"area {area_id} was called a false alarm; take that back before it becomes a site")
    scenes.lock(conn, "site codes")  # two sites must not get the same number
    if site_code is None and area["sites"]:
        return str(area["sites"][0]["code"])
    if site_code is None:
        kind = kind_of(area)
        values = {
            "id": area_id, "kind": kind, "stem": f"KKH-{LETTERS[kind]}-", "reserved": RESERVED, "name": name,
            "title": "Potential landslide" if kind == "landslide" else "Settlement",
        }  # fmt: skip
        site_code = str(conn.scalar(text(_PROMOTE), values))
    site_id = conn.scalar(text("SELECT id FROM site WHERE code = :code FOR UPDATE"), {"code": site_code})
    if site_id is None:
        raise NotFoundError(f"there is no site {site_code}")
    _attach(conn, int(site_id), area)
    return site_code


def _attach(conn: Connection, site_id: int, area: Mapping[str, Any]) -> None:
    """Make the area's change evidence of a site, and what it measured claims."""
    ids = {"site": site_id, "change": area["change_id"]}
    conn.execute(
        text("""INSERT INTO evidence (site_id, change_id) SELECT :site, :change
                WHERE NOT EXISTS (SELECT FROM evidence WHERE site_id = :site AND change_id = :change)"""),
        ids,
    )
    source = f"{area['set_name']}, run {area['run_id']}"
    told = [
        ("rate along the line of sight", area["velocity_mm_yr"]), ("rate down the slope", area["slope_velocity_mm_yr"]),
        ("east", area["east_mm_yr"]), ("up", area["up_mm_yr"]),
    ]  # fmt: skip
    for attribute, value in told:
        if value is not None:
            conn.execute(
                text("""INSERT INTO claim (site_id, attribute, value, unit, source)
                        SELECT :site, :attribute, :value, 'mm/yr', :source WHERE NOT EXISTS (
                            SELECT FROM claim WHERE site_id = :site AND attribute = :attribute AND source = :source)"""),
                {"site": site_id, "attribute": attribute, "value": f"{value:.1f}", "source": source},
            )
    # what moves is active, whatever was thought of it before
    conn.execute(
        text("UPDATE site SET activity = 'active' WHERE id = :site AND activity <> 'active'"), {"site": site_id}
    )


def near_sites(conn: Connection, area_id: int, within_m: float = 1000.0) -> list[dict[str, Any]]:
    """Return sites near an area, the nearest first: it may belong to one of them."""
    rows = conn.execute(
        text("""SELECT t.code, t.name, t.kind, ST_Distance(CAST(t.geom AS geography), CAST(a.geom AS geography)) AS distance_m
                FROM deformation_area AS a JOIN site AS t ON t.geom && ST_Expand(a.geom, :reach / 60000)
                WHERE a.id = :id AND ST_DWithin(CAST(t.geom AS geography), CAST(a.geom AS geography), :reach)
                ORDER BY distance_m, t.code LIMIT 20"""),
        {"id": area_id, "reach": within_m},
    )
    return [dict(row._mapping) for row in rows]


_COLUMNS = ", ".join(_TOLD)
_INSERT = f"""
INSERT INTO deformation_area (run_id, set_id, change_id, {_COLUMNS}, series, scatter, geom)
VALUES (:run_id, :set_id, :change_id, {", ".join(f":{name}" for name in _TOLD)}, :series, :scatter,
        ST_SetSRID(ST_GeomFromGeoJSON(:geometry), 4326))
RETURNING id
"""
_VIEW = """
INSERT INTO displacement_visibility (set_id, segment_id, seen_share, foreshortened_share, layover_share, shadow_share, covered_share)
VALUES (:set_id, :segment_id, :seen_share, :foreshortened_share, :layover_share, :shadow_share, :covered_share)
ON CONFLICT (set_id, segment_id) DO UPDATE SET seen_share = excluded.seen_share, layover_share = excluded.layover_share,
    foreshortened_share = excluded.foreshortened_share, shadow_share = excluded.shadow_share, covered_share = excluded.covered_share
"""
_SELECT = f"""
SELECT a.id, a.run_id, a.set_id, a.change_id, {", ".join(f"a.{name}" for name in _TOLD)}, a.series, a.scatter,
       a.chainage_km, a.chainage_from_km, a.chainage_to_km, a.offset_m, a.side, a.created_at, c.status, c.reviewed_at,
       c.reviewed_by, c.review_note, s.name AS set_name, s.reference, s.component, s.dates, s.times_yr, s.seasonal,
       a.run_id = s.latest_run_id AS newest, r.method, r.method_version, r.parameters, r.stats,
       CAST(ST_AsGeoJSON(a.geom, 6) AS jsonb) AS geometry
FROM deformation_area AS a JOIN change AS c ON c.id = a.change_id JOIN displacement_set AS s ON s.id = a.set_id
JOIN detection_run AS r ON r.id = a.run_id
"""
_RUNS = """
SELECT a.id, a.run_id, s.name AS set_name, a.first_date, a.last_date, a.velocity_mm_yr, a.velocity_std_mm_yr, a.area_m2,
       a.trend_change_mm_yr, a.trend_alert
FROM deformation_area AS a JOIN displacement_set AS s ON s.id = a.set_id WHERE a.change_id = :change ORDER BY a.run_id, a.id
"""
_SITES = """
SELECT t.code, t.name, t.kind FROM evidence AS e JOIN site AS t ON t.id = e.site_id WHERE e.change_id = :change ORDER BY e.id
"""
_PROMOTE = """
INSERT INTO site (code, kind, name, activity, note, source, attributes, geom)
SELECT :stem || lpad(CAST((SELECT greatest(CAST(:reserved AS bigint), max(CAST(substring(code FROM '[0-9]+$') AS bigint))) + 1 FROM site
                           WHERE starts_with(code, :stem)) AS text), 4, '0'),
       :kind, coalesce(CAST(:name AS text), :title ||
                       CASE WHEN chainage_km IS NULL THEN '' ELSE ' km ' || CAST(round(CAST(chainage_km AS numeric), 1) AS text) END),
       'active', NULL, 'InSAR', jsonb_build_object('deformation_area', id, 'motion', motion), geom
FROM deformation_area WHERE id = :id RETURNING code
"""
