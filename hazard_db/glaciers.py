"""Glaciers of the catalogue: outlines of every source and date side by side, and how their areas differ."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import shapely
from pyproj import Geod
from sqlalchemy import Connection, text

from hazard_db.glacier_file import OutlineRecord

WGS84 = Geod(ellps="WGS84")
EDGE_SIGMA = 0.69 / 2
"""Standard deviation of an area over perimeter times pixel, for an edge drawn to half a pixel [@Hanshaw2014]."""


@dataclass(frozen=True)
class StoredOutlines:
    """What storing outlines did."""

    new: int
    unchanged: int
    glaciers: int


@dataclass(frozen=True)
class AreaChange:
    """How a glacier's area differs between two outlines."""

    glacier_id: str
    name: str | None
    earlier_on: date
    later_on: date
    earlier_m2: float
    later_m2: float
    change_m2: float
    change_uncertainty_m2: float


def area_of(record: OutlineRecord, pixel_m: float) -> tuple[float, float]:
    """Return the area on the spheroid and its uncertainty, m2, of an outline drawn on pictures of a pixel's size."""
    area, _ = WGS84.geometry_area_perimeter(record.outline)
    length = sum(WGS84.geometry_length(ring) for ring in shapely.get_rings(shapely.get_parts(record.outline)))
    return abs(float(area)), EDGE_SIGMA * float(length) * pixel_m


def store_outlines(
    conn: Connection, records: Sequence[OutlineRecord], *, dataset: str, pixel_m: float
) -> StoredOutlines:
    """Return what was stored, in the caller's transaction; an outline that the catalogue has is left as it is."""
    new = 0
    for record in records:
        area, uncertainty = area_of(record, pixel_m)
        shape = shapely.to_wkb(shapely.MultiPolygon(shapely.get_parts(record.outline).tolist()))
        sha = hashlib.sha256(shape + f"{record.outlined_on} {dataset}".encode()).hexdigest()
        number = conn.execute(
            text("""INSERT INTO glacier (glacier_id, name) VALUES (:glacier_id, :name)
                    ON CONFLICT (glacier_id) DO UPDATE SET name = coalesce(glacier.name, excluded.name) RETURNING id"""),
            {"glacier_id": record.glacier_id, "name": record.name},
        ).scalar_one()
        stored = conn.execute(
            text("""INSERT INTO glacier_outline (glacier, outlined_on, date_precision, dataset, schema, area_m2,
                                                 area_uncertainty_m2, content_sha256, geom)
                    VALUES (:glacier, :outlined_on, :date_precision, :dataset, :schema, :area, :uncertainty, :sha,
                            ST_GeomFromWKB(:wkb, 4326))
                    ON CONFLICT (glacier, content_sha256) DO NOTHING RETURNING id"""),
            {
                "glacier": number, "outlined_on": record.outlined_on, "date_precision": record.date_precision,
                "dataset": dataset, "schema": record.schema, "area": area, "uncertainty": uncertainty, "sha": sha,
                "wkb": shape,
            },
        ).scalar_one_or_none()  # fmt: skip
        new += stored is not None
    return StoredOutlines(new, len(records) - new, len({record.glacier_id for record in records}))


def area_changes(conn: Connection) -> list[AreaChange]:
    """Return how areas differ from each dated outline to the next; errors of both are taken as independent."""
    rows = conn.execute(
        text("""SELECT g.glacier_id, g.name, lag(o.outlined_on) OVER by_date AS earlier_on, o.outlined_on AS later_on,
                       lag(o.area_m2) OVER by_date AS earlier_m2, o.area_m2 AS later_m2,
                       o.area_m2 - lag(o.area_m2) OVER by_date AS change_m2,
                       sqrt(o.area_uncertainty_m2 ^ 2 + lag(o.area_uncertainty_m2) OVER by_date ^ 2) AS change_uncertainty_m2
                FROM glacier_outline AS o JOIN glacier AS g ON g.id = o.glacier WHERE o.outlined_on IS NOT NULL
                WINDOW by_date AS (PARTITION BY o.glacier ORDER BY o.outlined_on, o.id)
                ORDER BY g.glacier_id, o.outlined_on""")
    )
    return [AreaChange(**row._mapping) for row in rows if row.earlier_on is not None]
