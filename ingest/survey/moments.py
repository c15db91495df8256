"""Dates and times as people write them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from ingest.survey.texts import shown

ROAD_ZONE = "Asia/Karachi"
"""Zone of times that tell none: most of the road keeps it; both sides of the border can set another."""
CLOCK_ERROR = timedelta(minutes=10)
"""Clocks of phones are off by so much."""
OLDEST = 1800
NOON = time(12)
"""A day without a time is stored as its noon, so that it is the same day in UTC."""

MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
)}  # fmt: skip
CLOCK = r"(?:[\sT,]*(?P<H>\d{1,2})\s*[:时点時]\s*(?P<M>\d{1,2})?\s*(?:[:分]\s*(?:(?P<S>\d{1,2})(?:[.,](?P<f>\d{1,9}))?\s*秒?)?)?)?"
ZONE = r"\s*(?P<ap>[aApP]\.?[mM]\.?)?\s*(?P<z>Z|UTC|GMT|PKT|CST|[+-]\d{2}:?\d{2}|[+-]\d{1,2})?"
ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "PKT": 5}
YEAR_FIRST = re.compile(
    r"(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?" + CLOCK + ZONE, re.I
)
PACKED = re.compile(
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:T?(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?(?P<f>(?!))?)?" + ZONE, re.I
)
DAY_FIRST = re.compile(r"(?P<a>\d{1,2})\s*[-/.]\s*(?P<b>\d{1,2})\s*[-/.]\s*(?P<y>\d{4})" + CLOCK + ZONE, re.I)
WORDS = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?P<d>\d{1,2})(?:st|nd|rd|th)?[\s\-]+(?P<mon>[a-z]{3,9})\.?,?[\s\-]+(?P<y>\d{4})"
    + CLOCK
    + ZONE,
    re.I,
)
MONTH_FIRST = re.compile(
    r"(?P<mon>[a-z]{3,9})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})" + CLOCK + ZONE, re.I
)
MONTH = re.compile(r"(?P<y>\d{4})(?:\s*[-/.年]\s*(?P<m>\d{1,2})?\s*月?)?")
HOW = "write it as 2026-05-01T14:30:00+05:00 or 2026-05-01"


@dataclass(frozen=True)
class Moment:
    """When something was seen."""

    at: datetime
    """In UTC."""
    precision: str | None
    """`day`, `month` or `year` where no more is known; then it is the noon of the first day of that."""
    told_zone: bool
    """Whether the text told its time zone itself (or needs none)."""


def moment(value: Any, zone: tzinfo, *, clock: Any = None) -> Moment:
    """Return the moment that a cell tells.

    Parameters
    ----------
    zone
        Of times that tell none.
    clock
        Cell of a separate column for the time of day.

    Raises
    ------
    ValueError
        It is no date, may mean two days, lies in the future or before OLDEST; the message says so.
    """
    if clock is not None and not (isinstance(value, str) and ":" in value):
        value = f"{_day_text(value)} {clock.strip() if isinstance(clock, str) else clock}"
    found, precision = _stamp(value) if isinstance(value, (date, int, float)) else _parsed(str(value))
    local = found if found.tzinfo is not None else found.replace(tzinfo=zone)
    _check(value, local, precision)
    return Moment(local.astimezone(UTC), precision, precision is not None or found.tzinfo is not None)


def _day_text(value: Any) -> str:
    return value.date().isoformat() if isinstance(value, datetime) else str(value).strip()


def _check(value: Any, local: datetime, precision: str | None) -> None:
    if local.year < OLDEST:
        raise ValueError(f"{shown(value)} is before {OLDEST}; {HOW}")
    begins = datetime.combine(local, time(0), local.tzinfo) if precision else local
    if begins > datetime.now(UTC) + CLOCK_ERROR:
        raise ValueError(f"{shown(value)} lies in the future; check the date, the clock and the time zone")


def _stamp(value: date | float) -> tuple[datetime, str | None]:
    """Return a cell that is a date, or seconds or milliseconds since 1970."""
    if isinstance(value, datetime):
        return value, None
    if isinstance(value, date):
        return datetime.combine(value, NOON), "day"
    if 1e8 <= value < 1e10:
        return datetime.fromtimestamp(value, UTC), None
    if 1e11 <= value < 1e13:
        return datetime.fromtimestamp(value / 1000, UTC), None
    return _parsed(str(value))


def _parsed(written: str) -> tuple[datetime, str | None]:
    text = unicodedata.normalize("NFKC", written).strip()
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{12,13}", text):
        return _stamp(float(text))
    for pattern in (YEAR_FIRST, PACKED, DAY_FIRST, WORDS, MONTH_FIRST):
        if (match := pattern.fullmatch(text)) is not None:
            return _built(written, match.groupdict())
    if (match := MONTH.fullmatch(text)) is not None:
        parts = {"m": "1", "d": "1", "H": None} | {name: value for name, value in match.groupdict().items() if value}
        return _built(written, parts)[0], "month" if match["m"] else "year"
    raise ValueError(f"{shown(written)} is no date that is understood; {HOW}")


def _built(written: str, parts: dict[str, str | None]) -> tuple[datetime, str | None]:
    try:
        day = date(int(parts["y"] or 0), *_month_day(written, parts))
        if parts.get("H") is None:
            return datetime.combine(day, NOON), "day"
        hour = int(parts["H"] or 0)
        if parts["ap"]:
            hour = hour % 12 + (12 if parts["ap"].lower().startswith("p") else 0)
        micro = int(f"{parts.get('f') or '0':0<6}"[:6])
        clock = time(hour, int(parts["M"] or 0), int(parts["S"] or 0), micro)
        return datetime.combine(day, clock, _zone(parts["z"])), None
    except _AskError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        raise ValueError(f"{shown(written)} is no date of the calendar; {HOW}") from error


class _AskError(Exception):
    """Only the user can tell."""


def _month_day(written: str, parts: dict[str, str | None]) -> tuple[int, int]:
    if parts.get("mon"):
        return MONTHS.get((parts["mon"] or "").lower()[:3], 0), int(parts["d"] or 0)
    if parts.get("a") is None:
        return int(parts["m"] or 0), int(parts["d"] or 0)
    first, second = int(parts["a"] or 0), int(parts["b"] or 0)
    dotted = written.count(".") == 2  # only ever day first
    if first <= 12 and second <= 12 and first != second and not dotted:
        raise _AskError(f"{shown(written)} may be day/month or month/day; {HOW}")
    return (second, first) if first > 12 or dotted else (first, second)


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    name = text.upper()
    if name == "CST":
        raise _AskError(f"the zone CST means China or America; {HOW}")
    if name in ZONES:
        return timezone(timedelta(hours=ZONES[name]))
    digits = name[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return timezone(timedelta(minutes=-minutes if name[0] == "-" else minutes))
