"""What reads bytes from outside, each as one function of bytes: it returns quietly or raises a refusal, nothing else."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from api.openrosa import instances
from hazard_db import cql2, glacier_file, media_files
from hazard_db.alignment_file import read_pieces
from hazard_db.errors import HazardError
from hazard_db.published import Collection, Column
from ingest.displacement.registry import open_displacement
from ingest.imagery import stacitems
from ingest.imagery.source import Layer
from ingest.inventories.registry import FORMATS as INVENTORIES
from ingest.inventories.registry import recognise as recognise_inventory
from ingest.inventories.source import Options as InventoryOptions
from ingest.triggers.gdacs import read_bulletins
from ingest.triggers.quakes import read_quakes
from ingest.triggers.rain import read_rain
from tests.survey_files import read as read_survey

PLACES = Collection(
    "places", "Places", "integer", "Point", (Column("id", "integer"), Column("name", "text"), Column("at", "date"))
)


@contextmanager
def file(content: bytes, name: str) -> Iterator[Path]:
    """Yield a file with this content."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def survey(content: bytes) -> None:
    """Read a survey file of any format, found out from its content."""
    with file(content, "survey.csv") as path:
        read_survey(path)


def inventory(content: bytes) -> None:
    """Read an inventory of any format."""
    with file(content, "inventory.csv") as path:
        found = INVENTORIES[recognise_inventory(path, None)].read(path, InventoryOptions())
        for _ in found.events or found.sites or ():
            pass


def displacement(content: bytes) -> None:
    """Read displacement as a table or HDF5."""
    with file(content, "points.csv") as path:
        found = open_displacement(path)
        found.read(0, min(found.length, 50))


def alignment(content: bytes) -> None:
    """Read an alignment."""
    with file(content, "road.geojson") as path:
        read_pieces(path)


def outlines(content: bytes) -> None:
    """Read outlines of glaciers."""
    with file(content, "outlines.geojson") as path:
        glacier_file.read_outlines(path)


def quakes(content: bytes) -> None:
    """Read earthquakes: feed, event or grid of shaking."""
    with file(content, "quakes.json" if content.lstrip()[:1] in b"{[" else "quakes.xml") as path:
        read_quakes(path)


def bulletins(content: bytes) -> None:
    """Read bulletins of GDACS."""
    with file(content, "bulletins.xml") as path:
        read_bulletins(path)


def rain(content: bytes) -> None:
    """Read a grid of rain."""
    with file(content, "gpm_1d.20240617.tif") as path:
        read_rain(path, np.array([[2548, 1263]], dtype=np.int16))


def filter_text(content: bytes) -> None:
    """Read a filter in CQL2 text."""
    cql2.condition(PLACES, content.decode(errors="replace"), json_encoded=False)


def filter_json(content: bytes) -> None:
    """Read a filter in CQL2 JSON."""
    cql2.condition(PLACES, content.decode(errors="replace"), json_encoded=True)


def submission(content: bytes) -> None:
    """Read what a phone sends."""
    instances.read(content, "sender")


def item(content: bytes) -> None:
    """Read an item of a STAC archive, as far as it goes without its files."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return
    found = stacitems.checked(value)
    stacitems.version_of(found)
    stacitems.scene_of(found, lambda name, asset: Layer(name, "", str(asset.get("href"))))


def photo(content: bytes) -> None:
    """Read a photo with its place and time."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        media_files.store(io.BytesIO(content), Path(folder), "photo")


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "survey": survey, "inventory": inventory, "displacement": displacement, "alignment": alignment, "outlines": outlines,
    "quakes": quakes, "bulletins": bulletins, "rain": rain, "filter_text": filter_text, "filter_json": filter_json,
    "submission": submission, "photo": photo, "item": item,
}  # fmt: skip
REFUSALS = (HazardError,)
"""All that may come of bad content."""
