"""The examination of an installation: what is sound, what is not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from api.examination import catalogue, installation
from api.examination.finding import Finding
from hazard_db import connect, database
from hazard_db.errors import HazardError
from hazard_db.settings import DatabaseSettings

__all__ = ["Finding", "examine"]


def examine(settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield what is found, from the ground up; nothing is started or changed.

    What rests on a database that does not answer is left out: its own line says so.
    """
    for name, check in installation.CHECKS.items():
        yield from _guarded(name, partial(check, settings))
    found = list(_guarded("database", partial(installation.server, settings)))
    yield from found
    if any(one.level == "trouble" for one in found):
        return
    source = connect.engine(database.url(settings, "app"), pool_size=1)
    try:
        for name, look in catalogue.CHECKS.items():
            with connect.transaction(source) as conn:
                yield from _guarded(name, partial(look, conn, settings))
    finally:
        source.dispose()


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check tells; one that breaks is a finding too, and keeps no other from being made."""
    try:
        yield from check()
    except (HazardError, OSError) as error:
        yield Finding(name, "trouble", str(error))
