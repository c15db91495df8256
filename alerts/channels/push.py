"""Alerts through Apprise: Telegram, Teams, Matrix, SMS gateways and a hundred others behind one address each.

Apprise makes its requests itself, so only services whose host it knows are allowed, and one's own hosts by permission.
"""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings
from hazard_db import guard
from hazard_db.errors import DeliveryError, InputError, UnreachableError
from hazard_db.guard import Network

LOCAL = frozenset(
    {
        "dbus",
        "qt",
        "glib",
        "kde",
        "gnome",
        "macosx",
        "windows",
        "syslog",
        "rsyslog",
        "exec",
        "growl",
        "snpp",
        "mqtt",
        "mqtts",
    }
)
"""Services of this machine, or ones whose host cannot be looked at first."""
SHORT = 160
"""A service that takes no more than this gets the short text."""


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where Apprise knows the address and it leads to a service that may be reached.

    Raises
    ------
    InputError
        It does not, or it could reach what only this machine can.
    """
    _plugin(address, settings)


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Hand the message to the service; the short text where it takes no more.

    Raises
    ------
    DeliveryError
        It did not take it.
    """
    plugin = _usable(address, settings)
    _notify(plugin, outgoing.short if plugin.body_maxlen <= SHORT else outgoing.text, outgoing)


def send_short(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Hand over the short text, made for telephones.

    Raises
    ------
    DeliveryError
        The service did not take it.
    """
    _notify(_usable(address, settings), outgoing.short, outgoing)


def _usable(address: str, settings: AlertSettings) -> Any:
    try:
        return _plugin(address, settings)
    except InputError as error:
        raise DeliveryError(str(error)) from error


def _notify(plugin: Any, text: str, outgoing: Outgoing) -> None:
    plugin.socket_read_timeout = plugin.socket_connect_timeout = 10.0
    title = "" if text == outgoing.short else outgoing.headline
    body = text.removeprefix(outgoing.headline).strip() if title else text
    done, words = _listened(lambda: bool(plugin.notify(body=body, title=title)))
    if not done:
        raise DeliveryError(f"{plugin.service_name}: did not take the message{f' ({words})' if words else ''}")


def _listened(act: Callable[[], bool]) -> tuple[bool, str]:
    """Return whether it worked and, where not, the last line that Apprise logs: it returns no reason."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.setLevel(logging.WARNING)
    log = logging.getLogger("apprise")
    log.addHandler(handler)
    try:
        done = act()
    finally:
        log.removeHandler(handler)
    lines = heard.getvalue().strip().splitlines()
    return done, lines[-1][:200] if lines else ""


def _plugin(address: str, settings: AlertSettings) -> Any:
    scheme = address.partition("://")[0].lower()
    plugin: Any = _library().Apprise.instantiate(address, suppress_exceptions=True)
    if plugin is None:
        raise InputError(
            f"address {scheme[:20]}://...: Apprise does not know it; its documents list one form for each service"
        )
    if scheme in LOCAL:
        raise InputError(
            f"address {scheme}://...: it speaks to this machine alone, or to a host that cannot be looked at first"
        )
    if any("{host}" in template for template in plugin.templates):
        _own_host(scheme, plugin, settings.webhook_allowed_networks)
    return plugin


@cache
def _library() -> Any:
    """Return Apprise, loaded where it is first needed: it takes a while, and warns of modules of Python that it stands in for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library: Any = importlib.import_module("apprise")
        library.Apprise.instantiate("json://localhost", suppress_exceptions=True)  # loads every service
        return library


def _own_host(scheme: str, plugin: Any, networks: tuple[Network, ...]) -> None:
    """Return quietly where a host that the address names lies in a network that the operator allowed."""
    host = str(getattr(plugin, "host", "") or "")
    try:
        found = guard.resolve(host, int(getattr(plugin, "port", None) or 443), networks)
    except UnreachableError as error:
        raise InputError(f"address {scheme}://...: {error}") from error
    if not all(guard.inside(one, networks) for one in found):
        raise InputError(
            f"address {scheme}://...: a host of one's own must lie in HAZARD_WEBHOOK_ALLOWED_NETWORKS; use channel webhook elsewhere"
        )
