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
SAME_ROAD_M = 100.0
"""Two lines so near to each other have the same surroundings."""
PLACES = 10
"""Along a segment, at which it is compared with the former line."""


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


def carry_looks(conn: Connection) -> int:
    """Return how many looks of satellites at the former line's segments were kept for segments of the present one.

    A segment is given the mean of what was seen at ten places along it, each as the former segment beside it had it. Where the
    former line runs more than `SAME_ROAD_M` away nothing was seen. Looks that a segment has already stay as they are.
    """
    former = conn.scalar(
        text("SELECT id FROM alignment WHERE id <> current_alignment() ORDER BY created_at DESC, id DESC LIMIT 1")
    )
    known = "SELECT FROM {} AS v JOIN segment AS s ON s.id = v.segment_id WHERE s.alignment_id = :former"
    if not conn.scalar(text(f"SELECT EXISTS ({known.format('visibility')}) OR EXISTS ({known.format('displacement_visibility')})"),
                       {"former": former}):  # fmt: skip
        return 0
    conn.execute(text(_BESIDE), {"former": former, "places": PLACES, "same_road_m": SAME_ROAD_M})
    count = sum(conn.execute(text(statement), {"places": PLACES}).rowcount for statement in (_CARRY, _CARRY_RADAR))
    conn.execute(text("DROP TABLE beside"))
    return count


_BESIDE = """
CREATE TEMPORARY TABLE beside ON COMMIT DROP AS
SELECT s.id, old.id AS former_id
FROM segment AS s CROSS JOIN generate_series(1, :places) AS n
CROSS JOIN LATERAL corridor_reference(ST_LineInterpolatePoint(s.geom, (n - 0.5) / :places), :former) AS c
CROSS JOIN LATERAL (SELECT o.id FROM segment AS o WHERE o.alignment_id = :former AND c.chainage_km BETWEEN o.km_from AND o.km_to
                    ORDER BY o.km_from LIMIT 1) AS old
WHERE s.alignment_id = current_alignment() AND c.offset_m <= :same_road_m
"""
_CARRY = """
INSERT INTO visibility (run_id, segment_id, share, covered_share, observed_on, hidden)
SELECT v.run_id, b.id, sum(v.share) / :places, sum(v.covered_share) / :places, max(v.observed_on),
       coalesce((SELECT jsonb_object_agg(name, total) FROM (
           SELECT h.key AS name, sum(CAST(h.value AS float8)) / :places AS total
           FROM beside AS x JOIN visibility AS y ON y.segment_id = x.former_id AND y.run_id = v.run_id
           CROSS JOIN LATERAL jsonb_each_text(y.hidden) AS h WHERE x.id = b.id GROUP BY h.key) AS told), '{}')
FROM beside AS b JOIN visibility AS v ON v.segment_id = b.former_id GROUP BY b.id, v.run_id
ON CONFLICT (run_id, segment_id) DO NOTHING
"""
# the shares that radar sees are those of the part that the elevation model covers
_CARRY_RADAR = """
INSERT INTO displacement_visibility (set_id, segment_id, seen_share, foreshortened_share, layover_share, shadow_share, covered_share)
SELECT v.set_id, b.id, sum(v.seen_share * v.covered_share) / sum(v.covered_share),
       sum(v.foreshortened_share * v.covered_share) / sum(v.covered_share),
       sum(v.layover_share * v.covered_share) / sum(v.covered_share),
       sum(v.shadow_share * v.covered_share) / sum(v.covered_share), sum(v.covered_share) / :places
FROM beside AS b JOIN displacement_visibility AS v ON v.segment_id = b.former_id GROUP BY b.id, v.set_id
HAVING sum(v.covered_share) > 0
ON CONFLICT (set_id, segment_id) DO NOTHING
"""
