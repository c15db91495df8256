"""When a picture was taken, as tags and file names tell it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from hazard_db.errors import RasterError

FIRST_YEAR = 1972
"""Landsat 1."""

_NAME = re.compile(
    r"(?<!\d)(?P<day>(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?:T(?P<time>[0-2]\d[0-5]\d[0-5]\d))?(?!\d)"
)
_TIFF = re.compile(r"^(\d{4}):(\d{2}):(\d{2})(?: (\d{2}:\d{2}:\d{2}))?$")
_DAY = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})$")

Moment = tuple[datetime, bool]
"""A time in UTC, and whether more than its day is known."""


def parse(value: str, label: str) -> Moment:
    """Return the time that a tag or an option states: ISO 8601, YYYYMMDD or TIFF's YYYY:MM:DD HH:MM:SS.

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
            year, month, day = match.groups()
            return _checked(datetime(int(year), int(month), int(day), tzinfo=UTC), label), False
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RasterError(
            f"{label}: '{value}' is not a date; write it as 2023-07-15 or 2023-07-15T05:46:39Z"
        ) from error
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    # Midnight to the second is how software writes a day without an hour.
    return _checked(aware, label), (aware.hour, aware.minute, aware.second) != (0, 0, 0)


def in_name(name: str, label: str) -> Moment | None:
    """Return the first YYYYMMDD (with THHMMSS, where it follows) of a file name; None where there is none."""
    for match in _NAME.finditer(name):
        try:
            if match["time"]:
                moment = datetime.strptime(match["day"] + match["time"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            else:
                moment = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC)
        except ValueError:  # 20230231 is a number, not a day
            continue
        return _checked(moment, label), match["time"] is not None
    return None


def option(value: str | date | datetime) -> datetime:
    """Return an option as a time in UTC; midnight where only a day was given."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return parse(value, "--dates")[0]


def _checked(moment: datetime, label: str) -> datetime:
    if moment.year < FIRST_YEAR:
        raise RasterError(f"{label}: taken on {moment:%Y-%m-%d}? there was no satellite picture before {FIRST_YEAR}")
    if moment > datetime.now(UTC):
        raise RasterError(f"{label}: taken on {moment:%Y-%m-%d}? that is in the future; correct the date")
    return moment
