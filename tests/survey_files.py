"""Survey files made for tests, and observations read from them without a database."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from pathlib import Path
from typing import Any

from hazard_db.survey_records import SurveyRecord
from ingest import files
from ingest.load import observed_in
from ingest.survey.options import checked
from ingest.survey.registry import FORMATS, recognise

HEADER = ["id", "kind", "observed_at", "observer", "latitude", "longitude", "accuracy_m", "note"]
ROW = ["1", "rockfall", "2026-05-01T14:30:00+05:00", "A. Geologist", "36.3201", "74.8702", "5", "blocks on the road"]


def write_csv(
    path: Path, *rows: list[Any], header: list[str] = HEADER, encoding: str = "utf-8", delimiter: str = ","
) -> Path:
    """Return a CSV file of these rows."""
    with path.open("w", newline="", encoding=encoding) as stream:
        csv.writer(stream, delimiter=delimiter).writerows([header, *rows])
    return path


def row(**changes: Any) -> list[Any]:
    """Return a good row with some cells changed."""
    return [changes.get(name, value) for name, value in zip(HEADER, ROW, strict=True)]


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    """Return a GeoJSON feature; two numbers are a point."""
    if isinstance(geometry, (list, tuple)):
        geometry = {"type": "Point", "coordinates": list(geometry)}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write_geojson(path: Path, *features: Any) -> Path:
    """Return a GeoJSON file of these features."""
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> list[SurveyRecord]:
    """Return the observations of a file."""
    given = dict.fromkeys(("kind", "crs", "timezone", "dataset")) | {"columns": {}} | options
    files.facts(path)
    checked_options = checked(path, **given)
    with closing(FORMATS[recognise(path)].read(path)) as source:
        observed = observed_in(path, source, checked_options)
        return [observed.record(raw) for raw in source.records]
