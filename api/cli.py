"""`kkh`: every command. What is slow to import is imported where it is used, so that help is there at once."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from api.commands import (
    access,
    alert,
    cascade,
    corridor,
    db,
    demo,
    detect,
    doctor,
    evaluate,
    ingest,
    jobs,
    ledger,
    maps,
    report,
    retention,
    risk,
    sensor,
    serve,
    status,
    susceptibility,
    terrain,
    watch,
)
from api.console import one_line, put, tell

INTERRUPTED = 130

app = typer.Typer(
    name="kkh",
    help="KKH Hazard Watch: geohazard monitoring for the Karakoram Highway.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (db, corridor, ingest, detect, evaluate, cascade, risk, susceptibility, maps, report, alert, sensor, jobs):
    app.add_typer(group.app)
app.add_typer(terrain.app)
app.add_typer(ledger.closures)
app.add_typer(ledger.works)
app.add_typer(access.users)
app.add_typer(access.keys)
app.command("demo")(demo.demo)
app.command("watch")(watch.watch)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.command("retention")(retention.retention)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - slow to import

        put(f"kkh {version('kkh-hazard-watch')}")
        raise typer.Exit


@app.callback()
def begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """KKH Hazard Watch: geohazard monitoring for the Karakoram Highway."""


def main() -> None:
    """Run the command line; ends the process with 0, 1 (one line on stderr) or 2 (usage)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold what the terminal cannot show
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("HAZARD_DEBUG") == "1":
            traceback.print_exc()
        tell(f"error: {_line(error)}")
        sys.exit(1)


def _line(error: Exception) -> str:
    """Return the one line that says what went wrong and what to do."""
    from hazard_db.errors import HazardError  # noqa: PLC0415 - only needed when something went wrong

    if isinstance(error, HazardError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "the memory of this machine was not enough; try a smaller area or fewer files"
    name, text = type(error).__name__, one_line(str(error))[:300]
    return f"this is a bug: {name}: {text} (HAZARD_DEBUG=1 shows where it happened)"


if __name__ == "__main__":
    main()
