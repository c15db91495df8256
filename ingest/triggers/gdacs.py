"""Bulletins of the Global Disaster Alert and Coordination System, from its RSS feed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree.ElementTree import Element

from hazard_db.errors import InputError, RecordError
from hazard_db.triggers.bulletins import Bulletin
from ingest import files
from ingest.xml_elements import elements, local

KINDS = {
    "EQ": "earthquake", "TC": "storm", "FL": "flood", "VO": "volcano", "DR": "drought", "WF": "wildfire", "TS": "tsunami",
}  # fmt: skip
LEVELS = frozenset({"green", "orange", "red"})


@dataclass(frozen=True)
class Read:
    """The bulletins of a feed, and which could not be used."""

    bulletins: tuple[Bulletin, ...]
    rejected: tuple[str, ...]


def read_bulletins(path: Path) -> Read:
    """Return the bulletins of a feed; one that cannot be used does not keep the others from being known.

    Raises
    ------
    InputError
        It is no feed of GDACS, damaged, or none of its items can be used.
    """
    files.facts(path)
    found, rejected = [], []
    with path.open("rb") as stream:
        for number, (_, element) in enumerate(elements(stream, {"item"}, path.name), 1):
            try:
                found.append(_item(element, f"{path.name}, item {number}"))
            except RecordError as error:
                rejected.append(str(error))
    if not found:
        raise InputError(rejected[0] if rejected else f"{path.name}: has no items; an RSS feed of GDACS is needed")
    return Read(tuple(found), tuple(rejected))


def _item(element: Element, label: str) -> Bulletin:
    told: dict[str, str] = {}
    for part in element.iter():
        if part.text and part.text.strip():
            told.setdefault(local(part.tag), part.text.strip())
    point = told.get("point", "").split()
    lat, lon = (told.get("lat"), told.get("long")) if "lat" in told else (point if len(point) == 2 else (None, None))
    if lat is None or lon is None:
        raise RecordError(f"{label}: has no point; a box alone says too little of where it is")
    level = told.get("alertlevel", "").lower()
    if level not in LEVELS:
        raise RecordError(f"{label}, alertlevel: {level[:40]!r} is none of green, orange, red")
    guid = told.get("guid") or f"{told.get('eventtype', '')}{told.get('eventid', '')}"
    if not guid:
        raise RecordError(f"{label}: has no guid")
    return Bulletin(
        source="gdacs", source_id=guid[:200], kind=KINDS.get(told.get("eventtype", ""), "other"), level=level,
        title=" ".join(told.get("title", guid).split())[:500],
        told_at=_moment(told.get("datemodified") or told.get("pubDate"), f"{label}, pubDate"),
        lon=_degrees(lon, 180, f"{label}, longitude"), lat=_degrees(lat, 90, f"{label}, latitude"),
        link=link if (link := told.get("link", "")).startswith(("http://", "https://")) else None,
        country=told.get("country"), starts_at=_optional(told.get("fromdate"), f"{label}, fromdate"),
        ends_at=_optional(told.get("todate"), f"{label}, todate"),
    )  # fmt: skip


def _degrees(text: str, most: float, label: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise RecordError(f"{label}: {text[:40]!r} is no number") from error
    if not math.isfinite(value) or abs(value) > most:
        raise RecordError(f"{label}: {value:g} is beyond {most:g} degrees")
    return value


def _optional(text: str | None, label: str) -> datetime | None:
    return None if text is None else _moment(text, label)


def _moment(text: str | None, label: str) -> datetime:
    try:
        found = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError) as error:
        raise RecordError(f"{label}: {str(text)[:40]!r} is no time such as Mon, 30 Dec 2019 01:35:11 GMT") from error
    return found.replace(tzinfo=found.tzinfo or UTC)
