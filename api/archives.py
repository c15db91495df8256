"""Archives that are watched: what is new in them becomes jobs, and each job takes one scene in."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.imagery import defer_looks
from hazard_db import archives, connect, corridor, queue, scenes
from hazard_db.archives import Archive
from hazard_db.connect import Connection, Engine
from hazard_db.errors import InputError, RasterError, SourceError
from hazard_db.progress import Progress
from hazard_db.triggers import sources
from ingest.imagery.archives import SOURCES, recognise
from ingest.imagery.load import BUFFER_M, SceneReport
from ingest.imagery.polite import Polite
from ingest.imagery.remote import ArchiveSettings, ingest_item
from ingest.imagery.stacitems import Item, acquired, checked, version_of

log = logging.getLogger("api")

BATCH = 50


@dataclass(frozen=True)
class Listing:
    """What asking an archive brought."""

    met: int
    new: int
    refused: tuple[str, ...]
    """One line for each item that cannot be used."""


def watch(
    engine: Engine,
    url: str,
    collection: str,
    since: datetime | None,
    settings: ArchiveSettings,
    *,
    ask_again: bool = True,
) -> Archive:
    """Return an archive, which workers ask from now on where `ask_again`.

    Raises
    ------
    SourceError
        It does not answer, or is none.
    """
    with closing(Polite(settings.manners())) as polite:
        kind = recognise(polite, url)
    with connect.transaction(engine) as conn:
        return archives.watch(conn, url, collection, kind, since, enabled=ask_again)


def ask(engine: Engine, archive_id: int, settings: ArchiveSettings, tell: Progress) -> Listing:
    """Return what an archive has that is new, after putting a job into the queue for each; safe to repeat.

    Raises
    ------
    SourceError
        It does not answer as it should; what was met before is kept.
    """
    with connect.transaction(engine) as conn:
        (archive,) = archives.watched(conn, archive_id) or (None,)
        if archive is None:
            return Listing(0, 0, ())
    return list_items(engine, archive, settings, tell)


def list_items(
    engine: Engine,
    archive: Archive,
    settings: ArchiveSettings,
    tell: Progress,
    *,
    defer: bool = True,
) -> Listing:
    """Return what an archive has that is new, after keeping it as waiting and, where `defer`, making jobs of it.

    Raises
    ------
    SourceError
        It does not answer as it should; what was met before is kept.
    """
    with connect.transaction(engine) as conn:
        area = corridor.buffer(conn, BUFFER_M)
    with closing(Polite(settings.manners())) as polite:
        whole = archive.ask_whole(settings.whole_every_days, datetime.now(UTC))
        since = archive.ask_since(settings.overlap_days, whole=whole)
        items = SOURCES[archive.kind].items(polite, archive.url, archive.collection, area, since)
        try:
            listing = _meet(engine, archive, items, tell, defer=defer)
        except SourceError as error:
            with connect.transaction(engine) as conn:
                sources.not_heard(conn, archive.name, "feed", str(error), silent_after_s=settings.silent_after_h * 3600)
            raise
    with connect.transaction(engine) as conn:
        archives.listed(conn, archive.id, whole=whole)
        silent_s = settings.silent_after_h * 3600
        if listing.new:
            sources.heard(conn, archive.name, "feed", silent_after_s=silent_s, news=True)
        else:  # it lives, and that is not enough: satellites pass every few days
            sources.not_heard(conn, archive.name, "feed", "answers, and has nothing new", silent_after_s=silent_s)
    return listing


def _meet(engine: Engine, archive: Archive, items: Iterable[Item], tell: Progress, *, defer: bool) -> Listing:
    met = new = 0
    refused: list[str] = []
    for batch in _batched(items):
        tell(f"{met} items met, {new} of them new", 0.0)
        with connect.transaction(engine) as conn:
            for item in batch:
                met += 1
                try:
                    new += _note(conn, archive, item, defer=defer)
                except RasterError as error:
                    log.warning("%s: refused: %s", archive.name, error)
                    refused.append(str(error))
    tell(f"{met} items met, {new} of them new" + (f", {len(refused)} refused: {refused[0]}" if refused else ""), 1.0)
    return Listing(met, new, tuple(refused))


def _note(conn: Connection, archive: Archive, item: Item, *, defer: bool) -> bool:
    """Return whether an item is new; its job is put into the queue with the same transaction."""
    key, version = str(checked(item)["id"]), version_of(item)
    if not archives.meet(conn, archive.id, key, version, acquired(item)):
        return False
    archives.keep_item(conn, archive.id, key, version, item)
    if not defer:
        return True
    queue.defer(
        conn, "take", {"archive": archive.id, "key": key, "version": version, "subject": key},
        key=f"take {archive.id} {key} {version}", lock=f"take {key}",
        priority=queue.urgency(conn, item["geometry"]),
    )  # fmt: skip
    return True


def take(
    engine: Engine,
    home: Path,
    archive_id: int,
    key: str,
    version: str,
    *,
    settings: ArchiveSettings,
    actor_name: str,
    tell: Progress,
    looks: bool = True,
) -> SceneReport | None:
    """Return what became of an item, None where it was settled before; the jobs to look at it commit with that.

    Raises
    ------
    InputError
        It cannot be used; that is kept.
    SourceError, SpaceError
        Not now; try again later.
    """
    with connect.transaction(engine) as conn:
        item = archives.item_of(conn, archive_id, key, version)
    if item is None:
        return None
    with closing(Polite(settings.manners())) as polite:
        try:
            report = ingest_item(
                engine, item, home=home, polite=polite, settings=settings, actor=actor_name, progress=tell
            )
        except InputError as error:
            state = "unwanted" if _outside(error) else "failed"
            with connect.transaction(engine) as conn:
                archives.settle(conn, archive_id, key, version, state, note=str(error))
            if state == "unwanted":
                return None
            raise
    with connect.transaction(engine) as conn:
        archives.settle(conn, archive_id, key, version, "done", scene=report.id)
        if looks and report.superseded_by is None:
            defer_looks(conn, scenes.get(conn, report.id))
    return report


def ask_all(engine: Engine, settings: ArchiveSettings) -> int:
    """Return how many archives were put into the queue to be asked again."""
    with connect.transaction(engine) as conn:
        due = datetime.now(UTC) - timedelta(minutes=settings.every_min)
        late = [one for one in archives.watched(conn) if one.listed_at is None or one.listed_at <= due]
        made = [defer_ask(conn, one) for one in late]
    return sum(number is not None for number in made)


def defer_ask(conn: Connection, archive: Archive) -> int | None:
    """Return the job to ask an archive; None where one waits already."""
    args: Mapping[str, Any] = {"archive": archive.id, "subject": archive.name}
    return queue.defer(conn, "ask", args, key=f"ask {archive.id}", lock=f"ask {archive.id}", priority=queue.URGENT)


def _outside(error: InputError) -> bool:
    text = str(error)
    return "lies outside the corridor" in text or "every pixel is nodata" in text


def _batched(items: Iterable[Item]) -> Iterable[tuple[Item, ...]]:
    """Yield items in batches (Python 3.12 has this)."""
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, BATCH)):
        yield batch
