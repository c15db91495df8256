"""GeoJSON: FeatureCollection, single Feature, one feature a line."""

from __future__ import annotations

from pathlib import Path

from ingest.json_features import read_geojson
from ingest.survey.source import Raw, Sample, Source
from ingest.vectors import crs_of


def claims(sample: Sample) -> bool:
    """Return whether the file is JSON."""
    text = sample.head.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b" \t\r\n\x1e\xff\xfe")
    return text.startswith(b"{")


def read(path: Path) -> Source:
    """Return its features."""
    collection = read_geojson(path)
    records = (Raw(f"feature {one.number}", one.values, one.geometry, one.problem) for one in collection.features)
    return Source(records, collection.crs or crs_of("EPSG:4326"))
