"""`kkh doctor`: whether this installation is sound, and what to do where it is not."""

from __future__ import annotations

import typer

from api.commands.choices import AsJson
from api.console import put, put_json

MARKS = {"well": "ok  ", "warning": "WARN", "trouble": "BAD "}


def doctor(json: AsJson = False) -> None:
    """Examine settings, programs, disk, database, logins, clock, road, files, workers, receivers and backups; 1 where something is bad.

    Nothing is started or changed.
    """
    from api import examination
    from hazard_db.settings import DatabaseSettings

    found = []
    for one in examination.examine(DatabaseSettings()):
        found.append(one)
        if not json:
            put(
                f"{MARKS[one.level]} {one.what:<12} {one.told}" + (f"\n     {'':<12} -> {one.todo}" if one.todo else "")
            )
    if json:
        put_json(found)
    if any(one.level == "trouble" for one in found):
        raise typer.Exit(1)
