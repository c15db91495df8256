"""Which addresses a request from here may go to: those of the internet, and private networks only by permission.

Who may subscribe to alerts or name a feed must not reach what only this machine can reach.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from hazard_db.errors import UnreachableError

Network = IPv4Network | IPv6Network
NAT64 = IPv6Network("64:ff9b::/96")
SPECIAL = IPv4Network("192.0.0.0/24")
"""Protocol assignments; not every Python version knows all of them as private."""


def allowed(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    """Return whether an address may be reached; one that wraps another is judged by the one inside."""
    inner = _unwrapped(address)
    if any(inner in network for network in networks if network.version == inner.version):
        return True
    if inner.version == 4 and inner in SPECIAL:
        return False
    return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified)


def resolve(host: str, port: int, networks: Sequence[Network]) -> list[str]:
    """Return the addresses of a host; the connection is made to one of these, so that the name cannot turn meanwhile.

    Raises
    ------
    UnreachableError
        The name is not known, or one of its addresses may not be reached.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"the host {host} was not found ({error})") from error
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        if not allowed(ip_address(address), networks):
            raise UnreachableError(
                f"the host {host} is at {address}, which is not a public address; HAZARD_WEBHOOK_ALLOWED_NETWORKS may allow it"
            )
    return addresses


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def inside(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address lies in one of the networks."""
    plain = _unwrapped(ip_address(address))
    return any(plain in network for network in networks if network.version == plain.version)
