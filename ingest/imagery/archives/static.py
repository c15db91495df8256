"""Static STAC catalogues: JSON files that name one another, on any web server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import RasterError, SourceError
from ingest.imagery.polite import Polite
from ingest.imagery.stacitems import Item, acquired, checked

DEEPEST = 8


def claims(document: Any) -> bool:
    """Return whether a document is a catalogue or collection."""
    return isinstance(document, dict) and document.get("type") in ("Catalog", "Collection")


def items(polite: Polite, url: str, collection: str, area: BaseGeometry, since: datetime | None) -> Iterator[Item]:
    """Yield the items of a collection in an area and those that are damaged; all below the address where `collection` is empty.

    Raises
    ------
    SourceError
        A file of the catalogue cannot be had.
    """
    for href, item in _walk(polite, url, collection, set(), 0):
        named = {"collection": collection, **item} if not item.get("collection") else item
        if collection and named["collection"] != collection:
            continue
        try:
            checked(named)
        except RasterError:
            yield named  # whoever keeps what was met says what is wrong with it
            continue
        if (since is None or acquired(named) >= since) and shape(named["geometry"]).intersects(area):
            yield _absolute(named, href)


def _walk(
    polite: Polite, url: str, collection: str, seen: set[str], depth: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    if url in seen or depth > DEEPEST:
        return
    seen.add(url)
    document = polite.json(url)
    if not isinstance(document, dict):
        raise SourceError(f"{url}: is no STAC document")
    if document.get("type") == "Feature":
        yield url, document
        return
    if collection and document.get("type") == "Collection" and document.get("id") != collection:
        return
    for link in document.get("links", ()):
        if link.get("rel") in ("child", "item") and link.get("href"):
            yield from _walk(polite, urljoin(url, str(link["href"])), collection, seen, depth + 1)


def _absolute(item: Mapping[str, Any], href: str) -> dict[str, Any]:
    """Return an item whose assets say where they are, whoever reads it."""
    assets = {
        name: {**asset, "href": urljoin(href, str(asset["href"]))}
        for name, asset in (item.get("assets") or {}).items()
        if asset.get("href")
    }
    return {**item, "assets": assets}
