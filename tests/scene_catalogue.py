"""Synthetic products into a catalogue, and what it then holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import box

from hazard_db import scenes
from hazard_db.connect import transaction
from ingest.imagery.load import SceneReport, ingest_scene
from tests.imagery_products import safe_product

CORRIDOR = box(74.5, 36.3, 74.6, 36.45)
"""Holds the synthetic products, which lie at 460000 4030000 in UTM 43N."""
OFFSETS = dict.fromkeys(range(13), -1000)
DAY = {"acquired": "2023-07-15T05:46:39Z"}


def ingest(database: Any, home: Path, *paths: Path, **options: Any) -> list[SceneReport]:
    """Ingest as the role that the application uses."""
    return ingest_scene(
        database.app_engine, paths, home=home, actor="tester", corridor=options.pop("corridor", CORRIDOR), **options
    )


def rows(database: Any, **filters: Any) -> list[scenes.SceneRecord]:
    """Return the catalogue's scenes."""
    with transaction(database.engine) as conn:
        return scenes.find(conn, superseded=True, **filters)


def sentinel(folder: Path, *, first: int = 1200, **options: Any) -> Path:
    """Return a product of 64 x 64 pixels, its first column and row without data."""
    numbers = {}
    for index, band in enumerate(("B02", "B03", "B04", "B08", "B11", "B12")):
        size = 32 if band in {"B11", "B12"} else 64
        values = np.full((size, size), first + 500 * index, np.uint16)
        values[: size // 8, :] = 0
        numbers[band] = values
    scl = np.full((32, 32), 5, np.uint8)
    scl[:4, :] = 0
    scl[10, 10] = 9
    return safe_product(folder, numbers, scl, **options)


def assert_nothing_stored(database: Any, home: Path) -> None:
    """Neither a row nor a file."""
    assert rows(database) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
