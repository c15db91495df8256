"""What became of deliveries beyond our reach: receipts, passing on where nobody answers, and trying again what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, text

from hazard_db.errors import ConflictError, NotFoundError

Receipt = Literal["delivered", "acknowledged", "bounced"]


def note_receipt(conn: Connection, key: str, receipt: Receipt, note: str | None = None) -> int:
    """Return the delivery of which a receiver told what became of it.

    An acknowledgement is not undone by a word that a slower path brings; what bounced is a dead letter, for a person to look at.

    Raises
    ------
    NotFoundError
        No delivery bears that key.
    """
    identifier, _, subscription = key.rpartition("-")
    number = conn.scalar(
        text("""UPDATE delivery AS d SET receipt = CASE WHEN d.receipt = 'acknowledged' THEN d.receipt ELSE :receipt END,
                       receipt_at = clock_timestamp(), receipt_note = left(coalesce(:note, d.receipt_note), 500),
                       status = CASE WHEN :receipt = 'bounced' AND d.receipt IS DISTINCT FROM 'acknowledged' THEN 'failed'
                                     ELSE 'delivered' END,
                       delivered_at = CASE WHEN :receipt = 'bounced' THEN d.delivered_at
                                           ELSE coalesce(d.delivered_at, clock_timestamp()) END
                FROM alert_event AS e WHERE e.id = d.alert_event_id AND CAST(e.identifier AS text) = :identifier
                  AND CAST(d.subscription_id AS text) = :subscription RETURNING d.id"""),
        {"identifier": identifier, "subscription": subscription, "receipt": receipt, "note": note},
    )
    if number is None:
        raise NotFoundError("no delivery bears that key")
    return int(number)


def pass_on(conn: Connection, alert_id: int | None = None) -> list[int]:
    """Return the deliveries queued for the next in a chain, because nobody has taken the alert on in time.

    Each once, however often and in how many processes this is asked. What was acknowledged and has become worse, or was passed on by
    hand, asks for an answer again: its time counts from the first word after the acknowledgement.

    Parameters
    ----------
    alert_id
        Pass on this alert only, and at once: a person asked for it.
    """
    rows = conn.scalars(
        text("""INSERT INTO delivery (alert_event_id, subscription_id, reason)
                SELECT DISTINCT ON (e.alert_id, s.escalate_to) e.id, s.escalate_to, 'escalated'
                FROM delivery AS d JOIN subscription AS s ON s.id = d.subscription_id
                JOIN subscription AS n ON n.id = s.escalate_to AND n.enabled
                JOIN alert_event AS e ON e.id = d.alert_event_id JOIN alert AS a ON a.id = e.alert_id
                WHERE a.state IN ('open', 'escalated') AND e.msg_type IN ('Alert', 'Update') AND d.receipt IS DISTINCT FROM 'acknowledged'
                  AND (a.acknowledged_at IS NULL OR e.sent_at > a.acknowledged_at)
                  AND d.status <> 'withheld' AND (n.scope = 'Restricted' OR e.scope = 'Public')
                  AND (e.alert_id = :alert OR (CAST(:alert AS bigint) IS NULL
                       AND d.queued_at + make_interval(mins => s.escalate_after_min) <= clock_timestamp()))
                  AND NOT EXISTS (SELECT FROM delivery AS o JOIN alert_event AS told ON told.id = o.alert_event_id
                                  WHERE o.subscription_id = s.escalate_to AND told.alert_id = e.alert_id)
                ORDER BY e.alert_id, s.escalate_to, e.id DESC
                ON CONFLICT (alert_event_id, subscription_id) DO NOTHING RETURNING id"""),
        {"alert": alert_id},
    )
    return sorted(rows)


def try_again(conn: Connection, delivery_ids: Sequence[int] | None = None) -> int:
    """Return how many deliveries that were given up or put off are due at once; None = all that were given up.

    Raises
    ------
    ConflictError
        A silence, maintenance window or closure keeps one of them back: that is not undone in passing.
    """
    kept = conn.execute(
        text("""SELECT d.id, h.hold FROM delivery AS d JOIN alert_event AS e ON e.id = d.alert_event_id
                CROSS JOIN LATERAL (SELECT alert_hold(e.alert_id, clock_timestamp()) AS hold) AS h
                WHERE d.id = ANY(:ids) AND d.status = 'withheld' AND h.hold IS NOT NULL ORDER BY d.id LIMIT 1"""),
        {"ids": list(delivery_ids or ())},
    ).one_or_none()
    if kept is not None:
        by, number, reason = (kept.hold[name] for name in ("by", "id", "reason"))
        until = f" until {kept.hold['until'][:16].replace('T', ' ')} UTC" if kept.hold.get("until") else ""
        raise ConflictError(
            f"message {kept.id} is kept back by {by} {number}{until} ({reason}); it is sent once that has ended"
        )
    return conn.execute(
        text("""UPDATE delivery SET status = 'waiting', next_try_at = clock_timestamp()
                WHERE status <> 'delivered' AND (id = ANY(:ids) OR (CAST(:ids AS bigint[]) IS NULL AND status = 'failed'))"""),
        {"ids": None if delivery_ids is None else list(delivery_ids)},
    ).rowcount
