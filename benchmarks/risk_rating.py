"""Time to rate the whole corridor anew, by the number of observations and displacement points; prints Markdown.

Each size has as many observations as points, spread along the road as field work and radar spread them: nine in ten observations
within 2 km of the road, points within 1.5 km; every third point moves. The time is that of `risk.update`, commit included.
Run (an own cluster, a minute or two to fill a million):
uv run --no-sync python benchmarks/risk_rating.py --sizes 1000,10000,100000,1000000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

from sqlalchemy import text

from hazard_db import cluster, connect, migrate, risk, risk_history, seed
from hazard_db.connect import Connection, Engine

ON = date(2026, 7, 1)
PLACES = """
CREATE TEMPORARY TABLE place AS
SELECT i, ST_Transform(ST_SetSRID(ST_MakePoint(ST_X(p) + d * cos(a), ST_Y(p) + d * sin(a)), 32643), 4326) AS geom
FROM (SELECT i, ST_LineInterpolatePoint(s.geom, random()) AS p, s.reach * sqrt(random()) AS d, 2 * pi() * random() AS a
      FROM generate_series(1, :number) AS i
      JOIN (SELECT row_number() OVER () AS n, ST_Transform(geom, 32643) AS geom, CAST(:reach_m AS float8) AS reach FROM segment) AS s
        ON s.n = 1 + i % (SELECT count(*) FROM segment)) AS drawn
"""
OBSERVATIONS = """
INSERT INTO observation (id, kind, observed_at, note, accuracy_m, review_status, dataset, content_sha256, geom)
SELECT gen_random_uuid(), (ARRAY['landslide', 'rockfall', 'debris_flow', 'flood'])[1 + i % 4],
       timestamptz '2026-07-01' - random() * interval '6 years', 'field note ' || i, 5 + 30 * random(),
       (ARRAY['accepted', 'submitted'])[1 + i % 2], 'benchmark', CAST(i AS text), geom FROM place
"""
SET = """
INSERT INTO displacement_set (name, format, component, reference, unit_in_file, crs_in_file, dates, times_yr, seasonal, n_points, geom)
VALUES ('benchmark', 'csv', 'line of sight', 'none', 'mm', 'EPSG:4326', ARRAY[date '2025-01-01', date '2026-06-01'], ARRAY[2025.0, 2026.4],
        'none', :number, ST_MakeEnvelope(60, 20, 90, 55, 4326)) RETURNING id
"""
POINTS = """
INSERT INTO displacement_point (set_id, code, velocity_mm_yr, velocity_std_mm_yr, min_zoom, gaps, series, sums, geom)
SELECT :set, CAST(i AS text), CASE WHEN i % 3 = 0 THEN -40 * random() ELSE 2 * random() - 1 END, 1, 12, 0,
       array_fill(CAST(1 AS real), ARRAY[30]), array_fill(CAST(1 AS float8), ARRAY[4]), geom FROM place
"""


def fill(engine: Engine, url: str, number: int) -> None:
    with connect.transaction(engine) as conn:
        conn.execute(
            text("SET LOCAL session_replication_role = replica")
        )  # neither audit nor referencing is measured here
        conn.execute(text("SELECT setseed(0.5)"))
        conn.execute(text(PLACES), {"number": number, "reach_m": 2000.0})
        conn.execute(text(OBSERVATIONS))
        conn.execute(
            text("""UPDATE observation AS o SET alignment_id = current_alignment(), chainage_km = c.chainage_km,
                    chainage_from_km = c.chainage_km, chainage_to_km = c.chainage_km, offset_m = c.offset_m, side = c.side
                    FROM observation AS i, chainage_of_point(ST_Transform(i.geom, 32643), current_alignment()) AS c
                    WHERE i.id = o.id AND o.dataset = 'benchmark'""")
        )
        conn.execute(text("DROP TABLE place"))
        conn.execute(text(PLACES), {"number": number, "reach_m": 1500.0})
        points = conn.scalar(text(SET), {"number": number})
        conn.execute(text(POINTS), {"set": points})
        conn.execute(text("DROP TABLE place"))
    with connect.direct(url) as conn:
        conn.execute("VACUUM ANALYZE observation, displacement_point")


def rate(engine: Engine) -> tuple[float, float, int]:
    """Return wall and own CPU seconds of one rating, and how many ratings changed."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    with connect.transaction(engine) as conn:
        changed = risk.update(conn, ON).changed
    now = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter() - began, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, changed


def compared_s(conn: Connection) -> float:
    began = time.perf_counter()
    risk_history.compare(conn, 640, 660, date(2020, 1, 1), date(2100, 1, 1))
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    print(
        "| observations and points, each | rated (s) | again (s) | of it Python CPU (s) | ratings | km 640-660 compared (s) |"
    )
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        cluster.up(home)
        try:
            migrate.upgrade(cluster.url(home, "admin"))
            url = cluster.superuser_url(home)
            engine = connect.engine(url)
            with connect.transaction(engine) as conn:
                seed.load(conn)
            for size in sizes:
                with connect.transaction(engine) as conn:
                    conn.execute(text("SET LOCAL session_replication_role = replica"))
                    conn.execute(text("TRUNCATE observation, displacement_point, risk_rating CASCADE"))
                    conn.execute(text("DELETE FROM displacement_set"))
                fill(engine, url, size)
                first, _, changed = rate(engine)
                again, cpu, _ = rate(engine)
                with connect.transaction(engine) as conn:
                    compared = compared_s(conn)
                print(
                    f"| {size:,} | {first:.2f} | {again:.2f} | {cpu:.2f} | {changed:,} | {compared:.3f} |", flush=True
                )
            engine.dispose()
        finally:
            cluster.down(home)


if __name__ == "__main__":
    main()
