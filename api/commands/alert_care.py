"""`kkh alert`: what teams check on the spot, and what is not told for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from api.commands.choices import AsJson, Severity, Stretch
from api.console import actor, put, put_json, put_table

app = typer.Typer()

Note = Annotated[str | None, typer.Option("--note", help="Why; kept with the alert.")]


class Found(StrEnum):
    """What a team found."""

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    UNCLEAR = "unclear"
    WITHDRAWN = "withdrawn"


@app.command()
def team(
    name: Annotated[str, typer.Argument(help="Who; the same name again replaces what was known.")],
    lon: Annotated[float, typer.Option(min=-180, max=180)],
    lat: Annotated[float, typer.Option(min=-90, max=90)],
    subscription: Annotated[str | None, typer.Option(help="Name of the subscription by which they are told.")] = None,
    away: Annotated[bool, typer.Option("--away", help="Ask them nothing for now.")] = False,
) -> None:
    """Tell where a team is that can go and look: the nearest one is asked to check what imagery shows."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        made = alerts.add_team(conn, alerts.Team(name, lon, lat, subscription, enabled=not away))
    put(f"{made.name} is at km {made.chainage_km:.1f}")


@app.command()
def checks(
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are still to be made.")] = False,
    json: AsJson = False,
) -> None:
    """List what teams were asked to look at, and what they found."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.checks(conn, open_only=open_only)
    if json:
        put_json(found)
        return
    columns = ("id", "alert", "km", "team", "found", "by", "note")
    put_table(columns, [(c.id, c.alert_id, c.chainage_km, c.team, c.verdict, c.judged_by, c.note) for c in found])


@app.command()
def verdict(
    check_id: Annotated[int, typer.Argument(metavar="CHECK")],
    found: Annotated[Found, typer.Argument(help="What the team found.")],
    note: Note = None,
) -> None:
    """Say what a team found: its verdict is the alert's, as far as a team may decide it."""
    from alerts.checking import settle
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        done = settle(conn, check_id, found.value, actor(), note)
        alert = alerts.get_alert(conn, done.alert_id)
    put(f"check {check_id}: {done.verdict}; alert {alert.id} is {alert.state}, {alert.certainty}")


@app.command()
def silence(
    reason: Annotated[str, typer.Argument(help="Why; shown wherever it keeps something back.")],
    hours: Annotated[float, typer.Option(min=0.1, max=366 * 24, help="How long.")] = 8.0,
    starts: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="UTC; by default now.")
    ] = None,
    km: Stretch = None,
    hazards: Annotated[list[str] | None, typer.Option("--hazard", help="Only this kind; repeatable.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only alerts of this rule.")] = None,
    maintenance: Annotated[bool, typer.Option("--maintenance", help="Works that make changes of their own.")] = False,
    passes: Annotated[
        Severity | None, typer.Option("--passes", help="From this severity on alerts are told all the same.")
    ] = Severity.EXTREME,
    everything: Annotated[bool, typer.Option("--everything", help="Let nothing pass, however severe.")] = False,
) -> None:
    """Keep alerts back for a while: they are raised and shown, and told afterwards if they are still open."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import alerts, connect

    begin = starts.replace(tzinfo=UTC) if starts else datetime.now(UTC)
    low, high = read_stretch(km) if km else (None, None)
    wanted = alerts.Silence(
        reason, begin, begin + timedelta(hours=hours), "maintenance" if maintenance else "silence", tuple(hazards or ()), rule, low,
        high, None if everything or passes is None else passes.value,
    )  # fmt: skip
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        made = alerts.add_silence(conn, wanted)
    put(f"silence {made.id}, {made.starts_at:%Y-%m-%d %H:%M} to {made.ends_at:%Y-%m-%d %H:%M} UTC")


@app.command()
def silences(json: AsJson = False) -> None:
    """List silences and maintenance windows, past ones too."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.silences(conn)
    if json:
        put_json(found)
        return
    columns = ("id", "state", "from (UTC)", "until (UTC)", "km", "kept back", "by", "reason")
    now = datetime.now(UTC)
    put_table(
        columns,
        [
            (
                s.id, s.state(now), f"{s.starts_at:%Y-%m-%d %H:%M}", f"{s.ends_at:%Y-%m-%d %H:%M}",
                "all" if s.chainage_from_km is None else f"{s.chainage_from_km:g}-{s.chainage_to_km:g}", s.withheld, s.created_by,
                s.reason,
            )
            for s in found
        ],
    )  # fmt: skip


@app.command("end-silence")
def end_silence(silence_id: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """End a silence before its time; what it kept back and is still open is told."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        alerts.end_silence(conn, silence_id, actor())
    put(f"silence {silence_id} is over")
