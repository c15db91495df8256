"""Messages about alerts, written in one transaction with what they tell and with the deliveries they cause."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from hazard_db.alerts.states import MessageType


def issue(
    conn: Connection, alert_ids: Sequence[int], message: MessageType, actor: str, note: str | None = None, *, notify: bool = True
) -> list[int]:  # fmt: skip
    """Return the numbers of the messages that tell how these alerts stand now, one each, queued for those who want them.

    Parameters
    ----------
    notify
        False: the message belongs to the alert's history, but nobody is sent it.
    """
    if not alert_ids:
        return []
    events = conn.scalars(
        text(_EVENTS), {"ids": list(alert_ids), "message": message, "actor": actor, "note": note}
    ).all()
    if notify:
        conn.execute(text(_DELIVERIES), {"events": list(events)})
    return list(events)


# An acknowledgement is the duty officers' own affair, whatever the alert's scope.
_EVENTS = """
INSERT INTO alert_event (alert_id, msg_type, state, scope, actor, note, content)
SELECT a.id, :message, a.state, CASE WHEN :message = 'Ack' THEN 'Restricted' ELSE a.scope END, :actor, :note,
       to_jsonb(a) - 'geom' || jsonb_build_object('geometry', CAST(ST_AsGeoJSON(a.geom, 7) AS jsonb),
                                                  'rule', r.name, 'alignment', l.version)
FROM alert AS a LEFT JOIN alert_rule AS r ON r.id = a.rule_id LEFT JOIN alignment AS l ON l.id = a.alignment_id
WHERE a.id = ANY(:ids) ORDER BY a.id RETURNING id
"""

# Who was told of an alert is told how it goes on, even if it has become milder than what they asked for.
_DELIVERIES = """
INSERT INTO delivery (alert_event_id, subscription_id)
SELECT e.id, s.id
FROM alert_event AS e JOIN alert AS a ON a.id = e.alert_id JOIN subscription AS s ON s.enabled
WHERE e.id = ANY(:events)
  AND (s.scope = 'Restricted' OR e.scope = 'Public')
  AND (array_position(ARRAY['Unknown', 'Minor', 'Moderate', 'Severe', 'Extreme'], a.severity)
           >= array_position(ARRAY['Unknown', 'Minor', 'Moderate', 'Severe', 'Extreme'], s.min_severity)
           AND (cardinality(s.hazards) = 0 OR a.kind = ANY(s.hazards))
           AND (s.chainage_from_km IS NULL OR a.chainage_to_km >= s.chainage_from_km)
           AND (s.chainage_to_km IS NULL OR a.chainage_from_km <= s.chainage_to_km)
       OR EXISTS (SELECT FROM delivery AS d JOIN alert_event AS told ON told.id = d.alert_event_id
                  WHERE d.subscription_id = s.id AND told.alert_id = a.id))
ORDER BY e.id, s.id ON CONFLICT (alert_event_id, subscription_id) DO NOTHING
"""
