"""What a team found in the field closes the loop: its verdict is the alert's, and the rule's and detector's rates follow."""

from __future__ import annotations

from alerts.run import review_change
from alerts.settings import AlertSettings
from hazard_db import alerts as catalogue
from hazard_db.alerts import CheckVerdict, FieldCheck
from hazard_db.connect import Connection, actor


def settle(
    conn: Connection, check_id: int, verdict: CheckVerdict, actor_name: str, note: str | None = None, *,
    settings: AlertSettings | None = None,
) -> FieldCheck:  # fmt: skip
    """Return a check with what was found, the alert brought in line in the same transaction.

    Confirmed: the change nearest to the road, of which the alert's first line speaks, is confirmed, and with it the alert is
    Observed. False alarm: an alert that is not public and of
    which no reviewer has confirmed anything is closed as one. What is public only a duty officer takes back, and an
    alert that asks to check the imagery of many places is no matter of one of them: the verdict is kept and shown.

    Raises
    ------
    NotFoundError
        There is no such check.
    ConflictError
        It has been answered already.
    """
    actor(conn, actor_name)
    catalogue.lock_raising(conn)
    done = catalogue.note_verdict(conn, check_id, verdict, actor_name, note)
    alert = catalogue.get_alert(conn, done.alert_id)
    if alert.evidence.get("flood") or done.alert_state not in {"open", "acknowledged", "escalated"}:
        return done
    told = f"{done.team}: {note}" if note else f"{done.team} was there"
    facts = [one for one in catalogue.change_facts(conn, alert.change_ids) if one.status != "false_alarm"]
    unsure = [one for one in facts if one.status == "candidate"]
    if len(unsure) < len(facts):  # a reviewer has confirmed something already
        return done
    if verdict == "confirmed":
        if unsure:
            nearest = min(unsure, key=lambda one: float("inf") if one.offset_m is None else one.offset_m)
            review_change(conn, nearest.id, "confirmed", actor_name, told, settings=settings)
    elif verdict == "false_alarm" and alert.scope != "Public":
        catalogue.mark_false_alarm(conn, alert.id, actor_name, told)
    return catalogue.get_check(conn, check_id)
