"""Lakes of the catalogue: known again by what they ever covered, one outline a lake and day, the latest look at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

SAME_LAKE_SHARE = 0.3
"""A lake that covers this share of a known one's extent (or is covered so by it) is that lake."""


@dataclass(frozen=True)
class View:
    """A lake on one picture."""

    scene_id: str
    observed_on: date
    state: str
    """water, frozen or dry."""
    area_m2: float
    area_uncertainty_m2: float
    confidence: float
    growth_m2_yr: float | None = None
    growth_uncertainty_m2_yr: float | None = None
    outline: BaseGeometry | None = None
    """EPSG:4326; None where its place is dry."""


@dataclass(frozen=True)
class LakeRecord:
    """A lake as a run followed it."""

    lake_id: str
    """As the run named it; a known lake keeps its own id."""
    ice_dammed: bool | None
    ice_contact_share: float | None
    views: tuple[View, ...]

    @property
    def extent(self) -> BaseGeometry:
        """All that it covered."""
        return shapely.union_all([one.outline for one in self.views if one.outline is not None])


@dataclass(frozen=True)
class StoredLakes:
    """What storing the lakes of a run did."""

    ids: tuple[int, ...]
    """Of all lakes of the run."""
    new: int
    changed: int
    """Outlines that are new or differ from what was known of their day."""


def store(
    conn: Connection, run_id: int, records: Sequence[LakeRecord], *, scene_ids: Sequence[str], footprint_wkb: bytes
) -> StoredLakes:
    """Return what was stored of a run, in the caller's transaction.

    What earlier runs saw on the very scenes of this run, within its footprint, this run's view takes the place of. Several
    lakes of the run on one known lake are parts of it.

    Parameters
    ----------
    scene_ids
        All scenes that the run looked at.
    footprint_wkb
        Where it looked, EPSG:4326.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('lakes: store', 0))"))
    known = _known(conn, footprint_wkb)
    gathered: dict[int, list[LakeRecord]] = {}
    new = 0
    for record in records:
        number = _same(record.extent, known)
        if number is None:
            number, shape = _insert(conn, record)
            known.append((number, shape))
            new += 1
        gathered.setdefault(number, []).append(record)
    rows = [_row(number, view) for number, parts in gathered.items() for view in _joined(parts)]
    values = {"run": run_id, "rows": json.dumps(rows), "scenes": list(scene_ids), "footprint": footprint_wkb}
    conn.execute(text(_SUPERSEDE), values)
    changed = conn.execute(text(_INSERT), values).rowcount
    conn.execute(text(_SETTLE), {"ids": list(gathered)})
    for number, parts in gathered.items():
        largest = max(parts, key=lambda part: part.extent.area)
        conn.execute(
            text("""UPDATE glacial_lake SET ice_dammed = coalesce(:dammed, ice_dammed),
                                            ice_contact_share = coalesce(:share, ice_contact_share)
                    WHERE id = :id AND (ice_dammed, ice_contact_share) IS DISTINCT FROM
                          (coalesce(:dammed, ice_dammed), coalesce(:share, ice_contact_share))"""),
            {"id": number, "dammed": largest.ice_dammed, "share": largest.ice_contact_share},
        )
    return StoredLakes(tuple(gathered), new, changed)


def find(conn: Connection, ids: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return lakes with their latest view and their way to the road, by id."""
    rows = conn.execute(
        text("""SELECT l.id, l.lake_id, l.name, l.ice_dammed, l.ice_contact_share, g.glacier_id, o.observed_on, o.state, o.area_m2,
                       o.area_uncertainty_m2, o.growth_m2_yr, o.growth_uncertainty_m2_yr, o.confidence, k.chainage_km AS road_km,
                       k.flow_m, k.drop_m, CAST(ST_AsGeoJSON(coalesce(o.geom, l.geom), 6) AS jsonb) AS geometry
                FROM glacial_lake AS l
                JOIN LATERAL (SELECT * FROM lake_outline AS o WHERE o.lake = l.id AND o.superseded_at IS NULL
                              ORDER BY o.observed_on DESC LIMIT 1) AS o ON true
                LEFT JOIN glacier AS g ON g.id = l.glacier
                LEFT JOIN cascade AS k ON k.lake = l.id AND k.alignment_id = current_alignment()
                WHERE CAST(:ids AS bigint[]) IS NULL OR l.id = ANY(:ids) ORDER BY l.lake_id"""),
        {"ids": None if ids is None else list(ids)},
    )
    return [dict(row._mapping) for row in rows]


