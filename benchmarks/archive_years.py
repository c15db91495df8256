"""Simulated years of the corridor's tiles in an archive where everything goes wrong, and whether every scene is there once.

    python benchmarks/archive_years.py --kind static --tiles 11 --years 3 --dates 6

Answers of 500, slow ones, connections cut, wrong bytes, items listed twice, processed anew, late and out of order. `--kind` is
`static` (JSON files and range requests), `post` or `get` (a STAC API whose pages are linked in either way).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["HAZARD_ARCHIVE_ALLOWED_NETWORKS"] = '["127.0.0.0/8"]'

from api.opening import opened
from api.settings import ApiSettings
from hazard_db import connect, database
from tests import archive_years
from tests.archive_scenes import day
from tests.archive_server import Faults


def main() -> None:
    """Run it and print what was found, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("static", "post", "get"), default="static")
    parser.add_argument("--tiles", type=int, default=11)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--dates", type=int, default=6, help="A year.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="years-") as folder:
        os.environ["HAZARD_HOME"] = f"{folder}/home"
        with opened(road=True) as catalogue:
            owner = connect.engine(database.url(catalogue.settings))
            days = [
                day(0, 2020 + year) + timedelta(days=360 * number // given.dates)
                for year in range(given.years)
                for number in range(given.dates)
            ]
            where = archive_years.places(catalogue.engine, given.tiles)
            years = archive_years.simulate(Path(folder) / "archive", where, days, given.seed)
            wall, cpu = time.monotonic(), time.process_time()
            faults = Faults(**archive_years.FAULTS, seed=given.seed)
            told = archive_years.run(owner, catalogue.engine, ApiSettings(), years, given.kind, faults)
            told |= {"wall_s": round(time.monotonic() - wall), "cpu_s": round(time.process_time() - cpu)}
            owner.dispose()
        database.down(catalogue.settings)
    print(json.dumps({**vars(given), "faults": archive_years.FAULTS, **told}, indent=1))


if __name__ == "__main__":
    main()
