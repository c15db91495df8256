"""Alerts as signed HTTP requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from alerts import guard
from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings
from hazard_db.errors import DeliveryError, InputError

MAX_ADDRESS = 2000


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where the address is one that a request may go to.

    Raises
    ------
    InputError
        It is not an http or https address, or carries a password. Where the host leads is found out at each sending.
    """
    del settings
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError) as error:
        raise InputError(f"webhook address: not a URL ({error})") from error
    if len(address) > MAX_ADDRESS or url.scheme not in {"http", "https"} or not url.host:
        raise InputError("webhook address: use https://host/path (or http:// inside one's own network)")
    if url.userinfo:
        raise InputError("webhook address: it must not hold a password; requests are signed with HAZARD_WEBHOOK_SECRET")


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Post the message; any 2xx answer counts, nothing is followed elsewhere.

    Raises
    ------
    DeliveryError
        The receiver could not be reached, took too long or did not accept it.
    """
    try:
        check(address, settings)
    except InputError as error:
        raise DeliveryError(str(error)) from error
    url = httpx.URL(address)
    body = json.dumps(payload(outgoing), ensure_ascii=False).encode()
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "kkh-hazard-watch",
        "Idempotency-Key": outgoing.key,
        **signature(body, settings, int(time.time())),
    }
    hosts = guard.resolve(
        url.host, url.port or (443 if url.scheme == "https" else 80), settings.webhook_allowed_networks
    )
    problem = ""
    for host in hosts:
        try:
            # a deadline on the whole, as a receiver that drips would outlast any timeout between bytes
            status = asyncio.run(
                asyncio.wait_for(_post(url, host, body, headers, settings), settings.webhook_timeout_s)
            )
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            problem = f"{url.host}: {type(error).__name__} {error}".strip()
            continue
        if 200 <= status < 300:
            return
        raise DeliveryError(f"{url.host} answered {status}")
    raise DeliveryError(problem or f"{url.host} has no address")


def payload(outgoing: Outgoing) -> dict[str, Any]:
    """Return what is posted: the message, its headline in the receiver's language, and the CAP document."""
    message, content = outgoing.message, outgoing.message.content
    names = (
        "kind",
        "severity",
        "certainty",
        "urgency",
        "chainage_from_km",
        "chainage_to_km",
        "expires_at",
        "raised_at",
        "geometry",
    )
    evidence = {name: value for name, value in content["evidence"].items() if name != "approved"}
    return {
        "idempotency_key": outgoing.key,
        "identifier": str(message.identifier),
        "msg_type": message.msg_type,
        "state": message.state,
        "scope": message.scope,
        "sent_at": message.sent_at.isoformat(),
        "alert": {
            "id": message.alert_id,
            "identifier": content["identifier"],
            **{name: content[name] for name in names},
        },
        "evidence": evidence,
        "language": outgoing.language,
        "headline": outgoing.headline,
        "text": outgoing.text,
        "links": {"page": outgoing.page, "cap": f"{outgoing.page}/cap"},
        "cap": outgoing.document.decode("utf8"),
    }


def signature(body: bytes, settings: AlertSettings, now: int) -> dict[str, str]:
    """Return the header that proves sender and content: HMAC-SHA256 over `timestamp.body`; none without a secret."""
    if settings.webhook_secret is None:
        return {}
    secret = settings.webhook_secret.get_secret_value().encode()
    digest = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Hazard-Signature": f"t={now},v1={digest}"}


async def _post(url: httpx.URL, host: str, body: bytes, headers: dict[str, str], settings: AlertSettings) -> int:
    """Return the status of posting to one address of the host; the answer's body is not read."""
    target = url.copy_with(host=host)
    extensions = {"sni_hostname": url.host} if url.scheme == "https" else {}
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=settings.webhook_timeout_s) as client,
        client.stream("POST", target, content=body, headers=headers, extensions=extensions) as answer,
    ):
        return answer.status_code
