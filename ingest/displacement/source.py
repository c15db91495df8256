"""What every format needs: days, units, north-up rasters, and errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS
from pyproj.exceptions import CRSError

from hazard_db.errors import InputError

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_SPELLINGS = {
    "mm": ("mm", "millimetre", "millimetres", "millimeter", "millimeters"),
    "cm": ("cm", "centimetre", "centimetres", "centimeter", "centimeters"),
    "m": ("m", "metre", "metres", "meter", "meters"),
}
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_/.]?(0[1-9]|1[0-2])[-_/.]?(0[1-9]|[12]\d|3[01])(?!\d)")
FEWEST_DATES = 2


@dataclass(frozen=True)
class Options:
    """What the user says of a file that it does not say itself."""

    unit: str | None = None
    crs: str | None = None
    bad: Callable[[str, str, Mapping[str, Any]], None] | None = None
    """Takes record, reason and values of rows that cannot be used; None = such a row ends it."""


def days_in(text: str) -> list[date]:
    """Return the calendar days written in a text, in order; YYYYMMDD or with a separator."""
    found = []
    for year, month, day in _DAY.findall(text):
        try:
            found.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return found


def day(value: Any, label: str) -> date:
    """Return the day that a value says.

    Raises
    ------
    InputError
        It says none, or two.
    """
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    found = days_in(text)
    if len(found) != 1:
        raise InputError(f"{label}: the date '{text[:40]}' is not a day written as YYYYMMDD; correct it")
    return found[0]


def unit_of(text: Any) -> str | None:
    """Return mm, cm or m for a spelling of it; None for anything else."""
    plain = (text.decode("ascii", "replace") if isinstance(text, bytes) else str(text or "")).strip().lower()
    return next((unit for unit, names in _SPELLINGS.items() if plain in names), None)


def chosen_unit(said: str | None, told: str | None, label: str) -> str:
    """Return the unit the user says, else the file's own.

    Raises
    ------
    InputError
        Neither does.
    """
    unit = said or told
    if unit is None:
        raise InputError(f"{label}: does not tell the unit of its displacements; give --unit mm, cm or m")
    return unit


def same_unit(told: Iterable[str | None], label: str, said: str | None) -> None:
    """Refuse layers in several units, unless the user says which it is.

    Raises
    ------
    InputError
        The units differ, and nobody said which it is.
    """
    units = sorted({unit or "none told" for unit in told})
    if said is None and len(units) > 1:
        raise InputError(f"{label}: its layers are in several units ({', '.join(units)}); give --unit, or part them")


def ascending(days: Sequence[date], label: str) -> npt.NDArray[np.intp]:
    """Return the order that makes days ascend.

    Raises
    ------
    InputError
        A day comes twice, or there are too few.
    """
    if len(days) < FEWEST_DATES:
        raise InputError(f"{label}: has {len(days)} dates; a series needs more")
    order = np.argsort(np.array([one.toordinal() for one in days]), kind="stable")
    for first, second in pairwise(order):
        if days[first] == days[second]:
            raise InputError(f"{label}: the date {days[first]} comes twice; keep one of them")
    return order


def crs_wkt(text: str, label: str) -> str:
    """Return a CRS as WKT.

    Raises
    ------
    InputError
        It is none that is known.
    """
    try:
        return CRS.from_user_input(text).to_wkt()
    except CRSError as error:
        raise InputError(f"{label}: the CRS '{text[:60]}' is not known; give --crs EPSG:n") from error


def brief(names: Iterable[Path], most: int = 3) -> str:
    """Return some file names for a message."""
    listed = [one.name for one in names]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
