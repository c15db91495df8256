"""A message on its way to one receiver, and what every channel is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alerts import cap, texts
from alerts.settings import AlertSettings
from hazard_db.alerts import AlertMessage, Claim


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


@dataclass(frozen=True)
class Channel:
    """A way of sending: `check` raises InputError for an address it cannot use, `send` DeliveryError where it did not work."""

    check: Callable[[str, AlertSettings], None]
    send: Callable[[str, Outgoing, AlertSettings], None]


def prepare(claim: Claim, settings: AlertSettings) -> Outgoing:
    """Return the message as the receiver of a claim gets it.

    Raises
    ------
    DeliveryError
        The message does not make a valid CAP document.
    """
    message, language = claim.message, claim.subscription.language
    page = f"{settings.base_url.rstrip('/')}/alerts/{message.alert_id}"
    content = message.content
    headline = texts.message_headline(content["headline"], message.state, message.scope, language)
    lines = [
        headline,
        "",
        texts.plain(content["description"].get(language) or content["description"].get("en", "")),
        "",
        texts.advice(message.state, message.scope, language),
        page,
    ]
    if message.scope == "Restricted" and (message.note or message.msg_type == "Ack"):
        lines.insert(1, texts.plain(f"{message.actor}: {message.note or message.state}"))
    return Outgoing(
        key=claim.key,
        message=message,
        document=cap.render(message, settings.base_url, settings.alert_sender_name),
        language=language,
        headline=headline,
        text="\n".join(lines) + "\n",
        page=page,
    )