def series(conn: Connection, lake: int) -> list[dict[str, Any]]:
    """Return a lake's states and areas through time."""
    rows = conn.execute(
        text("""SELECT observed_on, state, area_m2, area_uncertainty_m2, growth_m2_yr, growth_uncertainty_m2_yr, confidence, scene_id
                FROM lake_outline WHERE lake = :lake AND superseded_at IS NULL ORDER BY observed_on"""),
        {"lake": lake},
    )
    return [dict(row._mapping) for row in rows]


def _known(conn: Connection, footprint_wkb: bytes) -> list[tuple[int, BaseGeometry]]:
    rows = conn.execute(
        text("""SELECT id, ST_AsBinary(geom) AS geom FROM glacial_lake
                WHERE ST_Intersects(geom, ST_GeomFromWKB(:area, 4326)) ORDER BY id"""),
        {"area": footprint_wkb},
    )
    return [(row.id, shapely.from_wkb(bytes(row.geom))) for row in rows]


def _same(extent: BaseGeometry, known: Sequence[tuple[int, BaseGeometry]]) -> int | None:
    """Return the known lake that shares most with an extent, the older of equals; None where none shares enough."""
    best, most = None, 0.0
    for number, shape in known:
        shared = extent.intersection(shape).area if extent.intersects(shape) else 0.0
        if shared > SAME_LAKE_SHARE * min(extent.area, shape.area) and shared > most:
            best, most = number, shared
    return best


def _insert(conn: Connection, record: LakeRecord) -> tuple[int, BaseGeometry]:
    """Return the number of a new lake and its extent; an id that another lake has gets a number behind it."""
    extent = record.extent
    taken = set(
        conn.scalars(
            text("SELECT lake_id FROM glacial_lake WHERE lake_id = :id OR starts_with(lake_id, :id || '-')"),
            {"id": record.lake_id},
        )
    )
    name, number = record.lake_id, 2
    while name in taken:
        name, number = f"{record.lake_id}-{number}", number + 1
    found: int = conn.execute(
        text(
            "INSERT INTO glacial_lake (lake_id, geom) VALUES (:name, ST_Multi(ST_GeomFromWKB(:wkb, 4326))) RETURNING id"
        ),
        {"name": name, "wkb": shapely.to_wkb(extent)},
    ).scalar_one()
    return found, extent


def _joined(parts: Sequence[LakeRecord]) -> list[View]:
    """Return the views of a lake, one a day: parts of one picture add up, of several pictures the surest counts."""
    by_picture: dict[tuple[date, str], list[View]] = {}
    for part in parts:
        for view in part.views:
            by_picture.setdefault((view.observed_on, view.scene_id), []).append(view)
    best: dict[date, View] = {}
    for (day, _), views in sorted(by_picture.items()):
        whole = _together(views)
        if day not in best or _weight(whole) > _weight(best[day]):
            best[day] = whole
    return list(best.values())


def _weight(view: View) -> tuple[bool, float, float]:
    return view.state == "water", view.confidence, -view.area_uncertainty_m2


def _together(views: Sequence[View]) -> View:
    """Return parts of a lake on one picture as one; what is dry adds nothing to what is not."""
    wet = [view for view in views if view.state != "dry"] or list(views[:1])
    if len(wet) == 1:
        return wet[0]
    rates = [view.growth_m2_yr for view in wet if view.growth_m2_yr is not None]
    spread = [view.growth_uncertainty_m2_yr or 0.0 for view in wet]
    return View(
        scene_id=wet[0].scene_id,
        observed_on=wet[0].observed_on,
        state="water" if any(view.state == "water" for view in wet) else "frozen",
        area_m2=sum(view.area_m2 for view in wet),
        area_uncertainty_m2=sum(view.area_uncertainty_m2 for view in wet),
        confidence=max(view.confidence for view in wet),
        growth_m2_yr=sum(rates) if rates else None,
        growth_uncertainty_m2_yr=sum(spread) if rates else None,
        outline=shapely.union_all([view.outline for view in wet]),
    )


