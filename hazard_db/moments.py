"""When a picture was taken, as tags, file names and options tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from hazard_db.errors import RasterError

FIRST_YEAR = 1972
"""Landsat 1."""

_NAME = re.compile(
    r"(?<!\d)(?P<day>(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:T(?P<time>[0-2]\d[0-5]\d[0-5]\d))?(?!\d)"
)
_TIFF = re.compile(r"^(\d{4}):(\d{2}):(\d{2})(?: (\d{2}:\d{2}:\d{2}))?$")
_DAY = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})$")


class Moment(NamedTuple):
    """When a picture was taken."""

    at: datetime
    """UTC."""
    precise: bool
    """Whether more than the day is known."""


def parse(value: str, label: str) -> Moment:
    """Return the moment of ISO 8601, YYYYMMDD or TIFF's YYYY:MM:DD HH:MM:SS.

    Raises
    ------
    RasterError
        It is none of these, or cannot be: before the first satellite, or in the future.
    """
    text = value.strip().rstrip("\0")
    try:
        if match := _TIFF.match(text):
            year, month, day, clock = match.groups()
            text = f"{year}-{month}-{day}" + (f"T{clock}" if clock else "")
        if match := _DAY.match(text):
            return _checked(datetime(*(int(part) for part in match.groups()), tzinfo=UTC), label)  # type: ignore[arg-type,misc]
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RasterError(
            f"{label}: '{value}' is not a date; write it as 2023-07-15 or 2023-07-15T05:46:39Z"
        ) from error
    return _checked(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC), label)


def of_file(tags: Mapping[str, str], stem: str, label: str) -> Moment | None:
    """Return what a file says of its own date: tags `acquired`, `TIFFTAG_DATETIME`, then its name; None = nothing.

    Raises
    ------
    RasterError
        A tag is no date, or the day cannot be: before the first satellite, or in the future.
    """
    for tag in ("acquired", "ACQUIRED", "TIFFTAG_DATETIME"):
        if value := tags.get(tag, "").strip():
            return parse(value, f"{label}, tag {tag}")
    return in_name(stem, label)


def in_name(stem: str, label: str) -> Moment | None:
    """Return the first YYYYMMDD (with THHMMSS, where it follows) of a file name; None where there is none.

    Raises
    ------
    RasterError
        The day cannot be: before the first satellite, or in the future.
    """
    for match in _NAME.finditer(stem):
        try:
            return _checked(
                datetime.strptime(match["day"] + (match["time"] or "000000"), "%Y%m%d%H%M%S").replace(tzinfo=UTC), label
            )
        except ValueError:  # 20230231 is a number, not a day
            continue
    return None


def told(at: datetime) -> Moment:
    """Return a time with whether it is more than a day: midnight to the second is how software writes one without an hour."""
    return Moment(at, (at.hour, at.minute, at.second) != (0, 0, 0))


def option(value: str | date | datetime) -> datetime:
    """Return an option as a time in UTC; midnight where only a day was given.

    Raises
    ------
    RasterError
        A text that is no date, or a day that cannot be.
    """
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return parse(value, "--dates").at


def _checked(moment: datetime, label: str) -> Moment:
    if moment.year < FIRST_YEAR:
        raise RasterError(f"{label}: taken on {moment:%Y-%m-%d}? there was no satellite picture before {FIRST_YEAR}")
    if moment > datetime.now(UTC):
        raise RasterError(f"{label}: taken on {moment:%Y-%m-%d}? that is in the future; correct the date")
    return told(moment)
