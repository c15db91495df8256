"""Places of an inventory, and how they change from one mapping to the next: the same slide keeps its code."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import BindParameter, Connection, CursorResult, Integer, Text, bindparam, text
from sqlalchemy.types import TypeEngine

from hazard_db import inventory_sql as sql
from hazard_db import scenes, site_states
from hazard_db.connect import raw_copy
from hazard_db.inventory import Stored
from hazard_db.sightings import SAME_PLACE_SHARE

GROWN_SHARE = 0.2
"""New ground against what the site covered before, from which on it is enlarged and not drawn a little differently."""
SAME_SITE_M = 1_000.0
"""A place given as a point is no likely duplicate of one further away, however badly it is known."""
ROAD_PREFIX = "KKH"
"""Of the codes of sites along the road; others are named after their dataset."""
RESERVED = 99
"""Numbers of each kind that are left to the register's own first sites, which may be loaded later."""
HAPPENED = ("new", "enlarged", "reactivated")
"""What is a dated event of a site; being mapped for the first time or once more is none."""


@dataclass(frozen=True)
class SiteRecord:
    """A place as one mapping shows it."""

    source_id: str
    kind: str
    letters: str
    """Of the kind, in the code of the site: LS, RF, DF, ..."""
    name: str
    geom: BaseGeometry
    """EPSG:4326, valid."""
    year: int | None = None
    """That the mapping shows; None where it is not dated."""
    told_class: str | None = None
    """In the words of the inventory."""
    varnes_class: str | None = None
    chinese_class: str | None = None
    activity: str = "unknown"
    accuracy_m: float | None = None
    note: str | None = None
    repaired: str | None = None
    """What was wrong with its outline."""
    attributes: Mapping[str, object] = field(default_factory=dict)


def store_sites(conn: Connection, dataset: str, file_id: int, records: Iterable[SiteRecord]) -> Stored:
    """Return what became of the places of a dataset, all in the caller's transaction; years are taken in their order.

    An outline that covers SAME_PLACE_SHARE of a site of its kind, or is covered so by it, is that site: `new` (the
    dataset did not have it before), `enlarged`, `reactivated` (after a mapping without it) or `continued`; those that
    happened become events, and a mapping that no longer shows an active site makes it dormant. The site's geometry is
    all it ever covered; what each mapping says (outline, area, class, activity) stands as claims of `dataset year #id`.
    """
    conn.execute(text(sql.STAGING))
    _stage(conn, dataset, records)
    scenes.lock(conn, "site codes")  # two files must not give the same number
    conn.execute(text(sql.TOLD))
    conn.execute(text("ANALYZE staged_site, told"))
    conn.execute(text(sql.KNOWN))
    evolution: Counter[str] = Counter()
    for year in conn.scalars(text(sql.YEARS)).all():
        evolution.update(_year(conn, dataset, file_id, year))
    conn.execute(text("ANALYZE staged_site"))
    conn.execute(text(sql.TELL))
    _run(conn, sql.REDRAW, {"dataset": dataset})
    duplicates = _run(conn, sql.DUPLICATES, {"same_site_m": SAME_SITE_M, "dataset": dataset}).scalar() or 0
    counts = conn.execute(text(sql.COUNTS)).one()
    conn.execute(text("DROP TABLE staged_site, told"))
    return Stored(counts.new, counts.updated, counts.unchanged, counts.near_road, duplicates, dict(evolution))


def _stage(conn: Connection, dataset: str, records: Iterable[SiteRecord]) -> None:
    with raw_copy(conn, f"COPY staged_site ({', '.join(sql.STAGED)}) FROM STDIN") as copy:
        for number, one in enumerate(records, start=1):
            dated = dataset if one.year is None else f"{dataset} {one.year}"
            told = {"source_id": one.source_id, "class": one.told_class, "repaired": one.repaired}
            attributes = {**one.attributes, **{name: value for name, value in told.items() if value is not None}}
            copy.write_row(
                (
                    number, f"{dated} #{one.source_id}", one.year, one.kind, one.letters, one.name, one.told_class,
                    one.varnes_class, one.chinese_class, one.activity, one.accuracy_m, one.note,
                    json.dumps(attributes, ensure_ascii=False, default=str),
                    shapely.to_wkb(shapely.set_srid(one.geom, 4326), hex=True, include_srid=True),
                )
            )  # fmt: skip


def _year(conn: Connection, dataset: str, file_id: int, year: int | None) -> Counter[str]:
    """Return how the sites of one mapping stand to what is known of them."""
    values = {
        "dataset": dataset, "year": year, "file": file_id, "prefix": ROAD_PREFIX, "slug": _slug(dataset),
        "same_share": SAME_PLACE_SHARE, "grown_share": GROWN_SHARE, "happened": list(HAPPENED), "reserved": RESERVED,
    }  # fmt: skip
    site_states.date_states(conn, year)
    values["before"] = _run(conn, sql.BEFORE, values).scalar()
    _run(conn, sql.MATCH, values)
    _run(conn, sql.EVOLVE, values)
    _run(conn, sql.NUMBER, values)
    _run(conn, sql.INSERT, values)
    _run(conn, sql.UPDATE, values)
    if year is not None:
        _run(conn, sql.HAPPEN, values)
        _run(conn, sql.REST, values)
    return Counter({row.status: row.count for row in _run(conn, sql.STATUSES, values)})


def _run(conn: Connection, statement: str, values: Mapping[str, object]) -> CursorResult[Any]:
    """Return the result of a statement whose parameters have their types, NULL too."""
    typed: list[BindParameter[Any]] = [
        bindparam(name, type_=kind) for name, kind in _TYPES.items() if f":{name}" in statement
    ]
    return conn.execute(text(statement).bindparams(*typed), values)


def _slug(dataset: str) -> str:
    """Return up to 12 capitals and digits of a dataset's name."""
    return re.sub(r"[^A-Z0-9]", "", dataset.upper())[:12] or "SITE"


_TYPES: dict[str, TypeEngine[Any]] = {"year": Integer(), "before": Integer(), "dataset": Text()}
