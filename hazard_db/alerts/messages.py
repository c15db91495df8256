"""Messages about alerts, written in one transaction with what they tell and with the deliveries they cause."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from hazard_db.alerts.states import MessageType


def issue(
    conn: Connection, alert_ids: Sequence[int], message: MessageType, actor: str, note: str | None = None, *, notify: bool = True,
    reminder: bool = False,
) -> list[int]:  # fmt: skip
    """Return the numbers of the messages that tell how these alerts stand now, one each, queued for those who want them.

    Parameters
    ----------
    notify
        False: the message belongs to the alert's history, but nobody is sent it.
    reminder
        Only duty officers are told: it says nothing new, but that nobody has acknowledged the alert.
    """
    if not alert_ids:
        return []
    events = conn.scalars(
        text(_EVENTS), {"ids": list(alert_ids), "message": message, "actor": actor, "note": note, "reminder": reminder}
    ).all()
    if notify:
        conn.execute(text(_DELIVERIES), {"events": list(events), "reminder": reminder})
    return list(events)


# An acknowledgement is the duty officers' own affair, whatever the alert's scope.
_EVENTS = """
INSERT INTO alert_event (alert_id, msg_type, state, scope, actor, note, content)
SELECT a.id, :message, a.state, CASE WHEN :message = 'Ack' OR :reminder THEN 'Restricted' ELSE a.scope END, :actor, :note,
       to_jsonb(a) - 'geom' || jsonb_build_object('geometry', CAST(ST_AsGeoJSON(a.geom, 7) AS jsonb),
                                                  'rule', r.name, 'alignment', l.version)
FROM alert AS a LEFT JOIN alert_rule AS r ON r.id = a.rule_id LEFT JOIN alignment AS l ON l.id = a.alignment_id
WHERE a.id = ANY(:ids) ORDER BY a.id RETURNING id
"""

# Who was told of an alert is told how it goes on, even if it has become milder than what they asked for. What a silence or a closure
# keeps back is noted; that an alert is over is told, whatever is silenced, to those who know of it, and to nobody else.
_DELIVERIES = """
WITH held AS MATERIALIZED (SELECT e.id AS event_id, alert_hold(e.alert_id, clock_timestamp()) AS hold
                           FROM alert_event AS e WHERE e.id = ANY(:events)),
known AS MATERIALIZED (
    SELECT earlier.alert_id, d.subscription_id, bool_or(d.status <> 'withheld') AS told, bool_or(d.status = 'withheld') AS kept_back
    FROM alert_event AS earlier JOIN delivery AS d ON d.alert_event_id = earlier.id
    WHERE earlier.alert_id IN (SELECT alert_id FROM alert_event WHERE id = ANY(:events)) GROUP BY earlier.alert_id, d.subscription_id)
INSERT INTO delivery (alert_event_id, subscription_id, reason, status, held)
SELECT w.event_id, w.subscription_id, CASE WHEN :reminder THEN 'reminder' ELSE 'subscribed' END,
       CASE WHEN w.back THEN 'withheld' ELSE 'waiting' END, CASE WHEN w.back THEN w.hold END
FROM (
    SELECT e.id AS event_id, s.id AS subscription_id, h.hold,
           CASE WHEN e.msg_type <> 'Cancel' THEN h.hold IS NOT NULL
                ELSE NOT coalesce(k.told, false) AND (h.hold IS NOT NULL OR coalesce(k.kept_back, false)) END AS back
    FROM alert_event AS e JOIN held AS h ON h.event_id = e.id JOIN alert AS a ON a.id = e.alert_id JOIN subscription AS s ON s.enabled
    LEFT JOIN known AS k ON k.alert_id = a.id AND k.subscription_id = s.id
    WHERE e.id = ANY(:events)
      AND (s.scope = 'Restricted' OR e.scope = 'Public') AND (s.scope = 'Restricted' OR NOT :reminder)
      AND (array_position(ARRAY['Unknown', 'Minor', 'Moderate', 'Severe', 'Extreme'], a.severity)
               >= array_position(ARRAY['Unknown', 'Minor', 'Moderate', 'Severe', 'Extreme'], s.min_severity)
               AND (cardinality(s.hazards) = 0 OR a.kind = ANY(s.hazards))
               AND (s.chainage_from_km IS NULL OR a.chainage_to_km >= s.chainage_from_km)
               AND (s.chainage_to_km IS NULL OR a.chainage_from_km <= s.chainage_to_km)
           OR k.told IS NOT NULL)
) AS w
ORDER BY w.event_id, w.subscription_id ON CONFLICT (alert_event_id, subscription_id) DO NOTHING
"""
