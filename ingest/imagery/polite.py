"""Requests to archives: not too many, again after a pause where they fail, never to where they must not go."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, TypeVar

import httpx

from hazard_db import guard
from hazard_db.errors import RasterError, SourceError, SpaceError, UnreachableError
from ingest.imagery import space

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
CHUNK = 1 << 20
HOPS = 4
MULTIHASHES: Mapping[str, str] = {"1220": "sha256", "1340": "sha512", "1114": "sha1", "d50110": "md5"}
"""Code and length that a multihash begins with [https://multiformats.io/multihash] -> algorithm."""

Network = IPv4Network | IPv6Network
T = TypeVar("T")


@dataclass(frozen=True)
class Manners:
    """How archives are asked."""

    requests_per_s: float = 8.0
    """To one host."""
    attempts: int = 7
    first_pause_s: float = 0.5
    longest_pause_s: float = 60.0
    timeout_s: float = 30.0
    allowed_networks: tuple[Network, ...] = ()
    """Private networks that may be asked."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, for archives that want a key."""


@dataclass
class Traffic:
    """What went over the wire."""

    requests: int = 0
    repeated: int = 0
    bytes: int = 0


class Polite:
    """Asks archives; safe to use from many threads."""

    def __init__(self, manners: Manners | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.manners, self.traffic = manners or Manners(), Traffic()
        self._sleep, self._lock, self._next = sleep, threading.Lock(), dict[str, float]()
        self._client = httpx.Client(
            transport=_Guarded(self.manners.allowed_networks), trust_env=False, follow_redirects=False,
            timeout=self.manners.timeout_s, headers={"User-Agent": "kkh-hazard-watch", **self.manners.headers},
        )  # fmt: skip

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def json(self, url: str, *, body: Any = None) -> Any:
        """Return a document; with a body it is posted.

        Raises
        ------
        SourceError
            It cannot be had, or is no JSON.
        """
        answer = self.fetch(url, body=body)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise SourceError(f"{url}: is no JSON ({error})") from error

    def fetch(self, url: str, *, start: int | None = None, length: int | None = None, body: Any = None) -> bytes:
        """Return what lies at an address, or some bytes of it.

        Raises
        ------
        SourceError
            It cannot be had, also after trying again and again.
        """
        headers = {} if start is None or length is None else {"Range": f"bytes={start}-{start + length - 1}"}

        def read() -> bytes:
            with self._answer(url, headers, body) as answer:
                if headers and answer.status_code != 206:
                    raise SourceError(f"{_plain(url)}: the archive does not serve parts of files (no range requests)")
                content = answer.read()
                self.traffic.bytes += len(content)
                if length is not None and len(content) > length:
                    raise SourceError(f"{_plain(url)}: {length} bytes were asked for, {len(content)} came")
                return content

        return self._patiently(url, read)

    def size(self, url: str) -> int:
        """Return how many bytes a file has."""

        def read() -> int:
            with self._answer(url, {"Range": "bytes=0-0"}, None) as answer:
                answer.read()
                total = answer.headers.get("Content-Range", "").rpartition("/")[2]
                if answer.status_code != 206 or not total.isdigit():
                    raise SourceError(f"{_plain(url)}: the archive does not serve parts of files (no range requests)")
                return int(total)

        return self._patiently(url, read)

    def download(self, url: str, path: Path, *, multihash: str | None = None) -> None:
        """Write a file whole to `path`; what broke off goes on where it stood.

        Raises
        ------
        SourceError
            It cannot be had, or is not what its checksum says, also when fetched anew.
        """
        part = path.with_name(path.name + ".part")
        for last in (False, True):
            self._patiently(url, lambda: self._append(url, part))
            if multihash is None or matches(part, multihash):
                part.replace(path)
                return
            part.unlink()
            if last:
                raise SourceError(f"{_plain(url)}: is not what its checksum says, twice; tried again later")
            self.traffic.repeated += 1

    def _append(self, url: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        with self._answer(url, {"Range": f"bytes={have}-"} if have else {}, None) as answer:
            if answer.status_code == 416:  # all of it is there
                return
            with part.open("ab" if answer.status_code == 206 else "wb") as file:
                for chunk in answer.iter_bytes(CHUNK):
                    self.traffic.bytes += len(chunk)
                    file.write(chunk)

    def _patiently(self, url: str, act: Callable[[], T]) -> T:
        problem = ""
        for attempt in range(self.manners.attempts):
            if attempt:
                self.traffic.repeated += 1
            try:
                return act()
            except _AgainError as error:
                problem, asked_s = str(error), error.after_s
            except (httpx.HTTPError, OSError) as error:
                if isinstance(error, OSError) and error.errno in space.FULL:
                    raise SpaceError(
                        f"{_plain(url)}: there is no room for it; make room, the work goes on by itself"
                    ) from error
                problem, asked_s = f"{type(error).__name__} {error}".strip(), None
            if attempt + 1 < self.manners.attempts:
                pause = min(self.manners.longest_pause_s, self.manners.first_pause_s * 2**attempt)
                # jitter: many workers must not come back at one moment
                self._sleep(asked_s if asked_s is not None else pause * random.uniform(0.5, 1.0))
        raise SourceError(f"{_plain(url)}: {problem}, {self.manners.attempts} times; tried again later")

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str], body: Any) -> Iterator[httpx.Response]:
        """Yield the answer of one request; where it leads elsewhere, of the one there."""
        for _ in range(HOPS):
            self._wait_turn(httpx.URL(url).host)
            self.traffic.requests += 1
            request = self._client.build_request(
                "GET" if body is None else "POST", url, headers=dict(headers), json=body
            )
            answer = self._client.send(request, stream=True)
            try:
                if answer.is_redirect and (target := answer.headers.get("Location")):
                    url = str(httpx.URL(url).join(target))
                    continue
                if answer.status_code in AGAIN:
                    raise _AgainError(f"answered {answer.status_code}", _after_s(answer, self.manners.longest_pause_s))
                if answer.status_code >= 400 and answer.status_code != 416:
                    raise SourceError(f"{_plain(url)}: answered {answer.status_code}")
                yield answer
                return
            finally:
                answer.close()
        raise SourceError(f"{_plain(url)}: leads on and on")

    def _wait_turn(self, host: str) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, now))
            self._next[host] = turn + 1 / self.manners.requests_per_s
        if turn > now:
            self._sleep(turn - now)


