"""`kkh alert`: what people should know, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json, put_table

app = typer.Typer(name="alert", help="Alerts, and what became of them.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(metavar="ID")]
Note = Annotated[str | None, typer.Option("--note", help="Why; kept with the alert.")]


@app.command("list")
def list_alerts(
    closed: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    json: AsJson = False,
) -> None:
    """List the alerts that are not closed, the most urgent first."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.list_alerts(conn, include_closed=closed)
    if json:
        put_json(found)
        return
    columns = ("id", "state", "scope", "severity", "certainty", "km", "raised", "headline")
    put_table(
        columns,
        [
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
        ],
    )


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
