"""GeoPackages with photos inside: the OGC Related Tables extension, which QGIS and GDAL read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from api import copies
from hazard_db import media, media_files
from hazard_db.connect import Connection
from hazard_db.errors import InputError
from hazard_db.media import MediaRecord

MOST_BYTES = 1 << 30
"""Of the photos of one file; larger ones are exported part by part."""
Photos = Literal["copies", "originals", "none"]


@dataclass(frozen=True)
class Attached:
    """A photo and the record that it belongs to."""

    row: int
    """Number of the record in the list, from 0."""
    file: MediaRecord
    path: Path
    mime_type: str


def attached(
    conn: Connection, items: Sequence[Mapping[str, Any]], what: str, home: Path, *, photos: Photos, public: bool
) -> Iterator[Attached]:  # fmt: skip
    """Yield the photos of records; of sites those of the observations that they rest on.

    Parameters
    ----------
    photos
        Copies are upright, no larger than a screen needs, without what the camera told; originals are as they came in.
    public
        Only of accepted observations, and only copies.

    Raises
    ------
    InputError
        They are too large for one file.
    """
    if photos == "none" or what == "events":
        return
    found = media.of_observations if what == "observations" else media.of_sites
    rows = {item["id"]: number for number, item in enumerate(items)}
    total = 0
    for owner, file in found(conn, list(rows), accepted_only=public):
        one = _given(file, home, original=photos == "originals" and not public)
        if one is None:
            continue
        total += one[0].stat().st_size
        if total > MOST_BYTES:
            raise InputError(
                f"the photos have more than {MOST_BYTES >> 20} MB; export fewer records at once (km, since, kind), or photos=none"
            )
        yield Attached(rows[owner], file, *one)


def _given(file: MediaRecord, home: Path, *, original: bool) -> tuple[Path, str] | None:
    """Return the file to put in and its type; None where it is not on this machine, or no copy can be made."""
    path = media_files.path_of(home / "media", file.sha256)
    if not path.is_file():
        return None
    return (path, file.mime_type) if original else copies.open_to_all(path, home / "copies", file.mime_type)


def put_photos(package: Path, layer: str, photos: Iterable[Attached]) -> int:
    """Return how many photos were put into a GeoPackage, each related to its feature (numbered from 1 in the order of the list)."""
    count = 0
    with closing(sqlite3.connect(package)) as database, database:
        numbers: dict[tuple[str, UUID], int] = {}
        for one in photos:
            if not numbers:  # without photos a GeoPackage has the one layer that programs look for
                database.executescript(_TABLES.format(layer=layer))
            key = (one.file.sha256, one.file.observation_id)
            if key not in numbers:
                count += 1
                numbers[key] = count
                row = (count, one.path.read_bytes(), one.mime_type, one.file.filename, one.file.sha256, str(one.file.observation_id),
                       one.file.taken_at.isoformat() if one.file.taken_at else None, one.file.lon, one.file.lat)  # fmt: skip
                database.execute(f"INSERT INTO {layer}_photos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            database.execute(f"INSERT INTO {layer}_photos_map VALUES (?, ?)", (one.row + 1, numbers[key]))
    return count


_TABLES = """
CREATE TABLE {layer}_photos (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, data BLOB NOT NULL, content_type TEXT NOT NULL,
    filename TEXT, sha256 TEXT, observation_id TEXT, taken_at TEXT, longitude REAL, latitude REAL);
CREATE TABLE {layer}_photos_map (base_id INTEGER NOT NULL, related_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
    scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE IF NOT EXISTS gpkgext_relations (id INTEGER PRIMARY KEY AUTOINCREMENT, base_table_name TEXT NOT NULL,
    base_primary_column TEXT NOT NULL DEFAULT 'id', related_table_name TEXT NOT NULL, related_primary_column TEXT NOT NULL DEFAULT 'id',
    relation_name TEXT NOT NULL, mapping_table_name TEXT NOT NULL UNIQUE);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('{layer}_photos', 'attributes', '{layer}_photos', 'photos of {layer}'),
    ('{layer}_photos_map', 'attributes', '{layer}_photos_map', 'which photo belongs to which of {layer}');
INSERT INTO gpkg_extensions VALUES
    ('gpkgext_relations', NULL, 'gpkg_related_tables', 'http://www.geopackage.org/18-000.html', 'read-write'),
    ('{layer}_photos_map', NULL, 'gpkg_related_tables', 'http://www.geopackage.org/18-000.html', 'read-write');
INSERT INTO gpkgext_relations (base_table_name, base_primary_column, related_table_name, related_primary_column, relation_name,
    mapping_table_name) VALUES ('{layer}', 'fid', '{layer}_photos', 'id', 'media', '{layer}_photos_map');
"""