def matches(path: Path, multihash: str) -> bool:
    """Return whether a file is what a multihash (hex) says.

    Raises
    ------
    RasterError
        It is of a kind that is not known here.
    """
    lower = multihash.lower()
    prefix = next((one for one in MULTIHASHES if lower.startswith(one)), None)
    if prefix is None:
        raise RasterError(f"{path.name}: the checksum {multihash[:12]}... is of a kind that is not known here")
    with path.open("rb") as file:
        return hashlib.file_digest(file, MULTIHASHES[prefix]).hexdigest() == lower.removeprefix(prefix)


class _AgainError(Exception):
    """The archive asks to come again later."""

    def __init__(self, text: str, after_s: float | None) -> None:
        super().__init__(text)
        self.after_s = after_s


class _Guarded(httpx.HTTPTransport):
    """Connects to an address that was looked at, so that a name cannot turn meanwhile."""

    def __init__(self, networks: tuple[Network, ...]) -> None:
        super().__init__(retries=0)
        self._networks = networks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, if the host may be asked."""
        url = request.url
        if url.scheme not in {"http", "https"}:
            raise SourceError(f"{_plain(str(url))}: only http and https are asked")
        try:
            hosts = guard.resolve(url.host, url.port or (443 if url.scheme == "https" else 80), self._networks)
        except UnreachableError as error:
            text = str(error).replace("HAZARD_WEBHOOK_ALLOWED_NETWORKS", "HAZARD_ARCHIVE_ALLOWED_NETWORKS")
            raise SourceError(text) from error
        if url.scheme == "https":
            request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=hosts[0])
        return super().handle_request(request)


def _after_s(answer: httpx.Response, longest_s: float) -> float | None:
    """Return how long the archive asks to wait, within reason."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isdigit():
        return min(float(text), longest_s)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), longest_s)
    except ValueError:
        return None


def _plain(url: str) -> str:
    """Return an address without its query: signatures are secrets."""
    return url.partition("?")[0]
