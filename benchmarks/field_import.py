"""10,000 observations by import: one transaction, each referenced to the road; then the same again, and all of them changed.

Prints wall and processor seconds of this program and of the database (private cluster, unloaded machine advised). Run:
uv run --no-sync python benchmarks/field_import.py [--records 10000]
"""

from __future__ import annotations

import argparse
import csv
import random
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

from field_catalogue import catalogue
from sqlalchemy import text

from hazard_db import connect
from ingest.load import ingest_survey

KINDS = ("landslide", "rockfall", "debris_flow", "road_damage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    number: int = parser.parse_args().records
    with catalogue() as bench, TemporaryDirectory() as folder:
        with connect.transaction(bench.engine) as conn:
            road = conn.execute(text("SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_LineInterpolatePoint(ST_Force2D(geom), n / 5000.0) AS p "
                                     "FROM alignment, generate_series(0, 5000) AS n WHERE valid_to IS NULL) AS q")).all()  # fmt: skip
        path = Path(folder) / "survey.csv"
        print("| what | records | wall (s) | CPU here (s) | CPU database (s) |")
        print("|---|---|---|---|---|")
        for what, changed in (("new", 0), ("the same file", 0), ("all changed", 1)):
            write(path, road, number, changed)
            with bench.spending() as spent:
                report = ingest_survey(bench.engine, path, actor="benchmark")
            wanted = {"new": report.new, "the same file": report.unchanged, "all changed": report.revised}[what]
            assert wanted == number, report
            print(
                f"| {what} | {wanted:,} | {spent[0].wall:.2f} | {spent[0].own_cpu:.2f} | {spent[0].database_cpu:.2f} |"
            )
        with connect.transaction(bench.engine) as conn:
            near, audited, kept = conn.execute(
                text("""SELECT count(chainage_km), (SELECT count(*) FROM audit_log WHERE table_name = 'observation'),
                               (SELECT count(*) FROM observation_revision) FROM observation""")
            ).one()
        print(f"\n{near:,} have a kilometre; {audited:,} entries of the audit trail; {kept:,} earlier versions kept")


def write(path: Path, road: list[tuple[float, float]], number: int, changed: int) -> None:
    """Write a survey near the road."""
    dice = random.Random(7)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(
            ["id", "kind", "observed_at", "observer", "latitude", "longitude", "accuracy_m", "note", "crack_width_mm"]
        )
        for count in range(number):
            lon, lat = dice.choice(road)
            rows.writerow([
                uuid.UUID(int=count + 1, version=4), KINDS[count % 4], "2026-05-01T14:30:00+05:00", "Sana",
                f"{lat + dice.gauss(0, 0.001):.6f}", f"{lon + dice.gauss(0, 0.001):.6f}", 5, f"crack {count}", count % 90 + changed,
            ])  # fmt: skip


if __name__ == "__main__":
    main()
