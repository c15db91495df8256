"""What rules, holds and the outbox cost on a full catalogue: a trial, one evaluation, a release, a reminder, the list.

uv run --no-sync python benchmarks/alert_load.py [--changes 10000] [--alerts 2000] [--rules 100] [--silences 200]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from field_catalogue import Bench, catalogue
from sqlalchemy import text

from alerts.rulebook import compare
from alerts.rulefile import load_rules
from alerts.run import process_run
from alerts.settings import AlertSettings
from hazard_db import alerts, changes, connect
from hazard_db.alerts.messages import issue

TODAY = datetime.now(UTC)
RUNS = 20
NEW = 200
"""Changes of the run that is evaluated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (("changes", 10_000), ("alerts", 2_000), ("rules", 100), ("silences", 200)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    asked = parser.parse_args()
    with catalogue() as bench:
        print(
            f"{asked.changes} changes, {asked.alerts} alerts, {asked.rules} rules beside our own, {asked.silences} silences"
        )
        fill(bench, asked)
        measure(bench)


def fill(bench: Bench, asked: argparse.Namespace) -> None:
    """Store changes of a year in runs, alerts on the first of them (a third closed), rules and silences."""
    rng = np.random.default_rng(9)
    with connect.transaction(bench.engine) as conn:
        connect.actor(conn, "benchmark")
        places = road(conn, asked.changes, rng)
        per_run = asked.changes // RUNS
        for number in range(RUNS):
            day = (TODAY - timedelta(days=360 - 17 * number)).date()
            store(
                conn,
                [change(lon, lat, day, rng) for lon, lat in places[number * per_run : (number + 1) * per_run]],
                day,
            )
        with_rules(conn, asked.rules)
        conn.execute(text(ALERTS), {"many": asked.alerts})
        conn.execute(
            text(
                "INSERT INTO alert_change (alert_id, change_id) SELECT id, CAST(evidence -> 'changes' ->> 0 AS bigint) FROM alert"
            )
        )
        for channel in range(3):
            alerts.add_subscription(
                conn, alerts.Subscription(f"duty {channel}", "file", f"d{channel}", scope="Restricted")
            )
        for number in range(asked.silences):
            low = 60 + (number * 3.7) % 730
            alerts.add_silence(conn, alerts.Silence("a benchmark", TODAY, TODAY + timedelta(days=9), chainage_from_km=low,
                                                    chainage_to_km=low + 2))  # fmt: skip
        live = list(conn.scalars(text("SELECT id FROM alert WHERE state = 'open'")))
        issue(conn, live, "Alert", "benchmark")
    owner = bench.engine.execution_options(isolation_level="AUTOCOMMIT")
    with owner.connect() as conn:
        conn.execute(text("ANALYZE"))


def measure(bench: Bench) -> None:
    """Print what each piece of work took; a warm connection, each once."""
    rule = load_rules(None).rules[0]
    settings = AlertSettings(home=bench.settings.home)
    told: dict[str, Callable[[Any], Any]] = {
        "trial of one rule, last year": lambda conn: compare(conn, rule, rule),
        "release of what was kept back": alerts.release,
        "reminders": lambda conn: alerts.remind(conn, {"Moderate": 24.0, "Severe": 6.0, "Extreme": 1.0}),
        "passing on": alerts.pass_on,
        "claim of 100 messages": lambda conn: alerts.claim_deliveries(conn, 100),
        "list of 100 alerts": alerts.list_alerts,
        "list of silences": alerts.silences,
        "reliability": alerts.reliability,
    }
    for name, work in told.items():
        spend(bench, name, work)
    for many in (NEW // 4, NEW, NEW * 4):
        day, rng = TODAY.date(), np.random.default_rng(many)
        with connect.transaction(bench.engine) as conn:
            places = road(conn, many, rng)
            run_id = store(conn, [change(lon, lat, day, rng) for lon, lat in places], day, f"newest {many}")
        spend(
            bench,
            f"evaluation of a run of {many}",
            lambda conn, run=run_id: process_run(conn, run, "benchmark", settings=settings),
        )


def spend(bench: Bench, name: str, work: Callable[[Any], Any]) -> None:
    """Print wall time and own CPU of a piece of work, rolled back or not as it leaves the connection."""
    with connect.transaction(bench.engine) as conn:
        connect.actor(conn, "benchmark")
        began, cpu = time.perf_counter(), time.process_time()
        done = work(conn)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    size = f"{len(done)} of it" if hasattr(done, "__len__") else ""
    print(f"{name:34s} {wall:7.2f} s, CPU of this process {cpu:6.2f} s   {size}".rstrip(), flush=True)


def road(conn: Any, many: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return places along the road, in no order."""
    rows = conn.execute(
        text(
            """SELECT ST_X(p), ST_Y(p) FROM unnest(CAST(:km AS float8[])) AS km, point_at_chainage(km, current_alignment()) AS p"""
        ),
        {"km": rng.uniform(60, 799, many).tolist()},
    )
    return [(x + rng.normal(0, 0.003), y + rng.normal(0, 0.003)) for x, y in rows]


def change(lon: float, lat: float, day: date, rng: np.random.Generator) -> changes.ChangeRecord:
    size = 0.0004
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return changes.ChangeRecord(
        kind="landslide", geometry={"type": "Polygon", "coordinates": [ring]}, confidence=float(rng.uniform(0.3, 1)), magnitude=6.0,
        area_m2=float(rng.lognormal(8, 1)), area_uncertainty_m2=100.0, mean_slope_deg=31.0, observed_share=1.0,
        first_date=day - timedelta(days=20), last_date=day,
    )  # fmt: skip


def store(conn: Any, listed: list[changes.ChangeRecord], day: date, name: str | None = None) -> int:
    run = changes.RunRecord(
        "landslide", "matched_filter", "1", {}, [], name or str(day), "benchmark", TODAY, TODAY, 0.9, {}, None
    )
    return changes.store_run(conn, run, listed, []).run_id


def with_rules(conn: Any, many: int) -> None:
    """Put variants of our own rule for slides in force."""
    plain = load_rules(None).rules[0].model_dump(mode="json")
    for number in range(many):
        definition = {**plain, "name": f"variant {number}", "min_area_m2": plain["min_area_m2"] + 10 * number}
        alerts.save_rule(conn, definition, "a benchmark")


ALERTS = """
INSERT INTO alert (rule_id, group_key, kind, state, severity, certainty, urgency, headline, description, evidence, expires_at, geom)
SELECT (SELECT min(id) FROM alert_rule), 'landslide/' || c.id, 'landslide',
       CASE WHEN c.place % 3 = 0 THEN 'resolved' ELSE 'open' END, 'Moderate', 'Possible', 'Expected',
       '{"en": "A slide", "zh": "A slide", "ur": "A slide"}', '{"en": "A slide", "zh": "A slide", "ur": "A slide"}',
       jsonb_build_object('rule', jsonb_build_object('id', (SELECT min(id) FROM alert_rule)), 'changes', jsonb_build_array(c.id),
                          'runs', CAST('[]' AS jsonb), 'areas', jsonb_build_object(CAST(c.id AS text), c.area_m2)),
       now() + interval '30 days', c.geom
FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM change ORDER BY id LIMIT :many) AS c
"""


if __name__ == "__main__":
    main()
