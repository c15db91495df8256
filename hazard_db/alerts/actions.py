"""What people and time do to alerts: each a single statement that only succeeds in a state that allows it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from hazard_db.alerts.messages import issue
from hazard_db.alerts.reading import AlertRecord, get_alert
from hazard_db.alerts.receipts import pass_on
from hazard_db.alerts.states import CERTAINTIES, LIVE, STEPS, Action
from hazard_db.errors import ConflictError, InputError

MARKS: dict[Action, str] = {
    "acknowledge": ", acknowledged_at = now(), acknowledged_by = :actor",
    "resolve": ", resolved_at = now(), resolved_by = :actor",
    "mark_false_alarm": ", resolved_at = now(), resolved_by = :actor",
}
"""Who and when, where the alert itself keeps it."""


def acknowledge(conn: Connection, alert_id: int, actor: str, note: str | None = None) -> AlertRecord:
    """Return the alert that `actor` has taken on; doing it twice does no harm.

    Raises
    ------
    NotFoundError
        There is no such alert.
    ConflictError
        Somebody else has taken it on, or it has been closed meanwhile.
    """
    present = get_alert(conn, alert_id)
    if present.state == "acknowledged" and present.acknowledged_by == actor:
        return present
    return _act(conn, alert_id, "acknowledge", actor, note)


def escalate(conn: Connection, alert_id: int, actor: str, note: str | None = None) -> AlertRecord:
    """Return the alert after it was passed on to those above: the next in each chain is told at once.

    Raises
    ------
    NotFoundError
        There is no such alert.
    ConflictError
        Its state does not allow it.
    """
    done = _act(conn, alert_id, "escalate", actor, note)
    pass_on(conn, alert_id)
    return done


def resolve(conn: Connection, alert_id: int, actor: str, note: str | None = None) -> AlertRecord:
    """Return the alert after it was dealt with; those who were told of it get a Cancel.

    Raises
    ------
    NotFoundError
        There is no such alert.
    ConflictError
        It has been closed meanwhile.
    """
    return _act(conn, alert_id, "resolve", actor, note)


def mark_false_alarm(conn: Connection, alert_id: int, actor: str, note: str | None = None) -> AlertRecord:
    """Return the alert after it was found to be wrong; its unreviewed changes are false alarms from now on.

    Raises
    ------
    NotFoundError
        There is no such alert.
    ConflictError
        It has been closed meanwhile.
    """
    done = _act(conn, alert_id, "mark_false_alarm", actor, note)
    conn.execute(
        text("""UPDATE change SET status = 'false_alarm', reviewed_at = now(), reviewed_by = :actor, review_note = :note
                WHERE status = 'candidate' AND id IN (SELECT change_id FROM alert_change WHERE alert_id = :id)"""),
        {"id": alert_id, "actor": actor, "note": note or f"alert {alert_id} was a false alarm"},
    )
    return done


def approve(
    conn: Connection, alert_id: int, actor: str, note: str | None = None, *, certainty: str = "Observed"
) -> AlertRecord:
    """Return the alert after a reviewer made it public.

    Parameters
    ----------
    certainty
        What the reviewer says of it; never below what the evidence says already.

    Raises
    ------
    InputError
        There is no such certainty.
    NotFoundError
        There is no such alert.
    ConflictError
        It is public already, or closed.
    """
    if certainty not in CERTAINTIES:
        raise InputError(f"certainty {certainty!r}: use {', '.join(CERTAINTIES)}")
    approved = {
        "approved": {"by": actor, "at": datetime.now(UTC).isoformat(timespec="seconds"), "certainty": certainty}
    }
    row = conn.execute(
        text("""UPDATE alert SET scope = 'Public', state = CASE WHEN state = 'candidate' THEN 'open' ELSE state END,
                    evidence = evidence || CAST(:approved AS jsonb), updated_at = clock_timestamp(),
                    certainty = CASE WHEN array_position(CAST(:order AS text[]), certainty)
                                        > array_position(CAST(:order AS text[]), :certainty) THEN certainty ELSE :certainty END
                WHERE id = :id AND scope = 'Restricted' AND state = ANY(:live)
                RETURNING EXISTS (SELECT FROM alert_event AS e WHERE e.alert_id = alert.id) AS told"""),
        {
            "id": alert_id, "approved": json.dumps(approved), "certainty": certainty, "order": list(CERTAINTIES), "live": sorted(LIVE),
        },
    ).one_or_none()  # fmt: skip
    if row is None:
        present = get_alert(conn, alert_id)
        is_public = present.state in LIVE and present.scope == "Public"
        raise ConflictError(f"alert {alert_id} is {'public already' if is_public else _how(present)}")
    issue(conn, [alert_id], "Update" if row.told else "Alert", actor, note)
    return get_alert(conn, alert_id)


def expire_due(conn: Connection, now: datetime | None = None, actor: str = "clock") -> list[int]:
    """Return the alerts that have come to their end without anybody closing them."""
    way = STEPS["expire"]
    rows = conn.execute(
        text("""WITH due AS (SELECT id, state FROM alert WHERE state = ANY(:sources) AND expires_at <= coalesce(:now, now())
                             ORDER BY id FOR UPDATE SKIP LOCKED)
                UPDATE alert AS a SET state = :target, updated_at = clock_timestamp() FROM due WHERE a.id = due.id
                RETURNING a.id, due.state AS was"""),
        {"sources": sorted(way.sources), "target": way.target, "now": now},
    ).all()
    issue(conn, sorted(row.id for row in rows if row.was != "candidate"), way.message, actor, "expired")
    return sorted(row.id for row in rows)


def _act(conn: Connection, alert_id: int, action: Action, actor: str, note: str | None) -> AlertRecord:
    """Return the alert after an action; whoever comes second to a state that does not allow it is refused."""
    way = STEPS[action]
    told = conn.execute(
        text(f"""UPDATE alert SET state = :target, updated_at = clock_timestamp() {MARKS.get(action, "")}
                 WHERE id = :id AND state = ANY(:sources)
                 RETURNING EXISTS (SELECT FROM alert_event AS e WHERE e.alert_id = alert.id) AS told"""),
        {"id": alert_id, "sources": sorted(way.sources), "target": way.target, "actor": actor},
    ).one_or_none()
    if told is None:
        raise ConflictError(
            f"alert {alert_id} is {_how(get_alert(conn, alert_id))} already; look again before you decide"
        )
    if told.told:  # of a candidate nobody knows, so there is nothing to take back
        issue(conn, [alert_id], way.message, actor, note)
    return get_alert(conn, alert_id)


def _how(alert: AlertRecord) -> str:
    """Return how an alert stands and by whom."""
    who = alert.acknowledged_by if alert.state in {"acknowledged", "escalated"} else alert.resolved_by
    words = {step.target: step.past for step in STEPS.values()} | {"candidate": "a candidate"}
    return words[alert.state] + (f" (by {who})" if who and alert.state not in {"open", "expired"} else "")
