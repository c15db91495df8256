"""Alerts in the catalogue: facts to decide on, alerts and messages, what people do to them, and the outbox."""

from __future__ import annotations

from hazard_db.alerts.actions import acknowledge, approve, escalate, expire_due, mark_false_alarm, resolve
from hazard_db.alerts.facts import (
    AlertLink,
    Cause,
    Facts,
    LiveAlert,
    change_facts,
    changes_of_run,
    facts_of,
    finding_facts,
    live_alerts,
    lock_raising,
)
from hazard_db.alerts.findings import Finding, store_findings
from hazard_db.alerts.outbox import (
    Claim,
    DeliveryRecord,
    Subscription,
    add_subscription,
    claim_deliveries,
    deliveries,
    get_subscription,
    mark_delivered,
    mark_failed,
    remove_subscription,
    subscriptions,
)
from hazard_db.alerts.raising import Draft, store
from hazard_db.alerts.reading import (
    AlertMessage,
    AlertRecord,
    Reference,
    events_of,
    get_alert,
    latest_message,
    list_alerts,
    public_messages,
)
from hazard_db.alerts.receipts import Receipt, note_receipt, pass_on, try_again
from hazard_db.alerts.reliability import Reliability, facts_since, reliability
from hazard_db.alerts.rules import RuleRow, enabled_rules, sync_rules
from hazard_db.alerts.streaks import Look, Streak, streak

__all__ = [
    "AlertLink",
    "AlertMessage",
    "AlertRecord",
    "Cause",
    "Claim",
    "DeliveryRecord",
    "Draft",
    "Facts",
    "Finding",
    "LiveAlert",
    "Look",
    "Receipt",
    "Reference",
    "Reliability",
    "RuleRow",
    "Streak",
    "Subscription",
    "acknowledge",
    "add_subscription",
    "approve",
    "change_facts",
    "changes_of_run",
    "claim_deliveries",
    "deliveries",
    "enabled_rules",
    "escalate",
    "events_of",
    "expire_due",
    "facts_of",
    "facts_since",
    "finding_facts",
    "get_alert",
    "get_subscription",
    "latest_message",
    "list_alerts",
    "live_alerts",
    "lock_raising",
    "mark_delivered",
    "mark_failed",
    "mark_false_alarm",
    "note_receipt",
    "pass_on",
    "public_messages",
    "reliability",
    "remove_subscription",
    "resolve",
    "store",
    "store_findings",
    "streak",
    "subscriptions",
    "sync_rules",
    "try_again",
]
