"""From the changes of a detection run to alerts: evaluate, group, raise or update, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from alerts import cap, feed
from alerts.drafting import Match, Occasion, StoredRule, best_rule, is_told, new_alert, renewed_alert
from alerts.grouping import Group, group_changes, group_key, join_flood
from alerts.rulefile import load_rules
from alerts.rules import parse_rule
from alerts.settings import AlertSettings
from hazard_db import alerts as catalogue
from hazard_db import changes, overview
from hazard_db.alerts import Draft, Facts, Finding, LiveAlert
from hazard_db.connect import Connection, Engine, actor, transaction

RULES_SOURCE = "file"
MOST_NEW_ALERTS = 10
"""Of one kind from one look; more are told as one."""


@dataclass(frozen=True)
class AlertSummary:
    """An alert that was raised, or one that has changed."""

    id: int
    new: bool
    message: str | None
    """Alert or Update; None for a candidate, of which nobody is told."""
    state: str
    scope: str
    severity: str
    certainty: str
    urgency: str
    headline: str
    chainage_km: float | None
    change_ids: tuple[int, ...]


def process_run(
    source: Connection | Engine, run_id: int, actor_name: str, *, settings: AlertSettings | None = None
) -> list[AlertSummary]:
    """Return the alerts that a run raised or changed; a run that was processed already changes nothing.

    Parameters
    ----------
    source
        A connection: alerts, messages and deliveries belong to its transaction, and so commit together with the run's
        changes. An engine: they get a transaction of their own.

    Raises
    ------
    SettingsError
        The alert rules or the settings cannot be used.
    """
    settings = settings or AlertSettings()
    with _transaction(source) as conn:
        actor(conn, actor_name)
        catalogue.lock_raising(conn)
        facts = catalogue.change_facts(conn, catalogue.changes_of_run(conn, run_id))
        return _process(conn, facts, actor_name, settings, run_id)


def process_findings(
    source: Connection | Engine, findings: Sequence[Finding], actor_name: str, *, settings: AlertSettings | None = None
) -> list[AlertSummary]:
    """Return the alerts that triggers raised, changed or ended; what was said already changes nothing.

    Raises
    ------
    InputError
        A finding lies beyond the current road.
    SettingsError
        The alert rules or the settings cannot be used.
    """
    settings = settings or AlertSettings()
    with _transaction(source) as conn:
        actor(conn, actor_name)
        catalogue.lock_raising(conn)
        numbers = catalogue.store_findings(conn, findings)
        return _process(conn, catalogue.finding_facts(conn, numbers), actor_name, settings, None)


def review_change(
    conn: Connection, change_id: int, verdict: str, actor_name: str, note: str | None = None, *,
    expected: str | None = None, settings: AlertSettings | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a change after a person's verdict, with its alerts brought in line in the same transaction.

    An alert all of whose changes are false alarms is closed as one; an alert with other changes left is updated;
    a verdict taken back raises the alert again.

    Raises
    ------
    InputError, NotFoundError, ConflictError
        As `hazard_db.changes.review` does.
    """
    settings = settings or AlertSettings()
    actor(conn, actor_name)
    catalogue.lock_raising(conn)
    reviewed = changes.review(conn, change_id, verdict, actor_name, note, expected=expected)
    facts = catalogue.change_facts(conn, [change_id])
    linked = [link.alert_id for fact in facts for link in fact.links if link.is_live]
    for alert in catalogue.live_alerts(conn, linked):
        listed = _standing(conn, alert)
        if listed:
            rules = rules_in_force(conn, settings)
            draft = renewed_alert(alert, listed, rules, _occasion(conn, settings, None), sighted=False)
            catalogue.store(conn, [replace(draft, note=note)], actor_name)
        else:
            catalogue.mark_false_alarm(conn, alert.id, actor_name, note)
    if not linked:
        _process(conn, facts, actor_name, settings, None)
    return reviewed


def rules_in_force(conn: Connection, settings: AlertSettings) -> list[StoredRule]:
    """Return the rules in force, after those of the file were brought into the catalogue.

    Raises
    ------
    SettingsError
        A rule says something that is not understood.
    """
    book = load_rules(settings.alert_rules)
    listed = {rule.name: (", ".join(rule.kinds), rule.model_dump(mode="json")) for rule in book.rules}
    rows = catalogue.sync_rules(conn, RULES_SOURCE, listed)
    return [StoredRule(row.id, row.version, parse_rule(row.definition)) for row in rows]


def cap_document(
    conn: Connection, alert_id: int, *, public_only: bool, settings: AlertSettings | None = None
) -> bytes:  # fmt: skip
    """Return the newest message about an alert as CAP 1.2.

    Raises
    ------
    NotFoundError
        There is none, or none that is public.
    """
    settings = settings or AlertSettings()
    message = catalogue.latest_message(conn, alert_id, scope="Public" if public_only else None)
    return cap.render(message, settings.base_url, settings.alert_sender_name)


