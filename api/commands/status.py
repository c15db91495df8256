"""`kkh status`: whether the system is well, in ten lines."""

from __future__ import annotations

import typer

from api.commands.choices import AsJson
from api.console import put, put_json

MOST_TILES = 4


def status(json: AsJson = False) -> None:
    """Tell in ten lines whether the system is well: last scene by tile and sensor, queue, lag, failures, disk; 1 where it is not."""
    from api.opening import opened
    from hazard_db import connect, health
    from ingest.imagery import space

    with opened() as catalogue:
        free_mb = space.free_bytes(catalogue.home) / 1e6
        with connect.transaction(catalogue.engine) as conn:
            found = health.look(conn, free_mb=free_mb, least_free_mb=space.SpaceSettings().min_free_mb)
    if json:
        put_json(found)
    else:
        for line in lines(found):
            put(line)
    if found.troubles:
        raise typer.Exit(1)


def lines(found: object) -> list[str]:
    """Return the ten lines at most."""
    from hazard_db.health import Health

    assert isinstance(found, Health)
    backlog = found.backlog
    seen = [f"{one.tile} {one.sensor} {one.acquired_at:%Y-%m-%d}" for one in found.last_scenes]
    more = f" and {len(seen) - MOST_TILES} more (--json)" if len(seen) > MOST_TILES else ""
    lag = (
        "no scene came in during the last 30 days" if found.lag_h is None else f"{found.lag_h:.1f} h (median, 30 days)"
    )
    return [
        "well" if not found.troubles else f"NOT WELL: {len(found.troubles)} troubles",
        f"last scene   {', '.join(seen[:MOST_TILES]) or 'none'}{more}",
        f"queue        {backlog.waiting} waiting, {backlog.under_way} under way, {backlog.workers} workers alive",
        f"archives     {found.items_waiting} scenes waiting, {found.items_failed} failed",
        f"lag          {lag}",
        f"failed jobs  {backlog.failed}",
        f"disk         {found.free_mb:,.0f} MB free, {found.least_free_mb:,.0f} needed",
        *(f"trouble      {line}" for line in found.troubles[:3]),
    ]
