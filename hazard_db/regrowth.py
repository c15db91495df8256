"""Landslides that plants have come back to: which may have, and that they were seen so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

from hazard_db import sightings
from hazard_db.changes import RunRecord, store_run

KIND = "landslide"


@dataclass(frozen=True)
class BareSlide:
    """A landslide that has not been seen overgrown since it last moved."""

    id: int
    outline: BaseGeometry
    """EPSG:4326."""
    quiet_until: date
    """Last day before its first movement."""
    moved_until: date
    """Day that shows its latest movement."""


@dataclass(frozen=True)
class Overgrown:
    """That a landslide is green again."""

    share: float
    """Share of the lost green that has come back."""
    seen_on: tuple[date, ...]
    properties: Mapping[str, Any]


_BARE = """SELECT c.id, ST_AsBinary(c.geom) AS wkb, c.last_date AS moved_until,
                  (SELECT min(s.first_date) FROM change_sighting AS s
                   WHERE s.change_id = c.id AND s.development <> 'revegetated') AS quiet_until
           FROM change AS c
           WHERE c.kind = :kind AND c.status <> 'false_alarm' AND c.part_of IS NULL
             AND NOT EXISTS (SELECT FROM change_sighting AS s WHERE s.change_id = c.id AND s.development = 'revegetated'
                             AND s.first_date > c.last_date)"""


def bare_slides(conn: Connection, footprint: BaseGeometry) -> list[BareSlide]:
    """Return the known landslides within a footprint, EPSG:4326, that may be overgrown since; false alarms are none."""
    rows = conn.execute(
        text(f"{_BARE} AND ST_CoveredBy(c.geom, ST_GeomFromWKB(:footprint, 4326)) ORDER BY c.id"),
        {"kind": KIND, "footprint": shapely.to_wkb(footprint)},
    )
    return [BareSlide(row.id, shapely.from_wkb(bytes(row.wkb)), row.quiet_until, row.moved_until) for row in rows]


def store_overgrown(conn: Connection, run: RunRecord, told: Mapping[int, Overgrown]) -> tuple[int, ...]:
    """Return the changes that were noted as overgrown, in the caller's transaction; what was noted meanwhile stays as it is.

    No change is made and none is changed: the sighting says that the area of the change was green again on those days.
    """
    sightings.lock(conn, (KIND,))
    rows = conn.execute(text(f"{_BARE} AND c.id = ANY(:ids)"), {"kind": KIND, "ids": list(told)}).all()
    # one that moved again since it was looked at is not what was looked at
    noted = {row.id: told[row.id] for row in rows if min(told[row.id].seen_on) > row.moved_until}
    if not noted:
        return ()
    run_id = store_run(conn, run, [], []).run_id
    conn.execute(
        text("""INSERT INTO change_sighting (change_id, run_id, development, confidence, magnitude, area_m2, area_uncertainty_m2,
                                             mean_slope_deg, first_date, last_date, properties, geom)
                SELECT id, :run_id, 'revegetated', confidence, :magnitude, area_m2, area_uncertainty_m2, mean_slope_deg,
                       :first_date, :last_date, CAST(:properties AS jsonb), geom
                FROM change WHERE id = :id"""),
        [
            {
                "id": number, "run_id": run_id, "magnitude": one.share,
                "first_date": min(one.seen_on), "last_date": max(one.seen_on), "properties": json.dumps(dict(one.properties)),
            }
            for number, one in noted.items()
        ],
    )  # fmt: skip
    return tuple(sorted(noted))
