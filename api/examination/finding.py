"""What the examination of one thing told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from hazard_db.settings import PREFIX

Level = Literal["well", "warning", "trouble"]


@dataclass(frozen=True)
class Finding:
    """What was found, how bad it is, and what to do about it."""

    what: str
    level: Level
    told: str
    todo: str = ""


def one_line(error: Exception) -> str:
    """Return what went wrong; a setting is named as it stands in the environment, never with its value."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"{PREFIX}{'_'.join(str(part) for part in first['loc']).upper()}: {first['msg']}"
    return str(error)
