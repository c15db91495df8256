"""`kkh alert`: rules, what they would have raised, and how often they were right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json, put_table

app = typer.Typer()


@app.command("try")
def try_rules(
    file: Annotated[Path, typer.Argument(metavar="RULES.yml", help="Rules to try; nothing is stored.")],
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="By default the last year.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Try rules on what the catalogue holds: how many alerts they would have raised, and how many were right."""
    from alerts.rulefile import load_rules
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
    from alerts.rulefile import load_rules
    from alerts.run import rules_in_force
    from alerts.settings import AlertSettings
    from api.opening import opened
    from hazard_db import alerts, connect

    book = load_rules(take) if take else None
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        rules_in_force(conn, AlertSettings())
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