def open_feed(
    conn: Connection, *, language: str = "en", limit: int = 100, settings: AlertSettings | None = None
) -> bytes:  # fmt: skip
    """Return the Atom feed of the newest public alerts."""
    settings = settings or AlertSettings()
    messages = catalogue.public_messages(conn, limit=limit)
    return feed.atom(messages, settings.base_url, language=language, author=settings.alert_sender_name)


def _transaction(source: Connection | Engine) -> AbstractContextManager[Connection]:
    return transaction(source) if isinstance(source, Engine) else nullcontext(source)


def _occasion(conn: Connection, settings: AlertSettings, run_id: int | None) -> Occasion:
    return Occasion(datetime.now(UTC), run_id, settings.alert_sender, exercise=overview.holds_simulated(conn))


def _process(
    conn: Connection, facts: Sequence[Facts], actor_name: str, settings: AlertSettings, run_id: int | None
) -> list[AlertSummary]:
    """Return what came of changes: known ones renew their alerts, others join or raise one."""
    rules, occasion = rules_in_force(conn, settings), _occasion(conn, settings, run_id)
    live = catalogue.live_alerts(conn)
    growth = min((rule.rule.growth_share for rule in rules), default=0.0)
    untold = [change for change in facts if not is_told(change, run_id, growth)]
    findings = {change.key: found for change in untold if (found := best_rule(rules, change)) is not None}
    groups = _groups(list(findings.values()), live)
    joined = {group.alert.id: group.changes for group in groups if group.alert is not None}
    concerned = [alert for alert in live if alert.id in joined or _sighted(alert, facts, run_id)]
    drafts = _renewals(conn, concerned, joined, rules, occasion)
    taken = {alert.group_key for alert in live}
    for group in groups:
        if group.alert is None:
            key = group_key(group, taken)
            taken.add(key)
            drafts.append(
                new_alert([findings[change.key] for change in group.changes], key, occasion, flood=group.flood)
            )
    return _summaries(conn, drafts, catalogue.store(conn, drafts, actor_name))


def _groups(findings: Sequence[Match], live: Sequence[LiveAlert]) -> list[Group]:
    if not findings:
        return []
    groups = group_changes(
        [found.change for found in findings],
        live,
        distance_m=max(found.rule.rule.group_distance_m for found in findings),
        span_km=max(found.rule.rule.group_span_km for found in findings),
    )
    return join_flood(groups, MOST_NEW_ALERTS)


def _renewals(
    conn: Connection, concerned: Sequence[LiveAlert], joined: Mapping[int, list[Facts]], rules: Sequence[StoredRule],
    occasion: Occasion,
) -> list[Draft]:  # fmt: skip
    """Return live alerts as they stand now that imagery showed their changes again, or more of them."""
    changes_known = {number for alert in concerned for number in alert.change_ids}
    findings_known = {number for alert in concerned for number in alert.finding_ids}
    known = catalogue.facts_of(conn, sorted(changes_known), sorted(findings_known))
    own = {fact.key: fact for fact in known if fact.status != "false_alarm"}
    drafts = []
    for alert in concerned:
        listed = [own[key] for key in own if key in alert.keys] + joined.get(alert.id, [])
        if listed:
            drafts.append(renewed_alert(alert, listed, rules, occasion, sighted=True))
    return drafts


def _sighted(alert: LiveAlert, facts: Sequence[Facts], run_id: int | None) -> bool:
    """Return whether a run that the alert does not know yet shows one of its changes, or a trigger looked at it again."""
    if any(fact.is_finding and fact.key in alert.keys for fact in facts):
        return True
    if run_id is None or run_id in alert.evidence.get("runs", []):
        return False
    return any(change.id in alert.change_ids for change in facts if change.status != "false_alarm")


def _standing(conn: Connection, alert: LiveAlert) -> list[Facts]:
    """Return the changes of an alert that nobody has called a false alarm."""
    return [
        fact for fact in catalogue.facts_of(conn, alert.change_ids, alert.finding_ids) if fact.status != "false_alarm"
    ]


def _summaries(conn: Connection, drafts: Sequence[Draft], numbers: Sequence[int]) -> list[AlertSummary]:
    told, present = [], catalogue.get_alerts(conn, numbers)
    for draft, number in zip(drafts, numbers, strict=True):
        alert = present[number]
        told.append(
            AlertSummary(
                id=number,
                new=draft.alert_id is None,
                message=draft.message,
                state=alert.state,
                scope=alert.scope,
                severity=alert.severity,
                certainty=alert.certainty,
                urgency=alert.urgency,
                headline=alert.headline["en"],
                chainage_km=alert.chainage_km,
                change_ids=draft.change_ids,
            )
        )
    return told