def _row(number: int, view: View) -> dict[str, Any]:
    wkb = None if view.outline is None else shapely.to_wkb(view.outline, hex=True)
    return {**vars(view), "lake": number, "observed_on": view.observed_on.isoformat(), "outline": wkb}


_VALUES = "state, area_m2, area_uncertainty_m2, growth_m2_yr, growth_uncertainty_m2_yr, confidence"
_GIVEN = """given AS (
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS i(lake bigint, scene_id text, observed_on date, state text, area_m2 float8,
        area_uncertainty_m2 float8, growth_m2_yr float8, growth_uncertainty_m2_yr float8, confidence float8, outline text)
)"""
# A view of a scene that this run looked at too, or of one that was processed anew, gives way; one of another scene stays where
# this run has nothing better for its day.
_SUPERSEDE = f"""
WITH {_GIVEN}
UPDATE lake_outline AS o SET superseded_at = now() FROM glacial_lake AS l
WHERE l.id = o.lake AND o.superseded_at IS NULL
  AND (o.lake IN (SELECT lake FROM given) OR ST_Within(l.geom, ST_GeomFromWKB(:footprint, 4326)))
  AND NOT EXISTS (SELECT FROM given AS i WHERE i.lake = o.lake AND i.observed_on = o.observed_on
      AND (o.scene_id, o.state, o.area_m2, o.area_uncertainty_m2, o.growth_m2_yr, o.growth_uncertainty_m2_yr, o.confidence)
          IS NOT DISTINCT FROM
          (i.scene_id, i.state, i.area_m2, i.area_uncertainty_m2, i.growth_m2_yr, i.growth_uncertainty_m2_yr, i.confidence))
  AND (o.scene_id = ANY(:scenes)
       OR EXISTS (SELECT FROM scene AS s WHERE s.id = o.scene_id AND s.properties ->> 'superseded_by' = ANY(:scenes))
       OR EXISTS (SELECT FROM given AS i WHERE i.lake = o.lake AND i.observed_on = o.observed_on
                  AND (i.state = 'water' OR o.state <> 'water')))
"""
_INSERT = f"""
WITH {_GIVEN}
INSERT INTO lake_outline (lake, run_id, scene_id, observed_on, {_VALUES}, geom)
SELECT lake, :run, scene_id, observed_on, {_VALUES}, ST_Multi(ST_SetSRID(CAST(outline AS geometry), 4326)) FROM given AS i
WHERE NOT EXISTS (SELECT FROM lake_outline AS o WHERE o.lake = i.lake AND o.observed_on = i.observed_on AND o.superseded_at IS NULL)
"""
# Extent: what the views that count cover. Name: that of a known site there. Glacier: the nearest.
_SETTLE = """
UPDATE glacial_lake AS l SET geom = n.geom, glacier = n.glacier, name = coalesce(l.name, n.name) FROM (
    SELECT k.id, ST_Multi(ST_CollectionExtract(ST_Union(o.geom), 3)) AS geom,
           (SELECT g.glacier FROM glacier_outline AS g WHERE g.geom && ST_Expand(k.geom, 0.02)
                AND ST_DWithin(CAST(g.geom AS geography), CAST(k.geom AS geography), 1000)
            ORDER BY ST_Distance(g.geom, k.geom), g.id LIMIT 1) AS glacier,
           (SELECT s.name FROM site AS s WHERE s.kind = 'glacial_lake' AND s.geom && ST_Expand(k.geom, 0.05)
                AND ST_DWithin(CAST(s.geom AS geography), CAST(k.geom AS geography), least(coalesce(s.accuracy_m, 500), 3000))
            ORDER BY ST_Distance(s.geom, k.geom), s.id LIMIT 1) AS name
    FROM glacial_lake AS k JOIN lake_outline AS o ON o.lake = k.id AND o.superseded_at IS NULL AND o.geom IS NOT NULL
    WHERE k.id = ANY(:ids) GROUP BY k.id
) AS n WHERE n.id = l.id
"""
