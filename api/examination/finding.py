"""What the examination of one thing told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["well", "warning", "trouble"]


@dataclass(frozen=True)
class Finding:
    """What was found, how bad it is, and what to do about it."""

    what: str
    level: Level
    told: str
    todo: str = ""
