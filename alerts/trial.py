"""What a rule would have raised from what the catalogue holds, beside what people said of it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerts.grouping import group_changes
from alerts.rules import AlertRule, evaluate
from hazard_db.alerts import Facts


@dataclass(frozen=True)
class Trial:
    """How a rule would have done."""

    rule: str
    alerts: int
    confirmed: int
    """Alerts of which a person confirmed something."""
    false_alarms: int
    """Alerts of which a person called everything a false alarm."""
    unreviewed: int
    findings: int
    """Changes and findings that meet the rule."""

    def __str__(self) -> str:
        """Return it as a sentence."""
        return (
            f"{self.rule}: would have raised {self.alerts} alerts from {self.findings} findings; {self.confirmed} confirmed, "
            f"{self.false_alarms} false alarms, {self.unreviewed} nobody has judged"
        )


def try_rule(rule: AlertRule, facts: Sequence[Facts]) -> Trial:
    """Return what a rule would have raised of changes and findings as they stand, before any person's verdict."""
    statuses = {one.key: one.status for one in facts}
    unjudged = [replace(one, status="candidate") for one in facts]
    met = [one for one in unjudged if one.chainage_km is not None and evaluate(rule, one) is not None]
    groups = group_changes(met, [], distance_m=rule.group_distance_m, span_km=rule.group_span_km)
    verdicts = [{statuses[one.key] for one in group.changes} for group in groups]
    confirmed = sum("confirmed" in verdict for verdict in verdicts)
    wrong = sum(verdict == {"false_alarm"} for verdict in verdicts)
    return Trial(rule.name, len(groups), confirmed, wrong, len(groups) - confirmed - wrong, len(met))
