"""New scenes in a folder or an archive -> catalogue -> changes -> alerts, unattended."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alerts.settings import AlertSettings
from api import archives as archiving
from api.console import actor, tell
from api.ice import detect_ice
from api.landslides import detect_landslides
from api.opening import Catalogue
from api.passes import DetectionSettings
from api.settings import ApiSettings
from api.triggering import followers
from api.worker import run, work
from hazard_db import archives, connect, corridor, queue, scenes
from hazard_db.errors import InputError, UnreachableError
from hazard_db.moments import option
from hazard_db.triggers import sources
from ingest.imagery.load import ingest_scene
from ingest.imagery.remote import ArchiveSettings
from ingest.triggers.polling import poll
from ingest.watch import Candidate, FolderSource, WatchReport, watch

SILENT_PASSES = 5
SHORTEST_SILENCE_S = 900.0
"""A watch that has passed over nothing for so long is taken for dead."""


def watch_folder(catalogue: Catalogue, folder: Path, *, once: bool, interval_s: float, settle_s: float) -> WatchReport:
    """Return what was done once the watch ends.

    Raises
    ------
    InputError
        The folder is none.
    """
    source = _HeardFolder(
        catalogue,
        interval_s,
        folder,
        state=_state(catalogue, folder),
        known=lambda ids: _known(catalogue, ids),
        context=_context(catalogue),
    )
    return watch(
        source,
        lambda paths: _handle(catalogue, source, paths),
        once=once,
        interval_s=interval_s,
        settle_s=settle_s,
        tell=tell,
    )


def look_at_feed(catalogue: Catalogue, address: str, *, once: bool, interval_s: float) -> None:
    """Take in what a feed has new; with `once` what goes wrong is raised, else told, and the feed asked again.

    Raises
    ------
    InputError, UnreachableError
        With `once`: the address or what it sends cannot be used, or it did not answer.
    """
    try:
        report = poll(
            catalogue.engine, address, networks=AlertSettings().webhook_allowed_networks,
            silent_after_s=max(SILENT_PASSES * interval_s, SHORTEST_SILENCE_S), actor=actor(), then=followers(actor()),
        )  # fmt: skip
    except (InputError, UnreachableError) as error:
        if once:
            raise
        tell(f"{error}; asked again in {interval_s:g} s")
        return
    if report is None:
        tell(f"{address}: nothing new")
        return
    for note in report.notes:
        tell(note)
    tell(f"{address}: {report.records} records, {report.new} new, {report.at_road} at the road")


class _HeardFolder(FolderSource):
    """A folder whose watch tells at each pass that it lives."""

    def __init__(self, catalogue: Catalogue, interval_s: float, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self._catalogue, self._silent_s = catalogue, max(SILENT_PASSES * interval_s, SHORTEST_SILENCE_S)

    def candidates(self) -> dict[str, Candidate]:
        """Return every scene in the folder as it is now."""
        found = super().candidates()
        with connect.transaction(self._catalogue.engine) as conn:
            sources.heard(conn, str(self.path), "folder", silent_after_s=self._silent_s)
        return found


def _handle(catalogue: Catalogue, source: FolderSource, paths: Sequence[Path]) -> list[str]:
    """Return the scenes that the files became, after looking for changes in them."""
    reports = ingest_scene(catalogue.engine, paths, home=catalogue.home, actor=actor())
    for report in reports:
        tell(f"{report.id}: {report.status}")
    ids = [report.id for report in reports]
    if source.finished(ids) and all(report.status == "unchanged" for report in reports):
        return ids  # the very same files under other names
    since = min(report.acquired_at for report in reports).date()
    found = detect_landslides(
        catalogue.engine, catalogue.home, since=since, actor_name=actor(), settings=DetectionSettings()
    )
    for message in found.messages:
        tell(message)
    if found.runs:
        tell(f"{len(found.new_changes)} new changes, {found.seen_again} seen again, {len(found.alerts)} alerts")
    for kind in ("lake", "glacier"):
        seen = detect_ice(catalogue.engine, catalogue.home, kind, since=since, actor_name=actor())
        if seen.runs:
            tell(
                f"{seen.measured} new {kind} measurements, {len(seen.new_changes)} new changes, {len(seen.alerts)} alerts"
            )
    return ids


def _state(catalogue: Catalogue, folder: Path) -> Path:
    """Return the file in which the watch of this folder remembers what it has done."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return catalogue.home / "watch" / f"{name}.json"


def _known(catalogue: Catalogue, ids: Collection[str]) -> Collection[str]:
    with connect.transaction(catalogue.engine) as conn:
        return scenes.existing(conn, ids)


def _context(catalogue: Catalogue) -> str:
    """Return what decides, beside a scene's files, whether it can be used: the road and this program."""
    with connect.transaction(catalogue.engine) as conn:
        rows = corridor.segments(conn)
        alignment = corridor.locate_km(conn, rows[0].km_from).alignment
    return f"{alignment} {version('kkh-hazard-watch')}"


def watch_archive(
    catalogue: Catalogue, url: str, collection: str, since: str | None, *, once: bool, stop: bool, concurrency: int
) -> str:
    """Return one line on how an archive stands, after asking it and doing the jobs that follow.

    Raises
    ------
    SourceError
        It does not answer, or is none.
    """
    if stop:
        with connect.transaction(catalogue.engine) as conn:
            archives.unwatch(conn, url, collection)
        return f"{url} {collection} is asked no more"
    begin = option(since) if since else None
    archive = archiving.watch(catalogue.engine, url, collection, begin, ArchiveSettings())
    with connect.transaction(catalogue.engine) as conn:
        archiving.defer_ask(conn, archive)
    settings = ApiSettings()
    if once:
        run(settings, threading.Event(), concurrency=concurrency, wait=False)
    else:
        tell("watching; a worker does the jobs (Ctrl-C ends it)")
        work(settings, concurrency=concurrency)
    with connect.transaction(catalogue.engine) as conn:
        counts = archives.tally(conn, archive.id)
        backlog = queue.backlog(conn)
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no items"
    return f"{told}; jobs: {backlog.waiting} waiting, {backlog.failed} failed"
