"""Archives of imagery that are asked over HTTP: one file a kind, each listed in SOURCES."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from hazard_db.errors import SourceError
from ingest.imagery.archives import api, static
from ingest.imagery.polite import Polite
from ingest.imagery.stacitems import Item


@dataclass(frozen=True)
class Source:
    """How one kind of archive is recognised and listed."""

    claims: Callable[[Any], bool]
    """Whether the document at an archive's address is that of such an archive."""
    items: Callable[[Polite, str, str, BaseGeometry, datetime | None], Iterator[Item]]
    """(polite, url, collection, area in EPSG:4326, taken since) -> items, in any order."""


SOURCES: Mapping[str, Source] = {
    "stac-api": Source(api.claims, api.items),
    "stac-catalogue": Source(static.claims, static.items),
}
"""First match wins; to add one, copy a sibling file and add a line here."""


def recognise(polite: Polite, url: str) -> str:
    """Return the name of the kind of archive that answers at an address.

    Raises
    ------
    SourceError
        None of SOURCES, or nobody answers.
    """
    document = polite.json(url)
    for name, source in SOURCES.items():
        if source.claims(document):
            return name
    raise SourceError(f"{url}: is neither a STAC API nor a STAC catalogue")
