"""Survey files into the catalogue: whole or not at all, once, whatever happens meanwhile."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from hazard_db.connect import transaction
from ingest.load import SurveyReport, ingest_survey

pytestmark = pytest.mark.integration

HEADER = ["id", "kind", "observed_at", "observer", "latitude", "longitude", "accuracy_m", "note", "weather"]
ROW = [
    "1",
    "rockfall",
    "2026-05-01T14:30:00+05:00",
    "A. Geologist",
    "36.3201",
    "74.8702",
    "5",
    "blocks on the road",
    "rain",
]


def write_csv(path: Path, *rows: list[str], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def ingest(database: Any, path: Path, **options: Any) -> SurveyReport:
    """Ingest as the role that the application uses."""
    return ingest_survey(database.app_engine, path, actor="tester", **options)


def stored(database: Any, what: str = "*", table: str = "observation", order: str = "source_record") -> list[Any]:
    with transaction(database.engine) as conn:
        return list(conn.exec_driver_sql(f"SELECT {what} FROM {table} ORDER BY {order}"))


def test_a_csv_becomes_observations(database: Any, tmp_path: Path) -> None:
    report = ingest(database, write_csv(tmp_path / "hunza.csv", ROW))
    assert (report.status, report.format, report.new, report.rejected) == ("stored", "CSV", 1, 0)
    (row,) = stored(
        database, "kind, observer, accuracy_m, note, attributes, source_id, dataset, ST_X(geom), ST_Y(geom), created_by"
    )
    assert tuple(row) == (
        "rockfall", "A. Geologist", 5.0, "blocks on the road", {"weather": "rain"}, "1", "hunza", 74.8702, 36.3201, "tester",
    )  # fmt: skip


def test_a_geojson_becomes_observations(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "properties": {"kind": "滑坡"},
                        "geometry": {"type": "Point", "coordinates": [74.87, 36.32]},
                    },
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": {"type": "LineString", "coordinates": [[74.87, 36.32], [74.89, 36.32]]},
                    },
                ],
            }
        )
    )
    assert ingest(database, path).new == 2
    rows = stored(database, "kind, ST_AsText(geom), ST_AsText(shape)")
    assert [tuple(row) for row in rows] == [
        ("landslide", "POINT(74.87 36.32)", None),
        ("other", "POINT(74.88 36.32)", "LINESTRING(74.87 36.32,74.89 36.32)"),
    ]
    assert ingest(database, path).status == "unchanged"
