"""The outbox's worker: claim what is due, send it, note how it went; kill it anywhere and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import timedelta

from alerts.channels import CHANNELS
from alerts.outgoing import Channel, prepare
from alerts.sample import sample_message
from alerts.settings import AlertSettings
from hazard_db import alerts as catalogue
from hazard_db.alerts import Claim, Subscription
from hazard_db.connect import Connection, Engine, transaction
from hazard_db.errors import DeliveryError, InputError, RefusedError

BATCH = 32
THREADS = 8
LEASE = timedelta(minutes=10)
"""Longer than a batch can take: 32 messages, 8 at a time, each within its channel's timeouts."""


@dataclass(frozen=True)
class _Failure:
    """Why a message was not sent."""

    words: str
    bounced: bool = False
    """The receiver's side refused it for good."""


@dataclass(frozen=True)
class DeliveryReport:
    """What one pass over the outbox did."""

    delivered: int = 0
    waiting: int = 0
    """Not delivered, to be tried again."""
    failed: int = 0
    """Given up: too old to be of use."""
    errors: tuple[str, ...] = field(default=())
    """One line per message that was not delivered: receiver and reason."""


def deliver_due(
    engine: Engine, settings: AlertSettings, *, limit: int = 1000, channels: Mapping[str, Channel] = CHANNELS
) -> DeliveryReport:
    """Return the report of sending what is due, at least once each; a message sent again bears the same key.

    Parameters
    ----------
    limit
        Messages in this pass, at most.
    """
    report, left = DeliveryReport(), limit
    while left > 0:
        with transaction(engine) as conn:
            claims = catalogue.claim_deliveries(conn, min(BATCH, left), LEASE)
        if not claims:
            break
        left -= len(claims)
        report = _send_all(engine, claims, settings, channels, report)
    return report


def subscribe(conn: Connection, subscription: Subscription, settings: AlertSettings) -> Subscription:
    """Return the subscription as stored, after its channel has looked at its address.

    Raises
    ------
    InputError
        There is no such channel, or it cannot use the address.
    """
    channel = CHANNELS.get(subscription.channel)
    if channel is None:
        raise InputError(f"channel {subscription.channel!r}: use {', '.join(CHANNELS)}")
    channel.check(subscription.address, settings)
    return catalogue.add_subscription(conn, subscription)


def retry_in(attempt: int, settings: AlertSettings) -> timedelta:
    """Return how long to wait after the given attempt: doubling, up to the longest wait, spread by a fifth."""
    wait = min(settings.delivery_longest_wait_s, settings.delivery_first_retry_s * 2.0 ** min(attempt - 1, 30))
    return timedelta(seconds=wait * random.uniform(0.8, 1.2))


def _send_all(
    engine: Engine,
    claims: list[Claim],
    settings: AlertSettings,
    channels: Mapping[str, Channel],
    report: DeliveryReport,
) -> DeliveryReport:
    """Return the report with the outcome of these claims; each is noted as soon as it is known."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="deliver") as pool:
        jobs = {pool.submit(_send, claim, settings, channels): claim for claim in claims}
        for job in as_completed(jobs):
            report = _note(engine, jobs[job], job.result(), settings, report)
    return report


def send_test(
    conn: Connection, name: str, settings: AlertSettings, *, channels: Mapping[str, Channel] = CHANNELS
) -> None:
    """Send a message that says that it is a test, at once and past the outbox: whoever asks wants to see whether it arrives.

    Raises
    ------
    NotFoundError
        There is no subscription of that name.
    DeliveryError
        It did not arrive, and why.
    """
    subscription = catalogue.get_subscription(conn, name)
    channel = channels.get(subscription.channel)
    if channel is None:
        raise DeliveryError(f"there is no channel {subscription.channel!r}")
    outgoing = prepare(Claim(0, 1, subscription, sample_message(settings.alert_sender)), settings, status="Test")
    marked = replace(
        outgoing, headline=f"TEST. {outgoing.headline}", text=f"TEST.\n{outgoing.text}", short=f"TEST {outgoing.short}"
    )
    channel.send(subscription.address, marked, settings)


def _send(claim: Claim, settings: AlertSettings, channels: Mapping[str, Channel]) -> _Failure | None:
    """Return why the message could not be sent, None where it was."""
    try:
        channel = channels.get(claim.subscription.channel)
        if channel is None:
            raise DeliveryError(f"there is no channel {claim.subscription.channel!r}")
        channel.send(claim.subscription.address, prepare(claim, settings), settings)
    except DeliveryError as error:
        return _Failure(str(error), bounced=isinstance(error, RefusedError))
    except Exception as error:  # a fault in one channel must not hold up the others; it is noted with the delivery
        return _Failure(f"{claim.subscription.channel}: unexpected {type(error).__name__}: {error}")
    return None


def _note(
    engine: Engine, claim: Claim, failure: _Failure | None, settings: AlertSettings, report: DeliveryReport
) -> DeliveryReport:
    with transaction(engine) as conn:
        if failure is None:
            outcome = catalogue.mark_delivered(conn, claim)
        else:  # what was refused for good is tried all the same, seldom: mail servers say so of what an hour mends
            wait = retry_in(99 if failure.bounced else claim.attempt, settings)
            outcome = catalogue.mark_failed(
                conn, claim, failure.words, retry_in=wait, give_up_after=settings.give_up_after, bounced=failure.bounced
            )
    if outcome == "lost":  # our lease ran out and another worker has it
        return report
    told = {outcome: getattr(report, outcome) + 1}
    line = () if failure is None else (f"{claim.subscription.name}: {failure.words}",)
    return replace(report, **told, errors=report.errors + line)
