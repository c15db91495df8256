"""`kkh closure` and `kkh work`: the ledger of the road."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson, NeededStretch, Stretch
from api.console import actor, put, put_json, put_table

closures = typer.Typer(name="closure", help="When the road was closed, where and to whom.", no_args_is_help=True)
works = typer.Typer(name="work", help="Works on the road, and what they cost.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="CSV or XLSX.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file, store nothing.")]
GoingOn = Annotated[bool, typer.Option("--going-on", help="Only those that have no end yet.")]
Number = Annotated[int, typer.Argument(help="Number of the entry.")]
At = Annotated[
    datetime | None, typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"], help="By default now.")
]


@closures.command("list")
def list_closures(km: Stretch = None, going_on: GoingOn = False, json: AsJson = False) -> None:
    """List closures, the newest first."""
    rows = _entries("closures", km, going_on)
    if json:
        put_json(rows)
        return
    shown = [(one["id"], _km(one), _when(one["closed_at"], one["closed_precision"]), _when(one["opened_at"], one["closed_precision"]),
              one["vehicle_class"], one["cause"][:60], one["detour"]) for one in rows]  # fmt: skip
    put_table(("no", "km", "closed", "opened", "vehicles", "cause", "detour"), shown)


@works.command("list")
def list_works(km: Stretch = None, going_on: GoingOn = False, json: AsJson = False) -> None:
    """List works, the newest first."""
    rows = _entries("works", km, going_on)
    if json:
        put_json(rows)
        return
    shown = [(one["id"], _km(one), one["kind"], one["status"], one["started_on"], one["ended_on"], one["cost"], one["currency"],
              one["description"][:60]) for one in rows]  # fmt: skip
    put_table(("no", "km", "kind", "status", "started", "ended", "cost", "currency", "description"), shown)


@closures.command("add")
def add_closure(
    km: NeededStretch,
    cause: Annotated[str, typer.Option(help="Why it was closed.")],
    source: Annotated[str, typer.Option(help="Who says so.")],
    closed: Annotated[
        datetime,
        typer.Option("--closed-at", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"], help="With its zone."),
    ],
    opened_at: Annotated[
        datetime | None, typer.Option("--opened-at", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"])
    ] = None,
    vehicles: Annotated[str, typer.Option(help="all, heavy, light ...")] = "all",
    detour: Annotated[str | None, typer.Option(help="Which way around there is.")] = None,
    event: Annotated[int | None, typer.Option(help="Number of the event that closed it.")] = None,
) -> None:
    """Enter that the road was closed."""
    from api.stretch import read_stretch
    from hazard_db import ledger

    first, last = read_stretch(km)
    told = {"km_from": first, "km_to": last, "closed_at": closed, "closed_precision": "minute", "opened_at": opened_at, "cause": cause,
            "vehicle_class": vehicles, "detour": detour, "event_id": event, "source": source}  # fmt: skip
    number, state = _written(lambda conn: ledger.enter(conn, ledger.CLOSURES, told))
    put(f"closure {number}: {state}")


@closures.command("open")
def open_road(number: Number, at: At = None) -> None:
    """Enter when a closed road was opened again."""
    from hazard_db import ledger

    moment = at or datetime.now(UTC)
    _written(lambda conn: ledger.open_road(conn, number, moment))
    put(f"closure {number}: open since {moment:%Y-%m-%d %H:%M %Z}")


@closures.command("import")
def import_closures(file: File, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Read closures: km_from, km_to, closed_at, cause, source; opened_at, vehicle_class, detour, note, event_id, structure_id."""
    _import(file, "closures", dry_run, json)


@works.command("import")
def import_works(file: File, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Read works: km_from, km_to, kind, description, started_on, source; ended_on, status, cost, currency, contractor, links."""
    _import(file, "works", dry_run, json)


@works.command("costs")
def costs(km: NeededStretch, json: AsJson = False) -> None:
    """Show what the works of a stretch cost, by year, kind and currency."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import connect, ledger

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        rows = ledger.costs(conn, *read_stretch(km))
    if json:
        put_json(rows)
        return
    put_table(
        ("year", "kind", "works", "priced", "cost", "currency"),
        [(one["year"], one["kind"], one["works"], one["priced"], one["cost"], one["currency"]) for one in rows],
    )


def _entries(book: str, km: str | None, going_on: bool) -> list[dict[str, Any]]:
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import connect, ledger
    from hazard_db.search import Window

    first, last = read_stretch(km) if km else (None, None)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        return ledger.entries(
            conn, ledger.BOOKS[book], Window(first, last, limit=10_000), published=False, going_on=going_on
        )


def _written(act: Any) -> Any:
    from api.opening import opened
    from hazard_db import connect

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        return act(conn)


def _import(file: Path, book: str, dry_run: bool, json: bool) -> None:
    from api.opening import opened
    from ingest.ledger import ingest_ledger

    with opened(road=True) as catalogue:
        report = ingest_ledger(catalogue.engine, file, book, dry_run=dry_run, actor=actor())
    if json:
        put_json(report)
    else:
        put(f"{report.name}: {report.status}, {report.new} new, {report.revised} revised, {report.unchanged} unchanged")


def _km(one: dict[str, Any]) -> str:
    return f"{one['chainage_from_km']:g}-{one['chainage_to_km']:g}"


def _when(moment: datetime | None, precision: str = "minute") -> str | None:
    length = {"year": 4, "month": 7, "day": 10}.get(precision, 16)
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"[:length]
