"""Maps of others to lie below the records, where an installation wants them: a page asks a host only where it is named here and chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from hazard_db.errors import SettingsError

TIANDITU = (
    "https://t{{s}}.tianditu.gov.cn/{layer}_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={layer}&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={{z}}&TILEROW={{y}}&TILECOL={{x}}&tk={{key}}"
)
KEY = "{key}"


@dataclass(frozen=True)
class Provider:
    """Tiles in Web Mercator."""

    name: str
    url: str
    """With {z}, {x}, {y}, and where there are several hosts {s}."""
    attribution: str
    """As its terms of use want it to be shown."""
    hosts: str = ""
    """One letter or digit of each host, for {s}."""
    closest: int = 18

    @property
    def origins(self) -> tuple[str, ...]:
        """What the security policy of a map has to let through."""
        parts = urlsplit(self.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return tuple(origin.replace("{s}", host) for host in self.hosts) or (origin,)


PROVIDERS: Mapping[str, Provider] = {
    "osm": Provider("OpenStreetMap", "https://tile.openstreetmap.org/{z}/{x}/{y}.png", "© OpenStreetMap contributors", closest=19),
    "tianditu": Provider("天地图", TIANDITU.format(layer="vec"), "© 天地图 Tianditu", hosts="01234567"),
    "tianditu-imagery": Provider("天地图影像", TIANDITU.format(layer="img"), "© 天地图 Tianditu", hosts="01234567"),
}  # fmt: skip
"""Name in HAZARD_BASEMAPS -> whose tiles."""
TEMPLATE = re.compile(r"https?://[\w.:-]+/[^\s\"'<>;,]*")
"""An address whose host is one plain name: it becomes part of a security policy."""


def chosen(names: str, *, tianditu_key: str | None, own_url: str | None, own_attribution: str) -> tuple[Provider, ...]:
    """Return the providers that a setting names, in its order.

    Raises
    ------
    SettingsError
        There is no such provider, or what it needs is not given.
    """
    found = []
    for name in filter(None, (one.strip() for one in names.split(","))):
        if name == "own":
            found.append(_own(own_url, own_attribution))
        elif name in PROVIDERS:
            found.append(_with_key(PROVIDERS[name], tianditu_key))
        else:
            raise SettingsError(f"HAZARD_BASEMAPS: {name!r} is none of {', '.join([*PROVIDERS, 'own'])}")
    return tuple(found)


def _with_key(provider: Provider, key: str | None) -> Provider:
    if KEY not in provider.url:
        return provider
    if not key:
        raise SettingsError(f"HAZARD_BASEMAPS: {provider.name} wants HAZARD_TIANDITU_KEY, a browser key of its console")
    return replace(provider, url=provider.url.replace(KEY, quote(key, safe="")))


def _own(url: str | None, attribution: str) -> Provider:
    if not url or not TEMPLATE.fullmatch(url) or not all(part in url for part in ("{z}", "{x}", "{y}")):
        raise SettingsError("HAZARD_BASEMAPS: own wants HAZARD_BASEMAP_URL as https://HOST/...{z}...{x}...{y}...")
    return Provider(urlsplit(url).hostname or "", url, attribution)
