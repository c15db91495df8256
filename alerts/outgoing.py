"""A message on its way to one receiver, and what every channel is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alerts import cap, links, signing, texts
from alerts.settings import AlertSettings
from alerts.short import short_text
from hazard_db.alerts import AlertMessage, Claim
from hazard_db.wording import isolated_runs

MOST_PICTURE = 5 << 20
"""Bytes; mail servers refuse large messages."""


@dataclass(frozen=True)
class Outgoing:
    """A message to one receiver, in their language."""

    key: str
    """The same at every attempt: receivers tell by it that they have the message already."""
    message: AlertMessage
    document: bytes
    """CAP 1.2."""
    language: str
    headline: str
    text: str
    page: str
    """Address of the alert's page."""
    short: str = ""
    """One text message, which ends with that address."""
    receipts: str = ""
    """Where a receiver may tell that it was delivered, acknowledged or bounced."""
    status: str = "Actual"
    """Of CAP: Actual, Exercise or Test."""
    picture: bytes | None = None
    """Before and after as PNG, where the alert speaks of a change that has one."""


@dataclass(frozen=True)
class Channel:
    """A way of sending: `check` raises InputError for an address it cannot use, `send` DeliveryError where it did not work."""

    check: Callable[[str, AlertSettings], None]
    send: Callable[[str, Outgoing, AlertSettings], None]
    needs: tuple[str, ...] = ()
    """Settings without which nothing can be sent."""


def prepare(claim: Claim, settings: AlertSettings, *, status: str | None = None) -> Outgoing:
    """Return the message as the receiver of a claim gets it.

    Raises
    ------
    DeliveryError
        The message does not make a valid CAP document.
    """
    message, language = claim.message, claim.subscription.language
    status = status or cap.status_of(message)
    page = f"{settings.base_url.rstrip('/')}/alerts/{message.alert_id}"
    content = message.content
    headline = texts.message_headline(content["headline"], message.state, message.scope, language)
    lines = [
        headline,
        "",
        texts.message_description(content["description"], language),
        "",
        texts.advice(message.state, message.scope, language),
        page,
    ]
    take = _take(claim, settings, page) if status != "Test" else None
    if take is not None:
        lines += [f"{texts.words_of(language)['take']}:", take]
    if claim.check_id is not None and status == "Actual":
        lines += [
            f"{texts.words_of(language)['look']}:",
            f"{settings.base_url.rstrip('/')}/alerts/checks/{claim.check_id}",
        ]
    if message.scope == "Restricted" and (message.note or message.msg_type == "Ack"):
        lines.insert(1, isolated_runs(texts.one_line(f"{message.actor}: {message.note or message.state}"), language))
    return Outgoing(
        key=claim.key,
        message=message,
        document=signing.signed(
            cap.render(message, settings.base_url, settings.alert_sender_name, status=status), settings
        ),
        language=language,
        headline=headline,
        text="\n".join(lines) + "\n",
        page=page,
        short=short_text(message, language, page),
        receipts=f"{settings.base_url.rstrip('/')}/deliveries/receipts",
        status=status,
        picture=_picture(claim, settings),
    )


def _take(claim: Claim, settings: AlertSettings, page: str) -> str | None:
    """Return the link by which a duty officer acknowledges with one tap; None for others, and where there is nothing to take on."""
    key = links.signing_key(settings.secret_key, settings.home)
    if key is None or claim.subscription.scope != "Restricted" or claim.message.state not in {"open", "escalated"}:
        return None
    return f"{page}/take?token={links.token(key, claim.message.alert_id, claim.subscription.name)}"


def _picture(claim: Claim, settings: AlertSettings) -> bytes | None:
    """Return the picture of the change, None where there is none that can be sent: a message never waits for it."""
    if claim.picture is None:
        return None
    try:
        file = settings.home / claim.picture
        return file.read_bytes() if file.stat().st_size <= MOST_PICTURE else None
    except OSError:
        return None
