"""`kkh alert`: who is told, how, and what became of the messages."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.commands.choices import AsJson, Severity, Stretch
from api.console import actor, put, put_json, put_table

app = typer.Typer()


@app.command()
def subscribe(
    name: Annotated[str, typer.Argument(help="Who; the same name again replaces what was agreed before.")],
    channel: Annotated[str, typer.Option(help="alertmanager, apprise, email, file, sms or webhook.")],
    address: Annotated[str, typer.Option(help="E-mail address, URL, address of Apprise, or name of a folder.")],
    language: Annotated[str, typer.Option("--lang", help="en, zh or ur.")] = "en",
    min_severity: Annotated[Severity, typer.Option(help="From here on.")] = Severity.MINOR,
    unreviewed: Annotated[
        bool, typer.Option("--unreviewed", help="Also what nobody has reviewed: for duty officers.")
    ] = False,
    km: Stretch = None,
    hazards: Annotated[list[str] | None, typer.Option("--hazard", help="Only this kind; repeatable.")] = None,
    quiet: Annotated[
        str | None, typer.Option(metavar="HH:MM-HH:MM", help="Only what is extreme in these hours.")
    ] = None,
    timezone: Annotated[str, typer.Option(help="Of the quiet hours.")] = "Asia/Karachi",
    escalate_to: Annotated[str | None, typer.Option(help="Who is told next where nobody takes it on.")] = None,
    escalate_after: Annotated[int | None, typer.Option(min=1, help="After this many minutes.")] = None,
) -> None:
    """Send alerts to somebody from now on; an address that cannot be reached is refused."""
    from alerts.deliver import subscribe as agree
    from alerts.settings import AlertSettings
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import alerts, connect

    km_from, km_to = read_stretch(km) if km else (None, None)
    quiet_from, quiet_to = _hours(quiet)
    wanted = alerts.Subscription(
        name=name, channel=channel, address=address, language=language, min_severity=min_severity.value,
        scope="Restricted" if unreviewed else "Public", chainage_from_km=km_from, chainage_to_km=km_to,
        hazards=tuple(hazards or ()), quiet_from=quiet_from, quiet_to=quiet_to, timezone=timezone, escalate_to=escalate_to,
        escalate_after_min=escalate_after,
    )  # fmt: skip
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        made = agree(conn, wanted, AlertSettings())
    put(
        f"{made.name} gets alerts by {made.channel}, from {made.min_severity} on"
        + (", unreviewed ones too" if unreviewed else "")
    )


@app.command()
def subscriptions(json: AsJson = False) -> None:
    """List who gets alerts, and how."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.subscriptions(conn)
    if json:
        put_json(found)
    else:
        columns = ("name", "channel", "address", "language", "from", "scope")
        put_table(columns, [(s.name, s.channel, s.address, s.language, s.min_severity, s.scope) for s in found])


@app.command()
def unsubscribe(name: str) -> None:
    """Send somebody no more alerts."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        alerts.remove_subscription(conn, name)
    put(f"{name} gets no more alerts")


@app.command()
def test(name: str) -> None:
    """Send somebody a message that says that it is a test, at once."""
    from alerts.deliver import send_test
    from alerts.settings import AlertSettings
    from api.opening import opened
    from hazard_db import connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        send_test(conn, name, AlertSettings())
    put(f"a test went out to {name}")


@app.command()
def deliveries(
    status: Annotated[
        str | None, typer.Option(help="waiting, delivered, failed, or dead: given up or bounced.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1)] = 1000,
    json: AsJson = False,
) -> None:
    """List what became of messages, newest first; `--status dead` is what did not arrive."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.deliveries(conn, status=status, limit=limit)
    if json:
        put_json(found)
        return
    columns = ("id", "alert", "receiver", "channel", "status", "receipt", "attempts", "last error")
    put_table(
        columns,
        [(d.id, d.alert_id, d.subscription, d.channel, d.status, d.receipt, d.attempts, d.last_error) for d in found],
    )


@app.command()
def retry(
    delivery_ids: Annotated[
        list[int] | None, typer.Argument(metavar="[DELIVERY]...", help="None: all given up.")
    ] = None,
) -> None:
    """Try messages again that were given up or put off."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        due = alerts.try_again(conn, delivery_ids or None)
    put(f"{due} messages are due now; a worker sends them")


def _hours(text: str | None) -> tuple[Any, Any]:
    from datetime import time

    if text is None:
        return None, None
    begin, sign, end = text.partition("-")
    try:
        if not sign:
            raise ValueError(text)
        return time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{text}: write quiet hours as 22:00-06:00") from error
