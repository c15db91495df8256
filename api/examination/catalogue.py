"""Whether the catalogue is whole and watched: clock, road, files, work, receivers of alerts, backups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from alerts.channels import CHANNELS
from alerts.settings import AlertSettings
from api.examination.finding import Finding
from api.settings import ApiSettings
from hazard_db import alerts, checkup, health, overview, queue, seed
from hazard_db.alerts.outbox import Subscription
from hazard_db.connect import Connection
from hazard_db.errors import HazardError
from hazard_db.settings import PREFIX, DatabaseSettings
from ingest.imagery import space

CLOCK_S = 5.0
"""Clocks further apart than this make the order of what happened untrue."""
OLD_BACKUP = timedelta(days=7)
NAMED = 3
"""Of missing files, so many are named."""


def clock(conn: Connection, _: DatabaseSettings) -> Iterator[Finding]:
    """Yield whether this machine and the database agree about the time, and no record is of the future."""
    ahead_s = checkup.clock_ahead_s(conn)
    newest = checkup.newest_record(conn)
    if abs(ahead_s) > CLOCK_S:
        yield Finding(
            "clock", "trouble", f"this machine's clock is {ahead_s:+.0f} s from the database's", "let both follow NTP"
        )
    elif newest is not None and newest > datetime.now(UTC) + timedelta(seconds=CLOCK_S):
        yield Finding(
            "clock",
            "trouble",
            f"the newest record is of {newest:%Y-%m-%d %H:%M}, in the future",
            "set the clock; let it follow NTP",
        )
    else:
        yield Finding("clock", "well", f"{abs(ahead_s):.1f} s from the database's")


def simulated(conn: Connection, _: DatabaseSettings) -> Iterator[Finding]:
    """Yield whether real records stand among those of the demonstration, where every alert is called an exercise."""
    real = overview.measured(conn) if overview.holds_simulated(conn) else []
    if real:
        yield Finding(
            "simulated", "trouble", f"{', '.join(real)} stand among simulated data: every new alert is told as an exercise",
            "load them into a home of their own: HAZARD_HOME",
        )  # fmt: skip


def road(conn: Connection, _: DatabaseSettings) -> Iterator[Finding]:
    """Yield which line of the road kilometres are told along."""
    found = checkup.road_source(conn)
    if found is None:
        yield Finding("road", "trouble", "no road is loaded: nothing has a kilometre", "`kkh corridor load FILE`")
    elif found[0] == seed.VERSION:
        yield Finding(
            "road", "warning", "kilometres are told along the approximate road of public sources",
            "load a surveyed line: `kkh corridor load FILE`",
        )  # fmt: skip
    else:
        yield Finding("road", "well", f"{found[0]} ({found[1]})")


def files(conn: Connection, settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield which files the catalogue names and the disk has lost."""
    lost = list(checkup.missing_files(conn, settings.home.expanduser().absolute()))
    for one in lost[:NAMED]:
        yield Finding(
            "files", "trouble", f"{one.kind} of {one.record} is gone: {one.path}", "bring it back from a backup"
        )
    if len(lost) > NAMED:
        yield Finding("files", "trouble", f"{len(lost) - NAMED} more files are gone", "bring them back from a backup")
    if not lost:
        yield Finding("files", "well", "every raster, photo and picture of the catalogue is on the disk")


def work(conn: Connection, settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield what keeps the watch from being kept: workers, queue, sources."""
    free_mb = space.free_bytes(settings.home.expanduser().absolute()) / 1e6
    found = health.look(conn, free_mb=free_mb, least_free_mb=0.0)
    for line in found.troubles:
        what, _, todo = line.partition("; ")
        yield Finding("watch", "warning", what, todo or "see `kkh status`")
    if not found.troubles:
        yield Finding("watch", "well", _working(found.backlog))


def _working(backlog: queue.Backlog | None) -> str:
    return "not asked" if backlog is None else f"{backlog.workers} workers, {backlog.waiting} jobs wait"


def receivers(conn: Connection, _: DatabaseSettings) -> Iterator[Finding]:
    """Yield which subscriptions cannot be served with these settings, and whether anybody would be told at all."""
    settings = AlertSettings()
    wanted = alerts.subscriptions(conn, enabled_only=True)
    if not wanted:
        yield Finding(
            "alerts", "warning", "nobody is told of alerts", "add a receiver: `kkh alert subscribe`, or /subscriptions"
        )
        return
    reasons = {one.name: reason for one in wanted if (reason := _hindrance(one, settings))}
    for name, reason in reasons.items():
        yield Finding("alerts", "trouble", f"{name} cannot be told: {reason}", "correct the setting or the receiver")
    if ApiSettings().base_url is None:
        yield Finding("alerts", "warning", f"links in messages lead to {settings.base_url}", "set HAZARD_BASE_URL")
    if not reasons:
        yield Finding("alerts", "well", f"{len(wanted)} receivers can be told")


def backups(_: Connection, settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield how old the last backup is, and whether it is still there."""
    found = checkup.last_backup(settings.home.expanduser().absolute())
    todo = "`kkh db backup FOLDER`, every night, to another disk"
    if found is None:
        yield Finding("backup", "warning", "no backup was ever made here", todo)
    elif not found.file.is_file():
        yield Finding("backup", "warning", f"the last backup, {found.file}, is not there any more", todo)
    elif datetime.now(UTC) - found.made_at > OLD_BACKUP:
        yield Finding("backup", "warning", f"the last backup is of {found.made_at:%Y-%m-%d}", todo)
    else:
        beside = "with rasters" if found.rasters else "without rasters"
        yield Finding("backup", "well", f"{found.file} of {found.made_at:%Y-%m-%d %H:%M} UTC, {beside}")


CHECKS: dict[str, Callable[[Connection, DatabaseSettings], Iterator[Finding]]] = {
    "clock": clock, "simulated": simulated, "road": road, "files": files, "watch": work, "alerts": receivers, "backup": backups,
}  # fmt: skip


def _hindrance(receiver: Subscription, settings: AlertSettings) -> str | None:
    """Return why a receiver cannot be told with these settings, None where it can."""
    channel = CHANNELS[receiver.channel]
    if unset := [name for name in channel.needs if getattr(settings, name) is None]:
        return f"{', '.join(PREFIX + name.upper() for name in unset)} is not set"
    try:
        channel.check(receiver.address, settings)
    except HazardError as error:
        return str(error)
    return None
