"""What detection found, as tests store it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from hazard_db import changes, connect

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def store_change(database: Any, status: str = "candidate") -> int:
    ring = [[74.866, 36.336], [74.869, 36.336], [74.869, 36.339], [74.866, 36.336]]
    found = changes.ChangeRecord(
        kind="landslide", geometry={"type": "Polygon", "coordinates": [ring]}, confidence=0.8, magnitude=6.0,
        area_m2=40_000.0, area_uncertainty_m2=4_000.0, mean_slope_deg=31.0, observed_share=1.0,
        first_date=date(2026, 6, 1), last_date=date(2026, 6, 20), picture="pictures/change-1.png",
    )  # fmt: skip
    run = changes.RunRecord(
        "landslide", "matched_filter", "1", {}, [], uuid.uuid4().hex, "test", NOW, NOW, 0.9, {}, None
    )
    with connect.transaction(database.engine) as conn:
        number = changes.store_run(conn, run, [found], []).new[0]
        if status != "candidate":
            changes.review(conn, number, status, "R. Reviewer")
    return number
