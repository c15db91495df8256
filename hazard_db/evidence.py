"""From observations to the disaster inventory: what lies near, new sites, and what they rest on."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from sqlalchemy import Connection, text

from hazard_db import scenes, site_states
from hazard_db.errors import ConflictError, NotFoundError

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
    """Return sites, changes, events and other observations near an observation, the nearest first, with distances in metres.

    `same` tells of another observation of the kind, so near in place and time that it may be the same thing twice.
    """
    return _near(conn, "SELECT id, kind, observed_at, geom FROM observation WHERE id = :id", identifier)


def near_site(conn: Connection, site_id: int) -> list[dict[str, Any]]:
    """Return changes, events, observations and other sites near a site that are not among its evidence, the nearest first."""
    found = _near(conn, "SELECT CAST(NULL AS uuid) AS id, kind, CAST(NULL AS timestamptz) AS observed_at, geom "
                        "FROM site WHERE id = :id", site_id)  # fmt: skip
    known = conn.execute(
        text("""SELECT CASE WHEN e.observation_id IS NOT NULL THEN 'observation' WHEN e.change_id IS NOT NULL THEN 'change' ELSE 'event'
                       END, coalesce(CAST(e.observation_id AS text), CAST(e.change_id AS text), CAST(e.event_id AS text))
                FROM evidence AS e WHERE site_id = :id
                UNION ALL SELECT 'event', CAST(id AS text) FROM event WHERE site_id = :id
                UNION ALL SELECT 'site', code FROM site WHERE id = :id"""),
        {"id": site_id},
    )
    there = {(row[0], row[1]) for row in known}
    return [one for one in found if (one["what"], one["id"]) not in there]


def _near(conn: Connection, here: str, identifier: uuid.UUID | int) -> list[dict[str, Any]]:
    values = {"id": identifier, "reach": NEAR_M, "degrees": NEAR_M / 60_000, "same_m": SAME_M, "same_days": SAME_DAYS}
    rows = conn.execute(text(_NEAR.format(here=here)), values | {"most": MOST_NEAR})
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
        text("""SELECT o.id, o.kind, o.observed_at, o.review_status, o.note, o.attributes,
                       CAST(ST_AsGeoJSON(o.geom, 7) AS jsonb) AS geometry FROM evidence AS e JOIN observation AS o
                ON o.id = e.observation_id
                WHERE e.site_id = :id AND o.review_status <> 'rejected' ORDER BY o.observed_at DESC NULLS LAST"""),
        {"id": site_id},
    )
    return [dict(row._mapping) for row in rows]


def changes_of(conn: Connection, site_id: int) -> list[dict[str, Any]]:
    """Return the changes seen in imagery that a site rests on, newest first."""
    rows = conn.execute(
        text("""SELECT c.id, c.kind, c.status, c.first_date, c.last_date, c.area_m2, c.confidence FROM evidence AS e
                JOIN change AS c ON c.id = e.change_id WHERE e.site_id = :id ORDER BY c.last_date DESC"""),
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
    seen = conn.execute(
        text("SELECT kind, CAST(observed_at AS date) AS day FROM observation WHERE id = :id FOR UPDATE"),
        {"id": identifier},
    ).one_or_none()
    if seen is None:
        raise NotFoundError(f"there is no observation {identifier}")
    stem = f"KKH-{LETTERS.get(seen.kind, 'OT')}-"
    site_states.date_states(conn, seen.day)
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


def attach_record(conn: Connection, code: str, what: Literal["change", "event"], identifier: int) -> None:
    """Make a change or an event evidence of a site, once.

    Raises
    ------
    NotFoundError
        There is no such site, change or event.
    ConflictError
        The change is not confirmed.
    """
    site_id = conn.scalar(text("SELECT id FROM site WHERE code = :code FOR UPDATE"), {"code": code})
    state = "status" if what == "change" else "'confirmed'"
    status = conn.scalar(text(f"SELECT {state} FROM {what} WHERE id = :id FOR UPDATE"), {"id": identifier})
    if site_id is None or status is None:
        raise NotFoundError(f"there is no {'site ' + code if site_id is None else f'{what} {identifier}'}")
    if status != "confirmed":
        raise ConflictError(f"change {identifier} is {status}; confirm it before a site rests on it")
    conn.execute(
        text(f"""INSERT INTO evidence (site_id, {what}_id) SELECT :site, :id
                 WHERE NOT EXISTS (SELECT FROM evidence WHERE site_id = :site AND {what}_id = :id)"""),
        {"site": site_id, "id": identifier},
    )
    if what == "event":
        conn.execute(
            text("UPDATE event SET site_id = :site WHERE id = :id AND site_id IS NULL"),
            {"site": site_id, "id": identifier},
        )


# a degree is at least 60 km long in both directions up to 57° N: the box that the index takes is never too small
_NEAR = """
WITH here AS (SELECT *, ST_Expand(geom, :degrees) AS box FROM ({here}) AS it),
found AS (
    SELECT 'site' AS what, s.code AS id, s.kind, s.name AS label, CAST(NULL AS date) AS day, s.geom, false AS same
    FROM site AS s, here WHERE s.geom && here.box
    UNION ALL
    SELECT 'change', CAST(c.id AS text), c.kind, c.status, c.last_date, c.geom, false FROM change AS c, here
    WHERE c.geom && here.box AND c.status <> 'false_alarm'
    UNION ALL
    SELECT 'event', CAST(e.id AS text), e.kind, e.name, e.occurred_on, e.geom, false FROM event AS e, here
    WHERE e.geom && here.box
    UNION ALL
    SELECT 'observation', CAST(o.id AS text), o.kind, coalesce(left(o.note, 80), ''), CAST(o.observed_at AS date), o.geom,
           o.kind = here.kind AND ST_DWithin(CAST(o.geom AS geography), CAST(here.geom AS geography), :same_m)
           AND abs(extract(epoch FROM o.observed_at - here.observed_at)) < :same_days * 86400
    FROM observation AS o, here WHERE o.geom && here.box AND o.id IS DISTINCT FROM here.id AND o.review_status <> 'rejected'
)
SELECT what, found.id, found.kind, label, day, same,
       ST_Distance(CAST(found.geom AS geography), CAST(here.geom AS geography)) AS distance_m,
       ST_X(ST_ClosestPoint(found.geom, here.geom)) AS lon, ST_Y(ST_ClosestPoint(found.geom, here.geom)) AS lat
FROM found, here WHERE ST_DWithin(CAST(found.geom AS geography), CAST(here.geom AS geography), :reach)
ORDER BY distance_m LIMIT :most
"""
_PROMOTE = """
INSERT INTO site (code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source, geom)
SELECT :stem || lpad(CAST((SELECT greatest(CAST(:reserved AS bigint), max(CAST(substring(code FROM '[0-9]+$') AS bigint))) + 1 FROM site
                           WHERE starts_with(code, :stem)) AS text), 4, '0'),
       kind, coalesce(CAST(:name AS text), initcap(replace(kind, '_', ' ')) ||
                      CASE WHEN chainage_km IS NULL THEN '' ELSE ' km ' || CAST(round(CAST(chainage_km AS numeric), 1) AS text) END),
       CASE WHEN attributes ->> 'activity' IN ('active', 'reactivated', 'suspended', 'dormant', 'stabilised')
            THEN attributes ->> 'activity' ELSE 'unknown' END,
       nullif(concat_ws(' ', attributes ->> 'material', replace(attributes ->> 'movement', '_', ' ')), ''), attributes ->> 'chinese_class',
       accuracy_m, note, 'field observation', geom
FROM observation WHERE id = :id RETURNING code
"""
