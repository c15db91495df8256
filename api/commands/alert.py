"""`kkh alert`: what people should know, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson, Stretch
from api.console import actor, put, put_json, put_table

app = typer.Typer(name="alert", help="Alerts, and what became of them.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(metavar="ID")]
Note = Annotated[str | None, typer.Option("--note", help="Why; kept with the alert.")]


class State(StrEnum):
    """How alerts stand."""

    LIVE = "live"
    CANDIDATE = "candidate"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    FALSE_ALARM = "false_alarm"
    EXPIRED = "expired"


class Found(StrEnum):
    """What a team found."""

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    UNCLEAR = "unclear"
    WITHDRAWN = "withdrawn"


class Severity(StrEnum):
    """How bad it may be."""

    MINOR = "Minor"
    MODERATE = "Moderate"
    SEVERE = "Severe"
    EXTREME = "Extreme"


@app.command("list")
def list_alerts(
    state: Annotated[State | None, typer.Option(help="Only these; `live` for all that are not closed.")] = None,
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


@app.command("try")
def try_rules(
    file: Annotated[Path, typer.Argument(metavar="RULES.yml", help="Rules to try; nothing is stored.")],
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="By default the last year.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Try rules on what the catalogue holds: how many alerts they would have raised, and how many were right."""
    from alerts.rules import load_rules
    from alerts.trial import try_rule
    from api.opening import opened
    from hazard_db import alerts, connect

    book = load_rules(file)
    begin = since.date() if since else (datetime.now(UTC) - timedelta(days=365)).date()
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        facts = alerts.facts_since(conn, begin)
    trials = [try_rule(rule, facts) for rule in book.rules]
    if json:
        put_json(trials)
        return
    for trial in trials:
        put(str(trial))


@app.command("rules")
def list_rules(
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write those in force as YAML.")
    ] = None,
    take: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Put the rules of a file in force.")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Of an import; kept with the versions.")] = "",
    json: AsJson = False,
) -> None:
    """List the rules, write those in force as a file, or put those of a file in force; rules that it does not have stay."""
    from alerts import rulebook
    from alerts.rules import load_rules
    from alerts.run import rules_in_force
    from alerts.settings import load_alert_settings
    from api.opening import opened
    from hazard_db import alerts, connect

    book = load_rules(take) if take else None
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        rules_in_force(conn, load_alert_settings())
        changed = [row.name for row in rulebook.import_book(conn, book, why)] if book else []
        rows = alerts.all_rules(conn)
        text = rulebook.exported(rows)
    if export:
        export.write_text(text, encoding="utf8")
        put(f"{sum(row.enabled for row in rows)} rules in {export}")
    elif take:
        put(f"{len(changed)} rules changed" + (f": {', '.join(changed)}" if changed else ""))
    elif json:
        put_json(rows)
    else:
        put_table(
            ("id", "name", "kinds", "version", "in force"),
            [(r.id, r.name, ", ".join(r.definition["kinds"]), r.version, "yes" if r.enabled else "no") for r in rows],
        )


@app.command("rule-versions")
def rule_versions(
    rule_id: Annotated[int, typer.Argument(metavar="RULE")],
    back_to: Annotated[int | None, typer.Option("--back-to", help="Put this version in force again.")] = None,
    why: Annotated[str, typer.Option("--why")] = "",
    json: AsJson = False,
) -> None:
    """List how a rule stood, who changed it when and why; or go back to a version."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        if back_to is not None:
            alerts.roll_back(conn, rule_id, back_to, why or f"back to version {back_to}")
        alerts.get_rule(conn, rule_id)
        found = alerts.rule_versions(conn, rule_id)
    if json:
        put_json(found)
        return
    rows = [
        (v.version, f"{v.changed_at:%Y-%m-%d %H:%M}", v.changed_by, "yes" if v.enabled else "no", v.why) for v in found
    ]
    put_table(("version", "since (UTC)", "by", "in force", "why"), rows)


@app.command()
def reliability(json: AsJson = False) -> None:
    """Show how often rules and detectors were right, as people judged them."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = alerts.reliability(conn)
    if json:
        put_json([{**vars(one), "hit_rate": one.hit_rate, "false_alarm_rate": one.false_alarm_rate} for one in found])
        return
    columns = ("by", "name", "total", "confirmed", "false alarms", "hit rate")
    put_table(columns, [(o.by, o.name, o.total, o.confirmed, o.false_alarms, o.hit_rate) for o in found])


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
    from alerts.settings import load_alert_settings
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
        made = agree(conn, wanted, load_alert_settings())
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


@app.command()
def test(name: str) -> None:
    """Send somebody a message that says that it is a test, at once."""
    from alerts.deliver import send_test
    from alerts.settings import load_alert_settings
    from api.opening import opened
    from hazard_db import connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        send_test(conn, name, load_alert_settings())
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


@app.command()
def unsubscribe(name: str) -> None:
    """Send somebody no more alerts."""
    from api.opening import opened
    from hazard_db import alerts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        alerts.remove_subscription(conn, name)
    put(f"{name} gets no more alerts")


def _act(name: str, alert_id: int, note: str | None) -> None:
    from api.opening import opened
    from hazard_db import alerts, connect

    action: Callable[..., Any] = getattr(alerts, name)
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        action(conn, alert_id, actor(), note)
        alert = alerts.get_alert(conn, alert_id)
    put(f"alert {alert_id} is {alert.state}, {alert.scope}")
