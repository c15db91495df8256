"""How archives want the addresses of files signed: a plain dict of hooks, by what the address begins with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from hazard_db.errors import SourceError
from ingest.imagery.polite import Polite

PLANETARY_COMPUTER = "https://planetarycomputer.microsoft.com/api/sas/v1/sign?href="
VALID_S = 20 * 60.0
"""A signature is used for so long; the Planetary Computer's last for 45 minutes at least."""
_kept: dict[str, tuple[float, str]] = {}

Sign = Callable[[Polite, str], str]


def _planetary_computer(polite: Polite, href: str) -> str:
    """Return an address of Azure's storage with a token that the Planetary Computer gives to anyone."""
    at, signed = _kept.get(href, (0.0, ""))
    if time.monotonic() - at > VALID_S or not signed:
        answer = polite.json(PLANETARY_COMPUTER + quote(href, safe=""))
        if not isinstance(answer, dict) or not answer.get("href"):
            raise SourceError(f"{href}: could not be signed")
        signed = str(answer["href"])
        if len(_kept) > 4096:
            _kept.clear()
        _kept[href] = (time.monotonic(), signed)
    return signed


def _open_bucket(polite: Polite, href: str) -> str:
    """Return the web address of a file in a public S3 bucket."""
    del polite
    parts = urlsplit(href)
    return f"https://{parts.netloc}.s3.amazonaws.com{parts.path}"


SIGNS: Mapping[str, Sign] = {
    ".blob.core.windows.net/": _planetary_computer,
    "s3://": _open_bucket,
}
"""What an address contains -> how it is signed; all others are used as they are. The Copernicus Data Space wants a key
in the headers (HAZARD_ARCHIVE_HEADERS) and its https addresses, which items give as alternate assets."""


def signed(polite: Polite, href: str) -> str:
    """Return the address to read a file at."""
    for mark, sign in SIGNS.items():
        if mark in href:
            return sign(polite, href)
    return href
