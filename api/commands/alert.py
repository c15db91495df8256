"""`kkh alert`: what people should know, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from api.commands import alert_care, alert_receivers, alert_rules
from api.commands.choices import AsJson, Stretch
from api.console import actor, put, put_json, put_table

app = typer.Typer(name="alert", help="Alerts, and what became of them.", no_args_is_help=True)
for group in (alert_rules, alert_receivers, alert_care):
    app.add_typer(group.app)

Id = Annotated[int, typer.Argument(metavar="ID")]
Note = Annotated[str | None, typer.Option("--note", help="Why; kept with the alert.")]


class State(StrEnum):
    """How alerts stand."""

    LIVE = "live"
    UNTAKEN = "untaken"
    CANDIDATE = "candidate"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    FALSE_ALARM = "false_alarm"
    EXPIRED = "expired"


@app.command("list")
def list_alerts(
    state: Annotated[
        State | None, typer.Option(help="Only these; `live`: not closed; `untaken`: nobody takes care of it.")
    ] = None,
    km: Stretch = None,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    json: AsJson = False,
) -> None:
    """List the alerts, newest first."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import alerts, connect

    stretch = read_stretch(km) if km else None
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.list_alerts(conn, state=state.value if state else None, km=stretch, limit=limit)
    if json:
        put_json(found)
        return
    columns = ("id", "state", "scope", "severity", "certainty", "km", "raised (UTC)", "headline")
    rows = [
        (
            a.id,
            a.state,
            a.scope,
            a.severity,
            a.certainty,
            a.chainage_km,
            f"{a.raised_at:%Y-%m-%d %H:%M}",
            a.headline.get("en"),
        )
        for a in found
    ]
    put_table(columns, rows)


@app.command()
def show(alert_id: Id, json: AsJson = False) -> None:
    """Show an alert with everything that was said about it."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        alert = alerts.get_alert(conn, alert_id)
        events = alerts.events_of(conn, alert_id)
    if json:
        from api.plain import plain

        put_json(plain(alert) | {"events": plain(events)})
        return
    put(f"{alert.headline.get('en')}\n{alert.description.get('en')}\n")
    put(
        f"{alert.state}, {alert.scope}; {alert.severity}, {alert.certainty}, {alert.urgency}; expires {alert.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    for event in events:
        put(
            f"  {event.sent_at:%Y-%m-%d %H:%M}  {event.msg_type} by {event.actor}"
            + (f": {event.note}" if event.note else "")
        )


@app.command()
def ack(alert_id: Id, note: Note = None) -> None:
    """Acknowledge: somebody takes care of it."""
    _act("acknowledge", alert_id, note)


@app.command()
def escalate(alert_id: Id, note: Note = None) -> None:
    """Escalate: the next in the chain is told at once."""
    _act("escalate", alert_id, note)


@app.command()
def resolve(alert_id: Id, note: Note = None) -> None:
    """Resolve: the danger is over; those who were told are told so."""
    _act("resolve", alert_id, note)


@app.command()
def approve(alert_id: Id, note: Note = None) -> None:
    """Make an alert public."""
    _act("approve", alert_id, note)


@app.command("false-alarm")
def false_alarm(alert_id: Id, note: Note = None) -> None:
    """There was nothing; those who were told are told so."""
    _act("mark_false_alarm", alert_id, note)


def _act(name: str, alert_id: int, note: str | None) -> None:
    from api.opening import opened
    from hazard_db import alerts, connect

    action: Callable[..., Any] = getattr(alerts, name)
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        action(conn, alert_id, actor(), note)
        alert = alerts.get_alert(conn, alert_id)
    put(f"alert {alert_id} is {alert.state}, {alert.scope}")
