"""`kkh status`: whether the system is well, in ten lines."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import typer

from api.commands.choices import AsJson
from api.console import put, put_json

if TYPE_CHECKING:
    from hazard_db.health import Health

MOST_TILES = 4
MOST_TROUBLES = 3
ANSWER_S = 8.0
"""An answer comes within so long, whatever it is that does not answer here."""


def status(json: AsJson = False) -> None:
    """Tell in ten lines whether the system is well: last scene by tile and sensor, queue, lag, failures, disk; 1 where it is not.

    Nothing is started or changed.
    """
    found = _asked()
    if json:
        put_json(found)
    else:
        for line in lines(found):
            put(line)
    if found.troubles:
        raise typer.Exit(1)


def _asked() -> Health:
    """Return how the system stands; what hangs is told and left hanging."""
    from hazard_db import database, health
    from hazard_db.errors import HazardError
    from hazard_db.settings import DatabaseSettings
    from ingest.imagery import space

    settings = DatabaseSettings()
    room = {
        "free_mb": space.free_bytes(settings.home.expanduser()) / 1e6,
        "least_free_mb": space.SpaceSettings().min_free_mb,
    }
    answers: list[Health] = []

    def ask() -> None:
        try:
            answers.append(health.ask(database.url(settings, "app"), **room))
        except HazardError as error:
            answers.append(health.unreachable(str(error), **room))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_S)
    return answers[0] if answers else health.unreachable(f"the database did not answer in {ANSWER_S:g} s", **room)


def lines(found: Health) -> list[str]:
    """Return the ten lines at most."""
    backlog = found.backlog
    disk = f"disk         {found.free_mb:,.0f} MB free, {found.least_free_mb:,.0f} needed"
    more = len(found.troubles) - MOST_TROUBLES
    troubles = [f"trouble      {line}" for line in found.troubles[: MOST_TROUBLES - (more > 0)]]
    troubles += [f"trouble      and {more + 1} more (--json)"] if more > 0 else []
    head = "well" if not found.troubles else f"NOT WELL: {len(found.troubles)} troubles"
    if backlog is None:
        return [head, "catalogue    could not be asked", disk, *troubles]
    seen = [f"{one.tile} {one.sensor} {one.acquired_at:%Y-%m-%d}" for one in found.last_scenes]
    others = f" and {len(seen) - MOST_TILES} more (--json)" if len(seen) > MOST_TILES else ""
    lag = "no picture of the last 30 days came in" if found.lag_h is None else f"{found.lag_h:.1f} h (median, 30 days)"
    return [
        head,
        f"last scene   {', '.join(seen[:MOST_TILES]) or 'none'}{others}",
        f"queue        {backlog.waiting} waiting, {backlog.under_way} under way, {backlog.workers} workers alive",
        f"archives     {found.items_waiting} scenes waiting, {found.items_failed} failed",
        f"lag          {lag}",
        f"failed jobs  {backlog.failed}",
        disk,
        *troubles,
    ]
