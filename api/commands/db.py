"""`kkh db`: the catalogue's database."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.console import put, put_json, put_table, tell

app = typer.Typer(name="db", help="The catalogue's database.", no_args_is_help=True)


class Role(StrEnum):
    """Logins of the database."""

    ADMIN = "admin"
    APP = "app"
    PUBLIC = "public"


@app.command()
def up() -> None:
    """Start the private cluster, making it first where needed; on a server of one's own: make logins, check versions."""
    from hazard_db import database
    from hazard_db.settings import DatabaseSettings

    ready = database.up(DatabaseSettings())
    for note in ready.notes:
        tell(note)
    where = f"127.0.0.1:{ready.port} in {ready.where}" if not ready.notes else ready.where
    put(f"{'started' if ready.started else 'running'}: {where}")


@app.command()
def down() -> None:
    """Stop the private cluster."""
    from hazard_db import database
    from hazard_db.settings import DatabaseSettings

    put("stopped" if database.down(DatabaseSettings()) else "was not running")


@app.command()
def status(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show whether the database runs, where, and which versions."""
    from hazard_db import database
    from hazard_db.settings import DatabaseSettings

    told = asdict(database.status(DatabaseSettings()))
    if json:
        put_json(told)
    else:
        put_table(("", ""), [(name.replace("_", " "), str(value)) for name, value in told.items() if value is not None])
    if told["problem"] is not None:
        tell(f"error: {told['problem']}")
        raise typer.Exit(1)


@app.command()
def url(role: Annotated[Role, typer.Option(help="Login.")] = Role.ADMIN) -> None:
    """Print the database's URL with its password, alone on stdout."""
    from hazard_db import database
    from hazard_db.settings import DatabaseSettings

    put(database.url(DatabaseSettings(), role))


@app.command()
def migrate(
    expand: Annotated[
        bool,
        typer.Option("--expand", help="Only what the release before this one can work on too; people go on working."),
    ] = False,
) -> None:
    """Bring the schema up to date, whole or not at all."""
    from api.opening import ensure_running, refuse_unknown
    from hazard_db import database, schema
    from hazard_db import migrate as versions
    from hazard_db.settings import DatabaseSettings

    settings = DatabaseSettings()
    ensure_running(settings)
    address = database.url(settings, "admin")
    found = schema.look(address)
    refuse_unknown(found)
    reached = versions.upgrade(address, expand=expand)
    put(f"schema {reached}, " + ("as it was" if found.present == reached else f"before: {found.present or 'empty'}"))
    if reached != found.needed:
        tell("restart servers and workers with this release one by one, then run `kkh db migrate`")


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write, whole or not at all; in a folder it is named by its time.")
    ],
    rasters: Annotated[bool, typer.Option("--rasters", help="Also the rasters of scenes and results.")] = False,
    keep: Annotated[int, typer.Option(min=1, help="Of a folder: how many backups stay there.")] = 14,
) -> None:
    """Write catalogue, photos and pictures to one file, while people go on working."""
    from api.opening import ensure_running
    from hazard_db import backup as archive
    from hazard_db import checkup
    from hazard_db.settings import DatabaseSettings

    settings = DatabaseSettings()
    ensure_running(settings)
    if file.is_dir():
        report, removed = archive.backup_into(settings, file, keep=keep, rasters=rasters)
    else:
        report, removed = archive.backup(settings, file, rasters=rasters), []
    checkup.note_backup(settings.home, report, rasters=rasters)
    for note in [*report.notes, *(f"removed {one}" for one in removed)]:
        tell(note)
    put(f"{report.file}: {report.bytes:,} bytes, {report.files} files beside the catalogue, schema {report.revision}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `kkh db backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a catalogue that holds records.")] = False,
) -> None:
    """Bring catalogue and files back from a backup, checked whole before anything is touched."""
    from api.opening import ensure_running
    from hazard_db import backup as archive
    from hazard_db.settings import DatabaseSettings

    settings = DatabaseSettings()
    ensure_running(settings)
    report = archive.restore(settings, file, force=force)
    put(f"restored from {report.file}: {report.files} files beside the catalogue, schema {report.revision}")
