"""Stretches of road as people write them: `640-660`, or one kilometre."""

from __future__ import annotations

import math
import re

from hazard_db.errors import InputError

NUMBER = r"\d+(?:\.\d+)?"
STRETCH = re.compile(rf"\s*({NUMBER})\s*(?:[-–:]\s*({NUMBER}))?\s*")


def read_stretch(text: str) -> tuple[float, float]:
    """Return the first and last kilometre of `A-B`; one number is the kilometre that begins there.

    Raises
    ------
    InputError
        That is no stretch.
    """
    found = STRETCH.fullmatch(text)
    if found is None or len(text) > 40:
        raise InputError(f"{text[:40]!r} is no stretch; write it as A-B in kilometres, for example 640-660")
    first = float(found[1])
    last = float(found[2]) if found[2] else math.floor(first) + 1.0
    if last <= first:
        raise InputError(f"{text}: a stretch runs from the smaller kilometre to the larger")
    return first, last
