"""Places of an inventory and how they change from one year's mapping to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection

from hazard_db.inventory import Stored


@dataclass(frozen=True)
class SiteRecord:
    """A place as an inventory maps it."""

    source_id: str
    kind: str
    letters: str
    """Of the kind, in the code of the site."""
    name: str
    geom: BaseGeometry
    """EPSG:4326."""
    told_class: str | None = None
    varnes_class: str | None = None
    chinese_class: str | None = None
    activity: str = "unknown"
    accuracy_m: float | None = None
    note: str | None = None
    repaired: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


def store_sites(conn: Connection, source: str, file_id: int, year: int | None, records: Iterable[SiteRecord]) -> Stored:
    """Return what became of the places."""
    raise NotImplementedError
