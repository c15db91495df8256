"""Handing a message over by HTTP, as several channels do."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.settings import AlertSettings
from hazard_db import fetching
from hazard_db.errors import DeliveryError, InputError, RefusedError, UnreachableError

GONE = 410


def check(address: str, settings: AlertSettings, what: str) -> None:
    """Return quietly where a request can go to the address now.

    Raises
    ------
    InputError
        It is not an http or https address, carries a password, its host is not known, or may not be reached from here.
    """
    try:
        fetching.locate(fetching.parse(address), settings.webhook_allowed_networks)
    except (InputError, UnreachableError) as error:
        raise InputError(f"{what} {error}") from error


def post(address: str, body: bytes, headers: Mapping[str, str], settings: AlertSettings) -> None:
    """Post a body; any 2xx answer counts, nothing is followed elsewhere.

    Raises
    ------
    RefusedError
        The receiver says that it is gone for good.
    DeliveryError
        The receiver could not be reached, took too long or did not accept it.
    """
    try:
        answer = fetching.send(
            "POST", address, networks=settings.webhook_allowed_networks, timeout_s=settings.webhook_timeout_s,
            headers={"Content-Type": "application/json", **headers}, body=body,
        )  # fmt: skip
    except (InputError, UnreachableError) as error:
        raise DeliveryError(str(error)) from error
    if 200 <= answer.status < 300:
        return
    host = fetching.parse(address).host
    if answer.status == GONE:
        raise RefusedError(f"{host} answered {answer.status}: it is gone for good")
    raise DeliveryError(f"{host} answered {answer.status}")
