from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from alerts.channels import CHANNELS
from alerts.settings import AlertSettings
from hazard_db import guard
from hazard_db.errors import InputError, SettingsError, UnreachableError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:0a00:0001::1", "192.0.0.8", "198.18.0.1",
    ],
)  # fmt: skip
def test_private_addresses_in_every_disguise_are_refused(address: str) -> None:
    assert not guard.allowed(ip_address(address), ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_not(address: str) -> None:
    assert guard.allowed(ip_address(address), ())


def test_permission_is_for_one_network() -> None:
    loopback = (ip_network("127.0.0.0/8"),)
    assert guard.allowed(ip_address("127.0.0.1"), loopback)
    assert guard.allowed(ip_address("::ffff:127.0.0.1"), loopback)
    assert not guard.allowed(ip_address("10.0.0.1"), loopback)


def test_one_private_address_spoils_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("8.8.8.8", 80)), (0, 0, 0, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(UnreachableError, match="not a public address"):
        guard.resolve("example.org", 80, ())


def test_a_name_that_is_none() -> None:
    with pytest.raises(UnreachableError, match="not found"):
        guard.resolve("no-such-host.invalid", 80, ())


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        ("webhook", "ftp://example.org/"), ("webhook", "https://"), ("webhook", "example.org"), ("webhook", "https://u:p@example.org/"),
        ("webhook", "https://example.org/" + "a" * 2000), ("webhook", "http://[::1"), ("webhook", "file:///etc/passwd"),
        ("file", "../x"), ("file", "/etc"), ("file", "a/../../x"), ("file", " "), ("file", "a\x00b"), ("file", "..\\x"),
        ("email", "amina"), ("email", "a@b, c@d"), ("email", "a@b\nBcc: c@d"), ("email", ""), ("email", "@"),
    ],
)  # fmt: skip
def test_addresses_that_cannot_be_used(channel: str, address: str) -> None:
    with pytest.raises(InputError):
        CHANNELS[channel].check(address, AlertSettings())


def test_settings_are_checked_and_secrets_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_WEBHOOK_ALLOWED_NETWORKS", "127.0.0.0/8, 10.0.0.0/8")
    assert [str(one) for one in AlertSettings().webhook_allowed_networks] == ["127.0.0.0/8", "10.0.0.0/8"]
    monkeypatch.setenv("HAZARD_WEBHOOK_ALLOWED_NETWORKS", "everywhere")
    with pytest.raises(SettingsError, match="HAZARD_WEBHOOK_ALLOWED_NETWORKS"):
        AlertSettings()
    monkeypatch.delenv("HAZARD_WEBHOOK_ALLOWED_NETWORKS")
    monkeypatch.setenv("HAZARD_WEBHOOK_SECRET", "hunter2")
    with pytest.raises(SettingsError) as told:
        AlertSettings()
    assert "HAZARD_WEBHOOK_SECRET" in str(told.value)
    assert "hunter2" not in str(told.value)
