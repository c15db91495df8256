"""Every record is given its kilometre on the present alignment, in one transaction, and what became of it is told in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

REFERENCED = (
    "observation", "site", "event", "change", "alert", "finding", "glacier_outline", "glacial_lake", "cascade",
    "closure", "road_work", "structure", "earthquake", "bulletin", "sensor", "deformation_area", "rhrs_score", "silence", "team",
)  # fmt: skip
"""Tables whose records have a kilometre."""
STRETCHES = ("closure", "road_work", "silence")
"""Told by the kilometres where they begin and end; all others have a nearest kilometre."""


@dataclass(frozen=True)
class Rechained:
    """What became of the records of a table."""

    table: str
    records: int
    on_road: int
    """With a kilometre on the present alignment."""
    moved: int
    """Of these, with another kilometre than before, by more than a metre."""
    gained: int
    """Of these, without one before."""
    beyond: int
    """Too far from the present alignment; closures and works among them keep the version they were told on."""
    furthest_km: float
    """Largest difference of the kilometre."""


def rechain(conn: Connection) -> tuple[Rechained, ...]:
    """Return what became of every record; others can read meanwhile, and write again once the transaction ends."""
    conn.execute(text(f"LOCK TABLE {', '.join(REFERENCED)} IN SHARE ROW EXCLUSIVE MODE"))
    return tuple(Rechained(table, **conn.execute(text(_statement(table))).one()._mapping) for table in REFERENCED)


def _statement(table: str) -> str:
    return _RECHAIN.format(table=table, km="chainage_from_km" if table in STRETCHES else "chainage_km")


# The trigger of the table does the work; the other half of the statement sees the table as it was before.
_RECHAIN = """
WITH renewed AS (UPDATE {table} SET geom = geom RETURNING id, {km} AS km, alignment_id = current_alignment() AS on_road)
SELECT count(*) AS records, count(*) FILTER (WHERE n.on_road) AS on_road,
       count(*) FILTER (WHERE n.on_road AND abs(n.km - old.{km}) > 0.001) AS moved,
       count(*) FILTER (WHERE n.on_road AND old.{km} IS NULL) AS gained,
       count(*) FILTER (WHERE n.on_road IS NOT true) AS beyond,
       coalesce(max(abs(n.km - old.{km})) FILTER (WHERE n.on_road), 0) AS furthest_km
FROM renewed AS n JOIN {table} AS old USING (id)
"""
