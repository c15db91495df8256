"""STAC APIs: Earth Search, Planetary Computer, Copernicus Data Space and their like, asked through pystac-client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import shapely
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import SourceError
from ingest.imagery.polite import Polite
from ingest.imagery.stacitems import Item

TOLERANCE_DEG = 0.02
"""How far the outline of the corridor may be off in a search: APIs refuse outlines of thousands of corners."""
PAGE = 100


def claims(document: Any) -> bool:
    """Return whether a landing page offers a search."""
    return isinstance(document, dict) and any(link.get("rel") == "search" for link in document.get("links", ()))


def items(polite: Polite, url: str, collection: str, area: BaseGeometry, since: datetime | None) -> Iterator[Item]:
    """Yield the items of a collection in an area.

    Raises
    ------
    SourceError
        The API does not answer as it should.
    """
    outline = mapping(shapely.simplify(area, TOLERANCE_DEG).buffer(TOLERANCE_DEG))
    span = None if since is None else f"{since:%Y-%m-%dT%H:%M:%SZ}/.."
    try:
        client = Client.open(url, stac_io=_PoliteIO(polite))
        search = client.search(collections=[collection], intersects=outline, datetime=span, limit=PAGE)
        yield from search.items_as_dicts()
    except (APIError, KeyError, ValueError, NotImplementedError) as error:
        raise SourceError(f"{url}: does not answer as a STAC API does ({error})") from error


class _PoliteIO(StacApiIO):
    """Sends pystac-client's requests our way."""

    def __init__(self, polite: Polite) -> None:
        super().__init__()
        self._polite = polite

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return the text of an answer."""
        del headers
        if (method or "GET").upper() == "POST":
            return self._polite.fetch(href, body=parameters or {}).decode("utf8")
        if parameters:
            import httpx  # noqa: PLC0415

            href = str(httpx.URL(href).copy_merge_params(parameters))
        return self._polite.fetch(href).decode("utf8")
