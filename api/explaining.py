"""What went wrong, in the reader's words: the kind of problem, what to do next, and where to go."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import URL

from alerts.links import LinkError
from api.patience import TooManyAttemptsError
from api.security import FormTokenError
from api.texts import texts, translate
from hazard_db.errors import HazardError

OF_ERROR: Mapping[type[HazardError], str] = {
    TooManyAttemptsError: "patience",
    FormTokenError: "form",
    LinkError: "link",
}
OF_STATUS = {
    401: "login", 403: "role", 404: "record", 405: "method", 409: "conflict", 412: "conflict", 413: "large", 503: "away"
}  # fmt: skip
"""What is not here is a value that cannot be used below 500, and our own fault from there on."""
KINDS = {*OF_ERROR.values(), *OF_STATUS.values(), "value", "fault", "road", "nowhere", "busy", "password"}
"""Each has the texts `problem.title.`, `problem.what.` and `problem.next.`."""
LISTS = {
    "segments": "segments.title", "maps": "nav.map", "changes": "nav.changes", "displacement": "nav.displacement",
    "alerts": "nav.alerts", "observations": "nav.observations", "sites": "nav.sites", "events": "nav.events",
    "closures": "closures.title", "works": "works.title", "lakes": "nav.lakes", "glaciers": "nav.glaciers", "ogc": "nav.docs",
}  # fmt: skip
"""Where the records of an address are listed, by its first part, and what the list is called."""
MAPS = {"maps": "/maps/corridor"}
NAMED = re.compile(r"[a-z][a-z_]+")


@dataclass(frozen=True)
class Explanation:
    """What a page says of a problem; `ways` are addresses with their words, the first one the likeliest."""

    title: str
    what: str
    next: str
    ways: Sequence[tuple[str, str]]


def kind_of(status: int, error: Exception | None, path: str) -> str:
    """Return the kind of a problem, of `KINDS`."""
    for raised, kind in OF_ERROR.items():
        if isinstance(error, raised):
            return kind
    if status == 404:
        road = path.startswith("/segments")
        return "nowhere" if not isinstance(error, HazardError) else "road" if road else "record"
    return OF_STATUS.get(status, "value" if status < 500 else "fault")


def explain(
    request: Request, lang: str, kind: str, *, fields: Sequence[str] = (), values: Mapping[str, object]
) -> Explanation:
    """Return what to tell of a problem.

    Parameters
    ----------
    fields
        Names of what cannot be used, as they were sent.
    values
        What the texts of the kind name.
    """
    t = translate(lang)
    what = t("problem.fields", fields=_labels(lang, fields)) if fields else t(f"problem.what.{kind}", **values)
    ways = [(address, t(key)) for address, key in _ways(request, kind, fields)]
    return Explanation(t(f"problem.title.{kind}"), what, t(f"problem.next.{kind}", **values), ways)


def fields_of(request: Request, detail: str) -> list[str]:
    """Return which fields a line of an error is about: it begins with the name of one, holds it as `name=`, or quotes what was sent."""
    first = NAMED.match(detail)
    begins = first[0] if first and detail[first.end() : first.end() + 1] in {":", "="} else ""
    asked = [
        name
        for name, value in request.query_params.items()
        if name == begins or f"{name}=" in detail or (value and repr(value) in detail)
    ]
    return list(dict.fromkeys(asked or ([begins] if begins and _label("en", begins) else [])))


def minutes(seconds: float) -> int:
    """Return whole minutes after which a wait is over."""
    return max(1, math.ceil(seconds / 60))


def _labels(lang: str, fields: Sequence[str]) -> str:
    named = ((name, _label(lang, name)) for name in fields)
    return translate(lang)("comma").join(f"{label} `{name}`" if label else f"`{name}`" for name, label in named)


def _label(lang: str, field: str) -> str:
    """Return what the pages call a field, "" where they have no word for it."""
    known = texts().get(f"filter.{field}") or texts().get(f"col.{field}")
    return known[lang] if known else ""


def _ways(request: Request, kind: str, fields: Sequence[str]) -> list[tuple[str, str]]:
    """Return addresses and the keys of their words."""
    here, first = request.url, request.url.path.split("/")[1]
    reads = request.method == "GET"
    came = _came_from(request)
    ways = []
    if kind in {"fault", "away", "busy"} and reads:
        ways.append((_inside(here), "problem.again"))
    if kind == "value" and reads and fields:
        ways.append((_inside(here.remove_query_params(list(fields))), "problem.without"))
    if not reads and came:
        ways.append((came, "problem.form"))
    if kind in {"login", "role", "link"}:
        then = f"/{first}/{here.path.split('/')[2]}" if kind == "link" else _inside(here) if reads else came or "/"
        ways.append((_inside(URL("/login").include_query_params(next=then)), "login"))
    if first in LISTS and kind != "away":
        ways.append((MAPS.get(first, f"/{first}"), LISTS[first]))
    return [*ways, ("/", "problem.back")]


def _came_from(request: Request) -> str:
    """Return the page of ours that the request came from, "" where none is told."""
    told = urlsplit(request.headers.get("referer", ""))
    if not told.path or told.netloc != request.url.netloc:
        return ""
    return told.path + (f"?{told.query}" if told.query else "")


def _inside(url: URL) -> str:
    return url.path + (f"?{url.query}" if url.query else "")
