"""What is new in an archive, taken in by this process alone: no worker, no looking for changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api import archives as watching
from api.opening import Catalogue
from hazard_db import archives, connect
from hazard_db.errors import InputError, SourceError
from hazard_db.progress import Progress
from ingest.imagery.remote import ArchiveSettings


@dataclass(frozen=True)
class Taken:
    """What one pass brought."""

    met: int
    new: int
    stored: int
    failed: tuple[str, ...]


def take_archive(
    catalogue: Catalogue,
    url: str,
    collection: str,
    since: datetime | None,
    *,
    actor_name: str,
    tell: Callable[[str], None],
    progress: Progress,
) -> Taken:
    """Return what was taken in; what waits from an earlier pass that broke off is taken too.

    Raises
    ------
    SourceError
        The archive does not answer as it should.
    SpaceError
        The disk is full.
    """
    settings = ArchiveSettings()
    archive = watching.watch(catalogue.engine, url, collection, since, settings, ask_again=False)
    listing = watching.list_items(catalogue.engine, archive, settings, progress, defer=False)
    with connect.transaction(catalogue.engine) as conn:
        waiting = archives.waiting(conn, archive.id)
    stored, failed = 0, list(listing.refused)
    for number, (key, version) in enumerate(waiting):
        progress(key, number / len(waiting))
        try:
            report = watching.take(
                catalogue.engine, catalogue.home, archive.id, key, version, settings=settings, actor_name=actor_name,
                tell=progress, looks=False,
            )  # fmt: skip
        except (InputError, SourceError) as error:
            failed.append(str(error))
            continue
        if report is not None:
            stored += report.status != "unchanged"
            tell(f"{report.id}: {report.status}")
    return Taken(listing.met, listing.new, stored, tuple(failed))
