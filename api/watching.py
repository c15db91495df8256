"""New scenes in a folder -> catalogue -> changes -> alerts, unattended."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path

from api.console import actor, tell
from api.ice import detect_ice
from api.opening import Catalogue
from api.pipeline import DetectionSettings, detect_landslides
from hazard_db import connect, corridor, scenes
from ingest.imagery.load import ingest_scene
from ingest.watch import FolderSource, WatchReport, watch


def watch_folder(catalogue: Catalogue, folder: Path, *, once: bool, interval_s: float, settle_s: float) -> WatchReport:
    """Return what was done once the watch ends.

    Raises
    ------
    InputError
        The folder is none.
    """
    source = FolderSource(
        folder, state=_state(catalogue, folder), known=lambda ids: _known(catalogue, ids), context=_context(catalogue)
    )
    return watch(
        source, lambda paths: _handle(catalogue, paths), once=once, interval_s=interval_s, settle_s=settle_s, tell=tell
    )


def _handle(catalogue: Catalogue, paths: Sequence[Path]) -> list[str]:
    """Return the scenes that the files became, after looking for changes in them."""
    reports = ingest_scene(catalogue.engine, paths, home=catalogue.home, actor=actor())
    for report in reports:
        tell(f"{report.id}: {report.status}")
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
    return [report.id for report in reports]


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
