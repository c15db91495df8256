"""What is asked of a stretch in an address: kilometres, hazard, days, a second stretch."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Query

from api.listing import EMPTY
from api.stretch import read_stretch
from api.stretches import View
from hazard_db.errors import InputError

LONGEST_KM = 300.0
Day = Annotated[date | None, EMPTY]
Grade = Literal["low", "intermediate", "high", "very high"]


def stretch_view(
    *, km: Annotated[str | None, Query(max_length=40, description="Stretch A-B in kilometres.")] = None,
    hazard: Annotated[str | None, Query(max_length=60, description="Only this hazard.")] = None,
    level: Annotated[Grade | None, EMPTY, Query(description="The ranking from this grade on.")] = None,
    since: Annotated[Day, Query(description="Records that are dated from this day on.")] = None,
    on: Annotated[Day, Query(description="What was known at the end of this day (UTC).")] = None,
    before: Annotated[Day, Query(description="Compare with what was known at the end of this day (UTC).")] = None,
    beside: Annotated[str | None, Query(max_length=40, description="A second stretch beside it.")] = None,
) -> View | None:  # fmt: skip
    """Return what is asked, None where no stretch is.

    Raises
    ------
    InputError
        The stretch is none, or too long for a page.
    """
    if not km:
        return None
    first, last = read_stretch(km)
    second = read_stretch(beside) if beside and beside.strip() else None
    for low, high in filter(None, ((first, last), second)):
        if high - low > LONGEST_KM:
            raise InputError(
                f"km {low:g}-{high:g}: a page shows {LONGEST_KM:g} km at most; /segments has the whole road"
            )
    return View(first, last, on, since, hazard or None, level, before, second)


AskedView = Annotated[View | None, Depends(stretch_view)]
