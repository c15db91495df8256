"""The outbox: who wants which alerts, and which messages are still to be sent to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, text

from hazard_db import pictures
from hazard_db.alerts.checks import open_check_of
from hazard_db.alerts.reading import AlertMessage, messages
from hazard_db.errors import InputError, NotFoundError
from hazard_db.wording import LANGUAGES

SEVERITIES = ("Unknown", "Minor", "Moderate", "Severe", "Extreme")
PER_RECEIVER = 4
"""Messages to one receiver in one claim: one that is dead or slow does not hold up the others."""

Reason = Literal["subscribed", "escalated", "reminder", "check"]
Outcome = Literal["delivered", "waiting", "failed", "lost"]


@dataclass(frozen=True)
class Subscription:
    """Who wants which alerts by which channel."""

    name: str
    channel: str
    address: str
    language: str = "en"
    min_severity: str = "Minor"
    scope: str = "Public"
    """`Restricted` also gets what nobody has reviewed yet: for duty officers."""
    chainage_from_km: float | None = None
    chainage_to_km: float | None = None
    enabled: bool = True
    hazards: tuple[str, ...] = ()
    """Kinds of alerts; empty = all."""
    quiet_from: time | None = None
    quiet_to: time | None = None
    """Between them, by the clock of `timezone`, nothing but what is Extreme is sent; it waits."""
    timezone: str = "Asia/Karachi"
    escalate_to: str | None = None
    """Name of who is told where nobody has taken an alert on in time."""
    escalate_after_min: int | None = None
    id: int | None = None


@dataclass(frozen=True)
class Claim:
    """A message to send to a receiver; ours until the lease ends."""

    delivery_id: int
    attempt: int
    subscription: Subscription
    message: AlertMessage
    picture: str | None = None
    """Of the largest change that the alert speaks of and the receiver may see; path relative to HAZARD_HOME."""
    reason: Reason = "subscribed"
    check_id: int | None = None
    """The check in the field that the receiver's team is asked for."""

    @property
    def key(self) -> str:
        """The same for every attempt to tell the same thing to the same receiver."""
        return f"{self.message.identifier}-{self.subscription.id}"


@dataclass(frozen=True)
class DeliveryRecord:
    """How a message to a receiver stands."""

    id: int
    alert_id: int
    alert_event_id: int
    subscription: str
    channel: str
    status: str
    attempts: int
    next_try_at: datetime
    delivered_at: datetime | None
    last_error: str | None
    queued_at: datetime
    reason: str
    receipt: str | None
    receipt_at: datetime | None
    receipt_note: str | None
    headline: str | None = None
    held: Mapping[str, Any] | None = None
    """What kept it back."""


def add_subscription(conn: Connection, subscription: Subscription) -> Subscription:
    """Return the subscription as stored; one of the same name is replaced by it.

    Raises
    ------
    InputError
        A field cannot be used.
    """
    values = _checked(subscription)
    names = [name for name in values if name not in {"id", "name"}]
    number: int = conn.execute(
        text(f"""INSERT INTO subscription (name, {", ".join(names)}) VALUES (:name, {", ".join(f":{name}" for name in names)})
                 ON CONFLICT (name) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in names)} RETURNING id"""),
        {**values, "hazards": list(subscription.hazards), "escalate_to": _next_in_chain(conn, subscription)},
    ).scalar_one()
    return replace(subscription, id=number)


def subscriptions(conn: Connection, *, enabled_only: bool = False) -> list[Subscription]:
    """Return the subscriptions by name."""
    rows = conn.execute(
        text(f"SELECT {_SUBSCRIPTION} FROM subscription AS s WHERE s.enabled OR NOT :only ORDER BY s.name"),
        {"only": enabled_only},
    ).mappings()
    return [_subscription(row) for row in rows]


def get_subscription(conn: Connection, name: str) -> Subscription:
    """Return the subscription of that name.

    Raises
    ------
    NotFoundError
        There is none.
    """
    row = conn.execute(
        text(f"SELECT {_SUBSCRIPTION} FROM subscription AS s WHERE s.name = :name"), {"name": name}
    ).mappings().one_or_none()  # fmt: skip
    if row is None:
        raise NotFoundError(f"there is no subscription {name!r}")
    return _subscription(row)


