"""How often alerts and detectors were right: hit rates and false-alarm rates as people judged them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from hazard_db.alerts.facts import Facts, facts_of


@dataclass(frozen=True)
class Reliability:
    """How often a rule or a detector was right."""

    by: str
    """rule or detector."""
    name: str
    total: int
    """Alerts of the rule, or changes that the detector found."""
    confirmed: int
    false_alarms: int

    @property
    def judged(self) -> int:
        """How many a person has judged; rates of few say little."""
        return self.confirmed + self.false_alarms

    @property
    def hit_rate(self) -> float | None:
        """Share of those judged that were confirmed; None where none was."""
        return self.confirmed / self.judged if self.judged else None

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of those judged that were false alarms."""
        return self.false_alarms / self.judged if self.judged else None


def reliability(conn: Connection) -> list[Reliability]:
    """Return how often each rule and each detector was right, rules first."""
    return [Reliability(**row) for row in conn.execute(text(_RELIABILITY)).mappings()]


def facts_since(conn: Connection, since: date) -> Sequence[Facts]:
    """Return the facts of what imagery and triggers showed since a day, whatever became of it."""
    changes = conn.scalars(text("SELECT id FROM change WHERE last_date >= :since ORDER BY id"), {"since": since}).all()
    findings = conn.scalars(text("SELECT id FROM finding WHERE last_at >= :since ORDER BY id"), {"since": since}).all()
    return facts_of(conn, changes, findings)


# A person confirms an alert by confirming one of its changes by making it public, or where it is.
_RELIABILITY = """
SELECT 'rule' AS by, coalesce(r.name, '-') AS name, count(*) AS total,
       count(*) FILTER (WHERE a.state <> 'false_alarm' AND (a.evidence ? 'approved' OR EXISTS (
           SELECT FROM alert_change AS k JOIN change AS c ON c.id = k.change_id
           WHERE k.alert_id = a.id AND c.status = 'confirmed')
           OR EXISTS (SELECT FROM field_check AS f WHERE f.alert_id = a.id AND f.verdict = 'confirmed'))) AS confirmed,
       count(*) FILTER (WHERE a.state = 'false_alarm') AS false_alarms
FROM alert AS a LEFT JOIN alert_rule AS r ON r.id = a.rule_id GROUP BY r.name
UNION ALL
SELECT 'detector', f.method, count(*), count(*) FILTER (WHERE f.status = 'confirmed'), count(*) FILTER (WHERE f.status = 'false_alarm')
FROM (SELECT DISTINCT c.id, c.status, r.method FROM change AS c JOIN change_sighting AS s ON s.change_id = c.id
      JOIN detection_run AS r ON r.id = s.run_id) AS f GROUP BY f.method
ORDER BY by DESC, name
"""
