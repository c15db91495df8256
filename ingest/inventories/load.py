"""Inventories from files into the catalogue: whole or not at all, once, each record with its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import shapely
from shapely.geometry.base import BaseGeometry

from hazard_db import corridor as road
from hazard_db import inventory
from hazard_db.connect import Connection, Engine
from hazard_db.connect import actor as set_actor
from hazard_db.errors import InputError, RecordError
from hazard_db.inventory_sites import SiteRecord, store_sites
from hazard_db.progress import Progress, silent
from hazard_db.survey_records import storing
from ingest.files import FileFacts, facts
from ingest.inventories.registry import FORMATS, recognise
from ingest.inventories.source import Bad, Inventory, Options
from ingest.rejects import Rejects

Record = TypeVar("Record", inventory.EventRecord, SiteRecord)
TELL_EVERY = 500
"""Records between two signs of life."""


@dataclass(frozen=True)
class InventoryReport:
    """What became of an inventory."""

    file: str
    format: str
    dataset: str
    status: str
    """`stored`, `unchanged` (the catalogue has this very file) or `dry run`."""
    records: int = 0
    """Records of the file that could be used."""
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    outside: int = 0
    """Left out, being further from the road than asked for."""
    rejected: int = 0
    repaired: int = 0
    """Invalid polygons that were made valid."""
    near_road: int = 0
    """Of the new and updated ones, those that were given a chainage."""
    possible_duplicates: int = 0
    """Kept, and marked by a claim."""
    evolution: Mapping[str, int] = field(default_factory=dict)
    """Of the places mapped: new, enlarged, reactivated, continued, ..."""
    seconds: float = 0.0
    rejects: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass
class _Tally:
    """What happens on the way from the file to the database."""

    label: str
    skip_bad: bool
    rejects: Rejects
    area: BaseGeometry | None
    progress: Progress
    counts: Counter[str] = field(default_factory=Counter)
    evolution: Counter[str] = field(default_factory=Counter)

    def good(self, items: Iterator[tuple[Record | Bad, float]]) -> Iterator[Record]:
        """Yield the records to be stored.

        Raises
        ------
        RecordError
            One cannot be used, and bad ones are not to be skipped.
        """
        for item, share in items:
            if isinstance(item, Bad):
                self._reject(item)
                continue
            if self.counts["records"] % TELL_EVERY == 0:
                self.progress(f"{self.label}: {self.counts['records']:,} records", share)
            if self.area is not None and not self.area.intersects(item.geom):
                self.counts["outside"] += 1
                continue
            self.counts["records"] += 1
            self.counts["repaired"] += isinstance(item, SiteRecord) and item.repaired is not None
            yield item

    def _reject(self, bad: Bad) -> None:
        if not self.skip_bad:
            raise RecordError(f"{self.label}, {bad} (--skip-bad stores the good ones)")
        self.rejects.add(bad.record, bad.problem, bad.values)


def ingest_inventory(
    engine: Engine,
    path: Path,
    *,
    format: str | None = None,
    options: Options | None = None,
    within_km: float | None = None,
    dry_run: bool = False,
    skip_bad: bool = False,
    rejects: Path | None = None,
    actor: str,
    progress: Progress | None = None,
) -> InventoryReport:
    """Return what became of an inventory: everything of it is stored in one transaction.

    Parameters
    ----------
    format
        One of FORMATS; found out from the file where it is None.
    within_km
        Leave out what is further from the road, km; world-wide where it is None.
    dry_run
        Do all of it and then undo it, so that what is told is what would be.
    skip_bad
        Store the good records and write the bad ones to `rejects`.
    rejects
        By default `<name>.rejects.csv` beside the file.
    progress
        Called with what is being done and the share of it (0-1).

    Raises
    ------
    InputError
        The file or (RecordError) a record of it cannot be used; nothing was stored.
    """
    started = perf_counter()
    options = options or Options()
    file = facts(path)
    name = recognise(path, format)
    source = FORMATS[name].read(path, options)
    asked = _asked(options, within_km)
    with storing(engine, keep=not dry_run) as conn:
        set_actor(conn, actor)
        inventory.take_turn(conn)
        known = inventory.known_file(conn, file.sha256)
        if known is not None and known["dataset"] == source.dataset and asked in known["notes"]:
            return InventoryReport(
                file.name,
                name,
                source.dataset,
                "unchanged",
                unchanged=known["records"],
                seconds=perf_counter() - started,
            )
        area = None if within_km is None else road.buffer(conn, within_km * 1000)
        if area is not None:
            shapely.prepare(area)
        tally = _Tally(file.name, skip_bad, Rejects(path, rejects), area, progress or silent)
        _store(conn, file, source, tally, asked)
        written = None if dry_run else tally.rejects.write()
    report = InventoryReport(
        file.name, name, source.dataset, "dry run" if dry_run else "stored", rejected=len(tally.rejects.rows),
        evolution=dict(tally.evolution), seconds=perf_counter() - started, rejects=written, notes=source.notes,
    )  # fmt: skip
    counts: dict[str, Any] = dict(tally.counts)
    return replace(report, **counts)


def _store(conn: Connection, file: FileFacts, source: Inventory, tally: _Tally, asked: str) -> None:
    record = inventory.FileRecord(file.name, file.sha256, file.size_bytes, source.format, source.crs, source.dataset)
    file_id = inventory.register_file(conn, record)
    if source.events is not None:
        done = inventory.store_events(conn, source.dataset, file_id, tally.good(source.events))
    else:
        done = store_sites(conn, source.dataset, file_id, tally.good(source.sites or iter(())))
    tally.evolution.update(done.evolution)
    for name in ("new", "updated", "unchanged", "near_road", "possible_duplicates"):
        tally.counts[name] = getattr(done, name)
    if not tally.counts["records"] and not tally.counts["outside"]:
        raise InputError(f"{file.name}: holds no record that can be stored; export it again")
    inventory.close_file(
        conn, file_id, records=tally.counts["records"], unchanged=tally.counts["unchanged"], rejected=len(tally.rejects.rows),
        notes=[asked, *source.notes],
    )  # fmt: skip


def _asked(options: Options, within_km: float | None) -> str:
    """Return in a line how the file was to be read: read otherwise, it is another inventory."""
    told = {name: value for name, value in vars(options).items() if value} | {"within_km": within_km}
    return "read with " + (", ".join(f"{name} {value}" for name, value in told.items() if value) or "no options")