def remove_subscription(conn: Connection, name: str) -> None:
    """Remove a subscription and what was still to be sent to it.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    if conn.execute(text("DELETE FROM subscription WHERE name = :name"), {"name": name}).rowcount == 0:
        raise NotFoundError(f"there is no subscription {name!r}")


def claim_deliveries(conn: Connection, limit: int, lease: timedelta = timedelta(minutes=10)) -> list[Claim]:
    """Return messages that are due; nobody else gets them before the lease ends.

    A worker that dies in between leaves them to be claimed again. Messages about one alert go to a receiver
    in their order: a Cancel never overtakes its Alert.
    """
    rows = conn.execute(
        text(_CLAIM), {"limit": limit, "lease": lease, "per_receiver": PER_RECEIVER}
    ).mappings().all()  # fmt: skip
    told = messages(conn, [row["alert_event_id"] for row in rows])
    claims = [_claim(conn, row, told[row["alert_event_id"]]) for row in rows]
    return sorted(claims, key=lambda claim: (claim.message.id, claim.delivery_id))


def mark_delivered(conn: Connection, claim: Claim) -> Outcome:
    """Note that the receiver has it; `lost` where another worker has claimed it since."""
    done = conn.execute(
        text("""UPDATE delivery SET status = 'delivered', delivered_at = clock_timestamp(), last_error = NULL
                WHERE id = :id AND attempts = :attempt AND status = 'waiting'"""),
        {"id": claim.delivery_id, "attempt": claim.attempt},
    ).rowcount
    return "delivered" if done else "lost"


def mark_failed(
    conn: Connection, claim: Claim, error: str, *, retry_in: timedelta, give_up_after: timedelta, bounced: bool = False
) -> Outcome:
    """Note why the receiver did not get it, and when to try again; `failed` once the message is too old to be of use.

    What else waits for that receiver is put off as well.
    """
    status = conn.scalar(
        text("""UPDATE delivery AS d SET last_error = left(:error, 500), next_try_at = clock_timestamp() + :retry_in,
                    receipt = CASE WHEN :bounced THEN 'bounced' ELSE d.receipt END,
                    receipt_at = CASE WHEN :bounced THEN clock_timestamp() ELSE d.receipt_at END,
                    status = CASE WHEN e.sent_at + :give_up < clock_timestamp() THEN 'failed' ELSE 'waiting' END
                FROM alert_event AS e WHERE e.id = d.alert_event_id AND d.id = :id AND d.attempts = :attempt AND d.status = 'waiting'
                RETURNING d.status"""),
        {
            "id": claim.delivery_id, "attempt": claim.attempt, "error": error, "retry_in": retry_in, "give_up": give_up_after,
            "bounced": bounced,
        },
    )  # fmt: skip
    if status is None:
        return "lost"
    conn.execute(
        text("""UPDATE delivery SET next_try_at = greatest(next_try_at, clock_timestamp() + :retry_in)
                WHERE id IN (SELECT id FROM delivery WHERE subscription_id = :subscription AND status = 'waiting'
                             FOR UPDATE SKIP LOCKED)"""),
        {"subscription": claim.subscription.id, "retry_in": retry_in},
    )
    return "failed" if status == "failed" else "waiting"


def deliveries(
    conn: Connection, *, alert_id: int | None = None, status: str | None = None, limit: int = 1000
) -> list[DeliveryRecord]:
    """Return how messages to receivers stand, newest first.

    Parameters
    ----------
    status
        waiting, withheld (by a silence or a closure), delivered or failed; `dead` for what was given up or has bounced.
    """
    rows = conn.execute(
        text("""SELECT d.id, e.alert_id, d.alert_event_id, s.name AS subscription, s.channel, d.status, d.attempts,
                       d.next_try_at, d.delivered_at, d.last_error, d.queued_at, d.reason, d.receipt, d.receipt_at, d.receipt_note, d.held,
                       e.content -> 'headline' ->> 'en' AS headline
                FROM delivery AS d JOIN alert_event AS e ON e.id = d.alert_event_id JOIN subscription AS s ON s.id = d.subscription_id
                WHERE (CAST(:alert AS bigint) IS NULL OR e.alert_id = :alert) AND (CAST(:status AS text) IS NULL OR d.status = :status
                                OR (:status = 'dead' AND d.status <> 'delivered' AND (d.status = 'failed' OR d.receipt = 'bounced')))
                ORDER BY d.id DESC LIMIT :limit"""),
        {"alert": alert_id, "status": status, "limit": limit},
    ).mappings()
    return [DeliveryRecord(**row) for row in rows]


def _checked(subscription: Subscription) -> dict[str, Any]:
    choices = (
        ("language", LANGUAGES),
        ("min_severity", SEVERITIES),
        ("scope", ("Public", "Restricted")),
    )
    for field, allowed in choices:
        if getattr(subscription, field) not in allowed:
            raise InputError(f"subscription {subscription.name!r}, {field}: use {', '.join(allowed)}")
    if not subscription.name.strip() or not subscription.address.strip():
        raise InputError("a subscription needs a name and an address")
    low, high = subscription.chainage_from_km, subscription.chainage_to_km
    if low is not None and high is not None and low > high:
        raise InputError(f"subscription {subscription.name!r}: km {low:g} to {high:g} runs backwards")
    _check_quiet(subscription)
    return {name: getattr(subscription, name) for name in Subscription.__dataclass_fields__}


def _check_quiet(subscription: Subscription) -> None:
    if (subscription.quiet_from is None) != (subscription.quiet_to is None):
        raise InputError(f"subscription {subscription.name!r}: quiet hours need a beginning and an end")
    try:
        ZoneInfo(subscription.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(
            f"subscription {subscription.name!r}: there is no time zone {subscription.timezone!r}; use one such as Asia/Karachi"
        ) from error
    if (subscription.escalate_to is None) != (subscription.escalate_after_min is None):
        raise InputError(f"subscription {subscription.name!r}: to pass on, name to whom and after how many minutes")
    if subscription.escalate_after_min is not None and not 1 <= subscription.escalate_after_min <= 7 * 24 * 60:
        raise InputError(f"subscription {subscription.name!r}: pass on after a minute to a week")


def _next_in_chain(conn: Connection, subscription: Subscription) -> int | None:
    """Return the number of who is told next; a chain must not come back to where it began."""
    if subscription.escalate_to is None:
        return None
    chain = conn.execute(
        text("""WITH RECURSIVE chain AS (
                    SELECT id, name, escalate_to FROM subscription WHERE name = :next
                    UNION SELECT s.id, s.name, s.escalate_to FROM subscription AS s JOIN chain AS c ON s.id = c.escalate_to)
                SELECT id, name FROM chain"""),
        {"next": subscription.escalate_to},
    ).all()
    if not chain:
        raise NotFoundError(f"there is no subscription {subscription.escalate_to!r} to pass on to")
    if subscription.name in {row.name for row in chain}:
        raise InputError(f"subscription {subscription.name!r}: the chain would come back to itself")
    return next(int(row.id) for row in chain if row.name == subscription.escalate_to)


def _subscription(row: Mapping[Any, Any]) -> Subscription:
    return Subscription(**{**row, "hazards": tuple(row["hazards"])})


def _claim(conn: Connection, row: Mapping[Any, Any], message: AlertMessage) -> Claim:
    fields = {name: row[name] for name in Subscription.__dataclass_fields__ if name != "id"}
    subscription = _subscription({**fields, "id": row["subscription_id"]})
    listed = [int(number) for number in message.content["evidence"].get("changes", ())]
    shown = pictures.of_changes(conn, listed, include_unreviewed=subscription.scope == "Restricted") if listed else {}
    sizes = message.content["evidence"].get("areas", {})
    largest = max(shown, key=lambda number: float(sizes.get(str(number), 0.0)), default=None)
    return Claim(
        row["delivery_id"],
        row["attempts"],
        subscription,
        message,
        None if largest is None else shown[largest],
        row["reason"],
        open_check_of(conn, message.alert_id, subscription.id),
    )


_SUBSCRIPTION = """s.name, s.channel, s.address, s.language, s.min_severity, s.scope, s.chainage_from_km, s.chainage_to_km,
    s.enabled, s.hazards, s.quiet_from, s.quiet_to, s.timezone, s.escalate_after_min,
    (SELECT n.name FROM subscription AS n WHERE n.id = s.escalate_to) AS escalate_to, s.id"""

_DUE = "({0}.next_try_at <= clock_timestamp() OR {0}.next_try_at > clock_timestamp() + interval '25 hours')"
"""Nothing is put off for longer than a day: what seems to be was put off while the clock ran ahead, and is due."""
_CLAIM = f"""
WITH due AS (
    SELECT d.id FROM delivery AS d
    WHERE d.status = 'waiting' AND {_DUE.format("d")} AND d.id IN (
        SELECT ranked.id FROM (
            SELECT w.id, row_number() OVER (PARTITION BY w.subscription_id ORDER BY w.id) AS place
            FROM delivery AS w JOIN alert_event AS e ON e.id = w.alert_event_id JOIN subscription AS s ON s.id = w.subscription_id
            WHERE w.status = 'waiting' AND {_DUE.format("w")} AND s.enabled
              AND (NOT is_quiet(s.quiet_from, s.quiet_to, s.timezone, clock_timestamp()) OR e.content ->> 'severity' = 'Extreme')
              AND NOT EXISTS (SELECT FROM delivery AS o JOIN alert_event AS earlier ON earlier.id = o.alert_event_id
                              WHERE o.subscription_id = w.subscription_id AND o.status = 'waiting'
                                AND earlier.alert_id = e.alert_id AND earlier.id < e.id)
        ) AS ranked WHERE ranked.place <= :per_receiver)
    ORDER BY d.id LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE delivery AS d SET attempts = d.attempts + 1, next_try_at = clock_timestamp() + :lease
FROM due, subscription AS s
WHERE d.id = due.id AND s.id = d.subscription_id
RETURNING d.id AS delivery_id, d.attempts, d.reason,
     d.alert_event_id, d.subscription_id, {_SUBSCRIPTION.removesuffix("s.id")} s.id AS number
"""
