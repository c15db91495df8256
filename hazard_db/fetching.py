"""Requests to addresses that people named: only where they may go, nothing followed elsewhere, never endless."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from hazard_db import guard
from hazard_db.errors import InputError, UnreachableError
from hazard_db.guard import Network

MAX_ADDRESS = 2000


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


def parse(address: str) -> httpx.URL:
    """Return an address that a request may go to, as far as its letters tell.

    Raises
    ------
    InputError
        It is not an http or https address, or carries a password.
    """
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError) as error:
        raise InputError(f"address: not a URL ({error})") from error
    if len(address) > MAX_ADDRESS or url.scheme not in {"http", "https"} or not url.host:
        raise InputError("address: use https://host/path (or http:// inside one's own network)")
    if url.userinfo:
        raise InputError("address: it must not hold a password")
    return url


def locate(url: httpx.URL, networks: Sequence[Network]) -> list[str]:
    """Return the addresses of the URL's host, where each may be reached.

    Raises
    ------
    UnreachableError
        The name is not known, or one of its addresses may not be reached.
    """
    return guard.resolve(url.host, url.port or (443 if url.scheme == "https" else 80), networks)


def send(
    method: str,
    address: str,
    *,
    networks: Sequence[Network],
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    most_bytes: int = 0,
) -> Answer:
    """Return what the server answers; its body up to `most_bytes`, 0 = not read.

    The connection goes to an address that was looked at, so that the name cannot turn meanwhile; a deadline lies on the
    whole, as a server that drips would outlast any timeout between bytes.

    Raises
    ------
    InputError
        The address cannot be used.
    UnreachableError
        The server could not be reached, took too long, or says more than that.
    """
    url, problem = parse(address), ""
    told = {"Host": url.netloc.decode("ascii"), "User-Agent": "kkh-hazard-watch", **(headers or {})}
    for host in locate(url, networks):
        try:
            asked = _ask(method, url, host, headers=told, body=body, most=most_bytes, timeout_s=timeout_s)
            return asyncio.run(asyncio.wait_for(asked, timeout_s))
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            problem = f"{url.host}: {type(error).__name__} {error}".strip()
    raise UnreachableError(problem or f"{url.host} has no address")


async def _ask(
    method: str, url: httpx.URL, host: str, *, headers: dict[str, str], body: bytes | None, most: int, timeout_s: float
) -> Answer:
    extensions = {"sni_hostname": url.host} if url.scheme == "https" else {}
    async with (
        httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=timeout_s) as client,
        client.stream(method, url.copy_with(host=host), content=body, headers=headers, extensions=extensions) as answer,
    ):
        held = bytearray()
        if most and answer.status_code == httpx.codes.OK:
            async for chunk in answer.aiter_bytes():
                held += chunk
                if len(held) > most:
                    raise UnreachableError(f"{url.host} sends more than {most >> 20} MB; that is not read")
        return Answer(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(held))
