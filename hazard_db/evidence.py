"""From observations to the disaster inventory: what lies near, new sites, and what they rest on."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Connection, text

from hazard_db import scenes
from hazard_db.errors import NotFoundError

LETTERS = {
    "landslide": "LS", "rockfall": "RF", "debris_flow": "DF", "avalanche": "AV", "flood": "FL", "settlement": "SE",
    "glacier": "GG", "glacial_lake": "GL", "glof": "GL", "road_damage": "RD",
}  # fmt: skip
"""Of a kind, in the code of a site; all others are OT."""
RESERVED = 99
"""Numbers of each kind that are left to the register's first sites, which may be loaded later."""
NEAR_M, SAME_M, SAME_DAYS = 2_000.0, 100.0, 3.0
MOST_NEAR = 20


def near(conn: Connection, identifier: uuid.UUID) -> list[dict[str, Any]]:
    """Return sites, changes and other observations near an observation, the nearest first, with their distances in metres.

    `same` tells of another observation of the kind, so near in place and time that it may be the same thing twice.
    """
    values = {"id": identifier, "reach": NEAR_M, "degrees": NEAR_M / 60_000, "same_m": SAME_M, "same_days": SAME_DAYS}
    rows = conn.execute(text(_NEAR), values | {"most": MOST_NEAR})
    return [dict(row._mapping) for row in rows]


def sites_of(conn: Connection, identifier: uuid.UUID) -> list[dict[str, Any]]:
    """Return the sites that an observation is evidence of."""
    rows = conn.execute(
        text("""SELECT s.code, s.name, e.created_at, e.created_by FROM evidence AS e JOIN site AS s ON s.id = e.site_id
                WHERE e.observation_id = :id ORDER BY e.id"""),
        {"id": identifier},
    )
    return [dict(row._mapping) for row in rows]


def observations_of(conn: Connection, site_id: int) -> list[dict[str, Any]]:
    """Return the observations that a site rests on, newest first."""
    rows = conn.execute(
        text("""SELECT o.id, o.kind, o.observed_at, o.review_status, o.note FROM evidence AS e JOIN observation AS o
                ON o.id = e.observation_id
                WHERE e.site_id = :id AND o.review_status <> 'rejected' ORDER BY o.observed_at DESC NULLS LAST"""),
        {"id": site_id},
    )
    return [dict(row._mapping) for row in rows]


def promote(conn: Connection, identifier: uuid.UUID, name: str | None = None) -> str:
    """Return the code of the site that an observation became, or became long before; the observation is accepted by it.

    Raises
    ------
    NotFoundError
        There is no such observation.
    """
    scenes.lock(conn, "site codes")  # two sites must not get the same number
    if known := sites_of(conn, identifier):
        return str(known[0]["code"])
    kind = conn.scalar(text("SELECT kind FROM observation WHERE id = :id FOR UPDATE"), {"id": identifier})
    if kind is None:
        raise NotFoundError(f"there is no observation {identifier}")
    stem = f"KKH-{LETTERS.get(kind, 'OT')}-"
    values = {"id": identifier, "stem": stem, "reserved": RESERVED, "name": name}
    code = str(conn.scalar(text(_PROMOTE), values))
    attach(conn, identifier, code)
    return code


def attach(conn: Connection, identifier: uuid.UUID, code: str) -> None:
    """Make an observation evidence of a site, once; it is accepted by it.

    Raises
    ------
    NotFoundError
        There is no such site or no such observation.
    """
    accepted = conn.execute(
        text("UPDATE observation SET review_status = 'accepted' WHERE id = :id RETURNING id"), {"id": identifier}
    )
    site_id = conn.scalar(text("SELECT id FROM site WHERE code = :code FOR UPDATE"), {"code": code})
    if accepted.one_or_none() is None or site_id is None:
        raise NotFoundError(f"there is no {'site ' + code if site_id is None else f'observation {identifier}'}")
    conn.execute(
        text("""INSERT INTO evidence (site_id, observation_id) SELECT :site, :id
                WHERE NOT EXISTS (SELECT FROM evidence WHERE site_id = :site AND observation_id = :id)"""),
        {"site": site_id, "id": identifier},
    )


# a degree is at least 60 km long in both directions up to 57° N: the box that the index takes is never too small
_NEAR = """
WITH here AS (SELECT id, kind, observed_at, geom, ST_Expand(geom, :degrees) AS box FROM observation WHERE id = :id),
found AS (
    SELECT 'site' AS what, s.code AS id, s.kind, s.name AS label, CAST(NULL AS date) AS day, s.geom, false AS same
    FROM site AS s, here WHERE s.geom && here.box
    UNION ALL
    SELECT 'change', CAST(c.id AS text), c.kind, c.status, c.last_date, c.geom, false FROM change AS c, here
    WHERE c.geom && here.box AND c.status <> 'false_alarm'
    UNION ALL
    SELECT 'observation', CAST(o.id AS text), o.kind, coalesce(left(o.note, 80), ''), CAST(o.observed_at AS date), o.geom,
           o.kind = here.kind AND ST_DWithin(CAST(o.geom AS geography), CAST(here.geom AS geography), :same_m)
           AND abs(extract(epoch FROM o.observed_at - here.observed_at)) < :same_days * 86400
    FROM observation AS o, here WHERE o.geom && here.box AND o.id <> here.id AND o.review_status <> 'rejected'
)
SELECT what, found.id, found.kind, label, day, same,
       ST_Distance(CAST(found.geom AS geography), CAST(here.geom AS geography)) AS distance_m
FROM found, here WHERE ST_DWithin(CAST(found.geom AS geography), CAST(here.geom AS geography), :reach)
ORDER BY distance_m LIMIT :most
"""
_PROMOTE = """
INSERT INTO site (code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source, geom)
SELECT :stem || lpad(CAST((SELECT greatest(CAST(:reserved AS bigint), max(CAST(substring(code FROM '[0-9]+$') AS bigint))) + 1 FROM site
                           WHERE starts_with(code, :stem)) AS text), 4, '0'),
       kind, coalesce(CAST(:name AS text), initcap(replace(kind, '_', ' ')) ||
                      CASE WHEN chainage_km IS NULL THEN '' ELSE ' km ' || CAST(round(CAST(chainage_km AS numeric), 1) AS text) END),
       CASE WHEN attributes ->> 'activity' IN ('active', 'suspended', 'dormant', 'stabilised')
            THEN attributes ->> 'activity' ELSE 'unknown' END,
       nullif(concat_ws(' ', attributes ->> 'material', replace(attributes ->> 'movement', '_', ' ')), ''), attributes ->> 'chinese_class',
       accuracy_m, note, 'field observation', geom
FROM observation WHERE id = :id RETURNING code
"""
