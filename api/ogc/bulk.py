"""Whole collections as files: GeoJSON, lines of GeoJSON, CSV, FlatGeobuf, GeoPackage. Memory stays the same whatever their size."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hazard_db import published_bulk
from hazard_db.connect import Connection
from hazard_db.errors import InputError
from hazard_db.ogr import pyogrio
from hazard_db.published import Collection, Page

BLOCK_BYTES = 256 * 1024
CHUNK_ROWS = 20_000
MOST_INDEXED = 100_000
"""The index of a FlatGeobuf is made in memory, some 190 bytes a feature: beyond this the file has none."""
AT_ONCE = threading.BoundedSemaphore(4)
"""Downloads hold a connection each, for as long as the reader takes."""


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    media_type: str
    ending: str
    write: Callable[[Connection, Collection, Page], Iterator[bytes]]


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of about BLOCK_BYTES."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _geojson(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    yield b'{"type":"FeatureCollection","features":[\n'
    for number, feature in enumerate(published_bulk.features(conn, collection, page)):
        yield b",\n" + feature if number else feature
    yield b"\n]}\n"


def _lines(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    for feature in published_bulk.features(conn, collection, page):
        yield feature + b"\n"


def _geopackage(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _content(_fill(conn, collection, page, Path(folder))[0])


def _flatgeobuf(conn: Connection, collection: Collection, page: Page) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        (source, indexed), path = _fill(conn, collection, page, Path(folder)), Path(folder) / "made.fgb"
        with pyogrio.open_arrow(source, use_pyarrow=False, batch_size=CHUNK_ROWS) as (told, stream):
            pyogrio.write_arrow(
                stream, path, driver="FlatGeobuf", layer=collection.name, geometry_name=told["geometry_name"] or "geom",
                geometry_type="Unknown", crs="EPSG:4326",
                SPATIAL_INDEX="YES" if indexed else "NO",
            )  # fmt: skip
        yield from _content(path)


FORMATS: Mapping[str, Format] = {
    "geojson": Format("application/geo+json", "geojson", _geojson),
    "geojsonseq": Format("application/geo+json-seq", "geojsonl", _lines),
    "csv": Format("text/csv; charset=utf-8", "csv", published_bulk.csv),
    "fgb": Format("application/flatgeobuf", "fgb", _flatgeobuf),
    "gpkg": Format("application/geopackage+sqlite3", "gpkg", _geopackage),
}


def offered(collection: Collection) -> dict[str, Format]:
    """Return the kinds of file that a collection is given as, by name."""
    return {name: one for name, one in FORMATS.items() if collection.geometry or name != "fgb"}


def form(name: str, collection: Collection) -> Format:
    """Return the kind of file of that name.

    Raises
    ------
    InputError
        There is none, or the collection has no geometry and the kind needs one.
    """
    kinds = offered(collection)
    if name not in kinds:
        raise InputError(f"f={name[:40]} is not offered for {collection.name}; there are {', '.join(kinds)}")
    return kinds[name]


def _fill(conn: Connection, collection: Collection, page: Page, folder: Path) -> tuple[Path, bool]:
    """Return a GeoPackage of the features, and whether they can be indexed: not too many, and all of them have a place."""
    path = folder / f"{collection.name}.gpkg"
    columns = [
        (name if name.lower() != "fid" else "record_fid", kind) for name, kind in published_bulk.kept(collection, page)
    ]
    rows = published_bulk.rows(conn, collection, page)
    count, first, placed = 0, True, True
    while (chunk := list(islice(rows, CHUNK_ROWS))) or first:
        fields = [_column([row[at] for row in chunk], kind) for at, (_, kind) in enumerate(columns)]
        shapes = np.array([row[-1] for row in chunk], dtype=object) if collection.geometry else None
        pyogrio.raw.write(
            path, driver="GPKG", layer=collection.name, append=not first, fields=[name for name, _ in columns],
            field_data=[values for values, _ in fields], field_mask=[missing for _, missing in fields], geometry=shapes,
            geometry_type="Unknown" if collection.geometry else None, crs="EPSG:4326" if collection.geometry else None,
        )  # fmt: skip
        first, placed, count = False, placed and all(row[-1] is not None for row in chunk), count + len(chunk)
    return path, placed and count <= MOST_INDEXED


def _column(values: Sequence[Any], kind: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    if kind == "text":
        return np.array(values, dtype=object), None
    dtype, blank = {"int8": (np.int64, 0), "float8": (np.float64, np.nan), "bool": (np.bool_, False)}[kind]
    missing = np.array([value is None for value in values], dtype=bool)
    return np.array([blank if value is None else value for value in values], dtype=dtype), missing


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
