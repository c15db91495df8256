"""Alerts to Prometheus' Alertmanager, API v2: where operators have it, it pages them as for any other alert."""

from __future__ import annotations

import json
from typing import Any

from alerts import cap, posting
from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings

PATH = "/api/v2/alerts"
GRADES = {"Extreme": "critical", "Severe": "critical", "Moderate": "warning", "Minor": "info"}


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where a request can go to the Alertmanager's address, such as http://alertmanager:9093.

    Raises
    ------
    InputError
        It is not an http or https address, its host is not known, or may not be reached from here.
    """
    posting.check(address, settings, "alertmanager")


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Post the alert as it stands; the same labels every time, so that a repetition is the same alert there.

    Raises
    ------
    DeliveryError
        It could not be reached, took too long or did not accept it.
    """
    body = json.dumps([alert(outgoing)], ensure_ascii=False).encode()
    target = address.rstrip("/").removesuffix(PATH) + PATH
    posting.post(target, body, {"Idempotency-Key": outgoing.key}, settings)


def alert(outgoing: Outgoing) -> dict[str, Any]:
    """Return one alert of API v2: it ends where ours ends, and at once where ours is closed."""
    message, content = outgoing.message, outgoing.message.content
    closed = message.state in cap.RESPONSES
    return {
        "labels": {
            "alertname": f"kkh_{content['kind']}",
            "alert": str(content["identifier"]),
            "severity": GRADES.get(content["severity"], "info"),
            "scope": message.scope,
            "km": f"{content.get('chainage_from_km') or 0:.1f}",
            **({"status": outgoing.status} if outgoing.status != "Actual" else {}),
        },
        "annotations": {"summary": outgoing.headline, "description": outgoing.text, "msg_type": message.msg_type},
        "startsAt": content["raised_at"],
        "endsAt": message.sent_at.isoformat() if closed else content["expires_at"],
        "generatorURL": outgoing.page,
    }
