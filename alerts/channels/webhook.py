"""Alerts as signed HTTP requests."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from alerts import posting
from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings

SIGNATURE = "X-Hazard-Signature"
LATE_S = 300
"""A signature older than this is not believed: it may have been caught and sent again."""


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where a request can go to the address now.

    Raises
    ------
    InputError
        It is not an http or https address, carries a password, its host is not known, or may not be reached from here.
    """
    posting.check(address, settings, "webhook")


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Post the message; any 2xx answer counts, nothing is followed elsewhere.

    Raises
    ------
    DeliveryError
        The receiver could not be reached, took too long or did not accept it.
    """
    body = json.dumps(payload(outgoing), ensure_ascii=False).encode()
    headers = {"Idempotency-Key": outgoing.key, **signature(body, settings, int(time.time()))}
    posting.post(address, body, headers, settings)


def payload(outgoing: Outgoing) -> dict[str, Any]:
    """Return what is posted: the message, its headline in the receiver's language, and the CAP document."""
    message, content = outgoing.message, outgoing.message.content
    names = (
        "kind", "severity", "certainty", "urgency", "chainage_from_km", "chainage_to_km", "expires_at", "raised_at", "geometry",
    )  # fmt: skip
    evidence = {name: value for name, value in content["evidence"].items() if name != "approved"}
    return {
        "idempotency_key": outgoing.key,
        "identifier": str(message.identifier),
        "msg_type": message.msg_type,
        "status": outgoing.status,
        "state": message.state,
        "scope": message.scope,
        "sent_at": message.sent_at.isoformat(),
        "alert": {
            "id": message.alert_id,
            "identifier": content["identifier"],
            **{name: content.get(name) for name in names},
        },
        "evidence": evidence,
        "language": outgoing.language,
        "headline": outgoing.headline,
        "text": outgoing.text,
        "short": outgoing.short,
        "links": {"page": outgoing.page, "cap": f"{outgoing.page}/cap", "receipt": outgoing.receipts},
        "cap": outgoing.document.decode("utf8"),
    }


def signature(body: bytes, settings: AlertSettings, now: int) -> dict[str, str]:
    """Return the header that proves sender and content: HMAC-SHA256 over `timestamp.body`; none without a secret."""
    if settings.webhook_secret is None:
        return {}
    return {SIGNATURE: f"t={now},v1={_mark(body, settings.webhook_secret.get_secret_value(), now)}"}


def is_signed(body: bytes, header: str, settings: AlertSettings, now: int) -> bool:
    """Return whether a request to us carries the signature that who shares the secret makes, and made just now."""
    if settings.webhook_secret is None:
        return False
    fields = dict(part.strip().partition("=")[::2] for part in header.split(","))
    at = fields.get("t", "")
    if not at.isascii() or not at.isdigit() or len(at) > 12 or abs(now - int(at)) > LATE_S:
        return False
    expected = _mark(body, settings.webhook_secret.get_secret_value(), int(at))
    return hmac.compare_digest(expected.encode(), fields.get("v1", "").encode())


def _mark(body: bytes, secret: str, at: int) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
